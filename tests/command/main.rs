//! What a user does, through the built command.

mod certify;
mod cli;
mod harness;
#[cfg(target_os = "linux")]
mod interrupt;
mod laws;
mod readme;
mod references;
mod run;
mod study;
mod sweep;

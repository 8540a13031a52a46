//! What a user does, through the built command.

mod certify;
mod cli;
mod companions;
mod harness;
#[cfg(target_os = "linux")]
mod interrupt;
mod laws;
mod optimizers;
mod readme;
mod references;
mod run;
mod stiff;
mod study;
mod study_lr;
mod sweep;

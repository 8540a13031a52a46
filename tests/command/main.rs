//! What a user does, through the built command.

mod cli;
mod harness;
mod laws;
mod readme;
mod references;
mod run;
mod study;

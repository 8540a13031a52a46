//! What a user does, through the built command.

mod certify;
mod claims;
mod cli;
mod companions;
mod data;
mod epochs;
mod figures;
mod files;
mod harness;
mod hostile;
#[cfg(target_os = "linux")]
mod interrupt;
mod laws;
mod layer_rates;
mod ledger;
mod mutate;
mod nonlinear;
mod nonlinear_references;
mod optimizers;
mod pictures;
mod readme;
mod references;
mod report;
mod run;
mod sharpness;
mod stiff;
mod study;
mod study_lr;
mod sweep;
mod threshold;
mod underflow;
mod warnings;

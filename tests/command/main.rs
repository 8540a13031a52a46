//! What a user does, through the built command.

mod central_flow;
mod certify;
#[cfg(unix)]
mod checkpoint;
mod claims;
mod cli;
mod columns;
mod companions;
mod data;
mod docs;
mod epochs;
mod export;
mod figures;
mod files;
mod follows;
mod harness;
mod hostile;
#[cfg(target_os = "linux")]
mod interrupt;
#[cfg(unix)]
mod killed_runs;
#[cfg(unix)]
mod kills;
mod language_server;
mod laws;
mod layer_rates;
mod ledger;
mod longer;
mod map_data;
mod muon;
mod mutate;
mod new;
mod nonlinear;
mod nonlinear_references;
mod optimizers;
mod pages;
mod pictures;
mod readme;
mod references;
mod report;
mod run;
mod schema;
mod sde;
mod sharpness;
mod shell;
mod stiff;
mod stop;
mod study;
mod study_lr;
mod style;
mod style_ignored;
#[cfg(unix)]
mod submit;
mod sweep;
#[cfg(unix)]
mod sweep_checkpoint;
mod sweep_keep;
mod threshold;
mod trajectory;
mod underflow;
mod verify;
mod warnings;

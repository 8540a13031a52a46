//! Ctrl-C: the first asks the run to stop and keep what it has, the second kills.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::ode::Interrupt;

/// From now on SIGINT (Ctrl-C) and SIGTERM (what `kill` and batch systems send) raise the interrupt, and either of them does what it
/// did before once the interrupt is raised.
///
/// SIGHUP is left alone: a handler of ours would undo `nohup`.
pub(super) fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first looks at the flag before the second sets it.
        flag::register_conditional_default(signal, interrupt.flag())?;
        flag::register(signal, interrupt.flag())?;
    }
    Ok(interrupt)
}

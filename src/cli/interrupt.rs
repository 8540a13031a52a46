//! Ctrl-C and the like: the first asks the run to stop and keep what it has, the second kills it.

use std::io;
use std::sync::atomic::Ordering;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::emulate_default_handler;

use crate::ode::Interrupt;

/// From now on SIGINT (Ctrl-C), SIGTERM (what `kill` and batch systems send) and SIGHUP (a closed terminal) raise the interrupt; once it is
/// raised, each of them has its former effect again.
///
/// `warned`: SIGUSR1 as well, by which batch systems announce the end of a job, if they are asked to.
///
/// Under `nohup`, which starts a command with SIGHUP ignored, it stays ignored.
pub(super) fn catch_signals(warned: bool) -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    // SIGTERM last: once it is caught, all are.
    let signals = [(!ignores_hangup()).then_some(SIGHUP), warned.then_some(SIGUSR1), Some(SIGINT), Some(SIGTERM)];
    for signal in signals.into_iter().flatten() {
        let raised = interrupt.flag();
        let caught = move || {
            // One exchange: of two signals that arrive at once, on two threads or one within the other, only one is the first.
            if raised.swap(true, Ordering::SeqCst) {
                // It fails only for signals that have no default handling.
                let _ = emulate_default_handler(signal);
            }
        };
        // SAFETY: an exchange of an atomic and `emulate_default_handler` are safe within a signal handler; nothing here allocates, locks
        // or panics.
        unsafe { signal_hook::low_level::register(signal, caught)? };
    }
    Ok(interrupt)
}

/// Whether SIGHUP was ignored when the process began.
fn ignores_hangup() -> bool {
    let mut present = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action the call only writes the present one to a place that is ours and large enough.
    let asked = unsafe { libc::sigaction(SIGHUP, std::ptr::null(), present.as_mut_ptr()) };
    // SAFETY: all zeros is a value of this plain C struct, so it is one whether the call wrote to it or failed.
    let present = unsafe { present.assume_init() };
    asked == 0 && present.sa_sigaction == libc::SIG_IGN
}

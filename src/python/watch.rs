//! Work beside the interpreter: the calling thread checks for signals while another one computes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::ode::Interrupt;

/// The time between two checks: Ctrl-C and a progress bar wait no longer.
const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes of stack of the working thread: as many as the command's main thread has.
const STACK: usize = 8 << 20;

/// How far the work has come, for a progress bar.
#[derive(Default)]
pub(super) struct Progress(AtomicU64);

impl Progress {
    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Whether the work is over.
#[derive(Default)]
struct Ended {
    flag: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    /// Waits up to [`PATIENCE`] for the end. Returns whether it has come.
    fn wait(&self) -> bool {
        let flag = self.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(flag, PATIENCE, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Signals the end when it is dropped, even if the work panics.
struct Teller<'a>(&'a Ended);

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        *self.0.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}

/// Calls `work` on a thread of its own and waits for it with the GIL released. A signal whose handler raises, as Ctrl-C does, raises the
/// interrupt: what was done until then is returned, with the exception. `show` is called with the progress while it changes; an exception
/// in it stops the work as well.
///
/// # Errors
/// If no thread can be started.
///
/// # Panics
/// If `work` does.
pub(super) fn watched<T: Send>(
    py: Python<'_>,
    interrupt: &Interrupt,
    show: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Progress) -> T + Send,
) -> PyResult<(T, Option<PyErr>)> {
    let (ended, progress) = (Ended::default(), Progress::default());
    thread::scope(|scope| {
        let teller = Teller(&ended);
        let at = &progress;
        let worker = thread::Builder::new().name("gramflow run".into()).stack_size(STACK).spawn_scoped(scope, move || {
            let _teller = teller;
            work(at)
        })?;
        let (mut raised, mut shown) = (None, 0.0);
        while !py.detach(|| ended.wait()) {
            if raised.is_some() {
                continue;
            }
            let now = progress.get();
            let looked = py.check_signals().and_then(|()| match show {
                Some(show) if now != shown => show.call1((now,)).map(drop),
                _ => Ok(()),
            });
            shown = now;
            if let Err(error) = looked {
                interrupt.raise();
                raised = Some(error);
            }
        }
        match py.detach(|| worker.join()) {
            Ok(done) => Ok((done, raised)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

//! Points at which a kill must do no harm: before and after every rename, sync and removal. A test dies at the n-th of them; builds without
//! debug assertions have none.

#[cfg(not(any(test, debug_assertions)))]
pub(super) fn point() {}

#[cfg(not(any(test, debug_assertions)))]
pub(super) fn dead() -> bool {
    false
}

#[cfg(any(test, debug_assertions))]
pub(super) use armed::{dead, point};

#[cfg(any(test, debug_assertions))]
mod armed {
    use std::cell::Cell;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The number of the point, from 1, at which the process kills itself.
    static KILL_AT: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var("GRAMFLOW_KILL_AT").ok()?.parse().ok());
    static PASSED: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        /// For this thread: how many points are left, and whether the last one has been reached.
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
        static DEAD: Cell<bool> = const { Cell::new(false) };
    }

    /// The payload of the panic that simulates a kill.
    #[cfg(test)]
    pub struct Killed;

    pub fn point() {
        if KILL_AT.is_some_and(|at| PASSED.fetch_add(1, Ordering::Relaxed) + 1 == at) {
            die();
        }
        match LEFT.get() {
            None => {}
            Some(0) => {
                LEFT.set(None);
                DEAD.set(true);
                #[cfg(test)]
                std::panic::panic_any(Killed);
            }
            Some(left) => LEFT.set(Some(left - 1)),
        }
    }

    #[cfg(unix)]
    fn die() {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }

    #[cfg(not(unix))]
    fn die() {
        std::process::abort();
    }

    /// Whether this thread has been killed: then nothing is cleaned up.
    pub fn dead() -> bool {
        DEAD.get()
    }

    /// Runs `work` and kills it at the point of this number, from 0. Returns `None` if it was killed.
    #[cfg(test)]
    pub fn killed_at<T>(point: u64, work: impl FnOnce() -> T) -> Option<T> {
        LEFT.set(Some(point));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        LEFT.set(None);
        DEAD.set(false);
        match result {
            Ok(value) => Some(value),
            Err(payload) if payload.is::<Killed>() => None,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }
}

#[cfg(test)]
pub(super) use armed::killed_at;

//! Helpers of a thread: plain threads that are started when they are first needed, wait between jobs, and end with it.
//!
//! A job is a number of pieces of work, and whichever thread is free takes the next. The caller never waits for a thread that has not begun, so
//! that nothing hangs if the machine is busy or no thread can be started. A thread that waits spins for a moment before it sleeps, because the
//! next product of a gradient follows at once. Thread pools of the host program are left alone: any of its threads may call, and each has
//! helpers of its own.

use std::cell::RefCell;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long one waits awake: a few times what waking a thread takes.
const AWAKE: Duration = Duration::from_micros(100);

/// Calls `work(i)` once for each i < `count`, on this thread and at most `threads` − 1 others. Returns when all are done.
///
/// # Panics
/// If `work` does.
pub(super) fn for_each(count: usize, threads: usize, work: &(dyn Fn(usize) + Sync)) {
    let job = Job { next: AtomicUsize::new(0), count, work };
    let helpers = threads.min(count).saturating_sub(1);
    let shared = helpers > 0
        && TEAM
            .try_with(|team| {
                // Where `work` itself has come back here, or the thread is ending, it goes without.
                let Ok(mut team) = team.try_borrow_mut() else { return false };
                team.grow(helpers);
                let helpers = helpers.min(team.helpers.len());
                let mut offers = Offers { helpers: &team.helpers[..helpers] };
                // SAFETY: settled below, or dropped where `run` panics; the job is older than the offers.
                unsafe { offers.make(&job) };
                job.run();
                assert!(!offers.settle(), "a thread that helped has panicked");
                true
            })
            .unwrap_or(false);
    if !shared {
        job.run();
    }
}

thread_local! {
    static TEAM: RefCell<Team> = const { RefCell::new(Team { helpers: Vec::new() }) };
}

/// Pieces of work that are handed out one by one.
struct Job<'a> {
    next: AtomicUsize,
    count: usize,
    work: &'a (dyn Fn(usize) + Sync),
}

impl Job<'_> {
    /// Takes piece after piece until none is left.
    fn run(&self) {
        loop {
            // Which piece it is depends on no other memory: what the pieces write is handed over with the offers.
            let piece = self.next.fetch_add(1, Relaxed);
            if piece >= self.count {
                return;
            }
            (self.work)(piece);
        }
    }
}

/// The helpers of one thread.
struct Team {
    helpers: Vec<Helper>,
}

struct Helper {
    mailbox: Arc<Mailbox>,
    thread: Thread,
}

/// Where a thread and one helper meet.
struct Mailbox {
    /// A job that is offered and not yet taken; null if there is none.
    offer: AtomicPtr<Job<'static>>,
    /// Whether the job taken last is done, as seen by its helper.
    done: AtomicBool,
    panicked: AtomicBool,
    /// Whether the owner sleeps until it is done, or is about to.
    awaited: AtomicBool,
    /// Whether there will be no further job.
    closed: AtomicBool,
    owner: Thread,
}

impl Team {
    /// Starts threads until there are `count`, or none can be started.
    fn grow(&mut self, count: usize) {
        while self.helpers.len() < count {
            let mailbox = Arc::new(Mailbox {
                offer: AtomicPtr::new(ptr::null_mut()),
                done: AtomicBool::new(true),
                panicked: AtomicBool::new(false),
                awaited: AtomicBool::new(false),
                closed: AtomicBool::new(false),
                owner: thread::current(),
            });
            let its = Arc::clone(&mailbox);
            let Ok(handle) = thread::Builder::new().name("gramflow".into()).spawn(move || its.serve()) else { return };
            self.helpers.push(Helper { mailbox, thread: handle.thread().clone() });
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for helper in &self.helpers {
            helper.mailbox.closed.store(true, Release);
            helper.thread.unpark();
        }
    }
}

impl Mailbox {
    /// What a helper does: job after job.
    fn serve(&self) {
        while let Some(job) = self.await_offer() {
            // SAFETY: it was offered by `Offers::make` and is taken: its owner waits for `done` before it lets the job go.
            let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { &*job }.run()));
            if outcome.is_err() {
                self.panicked.store(true, Relaxed);
            }
            // From here on the job may be gone. In one order with `awaited`: either the owner sees this, or it is seen to sleep.
            self.done.store(true, SeqCst);
            if self.awaited.load(SeqCst) {
                self.owner.unpark();
            }
        }
    }

    /// The next job, which is then taken; none when there will be no more.
    fn await_offer(&self) -> Option<*mut Job<'static>> {
        let mut taken = ptr::null_mut();
        wait(|_| {
            // Read first: a swap would claim the line of memory every time.
            if !self.offer.load(Relaxed).is_null() {
                taken = self.offer.swap(ptr::null_mut(), AcqRel);
            }
            !taken.is_null() || self.closed.load(Acquire)
        });
        (!taken.is_null()).then_some(taken)
    }
}

/// Waits until `ready`: awake for a moment, then asleep. Whoever makes it ready must unpark this thread. `ready` is told whether it sleeps next.
fn wait(mut ready: impl FnMut(bool) -> bool) {
    for _ in 0..100 {
        if ready(false) {
            return;
        }
        hint::spin_loop();
    }
    let begin = Instant::now();
    loop {
        let sleepy = begin.elapsed() >= AWAKE;
        if ready(sleepy) {
            return;
        }
        if sleepy { thread::park() } else { thread::yield_now() }
    }
}

/// The helpers to whom a job is offered, until it is certain that none of them works on it.
struct Offers<'a> {
    helpers: &'a [Helper],
}

impl Offers<'_> {
    /// Offers `job`.
    ///
    /// # Safety
    /// The offers must be settled or dropped (not forgotten) before the job is dropped.
    unsafe fn make(&mut self, job: &Job<'_>) {
        for Helper { mailbox, thread } in self.helpers {
            mailbox.done.store(false, Relaxed);
            mailbox.offer.store(ptr::from_ref(job).cast::<Job<'static>>().cast_mut(), Release);
            thread.unpark();
        }
    }

    /// Withdraws the offers that nobody has taken, and waits for the others. Returns whether one of these has panicked.
    fn settle(&mut self) -> bool {
        let mut panicked = false;
        for Helper { mailbox, .. } in std::mem::take(&mut self.helpers) {
            if mailbox.offer.swap(ptr::null_mut(), AcqRel).is_null() {
                // It was taken. A helper that sees nobody asleep leaves this thread's own parking alone.
                wait(|sleepy| {
                    if sleepy {
                        mailbox.awaited.store(true, SeqCst);
                    }
                    mailbox.done.load(SeqCst)
                });
                mailbox.awaited.store(false, Relaxed);
                panicked |= mailbox.panicked.swap(false, Relaxed);
            }
        }
        panicked
    }
}

impl Drop for Offers<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Threads that help this one.
#[cfg(test)]
pub(super) fn helpers() -> usize {
    TEAM.with_borrow(|team| team.helpers.len())
}

#[cfg(test)]
mod tests;

use std::panic::catch_unwind;

use super::*;

/// How often each piece was done.
fn done(count: usize, threads: usize) -> Vec<usize> {
    let times: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
    for_each(count, threads, &|piece| {
        times[piece].fetch_add(1, Relaxed);
    });
    times.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_piece_is_done_once_by_any_number_of_threads() {
    for _ in 0..50 {
        for count in [0, 1, 2, 3, 7, 40] {
            for threads in [0, 1, 2, 3, 5] {
                assert_eq!(done(count, threads), vec![1; count], "{count} {threads}");
            }
        }
    }
}

/// Helpers sleep in between, and are woken.
#[test]
fn helpers_that_sleep_come_back() {
    for _ in 0..5 {
        thread::sleep(3 * AWAKE);
        // Both pieces wait for each other: neither thread can do both.
        let met = std::sync::Barrier::new(2);
        for_each(2, 2, &|_| {
            met.wait();
        });
    }
}

/// Wherever the panic is: all pieces in hand are finished first, and the next job is as good as any.
#[test]
fn a_panic_reaches_the_caller_and_leaves_the_team_whole() {
    for culprit in 0..2 {
        let met = std::sync::Barrier::new(2);
        let caller = thread::current().id();
        let outcome = catch_unwind(|| {
            for_each(2, 2, &|_| {
                met.wait();
                let here = usize::from(thread::current().id() != caller);
                if here == culprit {
                    std::panic::resume_unwind(Box::new(()));
                }
            });
        });
        assert!(outcome.is_err(), "{culprit}");
        assert_eq!(done(20, 3), vec![1; 20]);
    }
}

#[test]
fn work_may_ask_for_help_itself() {
    let total = AtomicUsize::new(0);
    for_each(6, 3, &|_| {
        for_each(5, 3, &|_| {
            total.fetch_add(1, Relaxed);
        });
    });
    assert_eq!(total.into_inner(), 30);
}

/// With their owner: the mailbox is then in no other hands.
#[test]
fn helpers_end_with_their_thread() {
    let mailbox = thread::spawn(|| {
        done(10, 3);
        TEAM.with_borrow(|team| Arc::downgrade(&team.helpers[0].mailbox))
    })
    .join()
    .unwrap();
    // The helper drops its own as it ends, which the owner does not wait for.
    while mailbox.strong_count() > 0 {
        thread::yield_now();
    }
}

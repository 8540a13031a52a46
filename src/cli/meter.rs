//! The progress of a command: a bar on a terminal, elsewhere a plain line every half minute, for the log of a job that runs for hours.
//!
//! A separate thread watches the clock: work that reports rarely, such as a flow between two records, is shown all the same.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::figure::number;
use crate::sweep::Progress;

/// How far the work is, in its own measure.
#[derive(Debug, Clone)]
enum State {
    /// The time of the common clock, where this command began, and where it ends; and what is waited for then.
    Clock { t: f64, from: f64, t_end: f64, then: &'static str },
    /// Units of a sweep.
    Units(Progress),
    /// Pieces of work, one after another, and what the next one is.
    Pieces { done: usize, total: usize, next: String },
}

impl State {
    /// The fraction that is done, from 0 to 1.
    fn share(&self) -> f64 {
        let (part, whole) = match self {
            Self::Clock { t, t_end, .. } => (*t, *t_end),
            Self::Units(progress) => ((progress.total - progress.left()) as f64, progress.total as f64),
            Self::Pieces { done, total, .. } => (*done as f64, *total as f64),
        };
        if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// `t = 3.2 of 10 (32 %), 0.1 per second, 68 seconds left`, `elapsed` after the beginning.
    fn text(&self, elapsed: Duration) -> String {
        let percent = (100.0 * self.share()).floor();
        let (place, rate, left) = match self {
            // The clock stands, whatever it did before.
            Self::Clock { t, t_end, then, .. } if t >= t_end => {
                return format!("t = {0} of {0} (100 %), {then}", number(*t_end, 3));
            }
            Self::Clock { t, from, t_end, .. } => {
                let place = format!("t = {} of {} ({percent} %)", number(*t, 3), number(*t_end, 3));
                (place, format!("{} per second", rate(*t - *from, elapsed)), self.left(elapsed))
            }
            Self::Units(progress) => {
                let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
                let place = format!("{} of {} units ({percent} %){failed}", progress.total - progress.left(), progress.total);
                (place, format!("{} units per second", number(progress.rate(), 3)), progress.time_left)
            }
            Self::Pieces { done, total, next } => {
                let place = format!("{done} of {total} ({percent} %), now {next}");
                (place, format!("{} per second", rate(*done as f64, elapsed)), self.left(elapsed))
            }
        };
        let left = left.map_or(String::new(), |left| format!(", {} left", HumanDuration(left)));
        format!("{place}, {rate}{left}")
    }

    /// How long the rest takes at the speed so far; `None` before anything is done.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let share = match self {
            Self::Clock { t, from, t_end, .. } => (t - from) / (t_end - from),
            _ => self.share(),
        };
        (share > 0.0).then(|| Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - share) / share).ok()).flatten()
    }

    /// The text, then a bar: it is the bar that a narrow terminal cuts off.
    fn with_bar(&self, elapsed: Duration) -> String {
        const CELLS: usize = 30;
        let full = (self.share() * CELLS as f64) as usize;
        format!("{}  {}{}", self.text(elapsed), "█".repeat(full), "░".repeat(CELLS - full))
    }
}

/// `amount` per second.
fn rate(amount: f64, elapsed: Duration) -> String {
    number(amount / elapsed.as_secs_f64().max(1e-9), 3)
}

/// When lines are due, in time since the beginning.
#[derive(Debug)]
struct Cadence {
    next: Duration,
}

impl Cadence {
    const PERIOD: Duration = Duration::from_secs(30);

    fn new() -> Self {
        Self { next: Self::PERIOD }
    }

    /// How long until the next line.
    fn wait(&self, elapsed: Duration) -> Duration {
        self.next.saturating_sub(elapsed)
    }

    /// Whether a line is due. After a pause, as when the machine slept, there is one line and not one for each half minute of the pause.
    fn is_due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed >= self.next;
        while self.next <= elapsed {
            self.next += Self::PERIOD;
        }
        due
    }
}

/// Where progress is shown.
enum Display {
    Bar(ProgressBar),
    Lines(Cadence, Box<dyn Write + Send>),
}

impl Display {
    /// How long until it is to be shown again.
    fn wait(&self, elapsed: Duration) -> Duration {
        match self {
            Self::Bar(_) => Duration::from_millis(250),
            Self::Lines(cadence, _) => cadence.wait(elapsed),
        }
    }

    fn show(&mut self, state: &State, elapsed: Duration) {
        match self {
            Self::Bar(bar) => bar.set_message(state.with_bar(elapsed)),
            Self::Lines(cadence, out) => {
                if cadence.is_due(elapsed) {
                    // There is nobody to tell if that fails.
                    let _ = writeln!(out, "{}", state.text(elapsed));
                }
            }
        }
    }
}

/// A bar of one line, which is cut at the terminal's width. It has no colour, so `NO_COLOR` changes nothing.
fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// Shows how far a command is, until it is dropped.
pub(super) struct Meter {
    state: Arc<Mutex<State>>,
    /// Ends the thread when it is dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Meter {
    /// The progress of the clock to `t_end`, where it stands until the flow is `certified`, if it is.
    pub fn clock(t_end: f64, certified: bool, quiet: bool) -> Self {
        let then = if certified { "waiting for the certificate, a second integration of the flow" } else { "finishing" };
        Self::begin(State::Clock { t: 0.0, from: 0.0, t_end, then }, quiet)
    }

    /// The progress of a sweep, by units.
    pub fn units(quiet: bool) -> Self {
        Self::begin(State::Units(Progress::default()), quiet)
    }

    /// The progress of pieces of work.
    pub fn pieces(quiet: bool) -> Self {
        Self::begin(State::Pieces { done: 0, total: 0, next: "the first".to_string() }, quiet)
    }

    fn begin(state: State, quiet: bool) -> Self {
        let state = Arc::new(Mutex::new(state));
        if quiet {
            return Self { state, alive: None, thread: None };
        }
        let mut display = if io::stderr().is_terminal() {
            Display::Bar(bar(ProgressDrawTarget::stderr()))
        } else {
            Display::Lines(Cadence::new(), Box::new(io::stderr()))
        };
        let (alive, ended) = mpsc::channel::<()>();
        let (seen, begin) = (Arc::clone(&state), Instant::now());
        let thread = thread::spawn(move || {
            while ended.recv_timeout(display.wait(begin.elapsed())) == Err(RecvTimeoutError::Timeout) {
                let state = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                display.show(&state, begin.elapsed());
            }
            if let Display::Bar(bar) = display {
                bar.finish_and_clear();
            }
        });
        Self { state, alive: Some(alive), thread: Some(thread) }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Sets the time at which this command takes up the work of another.
    pub fn goes_on_from(&self, begin: f64) {
        self.set(|state| {
            if let State::Clock { from, .. } = state {
                *from = begin;
            }
        });
    }

    /// Sets the clock to `now`.
    pub fn at(&self, now: f64) {
        self.set(|state| {
            if let State::Clock { t, .. } = state {
                *t = now;
            }
        });
    }

    /// Sets the progress of the units.
    pub fn show(&self, progress: &Progress) {
        self.set(|state| *state = State::Units(progress.clone()));
    }

    /// Sets how many pieces are done, and that `next` is under way.
    pub fn piece(&self, done: usize, total: usize, next: &str) {
        self.set(|state| *state = State::Pieces { done, total, next: next.to_string() });
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, there would be no bar to clear.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;

    /// Output that can be read after it has been written.
    #[derive(Debug, Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is printed in the seconds 0 to `last`, with the `state` of each.
    fn printed(last: u64, state: impl Fn(u64) -> State) -> String {
        let out = Shared::default();
        let mut display = Display::Lines(Cadence::new(), Box::new(out.clone()));
        (0..=last).for_each(|second| display.show(&state(second), seconds(second)));
        out.text()
    }

    #[test]
    fn off_a_terminal_there_is_a_line_every_half_minute() {
        let lines = printed(95, |second| State::Clock { t: second as f64 / 10.0, from: 0.0, t_end: 10.0, then: "finishing" });
        assert_eq!(
            lines,
            "t = 3 of 10 (30 %), 0.1 per second, 70 seconds left\n\
             t = 6 of 10 (60 %), 0.1 per second, 40 seconds left\n\
             t = 9 of 10 (90 %), 0.1 per second, 10 seconds left\n"
        );
        assert_eq!(printed(29, |_| State::Clock { t: 1.0, from: 0.0, t_end: 10.0, then: "finishing" }), "");
    }

    /// The flow is at its end, and what is left has no clock: "0 seconds left" would be wrong.
    #[test]
    fn at_the_end_of_the_clock_it_is_told_what_is_waited_for() {
        let line = printed(30, |_| State::Clock { t: 10.0, from: 0.0, t_end: 10.0, then: "waiting for the certificate" });
        assert_eq!(line, "t = 10 of 10 (100 %), waiting for the certificate\n");
    }

    #[test]
    fn a_pause_costs_one_line_and_the_cadence_goes_on() {
        let mut cadence = Cadence::new();
        let due: Vec<u64> =
            [0, 30, 31, 200, 201, 209, 210, 239, 240].into_iter().filter(|&s| cadence.is_due(seconds(s))).collect();
        assert_eq!(due, [30, 200, 210, 240]);
        assert_eq!(cadence.wait(seconds(250)), seconds(20));
        assert_eq!(cadence.wait(seconds(300)), seconds(0));
    }

    #[test]
    fn nothing_is_known_of_the_time_left_before_anything_is_done() {
        assert_eq!(
            printed(30, |_| State::Clock { t: 0.0, from: 0.0, t_end: 10.0, then: "finishing" }),
            "t = 0 of 10 (0 %), 0 per second\n"
        );
    }

    /// The work of an earlier command says nothing of the speed of this one.
    #[test]
    fn a_run_that_goes_on_is_timed_from_where_it_does() {
        let line = printed(30, |_| State::Clock { t: 6.0, from: 5.0, t_end: 10.0, then: "finishing" });
        assert_eq!(line, "t = 6 of 10 (60 %), 0.0333 per second, 2 minutes left\n");
    }

    #[test]
    fn units_and_pieces_say_the_same() {
        let progress =
            Progress { total: 48, before: 10, done: 1, failed: 1, elapsed: seconds(40), time_left: Some(seconds(720)) };
        assert_eq!(
            State::Units(progress).text(seconds(40)),
            "12 of 48 units (25 %), 1 failed, 0.05 units per second, 12 minutes left"
        );
        let pieces = State::Pieces { done: 3, total: 12, next: "rkc at rtol 1e-6".to_string() };
        assert_eq!(pieces.text(seconds(20)), "3 of 12 (25 %), now rkc at rtol 1e-6, 0.15 per second, 60 seconds left");
    }

    /// A terminal of `width` columns.
    #[derive(Debug, Clone)]
    struct Terminal {
        width: u16,
        written: Shared,
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.written.clone().write_all(text.as_bytes())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn on_a_narrow_terminal_the_bar_does_not_wrap() {
        for width in [20, 40, 50, 200] {
            let terminal = Terminal { width, written: Shared::default() };
            let mut display = Display::Bar(bar(ProgressDrawTarget::term_like(Box::new(terminal.clone()))));
            display.show(&State::Clock { t: 3.0, from: 0.0, t_end: 10.0, then: "finishing" }, seconds(30));
            let text = terminal.written.text();
            let line = text.trim_end();
            assert!(line.starts_with("t = 3 of 10") && !line.contains('\n'), "{width}: {text:?}");
            assert!(line.chars().count() <= usize::from(width), "{width}: {text:?}");
            assert_eq!(line.contains('█'), width > 56, "{width}: {text:?}");
        }
    }
}

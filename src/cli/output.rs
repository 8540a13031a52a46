//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::publish::Published;
use crate::sweep::Progress;

/// Writes text to standard output; an error if nobody reads it any more, where `print!` would panic.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a message to standard error. There is nobody to tell if that fails.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Names the files of somebody else that had to make way. Said even under `--quiet`: who looks for one of them must find it.
pub(super) fn complain_of_moved(published: &Published) {
    for path in &published.moved {
        complain(&format!("warning: a file that gramflow did not write was in the way: it is now {}", path.display()));
    }
}

/// The rows of a table, all of the same length, their cells aligned to the right in columns.
pub(super) fn aligned<R: AsRef<[String]>>(rows: &[R]) -> String {
    let columns = rows.first().map_or(0, |row| row.as_ref().len());
    let width = |column: usize| rows.iter().map(|row| row.as_ref()[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &R| {
        let cells: Vec<String> = row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// One line for each, up to a number that one would read.
pub(super) fn listed<T>(items: &[T], line: impl Fn(&T) -> String, where_else: &str) -> String {
    const MOST: usize = 20;
    let mut text: String = items.iter().take(MOST).map(|item| format!("{}\n", line(item))).collect();
    if items.len() > MOST {
        text.push_str(&format!("… and {} more: {where_else}\n", items.len() - MOST));
    }
    text
}

/// A progress bar over the time of the clock.
pub(super) fn progress_bar(t_end: f64, quiet: bool) -> ProgressBar {
    let bar = bar(BAR_STEPS, "{bar:40} {percent:>3} %  t = {msg}  {elapsed} gone, {eta} left", quiet);
    bar.set_message(format!("0 of {t_end}"));
    bar
}

/// A progress bar over pieces of work, whose message names the one that is being done.
pub(super) fn counting_bar(quiet: bool) -> ProgressBar {
    bar(0, "{bar:40} {pos:>3} of {len}  {msg}  {elapsed} gone", quiet)
}

/// How far a sweep is: a bar on a terminal, elsewhere a line a minute, for the log of a job that runs for hours.
pub(super) struct SweepBar {
    bar: ProgressBar,
    /// When the next line is due; none where there are no lines.
    next_line: Option<Instant>,
}

impl SweepBar {
    const MINUTE: Duration = Duration::from_secs(60);

    pub fn new(quiet: bool) -> Self {
        let bar = bar(0, "{bar:40} {pos:>3} of {len}  {msg}", quiet);
        let next_line = (bar.is_hidden() && !quiet).then(|| Instant::now() + Self::MINUTE);
        Self { bar, next_line }
    }

    pub fn show(&mut self, progress: &Progress) {
        let ended = progress.before + progress.done + progress.failed;
        let message = || {
            let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
            let left = progress.time_left.map_or(String::new(), |left| format!(", {} left", HumanDuration(left)));
            format!("{:.3}/s{failed}{left}", progress.rate())
        };
        if !self.bar.is_hidden() {
            self.bar.set_length(progress.total as u64);
            self.bar.set_position(ended as u64);
            self.bar.set_message(message());
        } else if self.next_line.is_some_and(|due| due <= Instant::now()) {
            complain(&format!("{ended} of {} units, {}", progress.total, message()));
            self.next_line = Some(Instant::now() + Self::MINUTE);
        }
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// On a terminal only. It has no colour, so `NO_COLOR` changes nothing.
fn bar(length: u64, template: &str, quiet: bool) -> ProgressBar {
    let visible = !quiet && io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Moves the bar to time `t` of `t_end`.
pub(super) fn advance(bar: &ProgressBar, t: f64, t_end: f64) {
    bar.set_position((t / t_end * BAR_STEPS as f64) as u64);
    bar.set_message(format!("{t:.3} of {t_end}"));
}

/// How finely the bar divides the horizon.
const BAR_STEPS: u64 = 1000;

//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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

/// The rows of a table, their cells aligned to the right in columns.
pub(super) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
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

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

/// A progress bar over the time of the clock, on a terminal only. It has no colour, so `NO_COLOR` changes nothing.
pub(super) fn progress_bar(t_end: f64, quiet: bool) -> ProgressBar {
    let visible = !quiet && io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  t = {msg}  {elapsed} gone, {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(format!("0 of {t_end}"));
    bar
}

/// Moves the bar to time `t` of `t_end`.
pub(super) fn advance(bar: &ProgressBar, t: f64, t_end: f64) {
    bar.set_position((t / t_end * BAR_STEPS as f64) as u64);
    bar.set_message(format!("{t:.3} of {t_end}"));
}

/// How finely the bar divides the horizon.
const BAR_STEPS: u64 = 1000;

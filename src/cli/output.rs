//! Standard output and standard error.

use std::io::{self, Write};

use crate::publish::Published;
use crate::record::Warned;

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

/// Names files that gramflow did not write and that had to make way, even under `--quiet`: whoever looks for one of them must find it.
pub(super) fn complain_of_moved(published: &Published) {
    for path in &published.moved {
        complain(&format!("warning: a file that gramflow did not write was in the way: it is now {}", path.display()));
    }
}

/// `1 unit`, `12 units`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Under `--quiet` a summary says at least how many warnings there are.
pub(super) fn unprinted(warnings: &[String]) -> String {
    match warnings.len() {
        0 => String::new(),
        1 => "\n1 warning: in manifest.json\n".to_string(),
        count => format!("\n{count} warnings: in manifest.json\n"),
    }
}

/// Prints the warnings of units, one line for each kind.
pub(super) fn complain_of(warned: &[Warned], elsewhere: &str) {
    if !warned.is_empty() {
        complain(listed(warned, |warned| format!("warning: {}", warned.line()), elsewhere).trim_end());
    }
}

/// Seconds to two digits, and from 100 on to whole ones; times differ by more from one run to the next.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 9.95 => format!("{seconds:.0}"),
        _ if seconds >= 0.995 => format!("{seconds:.1}"),
        _ if seconds >= 0.0995 => format!("{seconds:.2}"),
        _ if seconds >= 0.0005 => format!("{seconds:.3}"),
        _ => "<0.001".to_string(),
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

/// One line for each item, up to as many as one would read.
pub(super) fn listed<T>(items: &[T], line: impl Fn(&T) -> String, where_else: &str) -> String {
    const MOST: usize = 20;
    let mut text: String = items.iter().take(MOST).map(|item| format!("{}\n", line(item))).collect();
    if items.len() > MOST {
        text.push_str(&format!("… and {} more: {where_else}\n", items.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_two_digits() {
        for (value, text) in [
            (0.0, "<0.001"),
            (0.0526, "0.053"),
            (0.0999, "0.10"),
            (0.173, "0.17"),
            (0.999, "1.0"),
            (9.96, "10"),
            (99.9, "100"),
            (3723.4, "3723"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }
}

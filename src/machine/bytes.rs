//! Numbers of bytes as people write them: `28.8 GB`, in powers of 1000.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Three digits are shown, so the next unit begins at 999.5.
        let unit = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15)];
        let bytes = self.0 as f64;
        match unit.iter().rev().find(|(_, size)| bytes >= 0.9995 * size) {
            None => write!(f, "{} bytes", self.0),
            Some((name, size)) => {
                let value = bytes / size;
                let digits = if value < 9.995 {
                    2
                } else if value < 99.95 {
                    1
                } else {
                    0
                };
                write!(f, "{value:.digits$} {name}")
            }
        }
    }
}

/// A text that is not a number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of bytes, such as 500MB, 16GB or 8GiB")]
pub struct SizeError;

impl FromStr for Bytes {
    type Err = SizeError;

    /// `16GB` and `16 GB` are 16·10⁹ bytes, `16GiB` 16·2³⁰; `16G` is `16GB`, and a bare number counts bytes.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = (text[..end].trim(), text[end..].trim().to_ascii_lowercase());
        let (binary, prefix) = match unit.strip_suffix("ib") {
            Some(prefix) => (true, prefix),
            None => (false, unit.strip_suffix('b').unwrap_or(&unit)),
        };
        let power = match prefix {
            "" if !binary => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            "p" => 5,
            _ => return Err(SizeError),
        };
        let bytes = number.parse::<f64>().map_err(|_| SizeError)? * f64::powi(if binary { 1024.0 } else { 1000.0 }, power);
        // Not NaN, not negative, and not beyond what 64 bits hold.
        if (1.0..1.8e19).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(SizeError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_spelling() {
        for (text, bytes) in
            [("1", 1), ("12b", 12), ("1.5 kB", 1500), ("16G", 16_000_000_000), ("8GiB", 8 << 30), ("2mb", 2_000_000)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "GB", "-1GB", "0", "nan", "1 XB", "1ib", "1e30", "inf"] {
            assert_eq!(text.parse::<Bytes>(), Err(SizeError), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_with_three_digits() {
        for (bytes, text) in [(999, "999 bytes"), (1000, "1.00 kB"), (28_800_000_000, "28.8 GB"), (999_999_999, "1.00 GB")] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}

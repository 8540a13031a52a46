//! Lengths on paper, with their units: `5.5in`, `396pt`, `14cm`, `140mm`.

use std::fmt;
use std::str::FromStr;

use super::text::as_text;

/// A length on paper.
#[derive(Clone, Copy, PartialEq)]
pub struct Length {
    value: f64,
    unit: Unit,
}

/// A unit: its name and its length in points.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unit(&'static str, f64);

const UNITS: [Unit; 4] = [Unit("in", 72.0), Unit("pt", 1.0), Unit("cm", 72.0 / 2.54), Unit("mm", 72.0 / 25.4)];

impl Length {
    /// The length in points, 72 to the inch.
    pub fn points(self) -> f64 {
        self.value * self.unit.1
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.value, self.unit.0)
    }
}

// Shown as it is written, in messages too.
impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let read = || {
            let unit = UNITS.into_iter().find(|unit| text.ends_with(unit.0))?;
            let value: f64 = text.strip_suffix(unit.0)?.trim_end().parse().ok()?;
            value.is_finite().then_some(Self { value, unit })
        };
        read().ok_or_else(|| format!("must be a length with its unit, such as 5.5in, 396pt, 14cm or 140mm, got {text:?}"))
    }
}

as_text!(Length, "a length with its unit, such as 5.5in, 396pt, 14cm or 140mm", r"^\s*[0-9.eE+-]+\s*(in|pt|cm|mm)\s*$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_unit_and_written_as_they_were() {
        for (text, points) in [("5.5in", 396.0), ("396pt", 396.0), ("2.54cm", 72.0), (" 25.4 mm", 72.0)] {
            let length: Length = text.parse().unwrap();
            assert!((length.points() - points).abs() < 1e-9, "{text}");
            assert_eq!(length.to_string(), text.replace(' ', ""));
        }
        for text in ["5.5", "", "in", "5,5in", "NaNpt", "infin", "5.5 inches"] {
            assert!(text.parse::<Length>().unwrap_err().contains("with its unit, such as 5.5in"), "{text}");
        }
    }
}

//! Colours of curves: `#0072b2`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::as_text;

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// The colour of one curve, in every panel of every picture that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurveColor {
    /// Its name in the legend: `gd`, `λ = 0.001`.
    pub curve: String,
    /// Its colour.
    pub color: Color,
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let whole = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = whole.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
        let [_, red, green, blue] =
            number.ok_or_else(|| format!("must be a colour in quotes as \"#0072b2\", got {text:?}"))?.to_be_bytes();
        Ok(Self(red, green, blue))
    }
}

as_text!(Color, "a colour in quotes as \"#0072b2\"", r"^#?[0-9a-fA-F]{6}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written() {
        let color: Color = "#d55e00".parse().unwrap();
        assert_eq!((color, color.to_string().as_str()), (Color(213, 94, 0), "#d55e00"));
        for text in ["", "#", "#d55e0", "#d55e000", "red", "#+55e00"] {
            assert!(text.parse::<Color>().unwrap_err().contains("#0072b2"), "{text}");
        }
    }
}

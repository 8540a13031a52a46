//! What axes show: their limits, scales and labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Findings, path};

use super::is_default;

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// A linear scale.
    Linear,
    /// A logarithmic scale.
    Log,
}

/// The axes of some panels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Axes {
    /// The picture, by the name of its files without the ending. By default every picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The panel, by its letter. By default every panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panel: Option<String>,
    /// The horizontal axis.
    #[serde(skip_serializing_if = "is_default")]
    pub x: AxisStyle,
    /// The vertical axis.
    #[serde(skip_serializing_if = "is_default")]
    pub y: AxisStyle,
}

/// What one axis shows. Anything left out stays as the picture has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AxisStyle {
    /// The lower and the upper end of the axis. Nothing is drawn outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<[f64; 2]>,
    /// Linear or logarithmic. By default as the picture chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Spread>,
    /// The label beside the axis. `W_1` and `e^{−2λt}` become sub- and superscripts; `\_` is an underscore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Axes {
    /// Whether it applies to the panel `letter` of `picture`.
    pub fn are_of(&self, picture: &str, letter: char) -> bool {
        let panel = |panel: &String| panel.chars().eq([letter]);
        self.picture.as_deref().is_none_or(|name| name == picture) && self.panel.as_ref().is_none_or(panel)
    }

    pub(super) fn validate(&self, at: &str, found: &mut Findings) {
        if let Some(panel) = self.panel.as_ref().filter(|panel| panel.len() != 1 || !panel.as_bytes()[0].is_ascii_lowercase()) {
            found.add(&path::child(at, "panel"), format!("must be the letter of a panel, a to z, got {panel:?}"));
        }
        for (name, axis) in [("x", &self.x), ("y", &self.y)] {
            let at = path::child(at, name);
            if axis.label.as_ref().is_some_and(|label| label.chars().any(char::is_control)) {
                found.add(&path::child(&at, "label"), "must be one line, without control characters");
            }
            let Some([low, high]) = axis.limits else { continue };
            let at = path::child(&at, "limits");
            // The difference of the largest floats would overflow.
            let apart = (high / 2.0 - low / 2.0) > 1e-9 * low.abs().max(high.abs()).max(1e-290);
            found.require(
                apart && low.abs().max(high.abs()) < 1e300,
                &at,
                "two different numbers, the lower one first",
                [low, high],
            );
            if axis.scale == Some(Spread::Log) && low <= 0.0 {
                found.add(&at, format!("must be greater than 0 on a log scale, got {low:?}"));
            }
        }
    }
}

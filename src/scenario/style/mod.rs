//! `style:`, how pictures look: their size and text, the formats of their files, colours, axes. Neither the records nor the scenario's hash
//! depend on it.
//!
//! ```yaml
//! style:
//!   width: 5.5in                     # text keeps its size; panels that do not fit go to the next row
//!   font: serif
//!   format: [svg, pdf]
//!   title: false
//!   axes: [{picture: loss, panel: a, y: {limits: [1.0e-6, 1], label: loss}}]
//! ```

mod axes;
mod change;
mod color;
mod format;
mod length;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use axes::{Axes, AxisStyle, Spread};
pub use change::{Given, StyleChange};
pub use color::{Color, CurveColor};
pub use format::{Format, Formats};
pub use length::Length;

use crate::network::OneOrEach;
use crate::settings::{Findings, path};

/// How pictures look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Style {
    /// The width of the picture, such as 5.5in, 396pt or 14cm. Text keeps its size, and panels that do not fit go to the next row. By default
    /// a picture is as wide as its panels need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Length>,
    /// The text size of axis labels, such as 9pt. Titles are larger, ticks and notes smaller. With a `width` the default is 9.25pt, so that
    /// no text is below 7pt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub font_size: Option<Length>,
    /// The font.
    #[serde(skip_serializing_if = "is_default")]
    pub font: Family,
    /// The files written of each picture: one format or a list.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(with = "OneOrEach<Format>")]
    pub format: Formats,
    /// The resolution of PNGs in dots per inch. The default is 192, with a `width` 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<f64>,
    /// Draw the title above the panels, and below it one line that says what was run.
    #[serde(skip_serializing_if = "is_true")]
    pub title: bool,
    /// Draw the notes below the panels.
    #[serde(skip_serializing_if = "is_true")]
    pub notes: bool,
    /// A light page or a dark one.
    #[serde(skip_serializing_if = "is_default")]
    pub theme: Theme,
    /// The place of the legend.
    #[serde(skip_serializing_if = "is_default")]
    pub legend: Legend,
    /// Colours of curves, by their names in the legend. Other curves keep theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub colors: Vec<CurveColor>,
    /// Limits, scales and labels of axes. If two items set the same thing, the later one counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<Axes>,
}

/// The font of a picture. Both fonts are in the binary, and PDFs embed the glyphs that they use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// DejaVu Sans.
    #[default]
    Sans,
    /// DejaVu Serif.
    Serif,
}

/// The colours of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Dark text on white.
    #[default]
    Light,
    /// Light text on nearly black, for dark pages and slides.
    Dark,
}

/// The place of the legend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Legend {
    /// Above the panels.
    #[default]
    Top,
    /// Below the panels.
    Bottom,
    /// To the right of the panels, one entry below the other.
    Right,
    /// No legend.
    None,
}

/// The names of the pictures of runs and of studies.
pub const PICTURES: [&str; 15] = [
    "loss",
    "balance",
    "ledger",
    "nfa",
    "alignment",
    "spectra",
    "spectra-by-index",
    "sharpness",
    "density",
    "work_precision",
    "tolerance",
    "distance",
    "companions",
    "weak",
    "cost",
];

/// The largest width of a page, in points.
const WIDEST: f64 = 40.0 * 72.0;
/// The font size of axis labels, in points, where a width is given and no size: no text is then below 7pt.
pub const FONT_SIZE: f64 = 9.25;
/// A page is at least this many times as wide as its font is high, which leaves room for one panel.
const NARROWEST: f64 = 22.0;

impl Default for Style {
    fn default() -> Self {
        Self {
            width: None,
            font_size: None,
            font: Family::default(),
            format: Formats::default(),
            dpi: None,
            title: true,
            notes: true,
            theme: Theme::default(),
            legend: Legend::default(),
            colors: Vec::new(),
            axes: Vec::new(),
        }
    }
}

/// For `skip_serializing_if`: defaults are not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Style {
    /// The font size of axis labels in points, if the style sets a size or a width.
    pub fn letters(&self) -> Option<f64> {
        self.font_size.map(Length::points).or(self.width.map(|_| FONT_SIZE))
    }

    /// Checks the style whose path is `at`.
    pub(crate) fn validate(&self, at: &str, found: &mut Findings) {
        let least = NARROWEST * self.letters().unwrap_or(FONT_SIZE);
        if let Some(size) = self.font_size {
            let right = "between 4pt and 36pt";
            found.require((4.0..=36.0).contains(&size.points()), &path::child(at, "font_size"), right, size);
        }
        if let Some(width) = self.width {
            let right = format!(
                "between {least:.0}pt and {WIDEST}pt: narrower, there is no room for a panel with text of this font_size"
            );
            found.require((least..=WIDEST).contains(&width.points()), &path::child(at, "width"), &right, width);
        }
        if let Some(dpi) = self.dpi {
            // 8000 pixels are 1.5 GB before they are smoothed.
            let most = self.width.map_or(600.0, |width| (8000.0 * 72.0 / width.points()).clamp(30.0, 1200.0).floor());
            found.require((30.0..=most).contains(&dpi), &path::child(at, "dpi"), &format!("between 30 and {most}"), dpi);
        }
        self.format.validate(&path::child(at, "format"), found);
        for (i, axes) in self.axes.iter().enumerate() {
            axes.validate(&path::item(&path::child(at, "axes"), i), found);
        }
    }

    /// Checks that every picture that the style names is one of `names`.
    pub(crate) fn validate_names(&self, at: &str, names: &[&str], found: &mut Findings) {
        for (i, axes) in self.axes.iter().enumerate() {
            if let Some(name) = axes.picture.as_deref().filter(|name| !names.contains(name)) {
                let message = format!("no picture is called `{name}`{}", super::suggestion(name, "pictures", names));
                found.add(&format!("{}.picture", path::item(&path::child(at, "axes"), i)), message);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The embedded DejaVu Sans, and how a text is set in it.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _};
use plotters::style::RGBColor;

use super::style::BLACK;

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| embedded(dejavu::sans::regular()));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| embedded(dejavu::sans::bold()));

fn embedded(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the font in the binary is whole: no input reaches it")
}

/// Size of one em in logical pixels, and weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub em: f64,
    pub bold: bool,
}

impl Font {
    pub(super) fn regular(em: f64) -> Self {
        Self { em, bold: false }
    }

    pub(super) fn bold(em: f64) -> Self {
        Self { em, bold: true }
    }

    /// The glyphs.
    pub(super) fn face(self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    /// ab_glyph measures sizes from ascender to descender.
    pub(super) fn scale(self, pixels_per_unit: f64) -> PxScale {
        let units_per_em = f64::from(self.face().units_per_em().unwrap_or(2048.0));
        PxScale::from((self.em * pixels_per_unit * f64::from(self.face().height_unscaled()) / units_per_em) as f32)
    }

    /// Width of `text`, without markup.
    pub(super) fn width(self, text: &str) -> f64 {
        // Measured large: advances are rounded to 1/64 pixel in some fonts.
        let font = self.face().as_scaled(self.scale(16.0));
        text.chars().map(|c| f64::from(font.h_advance(font.glyph_id(c)))).sum::<f64>() / 16.0
    }
}

/// Which point of the text is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// How far before the given point a text of this width begins.
    pub(super) fn offset(self, width: f64) -> f64 {
        match self {
            Self::Start => 0.0,
            Self::Middle => width / 2.0,
            Self::End => width,
        }
    }
}

/// Everything of a text but its words.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    pub font: Font,
    pub color: RGBColor,
    pub anchor: Anchor,
    /// Reading upwards, as beside a y axis.
    pub upwards: bool,
}

impl TextStyle {
    pub(super) fn new(font: Font) -> Self {
        Self { font, color: BLACK, anchor: Anchor::Start, upwards: false }
    }

    pub(super) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn colored(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }
}

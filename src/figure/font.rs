//! The embedded DejaVu fonts, and how a text is set in them.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, GlyphId, PxScale};
use plotters::style::RGBColor;

use crate::scenario::style::Family;

use super::style::BLACK;

/// A font in the binary.
pub(super) struct Face {
    /// As PDFs name it.
    pub name: &'static str,
    /// The file.
    pub bytes: &'static [u8],
    font: FontRef<'static>,
    /// The glyphs of ASCII and their advances: most of what is set, and asked for again whenever a line is measured.
    ascii: [(GlyphId, f64); 128],
}

impl Face {
    fn embedded(name: &'static str, bytes: &'static [u8]) -> Self {
        let font = FontRef::try_from_slice(bytes).expect("the font in the binary is whole: no input reaches it");
        let ascii = std::array::from_fn(|code| {
            let glyph = font.glyph_id(char::from(code as u8));
            (glyph, advance(&font, glyph))
        });
        Self { name, bytes, font, ascii }
    }

    pub(super) fn font(&self) -> &FontRef<'static> {
        &self.font
    }

    pub(super) fn units_per_em(&self) -> f64 {
        units_per_em(&self.font)
    }

    /// Advance of a glyph in em.
    pub(super) fn advance(&self, glyph: GlyphId) -> f64 {
        advance(&self.font, glyph)
    }

    /// The glyph of a character, 0 where it has none, and its advance in em.
    fn set(&self, c: char) -> (GlyphId, f64) {
        self.ascii.get(c as usize).copied().unwrap_or_else(|| {
            let glyph = self.font.glyph_id(c);
            (glyph, self.advance(glyph))
        })
    }

    /// The same size for ab_glyph, which measures from ascender to descender.
    pub(super) fn scale(&self, pixels_per_em: f64) -> PxScale {
        PxScale::from((pixels_per_em * f64::from(self.font.height_unscaled()) / self.units_per_em()) as f32)
    }
}

fn units_per_em(font: &FontRef) -> f64 {
    f64::from(font.units_per_em().unwrap_or(2048.0))
}

fn advance(font: &FontRef, glyph: GlyphId) -> f64 {
    f64::from(font.h_advance_unscaled(glyph)) / units_per_em(font)
}

/// Regular and bold of each family.
static FACES: LazyLock<[Face; 4]> = LazyLock::new(|| {
    [
        Face::embedded("DejaVuSans", dejavu::sans::regular()),
        Face::embedded("DejaVuSans-Bold", dejavu::sans::bold()),
        Face::embedded("DejaVuSerif", dejavu::serif::regular()),
        Face::embedded("DejaVuSerif-Bold", dejavu::serif::bold()),
    ]
});

/// An index into [`FACES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FaceId(usize);

impl FaceId {
    pub(super) fn face(self) -> &'static Face {
        &FACES[self.0]
    }
}

/// Family, size of one em in logical pixels, and weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub family: Family,
    pub em: f64,
    pub bold: bool,
}

impl Family {
    pub(super) fn regular(self, em: f64) -> Font {
        Font { family: self, em, bold: false }
    }

    pub(super) fn bold(self, em: f64) -> Font {
        Font { family: self, em, bold: true }
    }
}

impl Font {
    /// The same in another size.
    pub(super) fn sized(self, em: f64) -> Self {
        Self { em, ..self }
    }

    /// The face and the glyph of a character. What the serif font lacks is taken from the sans.
    pub(super) fn glyph(self, c: char) -> (FaceId, GlyphId) {
        let (face, glyph, _) = self.set(c);
        (face, glyph)
    }

    /// The same, and the advance of the glyph in em.
    fn set(self, c: char) -> (FaceId, GlyphId, f64) {
        let weight = usize::from(self.bold);
        let own = FaceId(weight + if self.family == Family::Serif { 2 } else { 0 });
        let (glyph, advance) = own.face().set(c);
        if glyph.0 != 0 {
            return (own, glyph, advance);
        }
        let other = FaceId(weight);
        let (glyph, advance) = other.face().set(c);
        (other, glyph, advance)
    }

    /// Width of `text`, without markup.
    pub(super) fn width(self, text: &str) -> f64 {
        self.em * text.chars().map(|c| self.set(c).2).sum::<f64>()
    }
}

/// Which point of a text is placed.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that our labels are made of.
    #[test]
    fn every_letter_of_ours_has_a_glyph_in_every_font() {
        for font in [Family::Sans, Family::Serif].into_iter().flat_map(|family| [family.regular(9.0), family.bold(9.0)]) {
            for c in "azAZ09ληθκℒ‖ℓΣαδ½√∞≤≥±×·−–…²³⁰⁴⁻ᵀ′⟨⟩→≈∝∂∇".chars()
            {
                assert_ne!(font.glyph(c).1.0, 0, "{c} in {font:?}");
            }
        }
    }

    #[test]
    fn widths_are_of_the_family() {
        let width = |family: Family| family.regular(10.0).width("illumination");
        assert!(width(Family::Serif) > width(Family::Sans));
        assert!((Family::Sans.regular(20.0).width("a") / Family::Sans.regular(10.0).width("a") - 2.0).abs() < 1e-12);
    }
}

//! What pictures are drawn on: SVG, PNG and PDF behind one interface, in logical pixels.

mod bitmap;
mod pdf;
mod svg;
mod theme;

use std::io;

use plotters::prelude::{BitMapBackend, DrawingBackend, RGBColor};
use plotters_backend::DrawingErrorKind;

use crate::scenario::style::{Family, Theme};

use super::font::TextStyle;

pub(super) use bitmap::png;
pub(super) use pdf::pdf;
pub(super) use svg::svg;

/// A place in logical pixels from the upper left corner.
pub(super) type Point = (f64, f64);

type BitmapError = <BitMapBackend<'static> as DrawingBackend>::ErrorType;

/// Why a picture could not be drawn or encoded.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// A shape or a text could not be drawn in the SVG.
    #[error(transparent)]
    Svg(DrawingErrorKind<io::Error>),
    /// A shape could not be drawn in the bitmap.
    #[error(transparent)]
    Bitmap(DrawingErrorKind<BitmapError>),
    /// The bitmap could not be encoded.
    #[error(transparent)]
    Encoding(#[from] png::EncodingError),
    /// A font could not be subset to the glyphs that a PDF uses.
    #[error("cannot subset the font {font}: {source}")]
    Font {
        /// The font.
        font: &'static str,
        /// The cause.
        source: subsetter::Error,
    },
    /// The streams of a PDF could not be compressed.
    #[error(transparent)]
    Compression(#[from] io::Error),
}

/// The sheet that is drawn on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    /// In logical pixels.
    pub width: f64,
    /// In logical pixels.
    pub height: f64,
    /// Points per logical pixel, where a size on paper was asked for; otherwise a logical pixel is a screen pixel.
    pub points: Option<f64>,
    /// Dots per inch of a bitmap.
    pub dpi: f64,
    pub family: Family,
    pub theme: Theme,
}

impl Paper {
    /// Points per logical pixel; ¾ for a screen pixel, which is 1/96 inch.
    fn points(&self) -> f64 {
        self.points.unwrap_or(0.75)
    }
}

/// The few shapes that pictures consist of.
pub(super) trait Canvas {
    /// The font family of the picture.
    fn family(&self) -> Family;
    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError>;
    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError>;
    /// Fills the area between the two points of each pair, from one pair to the next, with [`SHADE`] of the colour: what lies below shows
    /// through. The points of a pair have one x, which does not fall from pair to pair.
    fn shade(&mut self, pairs: &[[Point; 2]], color: RGBColor) -> Result<(), DrawError>;
    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError>;
    /// Text without markup, its baseline through `at`.
    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError>;
}

/// The corners of an area between two edges, around it.
fn around(pairs: &[[Point; 2]]) -> Vec<Point> {
    pairs.iter().map(|pair| pair[0]).chain(pairs.iter().rev().map(|pair| pair[1])).collect()
}

fn scaled(point: Point, scale: f64) -> (i32, i32) {
    ((point.0 * scale).round() as i32, (point.1 * scale).round() as i32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Two bands that overlap; the joints of the first lie between pixels.
    fn bands(canvas: &mut dyn Canvas) -> Result<(), DrawError> {
        let band = |xs: &[f64], from: f64, to: f64| xs.iter().map(|&x| [(x, from), (x, to)]).collect::<Vec<_>>();
        canvas.shade(&band(&[0.0, 5.3, 9.9, 15.0], 2.0, 8.0), RGBColor(0, 114, 178))?;
        canvas.shade(&band(&[10.0, 20.0], 4.0, 10.0), RGBColor(213, 94, 0))
    }

    #[test]
    fn bands_that_overlap_are_both_seen_in_every_format() {
        let (family, theme) = (Family::Sans, Theme::Light);
        let paper = Paper { width: 20.0, height: 12.0, points: Some(1.0), dpi: 72.0, family, theme };
        let svg = svg(paper, bands).unwrap();
        assert_eq!((svg.matches("<polygon").count(), svg.matches("opacity=\"0.2\"").count()), (2, 2), "{svg}");
        let pdf = pdf(paper, "bands", bands).unwrap();
        assert!(String::from_utf8_lossy(&pdf).contains("/ca 0.2"));
        // The page, either band and both: no pixel of a band is shaded twice, not even where its pieces meet.
        let png = png(paper, bands).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        reader.next_frame(&mut pixels).unwrap();
        let colors: BTreeSet<&[u8]> = pixels.chunks(3).collect();
        assert_eq!(colors.len(), 4, "{colors:?}");
    }
}

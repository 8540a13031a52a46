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
    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError>;
    /// Text without markup, its baseline through `at`.
    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError>;
}

fn scaled(point: Point, scale: f64) -> (i32, i32) {
    ((point.0 * scale).round() as i32, (point.1 * scale).round() as i32)
}

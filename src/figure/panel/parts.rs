//! The parts of a panel other than its curves: heading, bands, ticks.

use crate::scenario::style::Family;

use super::super::axis::{Axis, Tick};
use super::super::canvas::{Canvas, DrawError, Point};
use super::super::font::{Anchor, TextStyle};
use super::super::frame::Frame;
use super::super::pen::draw_line;
use super::super::plot::Place;
use super::super::style::{BLACK, LABEL_SIZE, Look, TICK_SIZE, pale};
use super::super::text::{draw_label, label_width, wrap_label};
use super::{Band, TICK};

/// From the start of a panel's letter to its heading.
const LETTER: f64 = 22.0;
/// From one line of a heading, or of a label beside an axis, to the next.
pub(in super::super) const LINE_HEIGHT: f64 = LABEL_SIZE + 4.5;

/// A heading in lines that fit into `width` beside the panel's letter.
pub(in super::super) fn heading_lines(heading: &str, family: Family, width: f64) -> Vec<String> {
    wrap_label(heading, family.regular(LABEL_SIZE), width - LETTER)
}

/// Draws a panel's letter and heading above the data, from further left where they would reach beyond the data's right edge.
pub(in super::super) fn draw_heading(canvas: &mut dyn Canvas, heading: &str, place: Place) -> Result<(), DrawError> {
    let (family, frame) = (canvas.family(), place.frame);
    let whole = LETTER + label_width(heading, family.regular(LABEL_SIZE));
    let start = if whole <= frame.right - frame.left { frame.left } else { (frame.right - whole).max(place.left) };
    let lines = heading_lines(heading, family, frame.right - place.left);
    let top = frame.top - 9.0 - LINE_HEIGHT * lines.len().saturating_sub(1) as f64;
    let mut x = start;
    if let Some(letter) = place.letter {
        let (text, font) = (format!("({letter})"), family.bold(LABEL_SIZE));
        canvas.text(&text, (x, top), TextStyle::new(font))?;
        x += font.width(&text) + 5.0;
    }
    for (i, line) in lines.iter().enumerate() {
        draw_label(canvas, line, (x, top + LINE_HEIGHT * i as f64), TextStyle::new(family.regular(LABEL_SIZE)))?;
    }
    Ok(())
}

/// Width of a label, in lines, beside data of this height.
pub(in super::super) fn side_label_width(label: &str, family: Family, height: f64) -> f64 {
    LABEL_SIZE + LINE_HEIGHT * wrap_label(label, family.regular(LABEL_SIZE), height).len().saturating_sub(1) as f64
}

/// Draws a label beside the data, from `left` on, in lines as long as the data are high.
pub(in super::super) fn draw_side_label(
    canvas: &mut dyn Canvas,
    label: &str,
    left: f64,
    frame: Frame,
) -> Result<(), DrawError> {
    let font = canvas.family().regular(LABEL_SIZE);
    let style = TextStyle { upwards: true, ..TextStyle::new(font).anchored(Anchor::Middle) };
    for (i, line) in wrap_label(label, font, frame.bottom - frame.top).iter().enumerate() {
        let at = (left + LABEL_SIZE + LINE_HEIGHT * i as f64, (frame.top + frame.bottom) / 2.0);
        draw_label(canvas, line, at, style)?;
    }
    Ok(())
}

/// The pieces of a band between its gaps, as pairs of points on its two edges, on the page.
fn band_pieces(band: &Band, frame: Frame, x: &Axis, y: &Axis) -> Vec<Vec<[Point; 2]>> {
    let place = |&(at, from, to): &(f64, f64, f64)| {
        let at = frame.x(x.fraction(at)?);
        // The limits of an axis may leave some of the band outside.
        Some([(at, frame.y(y.fraction(from)?)), (at, frame.y(y.fraction(to)?))].map(|point| frame.nearest(point)))
    };
    let places: Vec<Option<[Point; 2]>> = band.points.iter().map(place).collect();
    let pieces = places.split(Option::is_none).map(|piece| piece.iter().copied().flatten().collect());
    pieces.filter(|piece: &Vec<[Point; 2]>| !piece.is_empty()).collect()
}

/// Shades the bands, a piece of one point as an upright bar; then draws the edges of all, which tell the bands apart where they overlap.
pub(super) fn draw_bands(canvas: &mut dyn Canvas, bands: &[Band], frame: Frame, x: &Axis, y: &Axis) -> Result<(), DrawError> {
    /// Half the width of a bar.
    const BAR: f64 = 2.5;
    let bands: Vec<_> = bands.iter().map(|band| (band.color, band_pieces(band, frame, x, y))).collect();
    for (color, piece) in bands.iter().flat_map(|(color, pieces)| pieces.iter().map(move |piece| (*color, piece))) {
        match piece.as_slice() {
            [bar] => canvas.shade(&[-BAR, BAR].map(|aside| bar.map(|(x, y)| (x + aside, y))), color)?,
            band => canvas.shade(band, color)?,
        }
    }
    for (color, piece) in bands.iter().flat_map(|(color, pieces)| pieces.iter().map(move |piece| (*color, piece))) {
        for edge in 0..2 {
            let path: Vec<Option<Point>> = piece.iter().map(|ends| Some(ends[edge])).collect();
            let look = Look { line: Some(0.5), ..Look::line(pale(color, 0.5)) };
            draw_line(canvas, look, &path, false)?;
        }
    }
    Ok(())
}

pub(super) fn draw_x_ticks(canvas: &mut dyn Canvas, frame: Frame, x: &Axis, upright: bool) -> Result<(), DrawError> {
    let style = TextStyle::new(canvas.family().regular(TICK_SIZE)).anchored(if upright { Anchor::End } else { Anchor::Middle });
    let style = TextStyle { upwards: upright, ..style };
    // Labels that would run into one another are thinned; their ticks stay.
    let width = |tick: &Tick| if upright { TICK_SIZE } else { label_width(&tick.label, style.font) };
    let widest = x.ticks.iter().map(width).fold(0.0, f64::max) + 6.0;
    let fitting = ((frame.right - frame.left) / widest).max(1.0) as usize;
    let stride = x.ticks.len().div_ceil(fitting).max(1);
    for (i, tick) in x.ticks.iter().enumerate() {
        let at = frame.x(x.fraction_of_coordinate(tick.at));
        canvas.stroke(&[(at, frame.bottom), (at, frame.bottom + TICK)], 0.8, BLACK)?;
        if i % stride == 0 {
            let at =
                if upright { (at + 0.36 * TICK_SIZE, frame.bottom + TICK + 3.0) } else { (at, frame.bottom + TICK + 11.5) };
            draw_label(canvas, &tick.label, at, style)?;
        }
    }
    for at in x.minor.iter().map(|&at| frame.x(x.fraction_of_coordinate(at))) {
        canvas.stroke(&[(at, frame.bottom), (at, frame.bottom + TICK / 2.0)], 0.6, BLACK)?;
    }
    Ok(())
}

pub(super) fn draw_y_ticks(canvas: &mut dyn Canvas, frame: Frame, y: &Axis) -> Result<(), DrawError> {
    let style = TextStyle::new(canvas.family().regular(TICK_SIZE)).anchored(Anchor::End);
    for tick in &y.ticks {
        let at = frame.y(y.fraction_of_coordinate(tick.at));
        canvas.stroke(&[(frame.left - TICK, at), (frame.left, at)], 0.8, BLACK)?;
        canvas.text(&tick.label, (frame.left - TICK - 3.0, at + 0.36 * TICK_SIZE), style)?;
    }
    for at in y.minor.iter().map(|&at| frame.y(y.fraction_of_coordinate(at))) {
        canvas.stroke(&[(frame.left - TICK / 2.0, at), (frame.left, at)], 0.6, BLACK)?;
    }
    Ok(())
}

//! The parts of a panel beside its curves: heading, bands, ticks.

use super::super::axis::{Axis, Tick};
use super::super::canvas::{Canvas, DrawError, Point};
use super::super::font::{Anchor, TextStyle};
use super::super::frame::Frame;
use super::super::pen::draw_line;
use super::super::style::{BLACK, LABEL_SIZE, Look, TICK_SIZE, pale};
use super::super::text::{draw_label, label_width};
use super::{Band, TICK};

/// A panel's letter and heading, above the data.
pub(in super::super) fn draw_heading(
    canvas: &mut dyn Canvas,
    letter: Option<char>,
    heading: &str,
    frame: Frame,
) -> Result<(), DrawError> {
    let family = canvas.family();
    let mut at = (frame.left, frame.top - 9.0);
    if let Some(letter) = letter {
        let (text, font) = (format!("({letter})"), family.bold(LABEL_SIZE));
        canvas.text(&text, at, TextStyle::new(font))?;
        at.0 += font.width(&text) + 5.0;
    }
    draw_label(canvas, heading, at, TextStyle::new(family.regular(LABEL_SIZE)))
}

/// The pieces of a band between its gaps: from, to, in places on the page.
fn band_pieces(band: &Band, frame: Frame, x: &Axis, y: &Axis) -> Vec<Vec<[Point; 2]>> {
    let place = |&(at, from, to): &(f64, f64, f64)| {
        let at = frame.x(x.fraction(at)?);
        // Limits may leave some of it outside.
        Some([(at, frame.y(y.fraction(from)?)), (at, frame.y(y.fraction(to)?))].map(|point| frame.nearest(point)))
    };
    let places: Vec<Option<[Point; 2]>> = band.points.iter().map(place).collect();
    let pieces = places.split(Option::is_none).map(|piece| piece.iter().copied().flatten().collect());
    pieces.filter(|piece: &Vec<[Point; 2]>| !piece.is_empty()).collect()
}

/// Fills the bands, a piece of one point as an upright bar; then draws the edges of all, which show where one band covers another.
pub(super) fn draw_bands(canvas: &mut dyn Canvas, bands: &[Band], frame: Frame, x: &Axis, y: &Axis) -> Result<(), DrawError> {
    let bands: Vec<_> = bands.iter().map(|band| (band.color, band_pieces(band, frame, x, y))).collect();
    for (color, piece) in bands.iter().flat_map(|(color, pieces)| pieces.iter().map(move |piece| (*color, piece))) {
        if let [bar] = piece.as_slice() {
            canvas.stroke(bar, 5.0, pale(color, 0.2))?;
        }
        // Quadrilaterals: plotters fills a polygon with many corners by a scan that large ones make slow, and some of them wrong.
        for pair in piece.windows(2) {
            canvas.fill(&[pair[0][0], pair[0][1], pair[1][1], pair[1][0]], pale(color, 0.2))?;
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

//! The pen: lines with gaps and dashes, markers, samples for the legend.

use plotters::style::RGBColor;

use super::canvas::{Canvas, DrawError, Point};
use super::style::{Body, DOT, Dash, Look, MARKER_SPACING, Marker, RING, Shape, WHITE};

/// Up to this many points, markers of a curve need only keep clear of each other.
const FEW: usize = 24;

/// Draws the lines through the runs of points that have a place, and with `isolated` a dot for each point that is alone
/// between gaps, which would vanish without one.
pub(super) fn draw_line(
    canvas: &mut dyn Canvas,
    look: Look,
    places: &[Option<Point>],
    isolated: bool,
) -> Result<(), DrawError> {
    let Some(width) = look.line else { return Ok(()) };
    for run in places.split(Option::is_none) {
        let run: Vec<Point> = run.iter().copied().flatten().collect();
        match run.as_slice() {
            &[point] if isolated => canvas.disc(point, width + 0.4, look.color)?,
            _ => stroke(canvas, &thinned(&run), width, look.dash, look.color)?,
        }
    }
    Ok(())
}

/// Marks the points that have a place: all of few, some of many. Curve `index` begins a little later than its neighbours, so
/// that markers of curves that agree do not cover one another.
pub(super) fn draw_markers(
    canvas: &mut dyn Canvas,
    look: Look,
    places: &[Option<Point>],
    index: usize,
) -> Result<(), DrawError> {
    let Some(marker) = look.marker else { return Ok(()) };
    let drawn: Vec<Point> = places.iter().copied().flatten().collect();
    const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
    let (spacing, later) =
        if drawn.len() <= FEW { (5.0, 0.0) } else { (MARKER_SPACING, (index as f64 * GOLDEN_RATIO).fract()) };
    let mut next = drawn.first().map_or(0.0, |first| first.0 + later * spacing);
    for &point in &drawn {
        if point.0 >= next {
            draw_marker(canvas, marker, point, look.color)?;
            next = point.0 + spacing;
        }
    }
    Ok(())
}

/// Marks every point that has a place.
pub(super) fn draw_every_marker(canvas: &mut dyn Canvas, look: Look, places: &[Option<Point>]) -> Result<(), DrawError> {
    let Some(marker) = look.marker else { return Ok(()) };
    places.iter().flatten().try_for_each(|&point| draw_marker(canvas, marker, point, look.color))
}

/// Draws `look` as a sample of `width` from `start` on, for the legend.
pub(super) fn draw_sample(canvas: &mut dyn Canvas, look: Look, start: Point, width: f64) -> Result<(), DrawError> {
    if let Some(line) = look.line {
        stroke(canvas, &[start, (start.0 + width, start.1)], line, look.dash, look.color)?;
    }
    match look.marker {
        Some(marker) => draw_marker(canvas, marker, (start.0 + width / 2.0, start.1), look.color),
        None => Ok(()),
    }
}

/// The path without points closer than 0.3 pixels to the one before, so that thousands of rows do not make a larger file.
fn thinned(path: &[Point]) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::new();
    for (i, &point) in path.iter().enumerate() {
        let far = kept.last().is_none_or(|last| (point.0 - last.0).hypot(point.1 - last.1) > 0.3);
        if far || i + 1 == path.len() {
            kept.push(point);
        }
    }
    kept
}

/// Draws `path`, whole or in dashes.
pub(super) fn stroke(
    canvas: &mut dyn Canvas,
    path: &[Point],
    width: f64,
    dash: Option<Dash>,
    color: RGBColor,
) -> Result<(), DrawError> {
    match dash {
        None if path.len() > 1 => canvas.stroke(path, width, color),
        None => Ok(()),
        Some(dash) => dashes(path, dash).iter().try_for_each(|piece| canvas.stroke(piece, width, color)),
    }
}

/// The pieces of `path` that a dashed pen draws.
fn dashes(path: &[Point], dash: Dash) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let (mut part, mut left) = (0, dash[0]);
    let mut current: Vec<Point> = path.first().copied().into_iter().collect();
    for pair in path.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length >= left {
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            length -= left;
            current.push(from);
            if part == 0 {
                pieces.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            part = 1 - part;
            left = dash[part];
        }
        left -= length;
        if part == 0 {
            current.push(to);
        }
    }
    if part == 0 && current.len() > 1 {
        pieces.push(current);
    }
    pieces
}

fn draw_marker(canvas: &mut dyn Canvas, marker: Marker, centre: Point, color: RGBColor) -> Result<(), DrawError> {
    let mut draw = |radius: f64, color| match marker.shape {
        Shape::Circle => canvas.disc(centre, radius, color),
        Shape::Square => canvas.fill(&polygon(centre, radius * 1.25, 4, 0.125), color),
        Shape::Diamond => canvas.fill(&polygon(centre, radius * 1.35, 4, 0.0), color),
        Shape::Triangle => canvas.fill(&polygon(centre, radius * 1.45, 3, 0.0), color),
    };
    match marker.body {
        Body::Dot => draw(DOT, color),
        Body::Disc => draw(RING.0, color),
        Body::Ring => {
            draw(RING.0, color)?;
            draw(RING.1, WHITE)
        }
    }
}

/// The regular polygon with a corner `turn` of a full turn past the top.
fn polygon(centre: Point, radius: f64, corners: usize, turn: f64) -> Vec<Point> {
    let corner = |i: usize| {
        let (sin, cos) = ((i as f64 / corners as f64 + turn) * std::f64::consts::TAU).sin_cos();
        (centre.0 + radius * sin, centre.1 - radius * cos)
    };
    (0..corners).map(corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_draw_their_share_of_the_path() {
        let path: Vec<Point> = (0..=400).map(|i| (f64::from(i) / 4.0, 0.0)).collect();
        let drawn: f64 = dashes(&path, [5.0, 3.0]).iter().map(|piece| piece[piece.len() - 1].0 - piece[0].0).sum();
        assert!((drawn - 64.0).abs() < 1e-9, "{drawn}");
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let path: Vec<Point> = (0..=1000).map(|i| (f64::from(i) / 100.0, 1.0)).collect();
        let kept = thinned(&path);
        assert!(kept.len() < 40 && kept[0] == path[0] && kept[kept.len() - 1] == path[1000]);
    }
}

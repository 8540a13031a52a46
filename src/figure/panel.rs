//! One panel: curves over two axes. A point that has no place on an axis (not positive on a log axis, not a number) is
//! left out and counted in the small print; its curve has a gap there. Nothing is clipped.

use plotters::style::RGBColor;

use super::axis::{Axis, Scale, Tick};
use super::canvas::{Canvas, DrawError, Point};
use super::font::{Anchor, Font, TextStyle};
use super::frame::Frame;
use super::pen::{draw_every_marker, draw_line, draw_markers, stroke};
use super::plot::Plot;
use super::style::{BLACK, DASHED, GREY, GUIDE, LABEL_SIZE, Look, SMALL_SIZE, TICK_SIZE, pale};
use super::text::{draw_label, label_width, wrap};

/// What an axis shows (with markup for sub- and superscripts), and how.
#[derive(Debug, Clone)]
pub(super) struct AxisSpec {
    pub label: String,
    pub scale: Scale,
    /// What stands at 0, 1, …, where these are no numbers.
    pub names: Vec<String>,
}

impl AxisSpec {
    pub(super) fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale, names: Vec::new() }
    }

    /// An axis of things without order: value i is `names[i]`.
    pub(super) fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { names, ..Self::new(label, Scale::Index) }
    }

    fn around(&self, values: impl IntoIterator<Item = f64>) -> Option<Axis> {
        if self.names.is_empty() { Axis::around(self.scale, values) } else { Some(Axis::names(&self.names)) }
    }

    /// Whether tick labels have no room beside each other over `width`, so that they must stand upright.
    fn upright(&self, width: f64) -> bool {
        let slot = width / self.names.len().max(1) as f64;
        self.names.iter().any(|name| label_width(name, Font::regular(TICK_SIZE)) + 6.0 > slot)
    }
}

/// One curve.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub points: Vec<Point>,
    pub look: Look,
    /// Written at the right end of the curve.
    pub end_label: Option<String>,
    /// Not a measurement: points it lacks are no loss.
    pub guide: bool,
    /// Every point has its marker, however close it is to the one before.
    pub each: bool,
}

impl Series {
    pub(super) fn new(points: Vec<Point>, look: Look) -> Self {
        Self { points, look, end_label: None, guide: false, each: false }
    }

    pub(super) fn guide(points: Vec<Point>, look: Look) -> Self {
        Self { guide: true, ..Self::new(points, look) }
    }

    /// Dots, each of them a thing of its own.
    pub(super) fn dots(points: Vec<Point>, look: Look) -> Self {
        Self { each: true, ..Self::new(points, Look { line: None, ..look }) }
    }
}

/// Curves over two axes.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// Beside the panel's letter.
    pub heading: String,
    pub x: AxisSpec,
    pub y: AxisSpec,
    pub series: Vec<Series>,
    /// Below the curves.
    pub bands: Vec<Band>,
    /// Dashed lines across the panel; the axes hold them.
    pub across: Vec<Across>,
    /// Marks at the upper edge, for what has a place on the x axis alone.
    pub overhead: Vec<Overhead>,
    /// Small print, before what is said of points left out.
    pub notes: Vec<String>,
}

/// Between two curves: filled, in a pale shade of `color`, wherever both have a place.
#[derive(Debug, Clone)]
pub(super) struct Band {
    /// x, from, to.
    pub points: Vec<(f64, f64, f64)>,
    pub color: RGBColor,
}

/// A straight line from edge to edge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Across {
    /// From bottom to top at this x.
    X(f64),
    /// From left to right at this y.
    Y(f64),
}

/// A marker at the upper edge of a panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Overhead {
    pub x: f64,
    /// From above: marks at one x stand below each other.
    pub row: usize,
    pub look: Look,
}

const TICK: f64 = 4.0;
/// From the data down to the first line of small print, as a rule.
pub(super) const BELOW_DATA: f64 = 50.0;
/// Width of the data in the narrowest panels.
const NARROW: f64 = 250.0;
const END_LABEL_SIZE: f64 = 8.5;
/// Height of a row of marks at the upper edge.
const OVERHEAD: f64 = 8.0;

impl Panel {
    pub(super) fn new(heading: impl Into<String>, x: AxisSpec, y: AxisSpec) -> Self {
        Self {
            heading: heading.into(),
            x,
            y,
            series: Vec::new(),
            bands: Vec::new(),
            across: Vec::new(),
            overhead: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn drawable(&self, (x, y): Point) -> bool {
        self.x.scale.coordinate(x).is_some() && self.y.scale.coordinate(y).is_some()
    }

    /// The x axis holds every point that has a place on it, drawn or not, so that panels over time share it.
    fn x_axis(&self) -> Option<Axis> {
        let points = self.series.iter().flat_map(|series| &series.points).map(|p| p.0);
        let bands = self.bands.iter().flat_map(|band| &band.points).map(|p| p.0);
        let across = self.across.iter().filter_map(|line| if let Across::X(x) = line { Some(*x) } else { None });
        self.x.around(points.chain(bands).chain(across).chain(self.overhead.iter().map(|mark| mark.x)))
    }

    fn y_axis(&self) -> Option<Axis> {
        let points = self.series.iter().flat_map(|series| &series.points);
        let points = points.filter(|&&p| self.drawable(p)).map(|p| p.1);
        let bands = self.bands.iter().flat_map(|band| &band.points);
        let bands = bands.filter(|p| self.x.scale.coordinate(p.0).is_some()).flat_map(|p| [p.1, p.2]);
        let across = self.across.iter().filter_map(|line| if let Across::Y(y) = line { Some(*y) } else { None });
        self.y.around(points.chain(bands).chain(across))
    }

    fn left_out(&self) -> Vec<String> {
        let points: Vec<Point> = self.series.iter().filter(|s| !s.guide).flat_map(|s| s.points.iter().copied()).collect();
        let has_place = |&&(x, _): &&Point| self.x.scale.coordinate(x).is_some();
        let count = |condition: &dyn Fn(f64) -> bool| points.iter().filter(has_place).filter(|p| condition(p.1)).count();
        let (before, total) = (points.len() - points.iter().filter(has_place).count(), points.len());
        let of_them = |n: usize| format!("{n} of {total} {}", if total == 1 { "point" } else { "points" });
        let mut sentences = Vec::new();
        if before > 0 {
            let name = if self.x.label.starts_with("time") { "t" } else { "x" };
            let place = match points.iter().all(|p| p.0 >= 0.0) {
                true => format!("at {name} = 0"),
                false => format!("at {name} ≤ 0 or undefined {name}"),
            };
            let off = if self.x.scale == Scale::Log { ", off the log axis" } else { "" };
            sentences.push(format!("{} {place}{off}: not drawn.", of_them(before)));
        }
        for (n, what) in [
            (count(&|y| y.is_nan()), "not defined"),
            (count(&|y| y.is_infinite()), "infinite"),
            (count(&|y| y.is_finite() && self.y.scale.coordinate(y).is_none()), "not positive"),
        ] {
            if n > 0 {
                sentences.push(format!("{} {what}: not drawn.", of_them(n)));
            }
        }
        sentences
    }

    /// Where curves are drawn: below the marks at the upper edge.
    fn below_marks(&self, frame: Frame) -> Frame {
        let rows = self.overhead.iter().map(|mark| mark.row + 1).max().unwrap_or(0);
        Frame { top: frame.top + OVERHEAD * rows as f64, ..frame }
    }

    /// Names of curves at their right ends, moved apart where the curves end together.
    fn draw_end_labels(&self, canvas: &mut dyn Canvas, frame: Frame, y: &Axis) -> Result<(), DrawError> {
        let place = |series: &Series| {
            let &(_, last) = series.points.iter().rev().find(|&&p| self.drawable(p))?;
            y.fraction(last).map(|fraction| frame.y(fraction))
        };
        let ends =
            self.series.iter().filter_map(|series| Some((place(series)?, series.end_label.as_ref()?, series.look.color)));
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        for i in 1..ends.len() {
            ends[i].0 = ends[i].0.max(ends[i - 1].0 + END_LABEL_SIZE + 1.5);
        }
        for i in (0..ends.len()).rev() {
            let below = ends.get(i + 1).map_or(frame.bottom, |next| next.0 - END_LABEL_SIZE - 1.5);
            ends[i].0 = ends[i].0.min(below);
        }
        for (at, label, color) in ends {
            let style = TextStyle::new(Font::regular(END_LABEL_SIZE)).colored(color);
            draw_label(canvas, label, (frame.right + 3.0, at + 0.36 * END_LABEL_SIZE), style)?;
        }
        Ok(())
    }
}

impl Plot for Panel {
    /// The panel's notes, then what is said of points left out.
    fn small_print(&self, width: f64) -> Vec<String> {
        let notes = self.notes.iter().cloned().chain(self.left_out());
        notes.flat_map(|note| wrap(&note, Font::regular(SMALL_SIZE), width)).collect()
    }

    /// Width of what stands to the left of the data: the axis' label and the ticks'.
    fn left_margin(&self) -> f64 {
        let ticks = self.y_axis().map(|y| y.ticks).unwrap_or_default();
        let widest = ticks.iter().map(|tick| Font::regular(TICK_SIZE).width(&tick.label)).fold(0.0, f64::max);
        LABEL_SIZE + 10.0 + widest + TICK + 3.0
    }

    /// Width of what stands to the right of the data.
    fn right_margin(&self) -> f64 {
        let labels = self.series.iter().filter_map(|series| series.end_label.as_deref());
        labels.map(|label| 4.0 + label_width(label, Font::regular(END_LABEL_SIZE))).fold(0.0, f64::max)
    }

    /// Room for the ticks' labels, which may stand upright, and the axis' label.
    fn below(&self) -> f64 {
        // The narrowest that data get beside an axis: what is upright there may stand flat in a wider panel, with room to spare.
        if !self.x.upright(NARROW) {
            return BELOW_DATA;
        }
        let widths = self.x.names.iter().map(|name| label_width(name, Font::regular(TICK_SIZE)));
        BELOW_DATA - TICK_SIZE + widths.fold(TICK_SIZE, f64::max)
    }

    /// The axis labels stand at `left` and 18 above the small print.
    fn draw(&self, canvas: &mut dyn Canvas, letter: Option<char>, frame: Frame, left: f64) -> Result<(), DrawError> {
        draw_heading(canvas, letter, &self.heading, frame)?;
        let label = TextStyle::new(Font::regular(LABEL_SIZE)).anchored(Anchor::Middle);
        draw_label(canvas, &self.x.label, ((frame.left + frame.right) / 2.0, frame.bottom + self.below() - 18.0), label)?;
        let at = (left + LABEL_SIZE, (frame.top + frame.bottom) / 2.0);
        draw_label(canvas, &self.y.label, at, TextStyle { upwards: true, ..label })?;
        let (x, y) = (self.x_axis(), self.y_axis());
        if let Some(x) = &x {
            draw_x_ticks(canvas, frame, x, self.x.upright(NARROW))?;
            for at in self.across.iter().filter_map(|line| if let Across::X(at) = line { x.fraction(*at) } else { None }) {
                let guide = [(frame.x(at), frame.top), (frame.x(at), frame.bottom)];
                stroke(canvas, &guide, 1.0, Some(DASHED), GUIDE)?;
            }
            for mark in &self.overhead {
                let place = x.fraction(mark.x).map(|at| (frame.x(at), frame.top + OVERHEAD * (mark.row as f64 + 0.5)));
                draw_markers(canvas, mark.look, &[place], 0)?;
            }
        }
        if let (Some(x), Some(y)) = (&x, &y) {
            let frame = self.below_marks(frame);
            draw_y_ticks(canvas, frame, y)?;
            for at in self.across.iter().filter_map(|line| if let Across::Y(at) = line { y.fraction(*at) } else { None }) {
                let guide = [(frame.left, frame.y(at)), (frame.right, frame.y(at))];
                stroke(canvas, &guide, 1.0, Some(DASHED), GUIDE)?;
            }
            draw_bands(canvas, &self.bands, frame, x, y)?;
            let place = |p: &Point| Some((frame.x(x.fraction(p.0)?), frame.y(y.fraction(p.1)?)));
            let placed: Vec<Vec<Option<Point>>> = self.series.iter().map(|s| s.points.iter().map(place).collect()).collect();
            // Guides over the curves, which would hide them where they agree; markers over both.
            for guide in [false, true] {
                for (series, places) in self.series.iter().zip(&placed).filter(|(series, _)| series.guide == guide) {
                    draw_line(canvas, series.look, places, !guide)?;
                }
            }
            for (i, (series, places)) in self.series.iter().zip(&placed).enumerate() {
                if series.each {
                    draw_every_marker(canvas, series.look, places)?;
                } else {
                    draw_markers(canvas, series.look, places, i)?;
                }
            }
            self.draw_end_labels(canvas, frame, y)?;
        } else {
            let centre = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
            canvas.text("no point to draw", centre, label.colored(GREY))?;
        }
        let corners = [(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)];
        canvas.stroke(&corners, 0.8, BLACK)
    }
}

/// A panel's letter and heading, above the data.
pub(super) fn draw_heading(
    canvas: &mut dyn Canvas,
    letter: Option<char>,
    heading: &str,
    frame: Frame,
) -> Result<(), DrawError> {
    let mut at = (frame.left, frame.top - 9.0);
    if let Some(letter) = letter {
        let (text, font) = (format!("({letter})"), Font::bold(LABEL_SIZE));
        canvas.text(&text, at, TextStyle::new(font))?;
        at.0 += font.width(&text) + 5.0;
    }
    draw_label(canvas, heading, at, TextStyle::new(Font::regular(LABEL_SIZE)))
}

/// The pieces of a band between its gaps: from, to, in places on the page.
fn band_pieces(band: &Band, frame: Frame, x: &Axis, y: &Axis) -> Vec<Vec<[Point; 2]>> {
    let place = |&(at, from, to): &(f64, f64, f64)| {
        let at = frame.x(x.fraction(at)?);
        Some([(at, frame.y(y.fraction(from)?)), (at, frame.y(y.fraction(to)?))])
    };
    let places: Vec<Option<[Point; 2]>> = band.points.iter().map(place).collect();
    let pieces = places.split(Option::is_none).map(|piece| piece.iter().copied().flatten().collect());
    pieces.filter(|piece: &Vec<[Point; 2]>| !piece.is_empty()).collect()
}

/// Fills the bands, a piece of one point as an upright bar; then draws the edges of all, which show where one band covers another.
fn draw_bands(canvas: &mut dyn Canvas, bands: &[Band], frame: Frame, x: &Axis, y: &Axis) -> Result<(), DrawError> {
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

fn draw_x_ticks(canvas: &mut dyn Canvas, frame: Frame, x: &Axis, upright: bool) -> Result<(), DrawError> {
    let style = TextStyle::new(Font::regular(TICK_SIZE)).anchored(if upright { Anchor::End } else { Anchor::Middle });
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

fn draw_y_ticks(canvas: &mut dyn Canvas, frame: Frame, y: &Axis) -> Result<(), DrawError> {
    let style = TextStyle::new(Font::regular(TICK_SIZE)).anchored(Anchor::End);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::style;

    fn panel(y: Scale, points: &[Point]) -> Panel {
        let mut panel = Panel::new("heading", AxisSpec::new("time t", Scale::Log), AxisSpec::new("loss", y));
        panel.series.push(Series::new(points.to_vec(), style::process(0)));
        panel
    }

    #[test]
    fn every_point_left_out_is_counted_under_its_reason() {
        let points = [(0.0, 1.0), (1.0, 1.0), (2.0, 0.0), (3.0, -1.0), (4.0, f64::NAN), (5.0, f64::INFINITY), (6.0, 2.0)];
        let print = panel(Scale::Log, &points).left_out().join(" ");
        for sentence in
            ["1 of 7 points at t = 0", "1 of 7 points not defined", "1 of 7 points infinite", "2 of 7 points not positive"]
        {
            assert!(print.contains(sentence), "{print}");
        }
        assert!(panel(Scale::Log, &[(1.0, 1.0)]).left_out().is_empty());
    }

    #[test]
    fn every_drawn_point_lies_inside_the_frame() {
        let points: Vec<Point> = (1..2000).map(|i| (f64::from(i), (-f64::from(i) / 3.0).exp())).collect();
        for scale in [Scale::Log, Scale::Linear] {
            let panel = panel(scale, &points);
            let (x, y) = (panel.x_axis().unwrap(), panel.y_axis().unwrap());
            for p in &points {
                let inside = |f: Option<f64>| f.is_some_and(|f| (0.0..=1.0).contains(&f));
                assert!(inside(x.fraction(p.0)) && (p.1 == 0.0 || inside(y.fraction(p.1))));
            }
        }
    }
}

//! One panel: curves over two axes. A point that has no place on an axis (not positive on a log axis, not a number) is
//! left out and counted in the small print; its curve has a gap there. Only limits that a style sets clip anything.

mod overhead;
mod parts;
mod spec;

use plotters::style::RGBColor;

use crate::scenario::style::{AxisStyle, Family};

use super::axis::{Axis, Scale};
use super::canvas::{Canvas, DrawError, Point};
use super::clip::clipped;
use super::font::{Anchor, TextStyle};
use super::frame::Frame;
use super::overlap;
use super::pen::{draw_every_marker, draw_line, draw_markers, stroke};
use super::plot::{Across, Explained, Place, Plot};
use super::style::{BLACK, DASHED, GREY, GUIDE, LABEL_SIZE, Look, TICK_SIZE};
use super::text::{draw_label, label_width};
use super::thin::{STRIPS, thinned};
use overhead::Overheads;
use parts::{draw_bands, draw_x_ticks, draw_y_ticks};

pub(super) use overhead::Overhead;
pub(super) use parts::{LINE_HEIGHT, draw_heading, draw_side_label, heading_lines, side_label_width};
pub(super) use spec::AxisSpec;

/// One curve.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub points: Vec<Point>,
    /// How many points there were, if only those that show were kept of them.
    pub of: Option<usize>,
    pub look: Look,
    /// Written at the right end of the curve.
    pub end_label: Option<String>,
    /// Not a measurement: its missing points are not counted.
    pub guide: bool,
    /// Every point has its marker, however close it is to the one before.
    pub each: bool,
}

impl Series {
    /// Of very many points, those that show are kept.
    pub(super) fn new(points: Vec<Point>, look: Look) -> Self {
        let (kept, all) = (thinned(&points), points.len());
        let of = kept.is_some().then_some(all);
        Self { points: kept.unwrap_or(points), of, look, end_label: None, guide: false, each: false }
    }

    pub(super) fn guide(points: Vec<Point>, look: Look) -> Self {
        Self { guide: true, ..Self::new(points, look) }
    }

    /// Dots without a line, every one of them drawn.
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
    /// Dashed lines across the panel; the axes reach to them.
    pub across: Vec<Across>,
    /// Marks at the upper edge, for what has a place on the x axis alone.
    pub overhead: Vec<Overhead>,
    /// Small print; the counts of points left out follow it.
    pub notes: Vec<String>,
}

/// The area between two curves, shaded in `color` wherever both have a place.
#[derive(Debug, Clone)]
pub(super) struct Band {
    /// x, from, to.
    pub points: Vec<(f64, f64, f64)>,
    pub color: RGBColor,
}

const TICK: f64 = 4.0;
/// From the data down to the first line of small print, as a rule.
pub(super) const BELOW_DATA: f64 = 50.0;
/// Width of the data in the narrowest panels.
const NARROW: f64 = 250.0;
const END_LABEL_SIZE: f64 = 8.5;

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

    /// Whether there is a point of a curve to draw.
    pub(super) fn has_points(&self) -> bool {
        self.series.iter().filter(|series| !series.guide).flat_map(|series| &series.points).any(|&p| self.drawable(p))
    }

    fn left_out(&self) -> Vec<String> {
        let points: Vec<Point> = self.series.iter().filter(|s| !s.guide).flat_map(|s| s.points.iter().copied()).collect();
        let has_place = |&&(x, _): &&Point| self.x.scale.coordinate(x).is_some();
        let count = |condition: &dyn Fn(f64) -> bool| points.iter().filter(has_place).filter(|p| condition(p.1)).count();
        let (before, total) = (points.len() - points.iter().filter(has_place).count(), points.len());
        let of_them = |n: usize| format!("{n} of {total} {}", if total == 1 { "point" } else { "points" });
        let mut sentences = Vec::new();
        if let Some(most) = self.series.iter().filter(|s| !s.guide).filter_map(|s| s.of).max() {
            sentences.push(format!("Of {most} points, the extremes in each {STRIPS}th of the axis."));
        }
        // That the start has no place on a log axis of time needs no mention.
        let starts = points.iter().filter(|p| !has_place(p)).all(|p| p.0 == 0.0) && self.x.scale == Scale::Log;
        if before > 0 && !starts {
            let name = if self.x.label.starts_with("time") { "t" } else { "x" };
            let place = match points.iter().all(|p| p.0 >= 0.0) {
                true => format!("at {name} = 0"),
                false => format!("at {name} ≤ 0 or undefined {name}"),
            };
            let off = if self.x.scale == Scale::Log { ", off the log axis" } else { "" };
            sentences.push(format!("{} {place}{off}: not drawn.", of_them(before)));
        }
        let unmarked = self.overhead.iter().filter(|mark| self.x.scale.coordinate(mark.x).is_none());
        let unmarked: Vec<&str> = unmarked.filter_map(|mark| mark.words.as_deref()).collect();
        if !unmarked.is_empty() {
            sentences.push(format!("Off the log axis: {}.", unmarked.join(", ")));
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

    /// How far the label of the last tick goes beyond the data, in a narrow panel.
    fn overhang(&self, family: Family) -> f64 {
        let beyond = |x: Axis| {
            let last = x.ticks.last()?;
            let to_edge = (1.0 - x.fraction_of_coordinate(last.at)) * NARROW / 2.0;
            Some(label_width(&last.label, family.regular(TICK_SIZE)) / 2.0 - to_edge)
        };
        if self.x.upright(family, NARROW) { 0.0 } else { self.x_axis().and_then(beyond).unwrap_or(0.0).max(0.0) }
    }

    /// Whether neither axis has limits, so that every point lies in the frame.
    fn unlimited(&self) -> bool {
        self.x.limits.is_none() && self.y.limits.is_none()
    }

    /// Draws guides over the curves, which would hide them where they agree. Of overlapping curves the lower ones are drawn wider.
    fn draw_lines(&self, canvas: &mut dyn Canvas, frame: Frame, placed: &[Vec<Option<Point>>]) -> Result<(), DrawError> {
        let curves: Vec<_> = self.series.iter().zip(placed).filter(|(series, _)| !series.guide).collect();
        let lines: Vec<(&[Option<Point>], RGBColor)> = curves
            .iter()
            .map(|(series, places)| (if series.look.line.is_some() { places.as_slice() } else { &[] }, series.look.color))
            .collect();
        let wider = overlap::wider(&lines).into_iter();
        let guides = self.series.iter().zip(placed).filter(|(series, _)| series.guide);
        for ((series, places), wider) in curves.into_iter().zip(wider).chain(guides.map(|guide| (guide, 0.0))) {
            let look = Look { line: series.look.line.map(|width| width + wider), ..series.look };
            if self.unlimited() {
                draw_line(canvas, look, places, !series.guide)?;
            } else {
                draw_line(canvas, look, &clipped(places, frame), !series.guide)?;
            }
        }
        Ok(())
    }

    /// Names of curves at their right ends, moved apart where the curves end together.
    fn draw_end_labels(&self, canvas: &mut dyn Canvas, frame: Frame, placed: &[Vec<Option<Point>>]) -> Result<(), DrawError> {
        let end = |places: &[Option<Point>]| places.iter().rev().flatten().find(|p| frame.holds(**p)).map(|p| p.1);
        let labelled = self.series.iter().zip(placed);
        let ends = labelled.filter_map(|(series, places)| Some((end(places)?, series.end_label.as_ref()?, series.look.color)));
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
            let style = TextStyle::new(canvas.family().regular(END_LABEL_SIZE)).colored(color);
            draw_label(canvas, label, (frame.right + 3.0, at + 0.36 * END_LABEL_SIZE), style)?;
        }
        Ok(())
    }
}

impl Plot for Panel {
    /// The panel's notes, then the counts of points left out.
    fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.left_out()).collect()
    }

    fn axis_labels(&self) -> Option<[&str; 2]> {
        Some([&self.x.label, &self.y.label])
    }

    /// Room for the axis label and the tick labels.
    fn left_margin(&self, family: Family, label: Option<f64>) -> f64 {
        let ticks = self.y_axis().map(|y| y.ticks).unwrap_or_default();
        let widest = ticks.iter().map(|tick| family.regular(TICK_SIZE).width(&tick.label)).fold(0.0, f64::max);
        widest + TICK + 3.0 + label.map_or(0.0, |height| 10.0 + side_label_width(&self.y.label, family, height))
    }

    fn heading_lines(&self, family: Family, width: f64) -> usize {
        heading_lines(&self.heading, family, width).len()
    }

    fn right_margin(&self, family: Family) -> f64 {
        let labels = self.series.iter().filter_map(|series| series.end_label.as_deref());
        let labels = labels.map(|label| 4.0 + label_width(label, family.regular(END_LABEL_SIZE))).fold(0.0, f64::max);
        labels.max(self.overhang(family))
    }

    /// Room for the tick labels, which may stand upright, and the axis label.
    fn below(&self, family: Family) -> f64 {
        // Decided at the narrowest width of data: names that stand upright there do so in wider panels too.
        if !self.x.upright(family, NARROW) {
            return BELOW_DATA;
        }
        let widths = self.x.names.iter().map(|name| label_width(name, family.regular(TICK_SIZE)));
        BELOW_DATA - TICK_SIZE + widths.fold(TICK_SIZE, f64::max)
    }

    fn recolor(&mut self, from: RGBColor, to: RGBColor) {
        let series = self.series.iter_mut().filter(|series| !series.guide || series.look.color != BLACK);
        let colors = series.map(|series| &mut series.look.color);
        let bands = self.bands.iter_mut().map(|band| &mut band.color);
        let overhead = self.overhead.iter_mut().map(|mark| &mut mark.look.color);
        colors.chain(bands).chain(overhead).filter(|color| **color == from).for_each(|color| *color = to);
    }

    fn scaled(&self) -> [bool; 2] {
        [&self.x, &self.y].map(|axis| axis.names.is_empty())
    }

    fn restyle(&mut self, x: &AxisStyle, y: &AxisStyle) -> Result<(), [f64; 2]> {
        self.x.restyle(x)?;
        self.y.restyle(y)
    }

    fn explained(&self) -> Vec<Explained> {
        let Some(x) = self.x_axis() else { return Vec::new() };
        let y = self.y_axis();
        let place = |line: &&Across| match **line {
            Across::X(at) => x.inside(at),
            Across::Y(at) => y.as_ref()?.inside(at),
        };
        let lines = self.across.iter().filter(|line| place(line).is_some()).copied().map(Explained::Across);
        let marks = self.overhead.iter().filter(|mark| mark.fraction(&x).is_some());
        lines.chain(marks.filter_map(|mark| mark.look.marker).map(Explained::Overhead)).collect()
    }

    /// The y label stands at `left`, the x label 18 pixels above the small print.
    fn draw(&self, canvas: &mut dyn Canvas, place: Place) -> Result<(), DrawError> {
        let Place { frame, left, labels, .. } = place;
        let family = canvas.family();
        draw_heading(canvas, &self.heading, place)?;
        let label = TextStyle::new(family.regular(LABEL_SIZE)).anchored(Anchor::Middle);
        if labels.x {
            let at = ((frame.left + frame.right) / 2.0, frame.bottom + self.below(family) - 18.0);
            draw_label(canvas, &self.x.label, at, label)?;
        }
        if labels.y {
            draw_side_label(canvas, &self.y.label, left, frame)?;
        }
        let (x, y) = (self.x_axis(), self.y_axis());
        if let Some(x) = &x {
            draw_x_ticks(canvas, frame, x, self.x.upright(family, NARROW))?;
            let across = self.across.iter().filter_map(|line| if let Across::X(at) = line { x.inside(*at) } else { None });
            for at in across {
                let guide = [(frame.x(at), frame.top), (frame.x(at), frame.bottom)];
                stroke(canvas, &guide, 1.0, Some(DASHED), GUIDE)?;
            }
            Overheads::place(&self.overhead, x, frame, family).draw(canvas)?;
        }
        if let (Some(x), Some(y)) = (&x, &y) {
            let frame = Overheads::place(&self.overhead, x, frame, family).below(frame);
            draw_y_ticks(canvas, frame, y)?;
            let across = self.across.iter().filter_map(|line| if let Across::Y(at) = line { y.inside(*at) } else { None });
            for at in across {
                let guide = [(frame.left, frame.y(at)), (frame.right, frame.y(at))];
                stroke(canvas, &guide, 1.0, Some(DASHED), GUIDE)?;
            }
            draw_bands(canvas, &self.bands, frame, x, y)?;
            let place = |p: &Point| Some((frame.x(x.fraction(p.0)?), frame.y(y.fraction(p.1)?)));
            let placed: Vec<Vec<Option<Point>>> = self.series.iter().map(|s| s.points.iter().map(place).collect()).collect();
            self.draw_lines(canvas, frame, &placed)?;
            for (i, (series, places)) in self.series.iter().zip(&placed).enumerate() {
                let places: Vec<Option<Point>> =
                    places.iter().map(|place| place.filter(|p| self.unlimited() || frame.holds(*p))).collect();
                if series.each {
                    draw_every_marker(canvas, series.look, &places)?;
                } else {
                    draw_markers(canvas, series.look, &places, i)?;
                }
            }
            self.draw_end_labels(canvas, frame, &placed)?;
        } else {
            let centre = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
            canvas.text("no point to draw", centre, label.colored(GREY))?;
        }
        let corners = [(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)];
        canvas.stroke(&corners, 0.8, BLACK)
    }
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
        for sentence in ["1 of 7 points not defined", "1 of 7 points infinite", "2 of 7 points not positive"] {
            assert!(print.contains(sentence), "{print}");
        }
        assert!(!print.contains("t = 0"), "{print}");
        let before = panel(Scale::Log, &[(-1.0, 1.0), (0.0, 1.0), (1.0, 1.0)]).left_out().join(" ");
        assert_eq!(before, "2 of 3 points at t ≤ 0 or undefined t, off the log axis: not drawn.");
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

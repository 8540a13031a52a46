//! Marks at the upper edge of a panel, for what has a place on the x axis alone.

use crate::scenario::style::Family;

use super::super::axis::Axis;
use super::super::canvas::{Canvas, DrawError, Point};
use super::super::font::{Font, TextStyle};
use super::super::frame::Frame;
use super::super::pen::draw_markers;
use super::super::style::{Look, SMALL_SIZE};

/// A marker at the upper edge of a panel.
#[derive(Debug, Clone)]
pub(in super::super) struct Overhead {
    pub x: f64,
    /// Row from the top: marks at one x stand below each other.
    pub row: usize,
    pub look: Look,
    /// Written above it. A row takes as many lines as its labels need to stand apart.
    pub label: Option<String>,
    /// What it says in words, where it has no place on the axis.
    pub words: Option<String>,
}

impl Overhead {
    /// Its place from the left end of the axis to the right; `None` off the axis.
    pub(super) fn fraction(&self, x: &Axis) -> Option<f64> {
        x.inside(self.x)
    }
}

/// Height of a line of marks, without and with labels.
const HEIGHT: f64 = 8.0;
const LABELLED: f64 = HEIGHT + SMALL_SIZE;
/// Half the width of a marker.
const HALF: f64 = 4.5;
/// From a label to the next.
const AIR: f64 = 2.0;
/// The share of the panel's height that marks with labels take at most; a row that would need more has none.
const MOST: f64 = 0.3;

/// Where a mark stands, and the left end of its label.
#[derive(Debug)]
struct Placed<'a> {
    mark: &'a Overhead,
    at: Point,
    label: Option<(&'a str, f64)>,
}

/// Marks as they stand on the page.
pub(super) struct Overheads<'a> {
    placed: Vec<Placed<'a>>,
    /// What they take of the height of the panel.
    height: f64,
}

impl<'a> Overheads<'a> {
    /// Row by row, those within the axis.
    pub(super) fn place(marks: &'a [Overhead], x: &Axis, frame: Frame, family: Family) -> Self {
        let font = font(family);
        let (mut placed, mut height) = (Vec::new(), 0.0);
        for row in 0..marks.iter().map(|mark| mark.row + 1).max().unwrap_or(0) {
            let inside = |mark: &'a Overhead| Some((mark, frame.x(mark.fraction(x)?)));
            let mut own: Vec<(&Overhead, f64)> = marks.iter().filter(|mark| mark.row == row).filter_map(inside).collect();
            if own.is_empty() {
                continue;
            }
            own.sort_by(|a, b| a.1.total_cmp(&b.1));
            let label = |mark: &'a Overhead| mark.label.as_deref().map(|label| (label, font.width(label)));
            let spans: Vec<[f64; 2]> =
                own.iter().map(|(mark, at)| span(*at, label(mark).map(|(_, width)| width), frame)).collect();
            let lines = lines(&spans);
            let count = lines.iter().max().map_or(0, |most| most + 1);
            let fits = height + LABELLED * count as f64 <= MOST * (frame.bottom - frame.top);
            let is_labelled = fits && own.iter().any(|(mark, _)| mark.label.is_some());
            for (((mark, at), [left, right]), line) in own.iter().zip(spans).zip(lines) {
                let (label, y) = if is_labelled {
                    let left = |(text, width)| (text, 0.5 * (left + right - width));
                    (label(mark).map(left), LABELLED * (line as f64 + 1.0) - 0.5 * HEIGHT)
                } else {
                    (None, 0.5 * HEIGHT)
                };
                placed.push(Placed { mark, at: (*at, frame.top + height + y), label });
            }
            height += if is_labelled { LABELLED * count as f64 } else { HEIGHT };
        }
        Self { placed, height }
    }

    /// The part of the frame below them.
    pub(super) fn below(&self, frame: Frame) -> Frame {
        Frame { top: frame.top + self.height, ..frame }
    }

    pub(super) fn draw(&self, canvas: &mut dyn Canvas) -> Result<(), DrawError> {
        let style = TextStyle::new(font(canvas.family()));
        for Placed { mark, at, label } in &self.placed {
            draw_markers(canvas, mark.look, &[Some(*at)], 0)?;
            if let Some((label, left)) = label {
                canvas.text(label, (*left, at.1 - 0.5 * HEIGHT - 0.5), style.colored(mark.look.color))?;
            }
        }
        Ok(())
    }
}

fn font(family: Family) -> Font {
    family.regular(SMALL_SIZE)
}

/// From where to where a mark at `at` takes its line, with a label of this width above it: centred, but within the frame.
fn span(at: f64, label: Option<f64>, frame: Frame) -> [f64; 2] {
    let half = label.map_or(HALF, |width| (0.5 * (width + AIR)).max(HALF));
    let least = frame.left + half;
    let centre = at.clamp(least, (frame.right - half).max(least));
    [centre - half, centre + half]
}

/// The first line on which each of these, in order, has room.
fn lines(spans: &[[f64; 2]]) -> Vec<usize> {
    // How far each line is taken.
    let mut taken: Vec<f64> = Vec::new();
    let mut place = |&[left, right]: &[f64; 2]| {
        let line = taken.iter().position(|end| left >= *end).unwrap_or(taken.len());
        if line == taken.len() {
            taken.push(right);
        } else {
            taken[line] = right;
        }
        line
    };
    spans.iter().map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::axis::Scale;
    use super::super::super::style;
    use super::*;

    const FRAME: Frame = Frame { left: 50.0, right: 350.0, top: 10.0, bottom: 210.0 };

    fn marks(xs: &[f64], label: Option<&str>) -> Vec<Overhead> {
        let mark = |&x: &f64| Overhead { x, row: 0, look: style::process(0), label: label.map(String::from), words: None };
        xs.iter().map(mark).collect()
    }

    /// Left, right, top and bottom of a mark with its label.
    fn boxes(placed: &Overheads) -> Vec<[f64; 4]> {
        let font = font(Family::default());
        let of = |placed: &Placed| {
            let (x, y) = placed.at;
            let label = placed.label.map_or([x, x], |(label, left)| [left, left + font.width(label)]);
            let top = if placed.label.is_some() { y + 0.5 * HEIGHT - LABELLED } else { y - 0.5 * HEIGHT };
            [label[0].min(x - 4.0), label[1].max(x + 4.0), top, y + 0.5 * HEIGHT]
        };
        placed.placed.iter().map(of).collect()
    }

    /// Whatever their places: within the frame, apart from one another, and above the curves. Where there is no room, marks stand alone.
    #[test]
    fn labels_overlap_nothing_and_stay_in_the_frame() {
        for (count, spread, is_labelled) in [(1, 1.0, true), (7, 1.0, true), (12, 0.5, true), (30, 0.9, true), (9, 0.0, false)]
        {
            let xs: Vec<f64> = (0..count).map(|i| 1.0 - spread * f64::from(i) / f64::from(count)).collect();
            let axis = Axis::between(Scale::Linear, [0.0, 1.0]).unwrap();
            let marks = marks(&xs, Some("10"));
            let placed = Overheads::place(&marks, &axis, FRAME, Family::default());
            let all = boxes(&placed);
            assert!(all.len() == count as usize && placed.placed.iter().all(|placed| placed.label.is_some() == is_labelled));
            assert!(placed.below(FRAME).top - FRAME.top <= MOST * 200.0);
            for (i, a) in all.iter().enumerate().filter(|_| is_labelled) {
                assert!(a[0] >= FRAME.left && a[1] <= FRAME.right + 4.0 && a[3] <= placed.below(FRAME).top + 1e-9, "{a:?}");
                for b in &all[i + 1..] {
                    let apart = a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] + 1e-9 || b[3] <= a[2] + 1e-9;
                    assert!(apart, "{count} over {spread}: {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn marks_without_labels_take_one_line_and_those_off_the_axis_none() {
        let axis = Axis::between(Scale::Log, [1.0, 100.0]).unwrap();
        let marks = marks(&[0.0, 0.5, 10.0, 10.0, 10.1], None);
        let placed = Overheads::place(&marks, &axis, FRAME, Family::default());
        assert!(placed.placed.len() == 3 && placed.below(FRAME).top == FRAME.top + HEIGHT);
        assert!(placed.placed.iter().all(|placed| placed.at.1 == FRAME.top + HEIGHT / 2.0));
        let none = Overheads::place(&[], &axis, FRAME, Family::default());
        assert_eq!(none.below(FRAME), FRAME);
    }
}

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
    /// Written beside it. A row takes as many lines as its labels need to stand apart.
    pub label: Option<String>,
    /// What it says in words, where it has no place on the axis.
    pub words: Option<String>,
}

/// Height of a line of marks, without and with labels.
const HEIGHT: f64 = 8.0;
const LABELLED: f64 = 11.0;
/// Half the width of a marker, with some air.
const HALF: f64 = 4.5;
/// From the end of a label to the next mark.
const AIR: f64 = 1.5;
/// The share of the panel's height that marks take at most; beyond, they are drawn without labels.
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
            let inside = |mark: &'a Overhead| Some((mark, frame.x(x.fraction(mark.x).filter(|at| (0.0..=1.0).contains(at))?)));
            let mut own: Vec<(&Overhead, f64)> = marks.iter().filter(|mark| mark.row == row).filter_map(inside).collect();
            own.sort_by(|a, b| a.1.total_cmp(&b.1));
            let line = if own.iter().any(|(mark, _)| mark.label.is_some()) { LABELLED } else { HEIGHT };
            let room = (((MOST * (frame.bottom - frame.top) - height) / line) as usize).max(1);
            // How far each line is taken.
            let mut taken = vec![f64::NEG_INFINITY];
            for (mark, at) in own {
                let label = mark.label.as_deref().map(|label| (label, font.width(label)));
                let [left, right] = span(at, label.map(|(_, width)| width), frame);
                let free = taken.iter().position(|end| left >= *end).or((taken.len() < room).then_some(taken.len()));
                let crowded = label.is_some() && free.is_none();
                let place = if label.is_some() { free.unwrap_or(room - 1) } else { 0 };
                if place == taken.len() {
                    taken.push(f64::NEG_INFINITY);
                }
                taken[place] = taken[place].max(right);
                let beside = |(label, width)| (label, if left < at - HALF { at - HALF - width } else { at + HALF });
                let label = label.filter(|_| !crowded).map(beside);
                placed.push(Placed { mark, at: (at, frame.top + height + line * (place as f64 + 0.5)), label });
            }
            height += line * taken.len() as f64;
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
                canvas.text(label, (*left, at.1 + 0.36 * SMALL_SIZE), style.colored(mark.look.color))?;
            }
        }
        Ok(())
    }
}

fn font(family: Family) -> Font {
    family.regular(SMALL_SIZE)
}

/// From where to where a mark at `at` takes its line, with a label of this width: to the left of it where there is no room to the right.
fn span(at: f64, label: Option<f64>, frame: Frame) -> [f64; 2] {
    match label {
        None => [at - HALF, at + HALF],
        Some(width) if at + HALF + width > frame.right => [at - HALF - width, at + HALF],
        Some(width) => [at - HALF, at + HALF + width + AIR],
    }
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
            [label[0].min(x - 4.0), label[1].max(x + 4.0), y - LABELLED / 2.0, y + LABELLED / 2.0]
        };
        placed.placed.iter().map(of).collect()
    }

    /// Whatever their places: within the frame, apart from one another, and above the curves.
    #[test]
    fn labels_overlap_nothing_and_stay_in_the_frame() {
        for (count, spread) in [(1, 1.0), (7, 1.0), (12, 0.5), (30, 0.9), (9, 0.0)] {
            let xs: Vec<f64> = (0..count).map(|i| 1.0 - spread * f64::from(i) / f64::from(count)).collect();
            let axis = Axis::around(Scale::Linear, [0.0, 1.0]).unwrap();
            let marks = marks(&xs, Some("10"));
            let placed = Overheads::place(&marks, &axis, FRAME, Family::default());
            let all = boxes(&placed);
            assert_eq!(all.len(), count as usize);
            let labelled: Vec<&[f64; 4]> =
                all.iter().zip(&placed.placed).filter(|(_, placed)| placed.label.is_some()).map(|(place, _)| place).collect();
            for (i, a) in labelled.iter().enumerate() {
                assert!(a[0] >= FRAME.left && a[1] <= FRAME.right && a[3] <= placed.below(FRAME).top + 1e-9, "{a:?}");
                for b in &labelled[i + 1..] {
                    let apart = a[1] <= b[0] || b[1] <= a[0] || a[3] <= b[2] + 1e-9 || b[3] <= a[2] + 1e-9;
                    assert!(apart, "{count} over {spread}: {a:?} {b:?}");
                }
            }
            assert!(placed.below(FRAME).top - FRAME.top <= MOST * 200.0 && (spread < 0.05 || labelled.len() == count as usize));
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

//! What lies outside the limits of axes is not drawn: lines end at the frame.

use super::canvas::Point;
use super::frame::Frame;

/// The parts of a curve in the frame; its gaps stay.
pub(super) fn clipped(places: &[Option<Point>], frame: Frame) -> Vec<Option<Point>> {
    let mut kept: Vec<Option<Point>> = Vec::new();
    for (i, place) in places.iter().enumerate() {
        let Some(point) = *place else {
            kept.push(None);
            continue;
        };
        let before = i.checked_sub(1).and_then(|i| places[i]);
        let alone = before.is_none() && places.get(i + 1).copied().flatten().is_none();
        match before.map(|before| segment(before, point, frame)) {
            Some(Some((from, to))) => {
                if kept.last() != Some(&Some(from)) {
                    kept.extend([None, Some(from)]);
                }
                kept.push(Some(to));
            }
            None if alone && frame.holds(point) => kept.push(Some(point)),
            _ => {}
        }
    }
    kept
}

/// The part of a segment in the frame (Liang and Barsky).
fn segment(from: Point, to: Point, frame: Frame) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut first, mut last) = (0.0_f64, 1.0_f64);
    let edges =
        [(-dx, from.0 - frame.left), (dx, frame.right - from.0), (-dy, from.1 - frame.top), (dy, frame.bottom - from.1)];
    for (towards, room) in edges {
        if towards == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if towards < 0.0 {
            first = first.max(room / towards);
        } else {
            last = last.min(room / towards);
        }
    }
    let at = |share: f64| match share {
        0.0 => from,
        1.0 => to,
        _ => (from.0 + share * dx, from.1 + share * dy),
    };
    (first <= last).then(|| (at(first), at(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { left: 0.0, right: 10.0, top: 0.0, bottom: 10.0 };

    #[test]
    fn lines_end_at_the_frame_and_begin_again_there() {
        let peak = [Some((0.0, 5.0)), Some((2.0, -5.0)), Some((4.0, 5.0)), Some((20.0, 5.0))];
        let kept = clipped(&peak, FRAME);
        let expected = [None, Some((0.0, 5.0)), Some((1.0, 0.0)), None, Some((3.0, 0.0)), Some((4.0, 5.0)), Some((10.0, 5.0))];
        assert_eq!(kept, expected);
    }

    #[test]
    fn what_lies_inside_stays_as_it_is() {
        let inside = [Some((1.0, 1.0)), Some((2.0, 2.0)), None, Some((3.0, 3.0)), None];
        let runs = |places: &[Option<Point>]| -> Vec<Vec<Point>> {
            places
                .split(Option::is_none)
                .map(|run| run.iter().copied().flatten().collect())
                .filter(|run: &Vec<_>| !run.is_empty())
                .collect()
        };
        assert_eq!(runs(&clipped(&inside, FRAME)), runs(&inside));
        assert!(runs(&clipped(&[Some((11.0, 1.0)), Some((12.0, 4.0)), None, Some((-1.0, 0.0))], FRAME)).is_empty());
    }
}

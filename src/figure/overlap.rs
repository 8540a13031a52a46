//! Overlapping curves. The lower one is drawn wider, so that it is seen on both sides of the one that covers it.

use plotters::style::RGBColor;

use super::canvas::Point;

/// Nearer than this, in logical pixels, two curves are one to the eye.
const NEAR: f64 = 1.3;
/// A curve is hidden if at least this share of it lies under another.
const HIDDEN: f64 = 0.5;
/// A hidden curve is this much wider for each curve above it, up to [`MOST`] of them.
const WIDER: f64 = 1.4;
const MOST: usize = 2;
/// The most points of a curve that are compared.
const SAMPLES: usize = 64;

/// What to add to the width of each curve's line, in the order in which they are drawn. Under a curve of its own colour, even a wider one
/// could not be told apart.
pub(super) fn wider(curves: &[(&[Option<Point>], RGBColor)]) -> Vec<f64> {
    let above = |i: usize| {
        let (lower, color) = &curves[i];
        curves[i + 1..].iter().filter(|(upper, other)| other != color && hides(upper, lower)).count()
    };
    (0..curves.len()).map(|i| WIDER * above(i).min(MOST) as f64).collect()
}

fn hides(upper: &[Option<Point>], lower: &[Option<Point>]) -> bool {
    let points: Vec<Point> = lower.iter().copied().flatten().collect();
    if points.len() < 2 {
        return false;
    }
    let sample: Vec<Point> = points.iter().copied().step_by(points.len().div_ceil(SAMPLES)).collect();
    let covered = sample.iter().filter(|point| height(upper, point.0).is_some_and(|y| (y - point.1).abs() < NEAR)).count();
    covered as f64 >= HIDDEN * sample.len() as f64
}

/// The height at this x of a curve with ascending x.
fn height(curve: &[Option<Point>], x: f64) -> Option<f64> {
    const SLACK: f64 = 1e-6;
    for pair in curve.windows(2) {
        let [Some(from), Some(to)] = pair else { continue };
        if from.0 - SLACK <= x && x <= to.0 + SLACK {
            let share = if to.0 > from.0 { ((x - from.0) / (to.0 - from.0)).clamp(0.0, 1.0) } else { 0.0 };
            return Some(from.1 + share * (to.1 - from.1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(of: fn(f64) -> f64) -> Vec<Option<Point>> {
        (0..100).map(f64::from).map(|x| Some((x, of(x)))).collect()
    }

    /// Each in a colour of its own.
    fn coloured(curves: &[Vec<Option<Point>>]) -> Vec<(&[Option<Point>], RGBColor)> {
        curves.iter().zip(0..).map(|(curve, i)| (curve.as_slice(), RGBColor(i, 0, 0))).collect()
    }

    #[test]
    fn what_is_covered_is_wider_and_what_covers_is_not() {
        let all = [curve(|x| x), curve(|x| x + 0.5), curve(|x| 2.0 * x), curve(|x| x)];
        let mut curves = coloured(&all);
        assert_eq!(wider(&curves), [2.0 * WIDER, WIDER, 0.0, 0.0]);
        curves[3].1 = curves[0].1;
        assert_eq!(wider(&curves), [WIDER, WIDER, 0.0, 0.0]);
    }

    #[test]
    fn curves_that_cross_or_have_no_place_hide_nothing() {
        assert_eq!(wider(&coloured(&[curve(|x| x), curve(|x| 100.0 - x), Vec::new(), vec![None; 5]])), [0.0; 4]);
    }
}

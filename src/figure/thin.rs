//! Long curves, thinned: of each of many narrow strips of the x axis, linear or logarithmic, the points that show.

use super::axis::Scale;
use super::canvas::Point;

/// Curves of more points than this are thinned.
const MANY: usize = 20_000;
/// The strips of either axis: several to a pixel of a panel.
pub(super) const STRIPS: usize = 2_000;

/// Of many points in the order of x, those that the curve needs: in each strip the first and the last, the largest and the smallest, the
/// smallest that is positive, and one of those that are not defined or infinite. `None` where there are few, or they are in another order.
pub(super) fn thinned(points: &[Point]) -> Option<Vec<Point>> {
    (points.len() > MANY && points.is_sorted_by(|a, b| a.0 <= b.0)).then(|| strips(points))
}

fn strips(points: &[Point]) -> Vec<Point> {
    let grids = [Scale::Linear, Scale::Log].map(|scale| {
        let places = || points.iter().filter_map(move |point| scale.coordinate(point.0));
        let (first, last) = (places().next().unwrap_or(0.0), places().next_back().unwrap_or(0.0));
        move |x: f64| scale.coordinate(x).map(|at| (STRIPS as f64 * (at - first) / (last - first)) as usize)
    });
    let strip = |point: &Point| [grids[0](point.0), grids[1](point.0)];
    points.chunk_by(|a, b| strip(a) == strip(b)).flat_map(shown).collect()
}

/// What shows of a strip, in order.
fn shown(strip: &[Point]) -> Vec<Point> {
    let finite = || strip.iter().enumerate().filter(|(_, point)| point.1.is_finite());
    let by_value = |a: &(usize, &Point), b: &(usize, &Point)| a.1.1.total_cmp(&b.1.1);
    let extremes = [finite().max_by(by_value), finite().min_by(by_value), finite().filter(|(_, p)| p.1 > 0.0).min_by(by_value)];
    let first_of = |is: fn(f64) -> bool| strip.iter().position(|point| is(point.1));
    let mut kept: Vec<usize> = extremes.into_iter().flatten().map(|(index, _)| index).collect();
    kept.extend([Some(0), strip.len().checked_sub(1), first_of(f64::is_nan), first_of(f64::is_infinite)].into_iter().flatten());
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|index| strip[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spike one point wide, a gap one point wide and the smallest positive value beside a negative one are still there, and so is
    /// every decade of a linear grid.
    #[test]
    fn what_shows_is_kept() {
        let n = 500_000;
        let mut points: Vec<Point> = (0..n).map(|i| (f64::from(i), 2.0 + f64::from(i).sin())).collect();
        for (at, value) in [(70_003, 1e6), (200_001, f64::NAN), (300_005, -3.0), (300_006, 1e-9), (400_000, f64::INFINITY)] {
            points[at].1 = value;
        }
        let kept = thinned(&points).unwrap();
        assert!(kept.len() < 7 * 2 * STRIPS, "{}", kept.len());
        let bits = |point: &Point| (point.0.to_bits(), point.1.to_bits());
        assert!(kept.iter().all(|point| bits(point) == bits(&points[point.0 as usize])));
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        for at in [0, 1, 2, 5, 10, 70_003, 200_001, 300_005, 300_006, 400_000, n as usize - 1] {
            assert!(kept.iter().any(|point| point.0 == at as f64), "{at}");
        }
        // Every stretch has its extremes.
        for stretch in kept.chunks(4000).map(|chunk| chunk[0].0..=chunk[chunk.len() - 1].0) {
            let extremes = |all: &[Point]| {
                let inside = all.iter().filter(|p| stretch.contains(&p.0) && p.1.is_finite());
                inside.fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p.1), high.max(p.1)))
            };
            assert_eq!(extremes(&kept), extremes(&points));
        }
    }

    #[test]
    fn few_points_and_points_without_an_order_stay() {
        assert!(thinned(&vec![(1.0, 2.0); MANY]).is_none());
        let back_and_forth: Vec<Point> = (0..2 * MANY).map(|i| ((i as f64).sin(), 1.0)).collect();
        assert!(thinned(&back_and_forth).is_none());
        assert_eq!(thinned(&vec![(1.0, 2.0); 2 * MANY]).unwrap().len(), 2);
    }
}

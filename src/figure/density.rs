//! The density of the Hessian's eigenvalues at the last record, one curve per process, with the band of two standard errors around it; the
//! first record of the first process, the start of all, in grey.

use crate::record::Run;

use super::axis::Scale;
use super::number::number;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Band, Panel, Series};
use super::quantity;
use super::records::{matrix, picture, processes, vector};
use super::style::{GREY, Look};
use super::text::verbatim;

/// Below this share of the highest density nothing is drawn: a curve there is the tail of the Gaussian that smooths it.
const FAINT: f64 = 1e-4;
/// Half the band, in standard errors.
const ERRORS: f64 = 2.0;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let y = AxisSpec::new(quantity::spectrum_label(run, "hessian_density"), Scale::Log);
    let mut panel = Panel::new("density of eigenvalues", AxisSpec::new("eigenvalue of ∇^2J", Scale::Linear), y);
    let mut legend = Vec::new();
    for (i, (process, look)) in processes(run).into_iter().enumerate() {
        let times = vector(run, process, "t");
        let Some(last) = times.len().checked_sub(1) else { continue };
        // All processes share a start.
        let drawn = [(0, Look::line(GREY)), (last, Look { marker: None, ..look })];
        for (record, look) in drawn.into_iter().skip(usize::from(i > 0 || last == 0)) {
            let pieces = pieces(run, process, record).unwrap_or_default();
            if pieces.is_empty() {
                continue;
            }
            for points in pieces {
                panel.series.push(Series::new(points.iter().map(|[x, y, _, _]| (*x, *y)).collect(), look));
                let points = points.iter().map(|[x, _, low, high]| (*x, *low, *high)).collect();
                panel.bands.push(Band { points, color: look.color });
            }
            let who = if record < last { "start".to_string() } else { verbatim(process) };
            legend.push(Entry::new(format!("{who}, t = {}", number(times[record], 3)), look));
        }
    }
    panel.notes.push(format!("Bands: {ERRORS} standard errors."));
    picture("density", run, "density of the Hessian's eigenvalues", legend, vec![panel])
}

/// x, the density and the ends of the band at one record, in pieces over which the density is more than a tail.
fn pieces(run: &Run, process: &str, record: usize) -> Option<Vec<Vec<[f64; 4]>>> {
    let [x, mean, error] = ["hessian_density_at", "hessian_density", "hessian_density_error"]
        .map(|name| matrix(run, process, name).filter(|array| record < array.rows()).map(|array| array.row(record).to_vec()));
    let (x, mean, error) = (x?, mean?, error?);
    let floor = FAINT * mean.iter().copied().fold(0.0, f64::max);
    let points = x.iter().zip(&mean).zip(&error);
    let points: Vec<[f64; 4]> = points.map(|((x, y), e)| [*x, *y, (y - ERRORS * e).max(floor), y + ERRORS * e]).collect();
    // A NaN is no density.
    let is_gap = |point: &[f64; 4]| point[1].is_nan() || point[1] <= floor;
    Some(points.split(is_gap).filter(|piece| !piece.is_empty()).map(<[_]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;
    use crate::npz::Array;

    #[test]
    fn start_and_ends_are_drawn_with_bands_above_the_tails() {
        let mut run = sample::decaying(20, &[("gd", 0.1)]);
        assert!(picture_of(&run).is_none());
        for process in ["flow", "gd"] {
            let records = vector(&run, process, "t").len();
            let mut insert = |name: &str, row: [f64; 4]| {
                let data: Vec<f64> = (0..records).flat_map(|_| row).collect();
                run.arrays.insert(format!("{process}/{name}"), Array::new(&[records, 4], data));
            };
            insert("hessian_density_at", [0.0, 1.0, 2.0, 3.0]);
            insert("hessian_density", [0.5, 0.25, 1e-12, 0.1]);
            insert("hessian_density_error", [0.1, 0.2, 1e-13, 0.01]);
        }
        let panel = &picture_of(&run).unwrap().panels[0];
        // Two pieces each, of the start and of two ends.
        assert_eq!((panel.series.len(), panel.bands.len()), (6, 6));
        assert_eq!(
            (&panel.series[0].points[..], &panel.series[1].points[..]),
            (&[(0.0, 0.5), (1.0, 0.25)][..], &[(3.0, 0.1)][..])
        );
        assert_eq!(panel.bands[0].points, [(0.0, 0.3, 0.7), (1.0, 5e-5, 0.65)]);
    }
}

//! (a) Balance gaps ‖D_l‖_F, D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ, beside e^{−2λt}‖D_l(0)‖_F, which the law D_l(t) = e^{−2λt}D_l(0)
//! predicts; (b) the residual of the law, of the matrices and not of their norms. From a balanced start no gap can decay: (a) is drawn
//! alone.

use crate::record::Run;
use crate::theory::balance::{decay, floor};

use super::axis::Scale;
use super::canvas::Point;
use super::page::{Entry, FULL_LEGEND, Picture, abridged};
use super::panel::{AxisSpec, Panel, Series};
use super::quantity;
use super::records::{depth, over_time, picture, process_entries, processes, time_axis};
use super::style::{self, LAW, Look};

/// The law's curve ends at this fraction of the least gap, so that it does not squeeze the data into a corner.
pub(super) const BELOW_DATA: f64 = 1e-2;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let pairs = depth(run).saturating_sub(1);
    let color = |l: usize| if pairs <= FULL_LEGEND { style::categorical(l - 1) } else { style::sequential(l - 1, pairs) };
    let mut gap = Panel::new("balance gap", time_axis(run), AxisSpec::new("balance gap ‖D_ℓ‖_F", Scale::Log));
    let residual = AxisSpec::new(quantity::label("balance_law_residual_relative"), Scale::Log);
    let mut law = Panel::new("residual of the law", time_axis(run), residual);
    let (mut balanced, mut cut) = (Vec::new(), None::<f64>);
    for (i, (process, look)) in processes(run).into_iter().enumerate() {
        let start_norm = run.table.floats(process, "weight_norm").first().copied().unwrap_or(0.0);
        for l in 1..=pairs {
            // Nonlinear networks have no such gaps.
            let seen = |points: &Vec<Point>| points.iter().any(|p| p.1.is_finite());
            let Some(points) = over_time(run, process, &format!("balance_gap_{l}")).filter(seen) else { continue };
            let look = look.colored(color(l));
            let start = points.first().map_or(f64::NAN, |p| p.1);
            let unbalanced = start > floor(run.law.norm(start_norm));
            gap.series.push(Series::new(points.clone(), look));
            if i == 0
                && unbalanced
                && let Some(rate) = run.law.rate()
            {
                // On top of the flow's curve, which would hide it where the law holds.
                let (envelope, end) = envelope(&points, rate);
                gap.series.push(Series::guide(envelope, LAW));
                cut = end.into_iter().chain(cut).reduce(f64::min);
            } else if i == 0 && !unbalanced {
                balanced.push(l);
            }
        }
        // Grey, as processes are in the legend: colours distinguish the pairs of layers.
        let residual = over_time(run, process, "balance_law_residual_relative");
        law.series.extend(
            residual
                .filter(|points| points.iter().any(|p| p.1.is_finite()))
                .map(|points| Series::new(points, look.colored(style::GREY))),
        );
    }
    let all_balanced = law.series.is_empty() && !balanced.is_empty();
    if all_balanced {
        gap.heading = "balance gap from a balanced start".into();
    } else if !balanced.is_empty() {
        let names: Vec<String> = balanced.iter().map(|l| format!("D{l}")).collect();
        gap.notes.push(format!("Balanced start of {}: no law to compare with.", names.join(", ")));
    }
    if let Some(t) = cut {
        gap.notes.push(format!("The law falls below the gaps: drawn until t = {}.", super::number::number(t, 3)));
    }

    let entry = |k: usize| Entry::new(format!("D_{{{}}}", k + 1), Look::line(color(k + 1)));
    let mut legend = abridged(if gap.series.is_empty() { 0 } else { pairs }, 4, entry);
    legend.extend(process_entries(run, Some(style::GREY)));
    if !law.series.is_empty() {
        legend.push(Entry::new("law e^{−2λt}‖D_ℓ(0)‖_F", LAW));
    }
    let panels = [gap, law].into_iter().filter(|panel| !panel.series.is_empty()).collect();
    picture("balance", run, "balance of neighbouring layers", legend, panels)
}

/// The law's curve e^{−2λ(t−t₀)}‖D(t₀)‖_F from the first gap, and the time at which it is cut, if it is.
fn envelope(points: &[Point], weight_decay: f64) -> (Vec<Point>, Option<f64>) {
    let Some(&(t0, start)) = points.first() else { return (Vec::new(), None) };
    let least = points.iter().map(|p| p.1).filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min);
    let law = |t: f64| start * decay(weight_decay, t - t0);
    let (kept, cut): (Vec<Point>, Vec<Point>) =
        points.iter().map(|&(t, _)| (t, law(t))).partition(|&(_, value)| value > BELOW_DATA * least);
    (kept, cut.first().map(|p| p.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;

    #[test]
    fn the_envelope_is_the_law() {
        let points: Vec<Point> = (0..50).map(|i| f64::from(i) * 10.0).map(|t| (t, 3.0 * (-0.02 * t).exp())).collect();
        let (law, cut) = envelope(&points, 0.01);
        assert!(cut.is_none() && law.iter().zip(&points).all(|(a, b)| (a.1 / b.1 - 1.0).abs() < 1e-12));
        // Twice the rate falls far below the data, and is cut there.
        assert!(envelope(&points, 0.02).1.is_some());
    }

    #[test]
    fn a_balanced_start_has_no_law_and_says_so() {
        let picture = picture_of(&sample::balanced()).unwrap();
        assert_eq!(picture.panels.len(), 1);
        assert!(picture.panels[0].heading.contains("balanced start"));
        assert!(picture.panels[0].series.iter().all(|series| !series.guide));
    }

    #[test]
    fn one_layer_has_no_gap_to_draw() {
        assert!(picture_of(&sample::depth(1)).is_none());
    }
}

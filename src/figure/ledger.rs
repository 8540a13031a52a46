//! (a) The imbalance max_l ‖S_l‖_F that the steps of gd and sgd have created, and their whole balance gap max_l ‖D_l‖_F, beside what the
//! flow's law leaves of the initial gap, e^{−2λt}·max_l ‖D_l(0)‖_F; (b) the residual of the discrete law, which is exact up to rounding.

use crate::record::Run;
use crate::theory::balance::floor;

use super::axis::Scale;
use super::balance::BELOW_DATA;
use super::canvas::Point;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::records::{over_time, picture, processes, time_axis};
use super::style::{BLACK, DASHED, LAW, Look};
use super::text::verbatim;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let gaps = AxisSpec::new("created max_{ℓ }‖S_ℓ‖_F, total max_{ℓ }‖D_ℓ‖_F", Scale::Log);
    let mut created = Panel::new("imbalance created by the step size", time_axis(run), gaps);
    let residual = AxisSpec::new("largest ‖D^+ − law‖_F / ‖W‖^2 since the last record", Scale::Log);
    let mut law = Panel::new("residual of the discrete law", time_axis(run), residual);
    let mut legend = Vec::new();
    let mut least = f64::INFINITY;
    for (process, look) in processes(run) {
        let defined = |points: &Vec<Point>| points.iter().any(|p| p.1.is_finite());
        let Some(points) = over_time(run, process, "step_imbalance").filter(defined) else { continue };
        legend.push(Entry::new(verbatim(process), look));
        least = points.iter().map(|p| p.1).filter(|s| *s > 0.0).fold(least, f64::min);
        created.series.push(Series::new(points, look));
        let gap = over_time(run, process, "balance_gap");
        created.series.extend(gap.map(|gap| Series::new(gap, Look { marker: None, ..look }.dashed(DASHED))));
        law.series.extend(over_time(run, process, "ledger_residual").map(|points| Series::new(points, look)));
    }
    if legend.is_empty() {
        return None;
    }
    let line = Look::line(BLACK);
    legend.extend([Entry::new("(a) created", line), Entry::new("(a) total", line.dashed(DASHED))]);
    let first = |column: &str| run.table.floats("flow", column).first().copied().unwrap_or(f64::NAN);
    let start = first("balance_gap");
    // From a balanced start the flow has no gap.
    if start > floor(run.law.norm(first("weight_norm"))) && run.law.rate().is_some() {
        let times = run.table.floats("flow", "t").into_iter();
        let envelope = times.map(|t| (t, start * run.law.factor(t))).filter(|p| p.1 > BELOW_DATA * least);
        created.series.push(Series::guide(envelope.collect(), LAW));
        legend.push(Entry::new("law of the flow e^{−2λt}max_{ℓ }‖D_ℓ(0)‖_F", LAW));
    }
    picture("ledger", run, "the balance under discrete steps", legend, vec![created, law])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;

    #[test]
    fn the_law_of_the_flow_stands_beside_what_steps_created() {
        let picture = picture_of(&sample::decaying(20, &[("gd", 0.1), ("slow", 0.01)])).unwrap();
        let guides: Vec<&Series> = picture.panels[0].series.iter().filter(|series| series.guide).collect();
        assert_eq!((guides.len(), picture.panels[0].series.len()), (1, 5));
        let [first, .., last] = &guides[0].points[..] else { panic!() };
        assert!((last.1 / first.1 / (-0.02 * last.0).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_a_ledger_there_is_no_picture() {
        assert!(picture_of(&sample::decaying(20, &[])).is_none() && picture_of(&sample::depth(3)).is_none());
    }
}

//! The Neural Feature Ansatz over time, A_f = (W₁ᵀW₁)^L: (a) its residual, (b) the alignment of W₁ᵀW₁ with A_f^{1/L},
//! (c) the distance of the alignment from 1, where cosines of positive semidefinite matrices crowd.

use crate::record::Run;

use super::axis::Scale;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::records::{over_time, picture, process_entries, processes, time_axis};
use super::style::{BLACK, DASHED, Look};

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let time = || time_axis(run);
    let residual = AxisSpec::new("‖A_f − (W_1^TW_1)^L‖_F, and relative", Scale::Log);
    let mut residual = Panel::new("residual of the ansatz", time(), residual);
    let cosine = AxisSpec::new("cosine of W_1^TW_1 and A_f^{ 1/L}", Scale::Linear);
    let mut cosine = Panel::new("alignment", time(), cosine);
    let mut distance = Panel::new("distance of the alignment from 1", time(), AxisSpec::new("1 − cosine", Scale::Log));
    for (process, look) in processes(run) {
        let dashed = Look { marker: None, ..look }.dashed(DASHED);
        let curve = |column: &str, look, of: fn(f64) -> f64| {
            let points = over_time(run, process, column)?;
            Some(Series::new(points.into_iter().map(|(t, y)| (t, of(y))).collect(), look))
        };
        residual.series.extend(curve("nfa_residual", look, |r| r));
        residual.series.extend(curve("nfa_residual_relative", dashed, |r| r));
        cosine.series.extend(curve("nfa_cosine", look, |c| c));
        cosine.series.extend(curve("nfa_cosine_centred", dashed, |c| c));
        distance.series.extend(curve("nfa_cosine", look, |c| 1.0 - c));
        distance.series.extend(curve("nfa_cosine_centred", dashed, |c| 1.0 - c));
    }
    let mut legend = process_entries(run, None);
    let line = Look::line(BLACK);
    legend.push(Entry::new("(a) residual, (b, c) cosine", line));
    legend.push(Entry::new("(a) relative residual, (b, c) centred cosine", line.dashed(DASHED)));
    let panels = [residual, cosine, distance].into_iter().filter(|panel| !panel.series.is_empty()).collect();
    picture("nfa", run, "Neural Feature Ansatz", legend, panels)
}

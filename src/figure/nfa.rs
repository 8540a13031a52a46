//! The Neural Feature Ansatz over time, A_f = (W₁ᵀW₁)^L: (a) its residual, (b) the alignment of W₁ᵀW₁ with A_f^{1/L},
//! (c) the sine of the same angle, which keeps its digits where cosines of positive semidefinite matrices crowd near 1.
//! A single layer has A_f = W₁ᵀW₁ whatever it learns: no picture.

use crate::record::Run;

use super::axis::Scale;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::quantity;
use super::records::{depth, over_time, picture, process_entries, processes, time_axis};
use super::style::{BLACK, DASHED, Look};

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    if depth(run) < 2 {
        return None;
    }
    let time = || time_axis(run);
    let residual = AxisSpec::new("‖A_f − (W_1^TW_1)^L‖_F (dashed: relative)", Scale::Log);
    let mut residual = Panel::new("residual of the ansatz", time(), residual);
    let cosine = AxisSpec::new(quantity::label("nfa_cosine"), Scale::Linear);
    let mut cosine = Panel::new("alignment", time(), cosine);
    let sine = AxisSpec::new(quantity::label("nfa_alignment_residual"), Scale::Log);
    let mut sine = Panel::new("sine of the angle", time(), sine);
    for (process, look) in processes(run) {
        let dashed = Look { marker: None, ..look }.dashed(DASHED);
        let curve = |column: &str, look| Some(Series::new(over_time(run, process, column)?, look));
        residual.series.extend(curve("nfa_residual", look));
        residual.series.extend(curve("nfa_residual_relative", dashed));
        cosine.series.extend(curve("nfa_cosine", look));
        cosine.series.extend(curve("nfa_cosine_centred", dashed));
        sine.series.extend(curve("nfa_alignment_residual", look));
    }
    let mut legend = process_entries(run, None);
    let line = Look::line(BLACK);
    legend.push(Entry::new("as labelled", line));
    legend.push(Entry::new("dashed: relative residual in (a), centred cosine in (b)", line.dashed(DASHED)));
    let panels = [residual, cosine, sine].into_iter().filter(|panel| !panel.series.is_empty()).collect();
    picture("nfa", run, "Neural Feature Ansatz", legend, panels)
}

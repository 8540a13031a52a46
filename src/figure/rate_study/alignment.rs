//! Alignment of W₁ᵀW₁ with A_f^{1/L} at the end: (a) the cosine and (b) the sine of their angle against η, (c) the sine against the batch
//! size where there are several. Medians over seeds, with bars from the tenth to the ninetieth percentile.

use crate::folder::RateStudy;

use super::super::axis::Scale;
use super::super::number::number;
use super::super::page::{Entry, Picture, abridged};
use super::super::panel::{AxisSpec, Panel, Series};
use super::super::quantity::label;
use super::super::style::{Body, Look, Marker, Shape, THIN_LINE, sequential};
use super::rows::{Rows, medians};
use super::{Contender, FLOW, bars_entry, contenders, diverged_entry, entries, level, mark_divergences, picture, rates};

const SINE: &str = "nfa_alignment_residual";

pub(in super::super) fn picture_of(study: &RateStudy) -> Option<Picture> {
    let all = contenders(study);
    let mut diverged = false;
    let mut panels = Vec::new();
    for (heading, scale, column) in
        [("alignment at the end", Scale::Linear, "nfa_cosine"), ("sine of the angle", Scale::Log, SINE)]
    {
        let mut panel = Panel::new(heading, rates(), AxisSpec::new(label(column), scale));
        for contender in &all {
            add(&mut panel, &Rows::of(&study.runs).by_rate(contender, column), contender.look);
        }
        if panel.series.is_empty() {
            continue;
        }
        // A flow that ended early has no end to compare with.
        let flow = study.flow.floats("flow", column).last().copied().filter(|value| value.is_finite());
        panel.series.extend(flow.map(|flow| level(study, flow)));
        diverged |= mark_divergences(&mut panel, study, &all);
        panels.push(panel);
    }
    let mut legend = entries(&all);
    if panels.iter().any(|panel| panel.series.iter().any(|series| series.look == FLOW)) {
        legend.push(Entry::new("flow", FLOW));
    }
    legend.extend(bars_entry(study));
    if diverged {
        legend.push(diverged_entry());
    }
    if let Some((panel, entries)) = over_batches(study, &all) {
        panels.push(panel);
        legend.push(Entry::words("(c)"));
        legend.extend(entries);
    }
    picture(study, "alignment", "feature alignment against learning rate", legend, panels)
}

fn add(panel: &mut Panel, values: &[(f64, Vec<f64>)], look: Look) {
    let (points, bars) = medians(values);
    if points.is_empty() {
        return;
    }
    panel.series.push(Series::new(points, look));
    panel.series.extend(bars.into_iter().map(|bar| Series::guide(bar, Look { marker: None, ..look })));
}

/// Panel (c): one curve for each rate, of the optimizer with the most batch sizes, if it has three: two make no curve. gd counts as sgd on
/// all samples.
fn over_batches(study: &RateStudy, all: &[Contender]) -> Option<(Panel, Vec<Entry>)> {
    let family = |name: &str| if name == "gd" { "sgd".to_string() } else { name.to_string() };
    let members = |name: &str| all.iter().filter(|c| family(&c.name) == name).collect::<Vec<_>>();
    let widest = all.iter().map(|c| family(&c.name)).max_by_key(|name| members(name).len())?;
    let own = members(&widest);
    if own.len() < 3 {
        return None;
    }
    let rows = Rows::of(&study.runs);
    let of_members: Vec<_> = own.iter().map(|c| (c.batch, rows.by_rate(c, SINE))).collect();
    let mut rates: Vec<f64> = of_members.iter().flat_map(|(_, values)| values.iter().map(|(lr, _)| *lr)).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let look = |index: usize| {
        let marker = Some(Marker { shape: Shape::Circle, body: Body::Dot });
        Look { color: sequential(index, rates.len()), line: Some(THIN_LINE), dash: None, marker }
    };
    let heading = format!("sine of the angle, {}", super::verbatim(&widest));
    let mut panel = Panel::new(heading, AxisSpec::new("batch size", Scale::Log), AxisSpec::new(label(SINE), Scale::Log));
    for (index, rate) in rates.iter().enumerate() {
        let mut values: Vec<(f64, Vec<f64>)> = of_members
            .iter()
            .filter_map(|(batch, values)| Some((*batch as f64, values.iter().find(|(lr, _)| lr == rate)?.1.clone())))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        add(&mut panel, &values, look(index));
    }
    let entries = abridged(rates.len(), 2, |index| Entry::new(format!("η = {}", number(rates[index], 2)), look(index)));
    Some((panel, entries))
}

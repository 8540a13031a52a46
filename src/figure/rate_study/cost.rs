//! The cost of reaching a given loss, of the optimizers and of the flow, against η: (a) gradients, where that of a batch counts as one;
//! (b) wall time. Medians over the seeds that reach it.

use crate::folder::RateStudy;

use super::super::axis::Scale;
use super::super::number::number;
use super::super::page::{Entry, Picture};
use super::super::panel::{AxisSpec, Panel, Series};
use super::super::style::Look;
use super::findings::noise;
use super::rows::{Rows, medians};
use super::{
    Contender, FLOW, abridged_rates, bars_entry, contenders, diverged_entry, entries, level, mark_divergences, picture, rates,
};

pub(in super::super) fn picture_of(study: &RateStudy) -> Option<Picture> {
    let all = contenders(study);
    let mut diverged = false;
    let mut panels = Vec::new();
    for (index, (heading, label, column)) in [
        ("work", "gradients to the loss", "gradients_to_loss"),
        ("time", "wall time to the loss (seconds)", "wall_seconds_to_loss"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut panel = Panel::new(heading, rates(), AxisSpec::new(label, Scale::Log));
        let rows = Rows::of(&study.runs);
        for contender in &all {
            let (points, bars) = medians(&rows.by_rate(contender, column));
            panel.series.push(Series::new(points, contender.look));
            panel.series.extend(bars.into_iter().map(|bar| Series::guide(bar, Look { marker: None, ..contender.look })));
        }
        panel.series.retain(|series| !series.points.is_empty());
        if panel.series.is_empty() {
            continue;
        }
        let flow = study.flow_to_loss[index];
        if flow > 0.0 {
            panel.series.push(level(study, flow));
        }
        diverged |= mark_divergences(&mut panel, study, &all);
        panel.notes.extend(match index {
            0 => all.iter().filter_map(|contender| missing(study, contender)).collect::<Vec<_>>(),
            _ => noise(study, &all).into_iter().collect(),
        });
        panels.push(panel);
    }
    let mut legend = entries(&all);
    if panels.iter().any(|panel| panel.series.iter().any(|series| series.look == FLOW)) {
        legend.push(Entry::new("flow, by the scenario’s own integration", FLOW));
    }
    legend.extend(bars_entry(study));
    if diverged {
        legend.push(diverged_entry());
    }
    let subject = format!("cost of the loss {} against learning rate", number(study.loss, 3));
    picture(study, "cost", &subject, legend, panels)
}

/// A note on the rates at which runs of a contender took all their steps and did not reach the loss.
fn missing(study: &RateStudy, contender: &Contender) -> Option<String> {
    let rows = Rows::of(&study.runs);
    let short = |row: &usize| rows.float("diverged_at", *row).is_nan() && rows.float("gradients_to_loss", *row).is_nan();
    let mut rates: Vec<f64> = rows.of_contender(contender).filter(short).map(|row| rows.float("lr", row)).collect();
    rates.dedup();
    let shown: Vec<(f64, String)> = rates.iter().map(|rate| (*rate, number(*rate, 3))).collect();
    let whose = &contender.called;
    let places = abridged_rates(study, &shown);
    (!shown.is_empty()).then(|| format!("{whose} does not reach the loss, or not with every seed, at η = {places}."))
}

//! (a) Loss ℒ and objective J = ℒ + (λ/2)‖θ‖² over time, and the loss on test samples where there are some; (b) the optimizers' distance to the flow.

use crate::record::Run;

use super::axis::Scale;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::quantity;
use super::records::{over_time, picture, process_entries, processes, time_axis};
use super::style::{BLACK, DASHED, DOTTED, Look};

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let mut panels = Vec::new();
    let mut loss = Panel::new("loss and objective", time_axis(run), AxisSpec::new("loss ℒ, objective J", Scale::Log));
    let mut tested = false;
    let mut distance =
        Panel::new("distance to the flow", time_axis(run), AxisSpec::new(quantity::label("distance_to_flow"), Scale::Log));
    for (i, (process, look)) in processes(run).into_iter().enumerate() {
        if let Some(points) = over_time(run, process, "loss") {
            loss.series.push(Series::new(points, look));
        }
        if let Some(points) = over_time(run, process, "objective") {
            loss.series.push(Series::new(points, Look { marker: None, ..look }.dashed(DASHED)));
        }
        if let Some(points) = over_time(run, process, "test_loss") {
            tested = true;
            loss.series.push(Series::new(points, Look { marker: None, ..look }.dashed(DOTTED)));
        }
        // The first process is what the others are compared with.
        if let Some(points) = over_time(run, process, "distance_to_flow").filter(|_| i > 0) {
            distance.series.push(Series::new(points, look));
        }
    }
    panels.extend([loss, distance].into_iter().filter(|panel| !panel.series.is_empty()));
    let mut legend = process_entries(run, None);
    let line = Look::line(BLACK);
    legend.extend([Entry::new("loss ℒ", line), Entry::new("objective J = ℒ + ½λ‖θ‖²", line.dashed(DASHED))]);
    if tested {
        legend.push(Entry::new("loss ℒ on test samples", line.dashed(DOTTED)));
    }
    picture("loss", run, "loss", legend, panels)
}

//! A column over time: a curve for each value of the key, the median of its units, with its band; and the theory's envelopes.

use crate::scenario::picture::Spread;

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::page::Entry;
use super::super::panel::{AxisSpec, Band, Panel, Series};
use super::super::quantity;
use super::super::style::LAW;
use super::course::{self, Ends};
use super::groups::{Trace, spread};
use super::{Content, Drawn, Plot};

/// An envelope is cut at this factor below its curve's least value and above its largest: it must not squeeze the data.
const BEYOND: f64 = 3.0;

pub(super) fn draw(content: &Content, y: &str, y_scale: Option<Spread>, envelope: bool) -> Drawn {
    let curves = content.curves();
    let mut ends = Ends::default();
    let mut medians: Vec<Vec<Point>> = Vec::new();
    let (mut series, mut bands) = (Vec::new(), Vec::new());
    for (look, units) in &curves {
        let (summaries, own) = course::over_time(units, y);
        ends.add(own);
        let edges = summaries.iter().map(|(t, s)| s.and_then(|s| s.band).map_or((*t, f64::NAN, f64::NAN), |b| (*t, b.0, b.1)));
        if units.len() > 1 {
            bands.push(Band { points: edges.collect(), color: look.color });
        }
        let median: Vec<Point> = summaries.iter().map(|(t, s)| (*t, s.map_or(f64::NAN, |s| s.median))).collect();
        series.push(Series::new(median.clone(), *look));
        medians.push(median);
    }
    let times = medians.iter().flatten().map(|p| p.0).filter(|t| *t > 0.0);
    let time = AxisSpec::new(quantity::label("t"), quantity::scale(times));
    let scale = y_scale.map_or_else(|| quantity::scale(medians.iter().flatten().map(|p| p.1)), Scale::from);
    let mut panel = Panel::new(content.heading(), time, AxisSpec::new(quantity::label(y), scale));
    panel.notes = ends.notes();
    let mut legend = Vec::new();
    if envelope {
        for ((_, units), median) in curves.iter().zip(&medians) {
            match envelope_of(units, median) {
                Some(points) => series.push(Series::guide(points, LAW)),
                None => panel.notes.push("No envelope where units differ in λ, or no value is positive.".to_string()),
            }
        }
        legend.push(Entry::new("C·e^{−2λt}, fitted to the later half of the curve in log t", LAW));
    }
    panel.notes.dedup();
    let lower = bands.iter().flat_map(|band| &band.points).map(|p| p.1);
    panel.notes.extend(course::without_edge(scale, "band", lower));
    if content.units.iter().all(|unit| unit.over_time(y).is_empty()) && !content.units.is_empty() {
        panel.notes.push(format!("The records have no column {y}."));
    }
    (panel.series, panel.bands) = (series, bands);
    let groups: Vec<Vec<Trace>> = curves.into_iter().map(|(_, units)| units).collect();
    Drawn { plot: Plot::Curves(panel), legend, over: spread(&groups) }
}

/// C·e^{−2λt} at the times of the curve, as far as it lies near the curve's values; `None` unless all units share λ (κ_lλ_l, with learning
/// rates by layer).
fn envelope_of(units: &[Trace], median: &[Point]) -> Option<Vec<Point>> {
    let rate = |unit: &Trace| unit.member.scenario.balance_law().rate();
    let decay = rate(units.first()?)?;
    if units.iter().any(|unit| rate(unit) != Some(decay)) {
        return None;
    }
    let constant = course::envelope(median, decay)?;
    let values = median.iter().map(|p| p.1).filter(|value| *value > 0.0 && value.is_finite());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let points = median.iter().map(|&(t, _)| (t, (constant - 2.0 * decay * t).exp()));
    Some(points.filter(|p| p.1 >= low / BEYOND && p.1 <= high * BEYOND).collect())
}

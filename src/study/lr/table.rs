//! The tables of a study: of its runs, its curves and its fits, as [`crate::folder::RateStudy`] describes them.

use crate::ode::Reason;
use crate::record::{Table, TableColumn, Values};

use super::OBSERVED;
use super::curves::{Curve, Point, State};
use super::line_up::Contender;
use super::outcome::{DISTANCES, Measured};

/// One row of `study.parquet`.
pub(super) struct RunRow<'a> {
    pub contender: &'a Contender,
    pub lr: f64,
    pub seed: u64,
    pub unit: String,
    pub outcome: Measured,
}

/// Columns from rows.
pub(super) struct Columns<'r, R> {
    rows: &'r [R],
    columns: Vec<TableColumn>,
}

impl<'r, R> Columns<'r, R> {
    pub(super) fn of(rows: &'r [R]) -> Self {
        Self { rows, columns: Vec::new() }
    }

    pub(super) fn text(mut self, name: &str, of: impl Fn(&R) -> String) -> Self {
        self.columns.push(TableColumn { name: name.into(), values: Values::Text(self.rows.iter().map(of).collect()) });
        self
    }

    pub(super) fn count(mut self, name: &str, of: impl Fn(&R) -> u64) -> Self {
        self.columns
            .push(TableColumn { name: name.into(), values: Values::Integer(self.rows.iter().map(|r| of(r) as i64).collect()) });
        self
    }

    pub(super) fn float(mut self, name: &str, of: impl Fn(&R) -> f64) -> Self {
        self.columns.push(TableColumn { name: name.into(), values: Values::Float(self.rows.iter().map(of).collect()) });
        self
    }

    pub(super) fn table(self) -> Table {
        Table { columns: self.columns }
    }
}

/// One row per run.
pub(super) fn runs(runs: &[RunRow]) -> Table {
    let mut columns = Columns::of(runs)
        .text("optimizer", |run| run.contender.label.clone())
        .count("batch", |run| run.contender.batch as u64)
        .float("lr", |run| run.lr)
        .count("seed", |run| run.seed)
        .text("unit", |run| run.unit.clone())
        .text("termination", |run| run.outcome.termination.map_or("unknown", Reason::name).to_string())
        .count("steps", |run| run.outcome.steps)
        .float("t", |run| run.outcome.t)
        .float("diverged_at", |run| run.outcome.diverged_at().map_or(f64::NAN, |step| step as f64));
    for (index, name) in DISTANCES.iter().enumerate() {
        columns = columns
            .float(name, |run| run.outcome.distances[index][0])
            .float(&format!("{name}_max"), |run| run.outcome.distances[index][1]);
    }
    for (index, name) in OBSERVED.iter().enumerate() {
        columns = columns.float(name, |run| run.outcome.end[index]);
    }
    columns
        .float("lr_sharpness_max", |run| run.outcome.lr_sharpness)
        .count("gradients", |run| run.outcome.gradients)
        .float("wall_seconds", |run| run.outcome.wall_seconds)
        // Every step takes one gradient, of a batch too.
        .float("gradients_to_loss", |run| run.outcome.steps_to_loss)
        .float("wall_seconds_to_loss", |run| {
            run.outcome.steps_to_loss * run.outcome.wall_seconds / run.outcome.steps.max(1) as f64
        })
        .table()
}

/// `end` or `max`.
pub(super) fn at(curve: &Curve) -> &'static str {
    if curve.largest { "max" } else { "end" }
}

/// One row per point of a curve.
pub(super) fn curves(curves: &[Curve], contenders: &[Contender]) -> Table {
    let points: Vec<(&Curve, &Point)> =
        curves.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve, point))).collect();
    Columns::of(&points)
        .text("optimizer", |(curve, _)| contenders[curve.contender].label.clone())
        .count("batch", |(curve, _)| contenders[curve.contender].batch as u64)
        .text("compared_with", |(curve, _)| curve.quantity.word().to_string())
        .text("at", |(curve, _)| at(curve).to_string())
        .float("lr", |(_, point)| point.lr)
        .float("distance", |(_, point)| point.distance)
        .float("standard_error", |(_, point)| point.error * point.distance)
        .float("floor", |(_, point)| point.floor)
        .text("state", |(_, point)| point.state.word().to_string())
        .float("diverged_at", |(_, point)| if let State::Diverged(step) = point.state { step as f64 } else { f64::NAN })
        .table()
}

/// One row per curve.
pub(super) fn fits(curves: &[Curve], contenders: &[Contender]) -> Table {
    let fitted = |curve: &Curve, of: &dyn Fn(&super::Fit) -> f64| curve.fit.as_ref().map_or(f64::NAN, of);
    Columns::of(curves)
        .text("optimizer", |curve| contenders[curve.contender].label.clone())
        .count("batch", |curve| contenders[curve.contender].batch as u64)
        .text("compared_with", |curve| curve.quantity.word().to_string())
        .text("at", |curve| at(curve).to_string())
        .float("order", |curve| curve.order.as_ref().copied().unwrap_or(f64::NAN))
        .float("slope", |curve| fitted(curve, &|fit| fit.slope))
        .float("half_width", |curve| fitted(curve, &|fit| fit.half_width))
        .count("points", |curve| curve.fit.as_ref().map_or(0, |fit| fit.points as u64))
        .float("lr_from", |curve| fitted(curve, &|fit| fit.range.0))
        .float("lr_to", |curve| fitted(curve, &|fit| fit.range.1))
        .float("expected", |curve| curve.quantity.expected(&contenders[curve.contender], curve.largest).unwrap_or(f64::NAN))
        .text("no_order", |curve| curve.order.as_ref().err().map_or(String::new(), ToString::to_string))
        .table()
}

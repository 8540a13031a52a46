//! The flow by itself: what the scenario's own integration costs on its way, and how accurate the flow is that distances are taken from.
//!
//! `flow.parquet`, one row per record time of the scenario: `process`, `scenario` (its hash, since the table of another is of no use), `t`,
//! `loss`, the alignment, and for the scenario's own integration `gradients` and `wall_seconds` until then. `reference_floor` is ‖θ_ref −
//! θ_check‖ between two integrations by `auto`, at the tolerance of the units' flows and at a tenth of it: distances near it are
//! integration error. It is null at times that one of them did not reach.

use crate::flow::Flow;
use crate::observe::{FeatureAnsatz, Observable, Row, Scalar, Snapshot, TrainLoss};
use crate::ode::Interrupt;
use crate::record::{Table, TableColumn, Texts, Values};
use crate::run::Problem;
use crate::scenario::Scenario;
use crate::session::Flight;

use super::{LrError, OBSERVED};

/// Integrates the flow of `scenario` as it stands, and that of `reference` twice, over the record times.
pub(super) fn fly(
    scenario: &Scenario,
    reference: &Scenario,
    problem: &Problem,
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
) -> Result<Table, LrError> {
    let tighter = Flow { rtol: reference.flow.rtol / 10.0, atol: reference.flow.atol / 10.0, ..reference.flow.clone() };
    let flight = |flow| Flight::new(flow, problem, interrupt).expect("a validated scenario can be integrated");
    let (mut own, mut first, mut check) = (flight(&scenario.flow), flight(&reference.flow), flight(&tighter));
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut gradients = Vec::new();
    for t in scenario.record_times() {
        let there = own.advance(t);
        let known = first.advance(t) && check.advance(t);
        if interrupt.is_raised() {
            return Err(LrError::Interrupted);
        }
        let floor = if known { (first.parameters().values() - check.parameters().values()).norm() } else { f64::NAN };
        let mut row = vec![t];
        row.extend(if there { observed(t, &own, problem) } else { vec![f64::NAN; OBSERVED.len()] });
        row.extend([if there { own.time().as_secs_f64() } else { f64::NAN }, floor]);
        rows.push(row);
        gradients.push(own.work().evaluations as i64);
        progress(t);
    }
    let float = |index: usize| Values::Float(rows.iter().map(|row: &Vec<f64>| row[index]).collect());
    let column = |name: &str, values| TableColumn { name: name.to_string(), values };
    let mut columns = vec![
        column("process", Values::Text(Texts::repeated("flow", rows.len()))),
        column("scenario", Values::Text(Texts::repeated(problem.scenario_hash.as_str(), rows.len()))),
        column("t", float(0)),
        column("gradients", Values::Integer(gradients.into())),
    ];
    let rest = OBSERVED.iter().chain(&["wall_seconds", "reference_floor"]).enumerate();
    columns.extend(rest.map(|(index, name)| column(name, float(index + 1))));
    Ok(Table { columns })
}

/// Whether an earlier command's table is of this scenario.
pub(super) fn is_of(table: &Table, problem: &Problem) -> bool {
    table.texts("scenario").get(0) == Some(problem.scenario_hash.as_str())
}

fn observed(t: f64, flight: &Flight, problem: &Problem) -> Vec<f64> {
    let mut row = Row::default();
    if let Ok(snapshot) = Snapshot::new(t, flight.parameters(), &*problem.objective, None) {
        TrainLoss::default().measure(&snapshot, &mut row);
        FeatureAnsatz::default().measure(&snapshot, &mut row);
    }
    let value = |name: &&str| match row.scalars.iter().find(|(column, _)| column == name) {
        Some((_, Scalar::Float(value))) => *value,
        _ => f64::NAN,
    };
    OBSERVED.iter().map(value).collect()
}

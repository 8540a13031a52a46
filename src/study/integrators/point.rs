//! One method at one tolerance: a point of the diagram.

use std::time::Duration;

use crate::network::Parameters;
use crate::observe::{Balance, Observable, Row, Scalar, Snapshot};
use crate::ode::{Termination, Work};
use crate::record::{Table, TableColumn, Values};

use super::Task;
use super::line_up::{Method, termination};
use super::reference::Reference;
use super::setting::Setting;

/// An integration that takes less than this is repeated, and its time is the median.
const CHEAP: Duration = Duration::from_millis(200);
/// It is integrated at least this often, …
const FEWEST_TIMES: usize = 3;
/// … and at most this often.
const MOST_TIMES: usize = 25;

/// What a method at one setting costs and achieves.
#[derive(Debug, Clone)]
pub struct Point {
    /// The method's name.
    pub method: &'static str,
    /// Its tolerances or its step.
    pub setting: Setting,
    /// Steps and gradients.
    pub work: Work,
    /// Median time of its integrations.
    pub wall_seconds: f64,
    /// ‖θ − θ_ref‖/‖θ_ref‖ at T; NaN if it did not get there.
    pub error: f64,
    /// The residual of the balance law at T, and relative to the gap at the start; NaN likewise, the second from a balanced start, too.
    pub balance: [f64; 2],
    /// How it ended.
    pub termination: Termination,
    /// Whether the error may be the reference's own.
    pub reference_limited: bool,
}

impl Point {
    pub(super) fn measure(method: &Method, setting: Setting, task: &Task, reference: &Reference, balance: &Balance) -> Self {
        let flight = method.fly(setting, task);
        let mut times = vec![flight.time()];
        while times[0] < CHEAP && times.len() < MOST_TIMES {
            if times.len() >= FEWEST_TIMES && times.iter().sum::<Duration>() >= CHEAP {
                break;
            }
            times.push(method.fly(setting, task).time());
        }
        let termination = termination(&flight);
        let there = termination.is_complete();
        let error = if there { reference.distance(flight.parameters()) } else { f64::NAN };
        Self {
            method: method.name,
            setting,
            work: flight.work(),
            wall_seconds: median(times).as_secs_f64(),
            error,
            balance: if there { law(balance, flight.parameters(), task) } else { [f64::NAN; 2] },
            termination,
            reference_limited: reference.limits(error),
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// `balance_law_residual` and `balance_law_residual_relative` at T, as a run records them.
fn law(balance: &Balance, end: &Parameters, task: &Task) -> [f64; 2] {
    let mut row = Row::default();
    if let Ok(snapshot) = Snapshot::new(task.scenario.flow.t_end, end, &*task.problem.objective, None) {
        balance.measure(&snapshot, &mut row);
    }
    let value = |name: &str| match row.scalars.iter().find(|(column, _)| column == name) {
        Some((_, Scalar::Float(value))) => *value,
        _ => f64::NAN,
    };
    ["balance_law_residual", "balance_law_residual_relative"].map(value)
}

/// One row per point: the columns of [`crate::folder::Study`].
pub(super) fn table(points: &[Point], floor: f64) -> Table {
    let text = |of: fn(&Point) -> &str| Values::Text(points.iter().map(|p| of(p).to_string()).collect());
    let count = |of: fn(&Point) -> u64| Values::Integer(points.iter().map(|p| of(p) as i64).collect());
    let float = |of: &dyn Fn(&Point) -> f64| Values::Float(points.iter().map(of).collect());
    let columns = [
        ("method", text(|p| p.method)),
        ("rtol", float(&|p| p.setting.rtol())),
        ("atol", float(&|p| p.setting.atol())),
        ("step", float(&|p| p.setting.step())),
        ("steps_accepted", count(|p| p.work.accepted)),
        ("steps_rejected", count(|p| p.work.rejected)),
        ("gradients", count(|p| p.work.evaluations)),
        ("wall_seconds", float(&|p| p.wall_seconds)),
        ("error", float(&|p| p.error)),
        ("balance_law_residual", float(&|p| p.balance[0])),
        ("balance_law_residual_relative", float(&|p| p.balance[1])),
        ("termination", text(|p| p.termination.reason().name())),
        ("t_reached", float(&|p| p.termination.t())),
        ("reference_limited", Values::Flag(points.iter().map(|p| p.reference_limited).collect())),
        ("reference_floor", float(&|_| floor)),
    ];
    Table { columns: columns.into_iter().map(|(name, values)| TableColumn { name: name.to_string(), values }).collect() }
}

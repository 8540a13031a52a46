//! `flow.certify`, and claims: the error of every column of the flow, estimated by a second integration at a tenth of the tolerance.
//!
//! |first − second| is the error of the first up to that of the second, about a tenth of it where errors follow the tolerance. The second
//! integration has its own objective and its own thread, and the first does not know of it: the records are the same with and without it.
//! `rk4`, which has no tolerance, is repeated at half its step. Methods that land on every record land halfway between them too: from record to
//! record, however close, the second integration takes at least two steps where the first takes one.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::archive::{Archive, ArchiveError};
use crate::flow::{self, Integrator};
use crate::npz::Array;
use crate::observe::{NamedArray, Owner};
use crate::ode::{EventKind, Interrupt, Termination, short};
use crate::record::{Certificate, ColumnError, Recorder, Run, Values};
use crate::spool::Spooled;

use super::Plan;
use super::flow::Flow;
use super::observers::{Kept, Observer, Observers, Recording, Source};
use super::plan::FINER;
use super::warning::VISIBLE;
use super::{Finer, Finished, Problem, records};

/// The error of every column, at the times of the records.
pub(super) const ERRORS: NamedArray =
    NamedArray::new("error_{column}", "T", "the column's", "error of a column at each record, by a second, finer integration")
        .of(Owner::Flow)
        .written("with flow.certify, or claims");

/// The most columns that a warning names.
const NAMED: usize = 5;

/// How far the first integration is. The second never overtakes it, so that its results do not depend on which of the two is faster.
#[derive(Default)]
pub(super) struct Lead {
    state: Mutex<(f64, bool)>,
    moved: Condvar,
}

impl Lead {
    /// Waits for the first integration to end and returns the time that it reached.
    fn end(&self) -> f64 {
        self.reaches(f64::INFINITY);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Reports that the first integration has reached time `t`.
    pub(super) fn at(&self, t: f64) {
        self.update(|state| state.0 = t);
    }

    fn update(&self, change: impl FnOnce(&mut (f64, bool))) {
        // A thread that panicked leaves two plain values behind, which are still valid.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits until the first integration has reached `t` or has ended. Returns whether it has reached `t`.
    fn reaches(&self, t: f64) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.moved.wait_while(state, |&mut (reached, ended)| reached < t && !ended);
        waiting.unwrap_or_else(PoisonError::into_inner).0 >= t
    }
}

/// Ends the lead when dropped, even by a panic: the second integration must not wait for ever.
pub(super) struct Leading<'a>(pub &'a Lead);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.update(|state| state.1 = true);
    }
}

/// The plan of the second integration.
pub(super) fn finer(plan: &Plan) -> Plan {
    let mut finer = plan.clone();
    finer.flow = more_finely(&plan.flow);
    finer.optimizers.clear();
    // Nothing is compared with a flow.
    finer.measure.retain(|measure| !measure.compares());
    finer
}

/// How many times as many steps half the step of `rk4`, or a tenth of the tolerance, takes at most.
pub(super) const MORE_STEPS: u64 = 2;

/// The same flow at a tenth of the tolerance, or half the step, with as many more steps as that takes.
pub(super) fn more_finely_to_the_end(flow: &flow::Flow) -> flow::Flow {
    flow::Flow { max_steps: flow.max_steps.saturating_mul(MORE_STEPS), ..more_finely(flow) }
}

/// The same flow at a tenth of the tolerance, or half the step.
fn more_finely(flow: &flow::Flow) -> flow::Flow {
    let mut finer = flow::Flow { rtol: flow.rtol / FINER, atol: flow.atol / FINER, ..flow.clone() };
    if let Integrator::Rk4 { step } = &mut finer.integrator {
        *step /= 2.0;
    }
    finer
}

/// The result of the second integration.
pub(super) struct Second {
    run: Run,
    /// Gradients spent until each record, by its time.
    gradients: Vec<(f64, u64)>,
    stop: Termination,
    /// Whether it has come to rest at a minimum.
    converged: bool,
    /// Its state, if the interrupt is a pause.
    pub(super) saved: Option<Spooled<u8>>,
}

impl Second {
    /// Integrates over the record times that the first one reaches, and then to its end; from a `saved` state, if there is one.
    pub(super) fn fly(
        plan: &Plan,
        problem: Problem,
        interrupt: &Interrupt,
        lead: &Lead,
        saved: Option<&Spooled<u8>>,
    ) -> Result<Self, ArchiveError> {
        let (mut kept, mut gradients, mut last) = (Kept::new(vec![Recorder::new("flow")]), Vec::new(), None);
        let mut flow = Flow::new(plan, &problem, interrupt).second(plan, &problem);
        if let Some(saved) = saved {
            let mut archive = Archive::read(saved.clone());
            archive_all(&mut archive, &mut flow, &mut kept, &mut gradients)?;
            last = gradients.last().map(|(t, _)| *t);
        }
        let observer = Observer::new(plan, &problem);
        let observers = Observers::new(kept, 0);
        let source = Source::new(&observers);
        let mut recording = Recording::new(0, &observers, &observer);
        let times = plan.record_times();
        // It was recorded at the first of them.
        let done = times.iter().take_while(|t| last.is_some_and(|last| **t <= last)).count();
        let mut advance = |t: f64| {
            let there = flow.advance(t);
            // The first may have ended at the last record time.
            if there && last != Some(t) {
                flow.record(&mut recording);
                gradients.push((flow.t(), flow.gradients()));
                last = Some(t);
            }
            there
        };
        let reached = times[done..].iter().copied().all(|t| lead.reaches(t) && advance(t));
        // The first may have ended between two record times.
        if !(reached || interrupt.is_pause() && interrupt.has_stopped()) {
            advance(lead.end());
        }
        drop(source);
        // What is missed here, the first one has missed and told.
        let mut kept = observers.finish(&observer);
        let mut written = Archive::written();
        let saved = if interrupt.is_pause() {
            archive_all(&mut written, &mut flow, &mut kept, &mut gradients)?;
            Some(written.into_bytes())
        } else {
            None
        };
        let ended = flow.ended();
        let converged = ended.events.iter().any(|event| event.kind == EventKind::Converged);
        let run = records(plan, kept.recorders, &[(ended.name, ended.parameters)], &problem);
        Ok(Self { run, gradients, stop: ended.termination, converged, saved })
    }

    /// Its records and how it ended, by which the first is judged.
    pub(super) fn into_finer(self) -> Finer {
        Finer { run: self.run, termination: self.stop, converged: self.converged }
    }
}

/// Takes or replaces the state of a second integration.
fn archive_all(
    archive: &mut Archive,
    flow: &mut Flow,
    kept: &mut Kept,
    gradients: &mut Vec<(f64, u64)>,
) -> Result<(), ArchiveError> {
    flow.archive(archive)?;
    archive.item(kept)?;
    archive.item(gradients)
}

/// Adds the certificate to the manifest, the errors to the arrays, and visible errors to the warnings.
pub(super) fn certify(finished: &mut Finished, finer: &Plan, second: &Second) {
    let (first_t, second_t) = (finished.run.table.floats("flow", "t"), second.run.table.floats("flow", "t"));
    // For every record of the first, the record of the second at the same time.
    let partners: Vec<Option<usize>> =
        first_t.iter().map(|t| second_t.binary_search_by(|other| other.total_cmp(t)).ok()).collect();
    let Some(last) = partners.iter().rposition(Option::is_some) else {
        finished.manifest.warnings.push(format!("flow: no certificate: its second integration {}", second.stop.said()));
        return;
    };
    let mut columns = BTreeMap::new();
    for column in second.run.table.columns.iter().filter(|column| column.name != "t") {
        let Values::Float(finely) = &column.values else { continue };
        // Column by column: all of them together may be longer than memory.
        let finely: Vec<f64> = finely.values().collect();
        let coarsely = finished.run.table.floats("flow", &column.name);
        let difference = |(value, partner): (&f64, &Option<usize>)| partner.map_or(f64::NAN, |j| (value - finely[j]).abs());
        let errors: Vec<f64> = coarsely.iter().zip(&partners).map(difference).collect();
        if errors.iter().all(|error| error.is_nan()) {
            continue;
        }
        // `max` ignores NaN.
        let max_error = errors.iter().copied().fold(0.0, f64::max);
        let size = coarsely.iter().map(|value| value.abs()).fold(0.0, f64::max);
        let max_relative_error = if max_error == 0.0 { 0.0 } else { max_error / size };
        columns.insert(column.name.clone(), ColumnError { max_error, max_relative_error, final_error: errors[last] });
        finished
            .run
            .arrays
            .insert(format!("flow/error_{}", column.name), Array::vector(errors.into_iter().collect::<Spooled<f64>>()));
    }
    finished.manifest.warnings.extend(what_shows(&columns, &finished.run, finer.flow.integrator));
    if last + 1 < first_t.len() && first_t[last] < finished.terminations[0].1.t() && !second.stop.is_complete() {
        finished.manifest.warnings.push(format!(
            "flow: the certificate ends at t = {}: its second integration {}",
            short(first_t[last], 6),
            second.stop.said()
        ));
    }
    let step = if let Integrator::Rk4 { step } = finer.flow.integrator { Some(step) } else { None };
    let certificate = Certificate {
        rtol: finer.flow.rtol,
        atol: finer.flow.atol,
        step,
        gradients: second.gradients.iter().find(|(t, _)| *t == first_t[last]).map_or(0, |(_, gradients)| *gradients),
        t_compared: first_t[last],
        columns,
    };
    if let Some(process) = finished.manifest.processes.get_mut("flow") {
        process.certificate = Some(certificate);
    }
}

/// Names the columns whose error is visible in a picture, the worst first.
fn what_shows(columns: &BTreeMap<String, ColumnError>, run: &Run, integrator: Integrator) -> Option<String> {
    let relative = |error: &ColumnError| error.max_relative_error;
    let of_steps = |name: &str, error: &ColumnError| !run.is_zero_by_law(name) && !run.is_rounding(name, error.max_error);
    let mut shown: Vec<_> = columns.iter().filter(|(name, error)| relative(error) > VISIBLE && of_steps(name, error)).collect();
    shown.sort_by(|a, b| relative(b.1).total_cmp(&relative(a.1)));
    let named: Vec<String> =
        shown.iter().take(NAMED).map(|(name, error)| format!("{name} ({:.1e})", relative(error))).collect();
    let more = if shown.len() > NAMED { format!(" and {} more", shown.len() - NAMED) } else { String::new() };
    (!shown.is_empty()).then(|| {
        format!("flow: visible errors, relative to the largest value: {}{more}: {}", named.join(", "), integrator.remedy())
    })
}

//! The main job: advances the flow and the optimizers on one clock, observes and records.
//!
//! Every optimizer is recorded at the steps nearest to the record times. The flow is carried to those times as well, so that distances are
//! taken at one and the same time, never between records. (Methods without dense output cut their steps there, so that within its
//! tolerance such a flow depends on which optimizers stand beside it.)

mod arrays;
mod builder;
mod certificate;
mod check;
mod choice;
mod companion;
mod descent;
mod flight;
mod flow;
mod integrator;
mod monitor;
mod plan;
mod plateaus;
mod preserve;
mod problem;
mod process;
mod schedule;
mod sharpness;
mod sliding;
mod stop;
mod warning;

pub use arrays::declared as declared_arrays;
pub use builder::Session;
pub use check::SessionError;
pub(crate) use check::check_columns;
pub(crate) use descent::batches;
pub use flight::Flight;
pub use integrator::{flow_integrator, integrator};
pub use plan::{OwnObservables, Plan};
pub use problem::Problem;
pub use stop::Stop;

use std::sync::Arc;
use std::time::Instant;

use crate::claim::{self, Evidence};
use crate::network::Parameters;
use crate::npz::Arrays;
use crate::observe::{
    self, Accuracy, Columns, CompanionDistance, Group, Learned, Measure, Ntk, Observable, Row, Snapshot, TestLoss,
};
use crate::ode::{Interrupt, Termination};
use crate::record::{Manifest, Process, Recorder, Run, Trajectory, Values, table};

use arrays::{all_arrays, low_parts};
use certificate::{Lead, Leading, Second};
use descent::Descent;
use flow::Flow;
use process::Ended;
use schedule::{Clock, schedule};
use warning::Missed;

/// All that a run leaves: what the run folder holds.
pub struct Finished {
    /// The records.
    pub run: Run,
    /// What was run, where, at what cost, how each process ended, and the warnings.
    pub manifest: Manifest,
    /// Final weights, by process.
    pub weights: Vec<(String, Parameters)>,
    /// θ of each process at its records, if the scenario asks for it: [`Trajectory::into_arrays`] of all of them.
    pub trajectory: Option<Arrays>,
    /// How each process ended, the flow first.
    pub terminations: Vec<(String, Termination)>,
    /// The second integration, where the scenario asks for a certificate or makes claims.
    pub finer: Option<Finer>,
}

/// The second integration of the flow, at a tenth of the tolerance, up to the end of the first.
pub struct Finer {
    /// Its records, at the same times.
    pub run: Run,
    /// How it ended.
    pub termination: Termination,
}

impl Finished {
    /// Whether a process was interrupted: the same run again would go on to its end.
    pub fn is_interrupted(&self) -> bool {
        self.terminations.iter().any(|(_, termination)| matches!(termination, Termination::Interrupted { .. }))
    }
}

/// Carries out a plan on a problem. `progress` is called with the common clock's time as it advances. Once `interrupt` is raised all
/// processes stop after their current steps.
///
/// It does not fail: a process that stops early is a result.
pub(crate) fn carry_out(plan: &Plan, problem: &Problem, interrupt: &Interrupt, progress: impl FnMut(f64)) -> Finished {
    // A claim is judged by its error.
    if !plan.flow.certify && plan.claims.is_empty() {
        return integrate(plan, problem, interrupt, progress, None);
    }
    let (finer, its_problem, lead) = (certificate::finer(plan), problem.clone(), Lead::default());
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Second::fly(&finer, its_problem, interrupt, &lead));
        let leading = Leading(&lead);
        let mut finished = integrate(plan, problem, interrupt, progress, Some(&lead));
        drop(leading);
        match second.join() {
            Ok(second) => {
                certificate::certify(&mut finished, &finer, &second);
                let second = second.into_finer();
                finished.manifest.verdicts = claim::judge(
                    &plan.claims,
                    &Evidence {
                        setup: &plan.setup(),
                        run: &finished.run,
                        flow: &finished.manifest.processes["flow"],
                        second: Some((&second.run, second.termination)),
                    },
                );
                finished.finer = Some(second);
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
        finished
    })
}

/// The names of the numbers that a run records, in the order of its table: those of its start. Nothing is integrated.
pub(crate) fn columns(plan: &Plan, problem: &Problem) -> Vec<String> {
    let stopped = Interrupt::default();
    stopped.raise();
    let table = integrate(plan, problem, &stopped, |_t| {}, None).run.table;
    let numbers = table.columns.into_iter().filter(|column| !matches!(column.values, Values::Text(_)));
    numbers.map(|column| column.name).collect()
}

/// `lead`: who waits for the flow.
fn integrate(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
    lead: Option<&Lead>,
) -> Finished {
    let mut observables = observables(plan, problem);
    if plan.observes(Group::Distance) {
        observables.push(Box::new(CompanionDistance(companion::kinds(plan))));
    }
    let mut flow = Flow::new(plan, problem, interrupt);
    let mut descents: Vec<Descent> =
        plan.optimizers.iter().map(|settings| Descent::new(settings, plan, problem, interrupt)).collect();
    let mut recorders: Vec<Recorder> = vec![Recorder::new("flow")];
    recorders.extend(plan.optimizers.iter().map(|settings| Recorder::new(settings.name())));

    if plan.record_weights {
        recorders.iter_mut().for_each(Recorder::keep_weights);
    }

    let clocks: Vec<Clock> = descents.iter().map(Descent::clock).collect();
    let mut missed = Missed::default();
    for event in schedule(plan.record_times(), &clocks) {
        let there = flow.advance(event.t);
        if (event.flow && there) || flow.just_stopped(&recorders[0]) {
            record_flow(&mut recorders[0], &observables, &mut flow, problem, &mut missed);
        }
        if let Some(lead) = lead {
            lead.at(flow.t());
        }
        if event.flow && there {
            flow.look_at_record();
        } else if flow.is_stopped() {
            flow.look_stopped();
        }
        for &(index, step) in &event.descents {
            let descent = &mut descents[index];
            let good = descent.advance(step);
            let recorder = &mut recorders[index + 1];
            // A stopped descent is recorded once, where it stopped.
            if good || recorder.last_time() != Some(descent.t()) {
                let begin = Instant::now();
                descent.look();
                let snapshot = descent.snapshot(flow.at(event.t).filter(|_| good));
                record(recorder, &observables, descent.steps(), snapshot, &mut missed);
                descent.observed(begin.elapsed());
            }
        }
        progress(event.t);
        if interrupt.is_raised() {
            break;
        }
    }
    // An interrupted flow may stand at a step of an optimizer: its last state is recorded like any other's.
    if interrupt.is_raised() && recorders[0].last_time() != Some(flow.t()) {
        record_flow(&mut recorders[0], &observables, &mut flow, problem, &mut missed);
    }

    let ended: Vec<Ended> = std::iter::once(flow.ended()).chain(descents.into_iter().map(Descent::ended)).collect();
    let entry = |end: &Ended| {
        let process = Process::new(end.work, end.time.as_secs_f64(), end.termination);
        (
            end.name.clone(),
            Process {
                observation_seconds: end.observation.as_secs_f64(),
                gradients_monitoring: end.gradients_monitoring,
                events: end.events.clone(),
                companions: end.companions.clone(),
                ..process
            },
        )
    };
    let mut manifest = Manifest::new(problem.scenario_hash.clone(), plan.seed, ended.iter().map(entry).collect());
    let terminations: Vec<_> = ended.iter().map(|end| (end.name.clone(), end.termination)).collect();
    let complaints: Vec<String> =
        ended.iter().flat_map(|end| end.complaints.iter().map(|complaint| format!("{}: {complaint}", end.name))).collect();
    let low = low_parts(&ended);
    let weights: Vec<_> = ended.into_iter().map(|end| (end.name, end.parameters)).collect();
    let trajectory = plan.record_weights.then(|| recorders.iter_mut().filter_map(Recorder::take_trajectory).collect());
    let trajectory = trajectory.map(|all: Vec<Trajectory>| all.into_iter().flat_map(Trajectory::into_arrays).collect());
    let mut run = records(plan, &recorders, &weights, problem);
    run.arrays.extend(low);
    manifest.warnings = warning::warnings(&run, &terminations, &missed);
    manifest.warnings.extend(complaints);
    manifest.warnings.extend(problem.notes.iter().cloned());
    manifest.warnings.extend(choice::unanswered(plan));
    manifest.warnings.extend(plan.unobserved());
    Finished { run, manifest, weights, trajectory, terminations, finer: None }
}

/// What was recorded, of processes with these final weights.
fn records(plan: &Plan, recorders: &[Recorder], weights: &[(String, Parameters)], problem: &Problem) -> Run {
    Run {
        name: plan.name.clone(),
        widths: plan.widths.clone(),
        law: plan.balance_law(),
        caption: plan.caption.clone(),
        table: table(recorders),
        arrays: all_arrays(plan, recorders, weights, problem),
    }
}

/// What is measured of every process.
fn observables(plan: &Plan, problem: &Problem) -> Vec<Box<dyn Observable>> {
    let mut observables = if problem.objective.layers().is_some() {
        let mut all = observe::all(&problem.start, plan.balance_law(), problem.target_agop.as_ref());
        all.push(Box::new(Learned { constant: problem.constant_loss }));
        all.push(Box::new(Accuracy));
        all
    } else {
        observe::without_layers()
    };
    if let Some(test) = &problem.test {
        observables.push(Box::new(TestLoss(test.duplicate())));
    }
    if plan.measure.contains(&Measure::Ntk) {
        observables.push(Box::new(Ntk::new(&*problem.objective, &problem.start)));
    }
    observables.extend(own(plan));
    observables.retain(|observable| plan.observes(observable.columns().group));
    observables
}

/// What the user of the library observes.
fn own(plan: &Plan) -> impl Iterator<Item = Box<dyn Observable>> + '_ {
    plan.own.0.iter().map(|observable| Box::new(Arc::clone(observable)) as Box<dyn Observable>)
}

/// Measures the flow where it stands, put back on the balance law first if the scenario asks for it.
fn record_flow<'a>(
    recorder: &mut Recorder,
    observables: &[Box<dyn Observable>],
    flow: &mut Flow<'a>,
    problem: &'a Problem,
    missed: &mut Missed,
) {
    flow.preserve();
    let begin = Instant::now();
    flow.measure();
    record(recorder, observables, flow.steps(), flow.snapshot(problem), missed);
    flow.observed(begin.elapsed());
}

/// Measures one moment; no `snapshot` where products of the weights overflow.
fn record(
    recorder: &mut Recorder,
    observables: &[Box<dyn Observable>],
    step: u64,
    snapshot: Option<Snapshot>,
    missed: &mut Missed,
) {
    let Some(snapshot) = snapshot else {
        missed.moments += 1;
        return;
    };
    let mut row = Row::default();
    for observable in observables {
        let Columns { group, list, arrays } = observable.columns();
        let before = (row.scalars.len(), row.vectors.len());
        observable.measure(&snapshot, &mut row);
        if group == Group::Own {
            let declared = |name: &str| list.iter().any(|column| column.layer(name).is_some());
            let others = row.scalars.extract_if(before.0.., |(name, _)| !declared(name));
            missed.undeclared.extend(others.map(|(name, _)| name));
            let declared = |name: &str| arrays.iter().any(|array| array.is_called(name));
            let others = row.vectors.extract_if(before.1.., |(name, _)| !declared(name));
            missed.undeclared.extend(others.map(|(name, _)| name));
        }
    }
    recorder.push(step, snapshot.t, row);
    recorder.push_weights(snapshot.t, snapshot.parameters);
}

#[cfg(test)]
mod records;

//! Weak errors: how far the expectations of the stochastic differential equation of an optimizer are from those of its iterates. With η the time
//! of a step, K the last step, θ_K of N seeds and X(Kη) of N paths of the equation of order p,
//!
//!   e(η) = E φ(X(Kη)) − E φ(θ_K) = O(η^p) for φ = J and φ = ‖θ‖²
//!
//! (Li, Tai & E, JMLR 20, 2019). Both means are of φ − C, with a [control variate](control) of mean 0, unless φ by itself scatters less. Seeds
//! and paths are independent, so that the standard error of e is the root of the sum of the squares of theirs.
//!
//! The seeds are no sessions: nothing is observed on the way. What is known of each rate is kept in the folder's `ensemble.parquet`, and
//! a study that was interrupted goes on from there.

mod control;
mod ensemble;
mod kept;
mod members;
#[cfg(test)]
mod tests;

use crate::folder::{RateStudy, read_study_table, write_study_table};
use crate::machine::free_memory;
use crate::ode::Interrupt;
use crate::optim::{NoEquation, Optimizer, SdeWalker, SgdEquation, WeakOrder};
use crate::run::Problem;
use crate::scenario::Scenario;
use crate::sweep::Folder;

use super::line_up::Contender;
use super::plan::RatePlan;
use super::seeds::Estimate;
use super::{LrError, StudyPlace};

use control::{Control, Terms};
use ensemble::Law;
use members::Course;

pub(super) use kept::Row;

/// The most members of an ensemble: hours of work on the smallest network.
pub const MOST_MEMBERS: u64 = 1_000_000_000;

/// What expectations are of, as columns call it.
pub(super) const OBSERVABLES: [&str; 2] = ["objective", "norm_squared"];

/// The orders of equations, and the words for what goes to the end: seeds first.
const ORDERS: [WeakOrder; 2] = [WeakOrder::First, WeakOrder::Second];
const SEEDS: &str = "seeds";
const PATHS: [&str; 2] = ["sde_1", "sde_2"];

/// The laws at all rates, and what a reader must know of them.
#[derive(Debug, Clone, Default)]
pub struct Ensembles {
    pub(super) rows: Vec<Row>,
    pub(super) notes: Vec<String>,
}

impl Ensembles {
    /// Gradients that all took, those of the control variates among them.
    pub(super) fn gradients(&self) -> u64 {
        self.rows.iter().map(|row| row.gradients).sum()
    }

    /// The weak errors of a contender at a rate.
    pub(super) fn errors(&self, contender: &Contender, lr: f64) -> WeakErrors {
        let row = |word: &str| self.rows.iter().find(|row| row.is_of(contender, lr) && row.process == word);
        let Some(seeds) = row(SEEDS) else { return WeakErrors::default() };
        let mut found = WeakErrors { diverged: [seeds.diverged_at; 2], ..WeakErrors::default() };
        let paths = PATHS.iter().map(|word| row(word)).enumerate();
        for (index, paths) in paths.filter_map(|(index, paths)| Some((index, paths?))) {
            found.diverged[index] = found.diverged[index].or(paths.diverged_at);
            found.errors[index] = [0, 1].map(|phi| {
                let distance = (paths.means[phi] - seeds.means[phi]).abs();
                let floor = paths.errors[phi].hypot(seeds.errors[phi]);
                Some(Estimate { distance, error: floor / distance, floor }).filter(|estimate| estimate.distance.is_finite())
            });
        }
        found
    }
}

/// Of one contender at one rate, by the order of the equation less 1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WeakErrors {
    /// Of each of [`OBSERVABLES`].
    pub errors: [[Option<Estimate>; 2]; 2],
    /// The step in which the first seed or path that diverged did.
    pub diverged: [Option<u64>; 2],
}

/// Gathers the laws that the folder does not know yet, of `count` seeds and as many paths. `progress` is told the share that is done.
///
/// # Errors
/// If the folder cannot be read or written, or the user interrupts.
pub(super) fn ensembles(
    scenario: &Scenario,
    plan: &RatePlan,
    count: u64,
    folder: &Folder,
    place: StudyPlace,
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
) -> Result<Ensembles, LrError> {
    let table = read_study_table(folder.path(), RateStudy::ENSEMBLE)?;
    let known = table.as_ref().map_or(Vec::new(), kept::rows).into_iter().filter(|row| row.count == count).collect();
    let mut gathering = Gathering { scenario, plan, count, folder, place, interrupt, known, found: Ensembles::default() };
    let random: Vec<usize> = (0..plan.contenders.len()).filter(|&index| plan.contenders[index].random).collect();
    if random.is_empty() {
        let none = "--ensemble: no optimizer draws batches or adds noise, so none has a stochastic differential equation";
        gathering.found.notes.push(none.to_string());
    }
    let steps = |index: &usize| plan.rates_of(*index).map(|lr| plan.unit_at(*index, lr).1).sum::<u64>() as f64;
    let total: f64 = random.iter().map(steps).sum();
    let mut before = 0.0;
    for index in random {
        if let Err(reason) = gathering.contender(index, |done| progress((before + done) / total))? {
            gathering.note(index, &format!("no weak orders: {reason}"));
        }
        before += steps(&index);
        progress(before / total);
    }
    Ok(gathering.found)
}

/// The laws of all contenders, on the way.
struct Gathering<'a> {
    scenario: &'a Scenario,
    plan: &'a RatePlan,
    count: u64,
    folder: &'a Folder,
    place: StudyPlace<'a>,
    interrupt: &'a Interrupt,
    /// Those of earlier commands, of any rate.
    known: Vec<Row>,
    found: Ensembles,
}

impl Gathering<'_> {
    /// Adds the laws of a contender at all its rates, or tells why it has none. `progress` is told the steps of a seed that are done.
    fn contender(&mut self, index: usize, mut progress: impl FnMut(f64)) -> Result<Result<(), String>, LrError> {
        let &mut Self { scenario, plan, count, place, interrupt, .. } = self;
        let contender = &plan.contenders[index];
        let (mut problem, mut before) = (None, 0.0);
        for lr in plan.rates_of(index) {
            let (unit, steps) = plan.unit_at(index, lr);
            // That of any of its rates: they differ in nothing else.
            let problem = match problem.take().map_or_else(|| own_problem(plan, unit, place), Ok) {
                Ok(found) => &*problem.insert(found),
                Err(reason) => return Ok(Err(reason)),
            };
            let (optimizer, decay) = (contender.at(&contender.drawing_at(lr), lr, lr, steps), &scenario.weight_decay);
            let (seed, threads) = (scenario.seed, place.jobs.get());
            let course = Course { problem, decay, optimizer: &optimizer, steps, control: None, seed, count, threads };
            let (equations, without_second) = match equations(&course, scenario.is_one_for_all()) {
                Ok(found) => found,
                Err(reason) => return Ok(Err(reason)),
            };
            if let Some(reason) = without_second.filter(|_| before == 0.0) {
                self.note(index, &format!("compared with its stochastic differential equation of order 1 alone: {reason}"));
            }
            let own: Vec<Row> = self.known.iter().filter(|row| row.is_of(contender, lr)).cloned().collect();
            let is_lost = own.iter().any(|row| row.process == SEEDS && row.diverged_at.is_some());
            if own.len() > equations.len() || is_lost {
                self.found.rows.extend(own);
            } else {
                let told = |share: f64| progress(before + steps as f64 * share);
                self.found.rows.extend(at_rate(&course, contender, lr, &equations, interrupt, told)?);
                self.keep()?;
            }
            before += steps as f64;
            progress(before);
        }
        Ok(Ok(()))
    }

    /// Writes what is known, of earlier commands too.
    fn keep(&self) -> Result<(), LrError> {
        let found = &self.found.rows;
        let rest = self.known.iter().filter(|row| !found.iter().any(|other| other.is_of_the_rate_of(row)));
        let all: Vec<Row> = found.iter().chain(rest).cloned().collect();
        Ok(write_study_table(self.folder.path(), RateStudy::ENSEMBLE, &kept::table(&all))?)
    }

    fn note(&mut self, index: usize, text: &str) {
        self.found.notes.push(format!("{}: {text}", self.plan.contenders[index].called()));
    }
}

/// The problem of a unit, which keeps its samples where its optimizer takes batches.
fn own_problem(plan: &RatePlan, unit: usize, place: StudyPlace) -> Result<Problem, String> {
    let scenario = plan.sweep().0.unit(unit).map_err(|error| error.to_string())?;
    let memory = place.memory.or_else(free_memory).unwrap_or(u64::MAX);
    Problem::with_threads(&scenario, place.jobs.get(), memory).map_err(|error| error.to_string())
}

/// The equations of the optimizer, by their orders, and why there is none of order 2; or why there is not even that of order 1, with what a
/// user of the study can do.
fn equations(course: &Course, is_one_for_all: bool) -> Result<(Vec<SgdEquation>, Option<NoEquation>), String> {
    if !is_one_for_all {
        return Err("stochastic differential equations assume one rate and one weight decay for all layers".to_string());
    }
    let ground = course.ground();
    let of = |order| {
        // Whether it can be followed is known once it is tried.
        let tried = |equation| SdeWalker::on(&ground, equation).map(|_| equation);
        course.optimizer.equation(&ground, order).map(|found| found.and_then(tried))
    };
    let first = match of(ORDERS[0]) {
        Some(Ok(equation)) => equation,
        Some(Err(NoEquation::Epochs)) => return Err(format!("{}; set its replacement: true", NoEquation::Epochs)),
        Some(Err(reason)) => return Err(reason.to_string()),
        None => return Err("its kind has no stochastic differential equation".to_string()),
    };
    Ok(match of(ORDERS[1]) {
        Some(Ok(second)) => (vec![first, second], None),
        other => (vec![first], other.and_then(Result::err)),
    })
}

/// The laws of the seeds and of the equations at one rate; of the seeds alone where one of them diverges.
fn at_rate(
    course: &Course,
    contender: &Contender,
    lr: f64,
    equations: &[SgdEquation],
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
) -> Result<Vec<Row>, LrError> {
    let &Course { problem, optimizer, steps, count, .. } = course;
    let (control, terms) = control(problem, optimizer, steps, interrupt).unzip();
    if interrupt.is_raised() {
        return Err(LrError::Interrupted);
    }
    let course = Course { control: control.as_ref(), ..*course };
    let row = |word: &str, law: Result<Law, u64>, each: u64| {
        let mut row = Row::new(contender, lr, word, (steps, count), terms);
        match law {
            Ok(law) => row.take(&law, steps * count * each),
            Err(step) => row.diverged_at = Some(step),
        }
        row
    };
    // A step of a path takes several gradients, and as much longer.
    let each: Vec<u64> = equations.iter().map(SgdEquation::gradients_per_step).collect();
    let (all, mut before) = ((1 + each.iter().sum::<u64>()) as f64, 1.0);
    let mut seeds = row(SEEDS, course.seeds(interrupt, |share| progress(share / all))?, 1);
    // Made once for all of them.
    seeds.gradients += control.as_ref().map_or(0, |control| control.gradients);
    let is_lost = seeds.diverged_at.is_some();
    let mut rows = vec![seeds];
    for ((equation, word), each) in equations.iter().zip(PATHS).zip(each).filter(|_| !is_lost) {
        let law = course.paths(*equation, word, interrupt, |share| progress((before + share * each as f64) / all))?;
        rows.push(row(word, law, each));
        before += each as f64;
    }
    Ok(rows)
}

/// The control variates of an optimizer on this problem, with the terms that it has; `None` where nothing is drawn, or it would take too much.
fn control(problem: &Problem, optimizer: &Optimizer, steps: u64, interrupt: &Interrupt) -> Option<(Control, Terms)> {
    let batching = optimizer.batching()?;
    let samples = problem.samples.as_ref().filter(|samples| batching.draws(samples.count()))?;
    let start = problem.start.values();
    let terms = Terms::affordable(steps, samples.count(), start.len())?;
    let time = optimizer.step_time(optimizer.lr());
    Some((Control::new(&*problem.objective, samples, start, (time, steps), terms, interrupt)?, terms))
}

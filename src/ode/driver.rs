//! The loop around a [`Method`]: step control, stability, landing, dense output, and the reason for stopping.

mod front;

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};

use super::auto::{Auto, Choice, Given, Reading};
use super::controller::Controller;
use super::initial_step::initial_step;
use super::integrator::Advance;
use super::limits::Budget;
use super::method::{Method, Taken, fit};
use super::rhs::{Base, NotFinite, Rhs, norm, shortest_step};
use super::stability::Stability;
use super::{Change, Limits, Retrial, Segment, Termination, Tolerance, VectorField, Work, has_blown_up};
use front::Front;

/// The fewest accepted steps between two reviews by `auto`.
const STEPS_PER_REVIEW: u32 = 10;
/// How often in a row a failed step is retried at the same length because surfaces have come to hold the state.
const TRIALS: u32 = 8;

/// Steps one of our methods.
///
/// A method with dense output takes its natural steps, past the end of a segment if need be, and returns the interpolated state there; the
/// next call continues from where the method stands, unless it is given another state than was returned. The steps of other methods are cut
/// to land on the end, and the natural step is kept for the next segment.
pub(super) struct Driver {
    method: Box<dyn Method>,
    chooser: Chooser,
    /// The methods that `auto` has taken up.
    changes: Vec<Change>,
    tolerance: Tolerance,
    budget: Budget,
    controller: Controller,
    stability: Stability,
    /// Accepted steps since `auto` last judged its method.
    steps_since_review: u32,
    /// The natural length of the next step.
    step: Option<f64>,
    front: Option<Front>,
    /// ‖θ‖ at the start of the integration, against which growth is measured.
    start_norm: Option<f64>,
}

/// Who chooses the method.
#[derive(Serialize, Deserialize)]
enum Chooser {
    /// The user.
    User,
    /// `auto`, which has not looked at the flow yet.
    Unseen,
    Auto(Auto),
}

impl Driver {
    pub(super) fn new(method: Box<dyn Method>, tolerance: Tolerance, limits: Limits) -> Self {
        Self {
            stability: Stability::new(&*method),
            method,
            chooser: Chooser::User,
            changes: Vec::new(),
            tolerance,
            budget: Budget::new(limits),
            controller: Controller::default(),
            steps_since_review: 0,
            step: None,
            front: None,
            start_norm: None,
        }
    }

    /// A driver that takes the method that suits the flow, and changes it when the flow changes.
    pub(super) fn auto(tolerance: Tolerance, limits: Limits) -> Self {
        // A placeholder, replaced before the first step.
        Self { chooser: Chooser::Unseen, ..Self::new(Choice::Rock4.method(), tolerance, limits) }
    }

    /// Makes (t0, θ) the front, unless the last segment ended there, so that steps taken beyond it still hold.
    fn start(&mut self, rhs: &Rhs<'_>, t0: f64, theta: &DVector<f64>) -> Result<(), NotFinite> {
        if self.front.as_ref().is_some_and(|front| front.handed_out(t0, theta)) {
            return Ok(());
        }
        self.method.restart();
        let mut dtheta = theta.clone();
        rhs.eval(t0, theta, &mut dtheta)?;
        if self.step.is_none() {
            let base = Base { t: t0, theta, dtheta: &dtheta };
            if let (Chooser::Unseen, Some((choice, reason))) = (&self.chooser, self.given(rhs).unseen()) {
                self.method = choice.method();
                self.stability = Stability::new(&*self.method);
                self.changes.push(Change { t: t0, method: choice.name(), reason: reason.to_string() });
            }
            if !self.stability.listens() {
                self.look(rhs, &base)?;
            }
            self.step = Some(initial_step(rhs, &base, &self.tolerance, self.method.error_power())?);
        }
        self.front = Some(Front::new(t0, theta, dtheta));
        Ok(())
    }

    /// What `auto` knows of the flow before its first step.
    fn given(&self, rhs: &Rhs) -> Given {
        Given { rtol: self.tolerance.rtol, high_order: rhs.favours_high_order() && rhs.low_rank().is_none() }
    }

    /// Estimates ρ anew, and lets `auto` choose if it is asked to.
    fn look(&mut self, rhs: &Rhs<'_>, base: &Base<'_>) -> Result<(), NotFinite> {
        self.stability.estimate(rhs, base)?;
        let (rho, given) = (self.stability.rho(), self.given(rhs));
        let look = Reading {
            step: self.step.unwrap_or(0.0),
            longest: self.method.longest_step(rho),
            rho,
            speed: base.dtheta.norm(),
            t: base.t,
            horizon: self.budget.limits.t_end - base.t,
        };
        let (choice, reason) = match &mut self.chooser {
            Chooser::User => return Ok(()),
            Chooser::Unseen => {
                let accelerates = given.minds_saddles(&look) && {
                    let mut jf = base.theta.clone();
                    rhs.jacobian_vector(base.t, base.theta, base.dtheta, &mut jf)?;
                    jf.dot(base.dtheta) > 0.0
                };
                let (auto, reason) = Auto::begin(given, &look, accelerates);
                let choice = auto.choice();
                self.chooser = Chooser::Auto(auto);
                self.steps_since_review = 0;
                if self.changes.last().is_some_and(|last| last.method == choice.name()) {
                    return Ok(());
                }
                (choice, reason)
            }
            Chooser::Auto(_) if self.steps_since_review < STEPS_PER_REVIEW => return Ok(()),
            Chooser::Auto(auto) => {
                self.steps_since_review = 0;
                match auto.review(&look) {
                    Some(change) => change,
                    None => return Ok(()),
                }
            }
        };
        self.method = choice.method();
        self.controller.reset();
        self.changes.push(Change { t: base.t, method: self.method.name(), reason });
        Ok(())
    }

    /// Tries one step towards `t1`, and past it if the method has dense output. Returns why the integration must stop, if it must.
    fn try_step(&mut self, rhs: &Rhs<'_>, front: &mut Front, t1: f64, work: &mut Work) -> Option<Termination> {
        let base = Base { t: front.t, theta: &front.theta, dtheta: &front.dtheta };
        if self.stability.is_due(self.step.unwrap_or(0.0)) && self.look(rhs, &base).is_err() {
            return Some(Termination::Diverged { t: front.t, norm: front.theta.norm() });
        }
        let rho = self.stability.rho();
        let power = self.method.error_power();
        let longest = self.method.longest_step(rho).min(self.budget.limits.max_step);
        let natural = self.step.unwrap_or(longest).min(longest);
        // Ask the present method: `auto` may just have changed it.
        let t_end = self.budget.limits.t_end;
        let end = if self.method.dense_degree().is_some() && t1 < t_end { t_end } else { t1 };
        // A remainder of less than a thousandth of a step is not worth one.
        let lands = front.t + 1.001 * natural >= end;
        // Without this end the step would be another.
        if lands && end >= t_end && self.budget.limits.interrupt.pauses_at_the_end() {
            return Some(Termination::Interrupted { t: front.t });
        }
        let h = if lands { end - front.t } else { natural };
        let near = self.tolerance.rtol * norm(&front.theta) + self.tolerance.atol * (front.theta.len() as f64).sqrt();
        if let Some(switching) = rhs.switching().filter(|_| !front.settled) {
            front.within = switching.settle(&front.theta, &mut front.dtheta, h, near);
            front.settled = true;
        }
        let within = front.within.filter(|within| *within < h);
        let (lands, h) = (lands && within.is_none(), within.unwrap_or(h));
        let base = Base { t: front.t, theta: &front.theta, dtheta: &front.dtheta };
        let (next, dnext) = (&mut front.theta_before, &mut front.dtheta_before);
        let outcome = self.method.step(rhs, &base, h, rho, &self.tolerance, next, dnext);
        self.budget.spend(1);
        match outcome {
            Err(NotFinite) => self.stability.lost(),
            Ok(_) => self.stability.feel(&*self.method, &base, h, next, dnext),
        }
        // A NaN among the errors fails the comparison.
        if let Ok(error) = outcome
            && error <= 1.0
        {
            let proposed = self.controller.accept(h, error, power, self.method.gain(h * rho));
            // A step that was cut short can lengthen the natural step but not shorten it.
            self.step = Some(if h < natural { proposed.max(natural) } else { proposed });
            self.stability.accepted();
            self.steps_since_review += 1;
            work.accepted += 1;
            (front.settled, front.trials) = (false, 0);
            front.t_before = front.t;
            front.t = if lands { end } else { front.t + h };
            std::mem::swap(&mut front.theta, &mut front.theta_before);
            std::mem::swap(&mut front.dtheta, &mut front.dtheta_before);
            return self.blow_up(front.t, &front.theta);
        }
        work.rejected += 1;
        // The start of the last step is overwritten: nothing is left to interpolate.
        front.t_before = front.t;
        self.stability.rejected();
        if let Some(switching) = rhs.switching() {
            let retrial = if front.trials < TRIALS && outcome.is_ok() {
                front.trials += 1;
                switching.resettle(&front.theta, &mut front.dtheta, h, near)
            } else {
                switching.give_up();
                Retrial::Shorter
            };
            match retrial {
                Retrial::Shorter => {}
                Retrial::Again => return None,
                Retrial::Within(length) if length < h => {
                    front.within = Some(length);
                    return None;
                }
                Retrial::Within(_) => {}
            }
        }
        let shorter = match outcome {
            Ok(error) if error.is_finite() => self.controller.reject(h, error, power),
            _ => self.controller.halve(h),
        };
        self.step = Some(shorter);
        (shorter <= shortest_step(front.t)).then(|| rhs.stopped_short(front.t, &front.theta))
    }

    /// out ← the state at time `t` within the last step, which ended at the front.
    fn interpolate(&mut self, rhs: &Rhs<'_>, front: &Front, t: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        let h = front.t - front.t_before;
        let base = Base { t: front.t_before, theta: &front.theta_before, dtheta: &front.dtheta_before };
        let taken = Taken { base, h, next: &front.theta, dnext: &front.dtheta };
        self.method.interpolate(rhs, &taken, (t - front.t_before) / h, out)
    }

    /// The termination if θ has blown up at time t.
    fn blow_up(&self, t: f64, theta: &DVector<f64>) -> Option<Termination> {
        let norm = norm(theta);
        has_blown_up(norm, self.start_norm.unwrap_or(norm)).then_some(Termination::Diverged { t, norm })
    }
}

impl Advance for Driver {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        self.advance_or_pause(field, t0, t1, t1, theta)
    }

    fn advance_or_pause(&mut self, field: &dyn VectorField, t0: f64, pause: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        if t0 >= t1 {
            return Segment { t: t0, work, stop: None };
        }
        self.start_norm.get_or_insert_with(|| theta.norm());
        if self.start(&rhs, t0, theta).is_err() {
            work.evaluations = rhs.gradients();
            return Segment { t: t0, work, stop: Some(Termination::Diverged { t: t0, norm: theta.norm() }) };
        }
        // Set by `start`.
        let Some(mut front) = self.front.take() else { return Segment { t: t0, work, stop: None } };
        let mut stop = None;
        let until = pause.min(t1);
        while front.t < until && stop.is_none() {
            stop = self.budget.refusal(front.t).or_else(|| self.try_step(&rhs, &mut front, t1, &mut work));
        }
        let t = front.t.min(t1);
        if t < front.t {
            // What the step met beyond t1 ends a later segment.
            stop = match self.interpolate(&rhs, &front, t, theta) {
                Ok(()) => self.blow_up(t, theta),
                Err(NotFinite) => Some(Termination::Diverged { t, norm: norm(theta) }),
            };
        } else {
            theta.copy_from(&front.theta);
            // An earlier segment, which ended before, may have met this on its way.
            stop = stop.or_else(|| self.blow_up(t, theta));
        }
        front.t_handed = t;
        front.interpolated = t < front.t;
        if front.interpolated {
            fit(std::array::from_mut(&mut front.handed), theta.len());
            front.handed.copy_from(theta);
        }
        self.front = Some(front);
        work.evaluations = rhs.gradients();
        Segment { t, work, stop }
    }

    fn dense_degree(&self) -> Option<usize> {
        self.method.dense_degree()
    }

    fn last_step(&self) -> Option<[f64; 2]> {
        let stepped = |front: &&Front| self.method.dense_degree().is_some() && front.t_before < front.t;
        self.front.as_ref().filter(stepped).map(|front| [front.t_before, front.t])
    }

    fn within_last_step(&mut self, field: &dyn VectorField, t: f64, theta: &mut DVector<f64>) -> u64 {
        let Some(front) = self.front.take() else { return 0 };
        let rhs = Rhs::new(field);
        if t >= front.t {
            theta.copy_from(&front.theta);
        } else if t <= front.t_before {
            theta.copy_from(&front.theta_before);
        } else if self.interpolate(&rhs, &front, t, theta).is_err() {
            theta.fill(f64::NAN);
        }
        self.front = Some(front);
        rhs.gradients()
    }

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn chooses_alike(&self, t_end: f64) -> bool {
        if let Chooser::Auto(auto) = &self.chooser { auto.chooses_alike(t_end) } else { true }
    }

    fn archive(&mut self, field: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.same("integrator", matches!(self.chooser, Chooser::User))?;
        archive.item(&mut self.chooser)?;
        if let Chooser::User = self.chooser {
            archive.same("method", self.method.name().to_string())?;
        } else {
            let mut name = self.method.name();
            archive.word(&mut name, &Choice::NAMES)?;
            if let Some(choice) = Choice::called(name).filter(|_| archive.is_read()) {
                self.method = choice.method();
            }
        }
        self.method.archive(field, archive)?;
        let mut changes = self.changes.len();
        archive.item(&mut changes)?;
        self.changes.resize_with(changes, || Change { t: 0.0, method: Choice::NAMES[0], reason: String::new() });
        for Change { t, method, reason } in &mut self.changes {
            archive.item(t)?;
            archive.word(method, &Choice::NAMES)?;
            archive.item(reason)?;
        }
        self.budget.archive(archive)?;
        archive.item(&mut self.controller)?;
        self.stability.archive(archive)?;
        archive.item(&mut self.steps_since_review)?;
        archive.item(&mut self.step)?;
        archive.item(&mut self.front)?;
        archive.item(&mut self.start_norm)
    }
}

#[cfg(test)]
mod dense;
#[cfg(test)]
mod tests;

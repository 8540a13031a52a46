//! The classical Runge–Kutta method of order 4 (Kutta, Z. Math. Phys. 46, 1901) with a fixed step. From `ode_solvers`.
//!
//! The method has no error estimate: a step beyond 2.785/ρ (ρ the spectral radius of the field's Jacobian) diverges or jitters, and one
//! just below drifts along flat directions.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};

use super::integrator::{Advance, Integrator};
use super::limits::Budget;
use super::rhs::{Rhs, states_per_call};
use super::{Limits, OdeError, Segment, Termination, VectorField, Work, has_blown_up};

/// The integrator `rk4`: every segment is divided into equal steps no longer than `step`, which must be positive and finite.
///
/// # Errors
/// If `step` is not positive and finite, and as for [`auto`](super::auto) otherwise.
pub fn rk4<'f>(field: impl VectorField + 'f, step: f64, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    if !(step > 0.0 && step.is_finite()) {
        return Err(OdeError::Step { step });
    }
    Integrator::bind(field, &limits.clone(), || Box::new(Rk4::new(step, limits)))
}

/// The method.
struct Rk4 {
    step: f64,
    budget: Budget,
    /// ‖θ‖ at the start of the integration, against which growth is measured.
    start_norm: Option<f64>,
    /// A segment that was interrupted, and how many of its steps were done.
    cut: Option<(Parts, u64)>,
}

impl Rk4 {
    /// Steps of at most `step` > 0, within the limits.
    fn new(step: f64, limits: Limits) -> Self {
        Self { step: step.min(limits.max_step), budget: Budget::new(limits), start_norm: None, cut: None }
    }
}

impl Advance for Rk4 {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        let start_norm = *self.start_norm.get_or_insert_with(|| theta.norm());
        // Of a segment that was interrupted the steps are divided as before.
        let cut = self.cut.take().filter(|(parts, done)| parts.end == t1 && parts.time(*done) == t0);
        let (parts, before) = cut.unwrap_or((Parts::new(t0, t1, self.step), 0));
        let most = states_per_call(field.dim());
        let stop = loop {
            let done = before + work.accepted;
            let t = parts.time(done);
            if done == parts.count {
                break None;
            }
            if let Some(refusal) = self.budget.refusal(t) {
                break Some(refusal);
            }
            let count = most.min(parts.count - done).min(self.budget.left());
            // Half a step short: the library takes ⌈(end − t)/h⌉ steps of h, whatever rounding does to the quotient.
            let end = t + (count as f64 - 0.5) * parts.length;
            let mut stepper = ode_solvers::Rk4::new(&rhs, t, theta.clone(), end, parts.length);
            // The library's method cannot fail.
            let _ = stepper.integrate();
            let (_, states) = stepper.results().get();
            let good = states[1..].iter().take_while(|state| !has_blown_up(state.norm(), start_norm)).count() as u64;
            theta.copy_from(&states[good as usize]);
            work.accepted += good;
            self.budget.spend(good);
            if good < count {
                break Some(Termination::Diverged { t: parts.time(done + good), norm: theta.norm() });
            }
        };
        work.evaluations = rhs.gradients();
        let done = before + work.accepted;
        if let Some(Termination::Interrupted { .. }) = stop {
            self.cut = Some((parts, done));
        }
        Segment { t: parts.time(done), work, stop }
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.budget.archive(archive)?;
        archive.item(&mut self.start_norm)?;
        archive.item(&mut self.cut)
    }
}

/// A segment in equal steps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Parts {
    begin: f64,
    end: f64,
    count: u64,
    length: f64,
}

impl Parts {
    /// A whole number of steps of at most `step`, so that the last one lands: 1 + 1e-12 forgives end − begin its rounding.
    fn new(begin: f64, end: f64, step: f64) -> Self {
        let count = ((end - begin) / step / (1.0 + 1e-12)).ceil() as u64;
        Self { begin, end, count, length: (end - begin) / count as f64 }
    }

    /// The time after n steps.
    fn time(&self, n: u64) -> f64 {
        if n == self.count { self.end } else { self.begin + n as f64 * self.length }
    }
}

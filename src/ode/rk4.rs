//! The classical Runge–Kutta method of order 4 (Kutta, Z. Math. Phys. 46, 1901) with a fixed step. From `ode_solvers`.
//!
//! The method has no error estimate: a step beyond 2.785/ρ (ρ the spectral radius of the field's Jacobian) diverges or jitters, and one
//! just below drifts along flat directions.

use nalgebra::DVector;

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
}

impl Rk4 {
    /// Steps of at most `step` > 0, within the limits.
    fn new(step: f64, limits: Limits) -> Self {
        Self { step: step.min(limits.max_step), budget: Budget::new(limits), start_norm: None }
    }
}

impl Advance for Rk4 {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        let start_norm = *self.start_norm.get_or_insert_with(|| theta.norm());
        // A whole number of steps, so that the last one lands: 1 + 1e-12 forgives t1 − t0 its rounding.
        let steps = ((t1 - t0) / self.step / (1.0 + 1e-12)).ceil() as u64;
        let h = (t1 - t0) / steps as f64;
        let most = states_per_call(field.dim());
        let time_after = |n: u64| if n == steps { t1 } else { t0 + n as f64 * h };
        let stop = loop {
            let t = time_after(work.accepted);
            if work.accepted == steps {
                break None;
            }
            if let Some(refusal) = self.budget.refusal(t) {
                break Some(refusal);
            }
            let count = most.min(steps - work.accepted).min(self.budget.left());
            // Half a step short: the library takes ⌈(end − t)/h⌉ steps of h, whatever rounding does to the quotient.
            let end = t + (count as f64 - 0.5) * h;
            let mut stepper = ode_solvers::Rk4::new(&rhs, t, theta.clone(), end, h);
            // The library's method cannot fail.
            let _ = stepper.integrate();
            let (_, states) = stepper.results().get();
            let good = states[1..].iter().take_while(|state| !has_blown_up(state.norm(), start_norm)).count() as u64;
            theta.copy_from(&states[good as usize]);
            work.accepted += good;
            self.budget.spend(good);
            if good < count {
                break Some(Termination::Diverged { t: time_after(work.accepted), norm: theta.norm() });
            }
        };
        work.evaluations = rhs.gradients();
        Segment { t: time_after(work.accepted), work, stop }
    }
}

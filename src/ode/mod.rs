//! Integration of any autonomous or time-dependent field θ̇ = F(t, θ), knowing nothing of networks.
//!
//! An [`Integrator`] advances a state from one time to the next and carries its step size over; why it stopped short, if it
//! did, is part of its [`Segment`], not an error.

mod adaptive;
mod dop853;
mod dopri5;
mod rhs;
mod rk4;
mod termination;

pub use adaptive::{Adaptive, Tolerance};
pub use dop853::dop853;
pub use dopri5::dopri5;
pub use rk4::Rk4;
pub use termination::Termination;

use nalgebra::DVector;

/// The right-hand side F of θ̇ = F(t, θ), θ ∈ ℝ^P.
pub trait VectorField {
    /// P.
    fn dim(&self) -> usize;

    /// dθ ← F(t, θ); both vectors have length P. Does not allocate after its first call.
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>);

    /// jv ← (∂F/∂θ)(t, θ)·v; all vectors have length P. Does not allocate after its first call.
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>);

    /// The λ of a linear term −λθ in F, which methods in the variables e^{λt}θ integrate exactly; 0 if F has none.
    fn decay(&self) -> f64 {
        0.0
    }
}

/// A method that carries a state forward in time.
pub trait Integrator {
    /// Advances `theta` from `t0` to exactly `t1 ≥ t0`, or as far as it gets; `theta` is then the state at `Segment::t`.
    ///
    /// Successive calls are one integration: they continue each other's step size and count against one `max_steps`.
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment;
}

/// Whether ‖θ‖ exceeds 1e12·max(1, ‖θ(0)‖) or is no number: nothing that trains gets there, and products of such weights soon
/// overflow. The 1 is for small starts, which may grow by any factor.
pub fn has_blown_up(norm: f64, start_norm: f64) -> bool {
    norm.is_nan() || norm > 1e12 * start_norm.max(1.0)
}

/// What one call of [`Integrator::advance`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The time reached.
    pub t: f64,
    /// The work it took.
    pub work: Work,
    /// Why it stopped before its end, if it did.
    pub stop: Option<Termination>,
}

/// Counts of work done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Steps taken.
    pub accepted: u64,
    /// Steps tried and thrown away because their error estimate was too large.
    pub rejected: u64,
    /// Evaluations of the field; a product of its Jacobian with a vector counts 2.
    pub evaluations: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.evaluations += other.evaluations;
    }
}

#[cfg(test)]
mod tests {
    //! Laws that hold for every method.

    use super::*;

    /// An oscillator that turns at the rate ω = 2 + cos t and settles on the unit circle, ṙ = r(1 − r²): from (½, 0) it is at
    /// r = (1 + 3e^{−2t})^{−1/2}, φ = 2t + sin t. Smooth, nonlinear, depends on time.
    struct Smooth;

    impl VectorField for Smooth {
        fn dim(&self) -> usize {
            2
        }
        fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            let (rate, pull) = (2.0 + t.cos(), 1.0 - theta.norm_squared());
            dtheta[0] = pull * theta[0] - rate * theta[1];
            dtheta[1] = pull * theta[1] + rate * theta[0];
        }
        fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            let (rate, pull, along) = (2.0 + t.cos(), 1.0 - theta.norm_squared(), 2.0 * theta.dot(v));
            jv[0] = pull * v[0] - rate * v[1] - along * theta[0];
            jv[1] = pull * v[1] + rate * v[0] - along * theta[1];
        }
    }

    fn start() -> DVector<f64> {
        DVector::from_column_slice(&[0.5, 0.0])
    }

    fn error_at(integrator: &mut dyn Integrator, times: &[f64]) -> f64 {
        let mut theta = start();
        for window in times.windows(2) {
            let segment = integrator.advance(&Smooth, window[0], window[1], &mut theta);
            assert_eq!((segment.stop, segment.t), (None, window[1]));
        }
        let t = times[times.len() - 1];
        let (r, phi) = (1.0 / (1.0 + 3.0 * (-2.0 * t).exp()).sqrt(), 2.0 * t + t.sin());
        (theta[0] - r * phi.cos()).hypot(theta[1] - r * phi.sin())
    }

    /// Tolerances so loose that no error estimate speaks: every step has the length of the cap.
    fn free(max_step: f64) -> Tolerance {
        Tolerance { rtol: 1e6, atol: 1e6, max_step, max_steps: 1_000_000 }
    }

    fn slope(points: &[(f64, f64)]) -> f64 {
        let n = points.len() as f64;
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|(h, e)| (h.ln(), e.ln())).unzip();
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
        covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
    }

    fn observed_order(method: impl Fn(f64) -> Box<dyn Integrator>, step_counts: [usize; 4]) -> f64 {
        // A whole number of steps: no short last one spoils the slope.
        let points = step_counts.map(|n| {
            let h = 4.0 / n as f64;
            (h, error_at(&mut *method(h), &[0.0, 4.0]))
        });
        slope(&points)
    }

    #[test]
    fn rk4_converges_with_order_4() {
        let order = observed_order(|h| Box::new(Rk4::new(h, 1_000_000)), [48, 64, 96, 128]);
        assert!((order - 4.0).abs() < 0.2, "{order}");
    }

    #[test]
    fn dopri5_converges_with_order_5() {
        let order = observed_order(|h| Box::new(dopri5(free(h))), [128, 192, 256, 384]);
        assert!((order - 5.0).abs() < 0.2, "{order}");
    }

    #[test]
    fn dop853_converges_with_order_8() {
        let order = observed_order(|h| Box::new(dop853(free(h))), [48, 56, 64, 80]);
        assert!((order - 8.0).abs() < 0.2, "{order}");
    }

    fn all_methods(rtol: f64) -> Vec<(&'static str, Box<dyn Integrator>)> {
        let tolerance = || Tolerance { rtol, atol: rtol * 1e-3, max_step: f64::INFINITY, max_steps: 1_000_000 };
        vec![
            ("dopri5", Box::new(dopri5(tolerance()))),
            ("dop853", Box::new(dop853(tolerance()))),
            ("rk4", Box::new(Rk4::new(1e-3, 1_000_000))),
        ]
    }

    #[test]
    fn the_error_follows_the_tolerance() {
        for (name, mut integrator) in all_methods(1e-10) {
            let error = error_at(&mut *integrator, &[0.0, 3.0, 10.0]);
            assert!(error < 1e-8, "{name}: {error:e}");
        }
    }

    /// Times that no step size divides, some closer than any step.
    #[test]
    fn every_record_time_is_hit_exactly_and_the_step_is_carried() {
        let mut times = vec![0.0, 1e-9, 0.1, 0.1 + f64::EPSILON, 0.1 + 1e-12];
        times.extend((1..200).map(|i| 0.1 + 0.37 * i as f64 / 7.0));
        for (name, mut integrator) in all_methods(1e-9) {
            let error = error_at(&mut *integrator, &times);
            assert!(error < 1e-7, "{name}: {error:e}");
        }
        let mut fresh = Work::default();
        let mut carried = Work::default();
        let (mut a, mut b) = (start(), start());
        let tolerance = || Tolerance { rtol: 1e-9, atol: 1e-12, max_step: f64::INFINITY, max_steps: 1_000_000 };
        let mut one = dopri5(tolerance());
        for window in times.windows(2) {
            fresh += dopri5(tolerance()).advance(&Smooth, window[0], window[1], &mut a).work;
            carried += one.advance(&Smooth, window[0], window[1], &mut b).work;
        }
        assert!(carried.evaluations < fresh.evaluations, "{} against {}", carried.evaluations, fresh.evaluations);
    }

    #[test]
    fn an_empty_segment_does_nothing() {
        for (_, mut integrator) in all_methods(1e-8) {
            let mut theta = start();
            let segment = integrator.advance(&Smooth, 2.0, 2.0, &mut theta);
            assert_eq!(segment, Segment { t: 2.0, work: Work::default(), stop: None });
        }
    }

    /// θ̇ = θ²: blows up at t = 1.
    struct BlowUp;

    impl VectorField for BlowUp {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            dtheta[0] = theta[0] * theta[0];
        }
        fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            jv[0] = 2.0 * theta[0] * v[0];
        }
    }

    #[test]
    fn a_blow_up_ends_as_diverged_with_a_finite_state_near_its_time() {
        for (name, mut integrator) in all_methods(1e-6) {
            let mut theta = DVector::from_element(1, 1.0);
            let segment = integrator.advance(&BlowUp, 0.0, 2.0, &mut theta);
            assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name}: {segment:?}");
            assert!(theta[0].is_finite() && (segment.t - 1.0).abs() < 0.02, "{name}: {segment:?}");
        }
    }

    /// Not a number from t = 1 on.
    struct BecomesNan;

    impl VectorField for BecomesNan {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            dtheta[0] = if t < 1.0 { -theta[0] } else { f64::NAN };
        }
        fn jacobian_vector(&self, t: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            jv[0] = if t < 1.0 { -v[0] } else { f64::NAN };
        }
    }

    #[test]
    fn a_field_that_becomes_nan_ends_as_diverged() {
        for (start, end) in [(0.0, 2.0), (1.5, 2.0)] {
            for (name, mut integrator) in all_methods(1e-6) {
                let mut theta = DVector::from_element(1, 1.0);
                let segment = integrator.advance(&BecomesNan, start, end, &mut theta);
                assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name}: {segment:?}");
                assert!(theta[0].is_finite() && segment.t <= start.max(1.0), "{name}: {segment:?}");
            }
        }
    }

    /// θ̇ = 0 until t = 1, then 1e18·sign(1 − θ): the step underflows while θ stays of order one.
    struct TurnsStiff;

    impl VectorField for TurnsStiff {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            dtheta[0] = if t <= 1.0 { 0.0 } else { 1e18 * (1.0 - theta[0]).signum() };
        }
        fn jacobian_vector(&self, _: f64, _: &DVector<f64>, _: &DVector<f64>, jv: &mut DVector<f64>) {
            jv[0] = 0.0;
        }
    }

    #[test]
    fn a_step_that_underflows_ends_as_stiff_and_names_the_remedy() {
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9, max_step: f64::INFINITY, max_steps: 1_000_000 };
        for mut integrator in [dopri5(tolerance), dop853(tolerance)] {
            let mut theta = DVector::from_element(1, 1.0);
            let segment = integrator.advance(&TurnsStiff, 0.0, 2.0, &mut theta);
            let stop = segment.stop.expect("it cannot pass t = 1");
            assert!(matches!(stop, Termination::Stiff { .. }), "{stop:?}");
            assert!(stop.to_string().contains("flow.integrator rk4"), "{stop}");
        }
    }

    #[test]
    fn max_steps_is_one_budget_for_all_segments() {
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9, max_step: 0.01, max_steps: 150 };
        for mut integrator in
            [Box::new(dopri5(tolerance)) as Box<dyn Integrator>, Box::new(dop853(tolerance)), Box::new(Rk4::new(0.01, 150))]
        {
            let mut theta = start();
            assert_eq!(integrator.advance(&Smooth, 0.0, 1.0, &mut theta).stop, None);
            let segment = integrator.advance(&Smooth, 1.0, 2.0, &mut theta);
            assert_eq!(segment.stop, Some(Termination::MaxSteps { t: segment.t, steps: 150 }));
            assert!((segment.t - 1.5).abs() < 0.02, "{segment:?}");
        }
    }
}

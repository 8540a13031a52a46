//! Abdulle, "Fourth order Chebyshev methods with recurrence relation", SIAM J. Sci. Comput. 23 (2002): ROCK4, order 4(3), explicit, for
//! Jacobians whose eigenvalues are real and mostly negative.
//!
//! s stages are stable for hρ ≤ ℓ(s) ≈ 0.35·s²: steps of a given length cost the root of what they cost other explicit methods. The first m
//! = s − 4 stages are a three-term recurrence, the last four raise the order. [`polynomial`] finds the recurrence, [`orthogonal`] runs it,
//! [`finish`] finds the rest. The last stages reach up to 0.04·h beyond the end of the step.

mod finish;
mod orthogonal;
mod polynomial;

use std::sync::OnceLock;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::vectorised;

use self::finish::Finish;
use self::orthogonal::Term;
use self::polynomial::{FEWEST, StabilityPolynomial, length};
use super::method::{Method, Taken, combine, fit, weigh};
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Tolerance, VectorField};

/// The most stages: the recurrence amplifies rounding errors by s².
const MOST_STAGES: usize = 200;

/// The coefficients for one number of stages.
#[derive(Debug)]
struct Scheme {
    terms: Vec<Term>,
    finish: Finish,
}

/// The coefficients for `stages`, computed at their first use in a process: a fraction of a millisecond.
fn scheme(stages: usize) -> &'static Scheme {
    static SCHEMES: [OnceLock<Scheme>; MOST_STAGES + 1] = [const { OnceLock::new() }; MOST_STAGES + 1];
    SCHEMES[stages].get_or_init(|| {
        let terms = StabilityPolynomial::new(stages).terms;
        let finish = Finish::new(&terms);
        Scheme { terms, finish }
    })
}

/// The fewest stages that are stable at hρ = `reach`, or the most there are.
fn stages_for(reach: f64) -> usize {
    // ℓ(s) < 0.351·s²: no fewer would do.
    let guess = ((reach / 0.351).sqrt() as usize).clamp(FEWEST, MOST_STAGES);
    (guess..MOST_STAGES).find(|&stages| length(stages) >= reach).unwrap_or(MOST_STAGES)
}

/// The method `rock4`.
pub(super) struct Rock4 {
    /// K_j, and F at the last four stages; the first of these serves the recurrence as well.
    scratch: [DVector<f64>; 5],
    /// A fixed number of stages, instead of one that follows from hρ.
    forced: Option<usize>,
    /// The number of stages of the last step.
    stages: usize,
}

impl Rock4 {
    pub(super) fn new() -> Self {
        Self { scratch: std::array::from_fn(|_| DVector::zeros(0)), forced: None, stages: FEWEST }
    }

    /// With `stages` ≥ 5 in every step, whatever the spectral radius.
    #[cfg(test)]
    pub(super) fn with_stages(stages: usize) -> Self {
        Self { forced: Some(stages), ..Self::new() }
    }
}

impl Method for Rock4 {
    fn name(&self) -> &'static str {
        "rock4"
    }

    fn error_power(&self) -> f64 {
        4.0
    }

    /// What a long step leaves in stiff components is damped by a factor of only 0.95 per step and felt by later estimates: at gain 1 step
    /// sizes oscillate, and the flows of `tests/references/stiff` took 5 to 24 % more gradients for the same error.
    fn gain(&self, _: f64) -> f64 {
        0.6
    }

    fn longest_step(&self, rho: f64) -> f64 {
        length(MOST_STAGES) / rho
    }

    fn step(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        rho: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite> {
        fit(&mut self.scratch, base.theta.len());
        self.stages = self.forced.unwrap_or_else(|| stages_for(h * rho));
        let Scheme { terms, finish } = scheme(self.stages);
        let [k, f1, f2, f3, f4] = &mut self.scratch;

        // K_{j−1} is in `k` and K_{j−2} in `next`, where K_j takes its place; their times, in units of h, follow the same recurrence.
        combine(k, base.theta, h, [terms[0].mu], [base.dtheta]);
        let (mut c, mut c_before) = (terms[0].mu, 0.0);
        for (j, term) in (2..).zip(&terms[1..]) {
            rhs.eval_unchecked(base.t + c * h, k, f1);
            // K_0 = θ is read where it lies.
            match j {
                2 => weigh(next, [term.kappa, term.nu, h * term.mu], [base.theta, k, f1]),
                _ => recur(next, term, h, f1, k),
            }
            std::mem::swap(k, next);
            (c_before, c) = (c, term.mu + term.nu * c + term.kappa * c_before);
        }

        let t = |i: usize| base.t + finish.c[i] * h;
        rhs.eval_unchecked(t(0), k, f1);
        combine(next, k, h, finish.a2, [f1]);
        rhs.eval_unchecked(t(1), next, f2);
        combine(next, k, h, finish.a3, [f1, f2]);
        rhs.eval_unchecked(t(2), next, f3);
        combine(next, k, h, finish.a4, [f1, f2, f3]);
        rhs.eval_unchecked(t(3), next, f4);
        combine(next, k, h, finish.b, [f1, f2, f3, f4]);
        // Checked: it is no part of the error norm.
        rhs.eval(base.t + h, next, dnext)?;

        let [e0, e1, e2, e3, e4] = finish.error;
        let (e1, e2, e3, e4) = (h * e1, h * e2, h * e3, h * e4);
        let error = tolerance.error_norm(
            base.theta,
            next,
            [base.theta, k, f1, f2, f3, f4],
            #[inline(always)]
            |[theta, k, f1, f2, f3, f4]| e0 * (k - theta) + (e1 * f1 + e2 * f2 + e3 * f3 + e4 * f4),
        );
        measured(error)
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.scratch)?;
        archive.item(&mut self.stages)?;
        self.stages = self.stages.clamp(FEWEST, MOST_STAGES);
        Ok(())
    }

    fn dense_degree(&self) -> Option<usize> {
        Some(4)
    }

    fn interpolate(&mut self, _: &Rhs<'_>, taken: &Taken<'_>, sigma: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        let &Taken { base: Base { theta, .. }, h, .. } = taken;
        let [k, f1, f2, f3, f4] = &self.scratch;
        let [w0, w1, w2, w3, w4] = scheme(self.stages).finish.interpolant(sigma);
        combine(out, theta, h, [w0 / h, -w0 / h, w1, w2, w3, w4], [k, theta, f1, f2, f3, f4]);
        Ok(())
    }
}

/// K_{j−2} ← K_j = hμ_j·F(K_{j−1}) + ν_j·K_{j−1} + κ_j·K_{j−2}, in one pass over memory.
fn recur(before: &mut DVector<f64>, term: &Term, h: f64, f: &DVector<f64>, k: &DVector<f64>) {
    recur_in_place(before.as_mut_slice(), term.kappa, [h * term.mu, term.nu], [f.as_slice(), k.as_slice()]);
}

vectorised! {
    /// y ← κy + Σ_j a_j x_j.
    fn recur_in_place(y: &mut [f64], kappa: f64, a: [f64; 2], x: [&[f64]; 2]) {
        let n = y.len();
        let x = x.map(#[inline(always)] |x| &x[..n]);
        for i in 0..n {
            y[i] = a[0].mul_add(x[0][i], a[1].mul_add(x[1][i], kappa * y[i]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::{JacobianProducts, VectorField};

    /// θ̇ = F(t, θ) for a closure F.
    struct Field<F>(usize, F);

    impl<F: Fn(f64, &[f64], &mut [f64])> VectorField for Field<F> {
        fn dim(&self) -> usize {
            self.0
        }
        fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            self.1(t, theta.as_slice(), dtheta.as_mut_slice());
        }

        fn jacobian(&self) -> Option<&dyn JacobianProducts> {
            Some(self)
        }
    }

    impl<F: Fn(f64, &[f64], &mut [f64])> JacobianProducts for Field<F> {
        fn jacobian_vector(&self, _: f64, _: &DVector<f64>, _: &DVector<f64>, _: &mut DVector<f64>) {
            unreachable!("the method needs no products with the Jacobian");
        }
    }

    /// One step from (t, θ): what it ends at, its error norm at tolerance 1, and its evaluations.
    fn one_step(method: &mut Rock4, field: &dyn VectorField, t: f64, theta: &DVector<f64>, h: f64) -> (DVector<f64>, f64, u64) {
        let rhs = Rhs::new(field);
        let mut dtheta = theta.clone();
        rhs.eval(t, theta, &mut dtheta).unwrap();
        let (mut next, mut dnext) = (theta.clone(), theta.clone());
        let tolerance = Tolerance { rtol: 0.0, atol: 1.0 };
        let base = Base { t, theta, dtheta: &dtheta };
        let error = method.step(&rhs, &base, h, 0.0, &tolerance, &mut next, &mut dnext).unwrap();
        field.eval(t + h, &next, &mut dtheta);
        assert_eq!(dnext, dtheta);
        (next, error, rhs.evaluations() - 1)
    }

    #[test]
    fn a_step_on_a_linear_field_multiplies_by_the_stability_polynomial() {
        for stages in [FEWEST, 6, 12, 47, MOST_STAGES] {
            let polynomial = StabilityPolynomial::new(stages);
            for i in 0..=100 {
                let z = -length(stages) * (f64::from(i) / 100.0).powi(2);
                let field = Field(1, |_, theta: &[f64], dtheta: &mut [f64]| dtheta[0] = z * theta[0]);
                let (next, _, evaluations) =
                    one_step(&mut Rock4::with_stages(stages), &field, 0.0, &DVector::from_element(1, 1.0), 1.0);
                assert!((next[0] - polynomial.at(z)).abs() < 1e-10, "s = {stages} at {z}: {} {}", next[0], polynomial.at(z));
                assert_eq!(evaluations, stages as u64);
            }
        }
    }

    /// With τ = t + sin(t)/2: du/dτ = −u³, dv/dτ = −u²v², so that u = (1 + 2τ)^{−1/2} and 1/v = 1 + ln(1 + 2τ)/2 from (1, 1).
    /// Nonlinear, depends on time, and its Jacobian has real negative eigenvalues.
    fn decay() -> impl VectorField {
        Field(2, |t: f64, theta: &[f64], dtheta: &mut [f64]| {
            let (rate, u, v) = (1.0 + 0.5 * t.cos(), theta[0], theta[1]);
            dtheta[0] = -rate * u * u * u;
            dtheta[1] = -rate * u * u * v * v;
        })
    }

    fn error_after(stages: usize, steps: u32) -> f64 {
        let (end, field) = (4.0, decay());
        let h = end / f64::from(steps);
        let mut theta = DVector::from_element(2, 1.0);
        let mut method = Rock4::with_stages(stages);
        for i in 0..steps {
            theta = one_step(&mut method, &field, f64::from(i) * h, &theta, h).0;
        }
        let grown = 1.0 + 2.0 * end + end.sin();
        (theta[0] - 1.0 / grown.sqrt()).hypot(theta[1] - 1.0 / (1.0 + 0.5 * grown.ln()))
    }

    fn slope(points: &[(f64, f64)]) -> f64 {
        let n = points.len() as f64;
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|(h, e)| (h.ln(), e.ln())).unzip();
        let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
        covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
    }

    #[test]
    fn rock4_converges_with_order_4_for_every_number_of_stages() {
        for stages in [FEWEST, 6, 8, 12, 30, 80, MOST_STAGES] {
            let points = [96, 128, 192, 256].map(|steps| (1.0 / f64::from(steps), error_after(stages, steps)));
            let order = slope(&points);
            assert!((order - 4.0).abs() < 0.2, "s = {stages}: {order}");
        }
    }

    #[test]
    fn the_estimated_error_is_proportional_to_the_fourth_power_of_the_step() {
        for stages in [FEWEST, 6, 8, 12, 30, 80, MOST_STAGES] {
            let start = DVector::from_element(2, 1.0);
            let points =
                [0.04, 0.02, 0.01, 0.005].map(|h| (h, one_step(&mut Rock4::with_stages(stages), &decay(), 0.0, &start, h).1));
            let power = slope(&points);
            assert!((power - 4.0).abs() < 0.2, "s = {stages}: {power}");
        }
    }

    #[test]
    fn it_takes_the_fewest_stages_that_are_stable() {
        assert_eq!((stages_for(0.0), stages_for(f64::MAX)), (FEWEST, MOST_STAGES));
        for stages in FEWEST..=MOST_STAGES {
            assert_eq!(stages_for(length(stages)), stages);
            if stages < MOST_STAGES {
                assert_eq!(stages_for(length(stages) * (1.0 + 1e-12)), stages + 1);
            }
        }
        let method = Rock4::new();
        assert!(method.longest_step(0.0).is_infinite());
        assert!((method.longest_step(3.0) * 3.0 - length(MOST_STAGES)).abs() < 1e-9);
    }

    #[test]
    fn a_stage_that_is_not_finite_ends_the_step() {
        let field =
            Field(1, |t: f64, theta: &[f64], dtheta: &mut [f64]| dtheta[0] = if t < 0.5 { -theta[0] } else { f64::NAN });
        let rhs = Rhs::new(&field);
        let (theta, dtheta) = (DVector::from_element(1, 1.0), DVector::from_element(1, -1.0));
        let base = Base { t: 0.0, theta: &theta, dtheta: &dtheta };
        let (mut next, mut dnext) = (theta.clone(), theta.clone());
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };
        assert_eq!(Rock4::new().step(&rhs, &base, 1.0, 1.0, &tolerance, &mut next, &mut dnext), Err(NotFinite));
    }
}

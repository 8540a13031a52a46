//! Explicit Runge–Kutta methods with an error estimate, given by their tableau: for users' own methods. The built-in ones are written out
//! stage by stage, and are faster.
//!
//! k_i = F(t + c_i h, θ + h Σ_{j<i} a_ij k_j), c_i = Σ_j a_ij; θ(t + h) ≈ θ + h Σ_i b_i k_i, with the error estimate h Σ_i e_i k_i.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

use super::method::Method;
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Integrator, Limits, OdeError, Tolerance, VectorField, driven};

/// The coefficients of an explicit method with s stages.
#[derive(Debug, Clone, PartialEq)]
pub struct Tableau {
    /// The method's name.
    pub name: &'static str,
    /// p: the error estimate of a step is ∝ h^p.
    pub order: u32,
    /// a_i1, …, a_i(i−1) of stage i = 1, …, s at index i − 1: the first is empty.
    pub stages: Vec<Vec<f64>>,
    /// b_1, …, b_s.
    pub weights: Vec<f64>,
    /// e_1, …, e_s: b minus the weights of the embedded method.
    pub error: Vec<f64>,
}

/// Steps are kept this far inside the stability interval, where stiff components are damped rather than carried along.
const INSIDE: f64 = 0.85;

impl Tableau {
    /// The largest x with |R| ≤ 1 on [−x, 0], to 1e-3, for the stability polynomial R(z) = 1 + Σ_k (b A^{k−1} 1) z^k; 0 if there is none.
    pub fn stability_interval(&self) -> f64 {
        let s = self.weights.len();
        let (mut power, mut coefficients) = (vec![1.0; s], vec![1.0]);
        for _ in 0..s {
            coefficients.push(self.weights.iter().zip(&power).map(|(b, x)| b * x).sum());
            power = self.stages.iter().map(|row| row.iter().zip(&power).map(|(a, x)| a * x).sum()).collect();
        }
        let unstable = |x: f64| coefficients.iter().rev().fold(0.0, |sum: f64, c| sum * -x + c).abs() > 1.0 + 1e-9;
        // No explicit method of s stages reaches beyond 2s².
        let most = 2.0 * (s * s) as f64;
        let step = 1e-3;
        (1..).map(|k| f64::from(k) * step).take_while(|x| *x <= most && !unstable(*x)).last().unwrap_or(0.0)
    }

    /// Whether it is an explicit method with an error estimate: rows of at most i − 1 entries, Σ b_i = 1, Σ e_i = 0 with e ≠ 0, some step
    /// stable.
    fn is_sound(&self) -> bool {
        let s = self.weights.len();
        let rows = self.stages.len() == s && self.stages.iter().enumerate().all(|(index, row)| row.len() <= index);
        let all = self.stages.iter().flatten().chain(&self.weights).chain(&self.error);
        let sums = |of: &[f64], to: f64| (of.iter().sum::<f64>() - to).abs() < 1e-9;
        s > 0
            && rows
            && self.error.len() == s
            && self.order > 0
            && all.clone().all(|x| x.is_finite())
            && sums(&self.weights, 1.0)
            && sums(&self.error, 0.0)
            && self.error.iter().any(|e| *e != 0.0)
            && self.stability_interval() > 0.0
    }
}

/// The integrator of `tableau`, with our step control: steps are limited by the tolerance and by stability.
///
/// # Errors
/// As for [`auto`](super::auto), and if `tableau` is not an explicit method with an error estimate.
pub fn embedded<'f>(
    tableau: Tableau,
    field: impl VectorField + 'f,
    tolerance: Tolerance,
    limits: Limits,
) -> Result<Integrator<'f>, OdeError> {
    if !tableau.is_sound() {
        return Err(OdeError::Tableau { name: tableau.name });
    }
    driven(field, || Box::new(Embedded::new(tableau)), tolerance, limits)
}

/// The method of a tableau.
struct Embedded {
    stable: f64,
    tableau: Tableau,
    k: Vec<DVector<f64>>,
    point: DVector<f64>,
}

impl Embedded {
    fn new(tableau: Tableau) -> Self {
        Self { stable: INSIDE * tableau.stability_interval(), tableau, k: Vec::new(), point: DVector::zeros(0) }
    }
}

impl Method for Embedded {
    fn name(&self) -> &'static str {
        self.tableau.name
    }

    fn error_power(&self) -> f64 {
        f64::from(self.tableau.order)
    }

    fn longest_step(&self, rho: f64) -> f64 {
        self.stable / rho
    }

    /// Every step forms all its stages, and none is needed later.
    fn archive(&mut self, _: &dyn VectorField, _: &mut Archive) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn step(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        _rho: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite> {
        let Tableau { stages, weights, error, .. } = &self.tableau;
        if self.k.first().is_none_or(|k| k.len() != base.theta.len()) {
            self.k = vec![DVector::zeros(base.theta.len()); weights.len()];
            self.point = DVector::zeros(base.theta.len());
        }
        self.k[0].copy_from(base.dtheta);
        for (index, row) in stages.iter().enumerate().skip(1) {
            self.point.copy_from(base.theta);
            row.iter().zip(&self.k).for_each(|(a, k)| self.point.axpy(h * a, k, 1.0));
            rhs.eval(base.t + h * row.iter().sum::<f64>(), &self.point, &mut self.k[index])?;
        }
        next.copy_from(base.theta);
        weights.iter().zip(&self.k).for_each(|(b, k)| next.axpy(h * b, k, 1.0));
        self.point.fill(0.0);
        error.iter().zip(&self.k).for_each(|(e, k)| self.point.axpy(h * e, k, 1.0));
        rhs.eval(base.t + h, next, dnext)?;
        measured(tolerance.error_norm(base.theta, next, [&self.point], |[error]| error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::field;

    fn heun() -> Tableau {
        Tableau { name: "heun", order: 2, stages: vec![vec![], vec![1.0]], weights: vec![0.5, 0.5], error: vec![-0.5, 0.5] }
    }

    /// R(z) = 1 + z + z²/2 is at most 1 up to x = 2.
    #[test]
    fn the_stability_interval_is_that_of_the_polynomial() {
        assert!((heun().stability_interval() - 2.0).abs() < 2e-3);
    }

    /// Heun's method with an estimate of order h²: the error falls with the tolerance, and a stiff component stays bounded.
    #[test]
    fn it_keeps_to_its_tolerance_and_to_stability() {
        let end = |rtol: f64| {
            let smooth = field(2, |t: f64, y: &DVector<f64>, dy: &mut DVector<f64>| {
                (dy[0], dy[1]) = (t.cos() * y[0], -500.0 * y[1]);
            });
            let limits = Limits { t_end: 3.0, ..Limits::default() };
            let mut method = embedded(heun(), smooth, Tolerance { rtol, atol: 1e-3 * rtol }, limits).unwrap();
            let mut y = DVector::from_vec(vec![1.0, 1.0]);
            let segment = method.advance(0.0, 3.0, &mut y).unwrap();
            assert!(segment.stop.is_none() && y[1].abs() < 1e-3, "{segment:?}");
            (y[0] - 3f64.sin().exp()).abs()
        };
        assert!(end(1e-4) < 1e-3 && end(1e-7) < 1e-6, "{:e} {:e}", end(1e-4), end(1e-7));
    }

    #[test]
    fn what_is_no_method_is_refused() {
        let still = || field(1, |_: f64, _: &DVector<f64>, dy: &mut DVector<f64>| dy[0] = 0.0);
        let refused =
            |tableau: Tableau| embedded(tableau, still(), Tolerance { rtol: 1e-3, atol: 1e-6 }, Limits::default()).is_err();
        assert!(!refused(heun()));
        assert!(refused(Tableau { weights: vec![0.5, 0.4], ..heun() }));
        assert!(refused(Tableau { error: vec![0.0, 0.0], ..heun() }));
        assert!(refused(Tableau { stages: vec![vec![1.0], vec![1.0]], ..heun() }));
        assert!(refused(Tableau { weights: Vec::new(), ..heun() }));
    }
}

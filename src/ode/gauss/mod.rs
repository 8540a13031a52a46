//! Gauss–Legendre collocation of order 2s, s = 1, 2, 3, in the variables V = e^{λ(t − t_n)}θ of each step n (Lawson, SIAM J. Numer. Anal. 4,
//! 1967), where λ is the field's decay: V̇ = e^{λ(t − t_n)}N(t, θ), N = F + λθ.
//!
//! Gauss methods keep every quadratic invariant (Cooper, IMA J. Numer. Anal. 7, 1987; Hairer, Lubich & Wanner, *Geometric Numerical
//! Integration*, IV.2): those of θ if λ = 0, and with decay those of V, such as W_{l+1}ᵀW_{l+1} − W_lW_lᵀ = e^{−2λt}·const of deep linear
//! networks. The error is the larger of two estimates of order h^{s+2}. The first, a divided difference of F over the step's ends and
//! stages, vanishes for a linear F, which is then of degree s along the polynomial u of the stages. There the second, h²J·(F_0 − u'(0)), is
//! at least as large as the step's error.
//!
//! V starts anew with every step, so that it does not overflow. A step solves s coupled equations of the size of θ, which makes this an
//! independent check of the other methods: they keep such laws only to their tolerance.

mod stages;
mod subspace;
mod tableau;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

use super::method::Method;
use super::rhs::{Base, NotFinite, Rhs};
use super::{Tolerance, VectorField};
use stages::Stages;
use tableau::Tableau;

/// A step longer than this many times the last one is not predicted by the last polynomial.
const FORESIGHT: f64 = 2.0;
/// A step whose equations could not be solved caps the next ones; the cap grows by this factor with each. The error estimate may ask for
/// the same step again, and a failure costs hundreds of evaluations.
const CONFIDENCE: f64 = 1.1;

/// The method `gauss`.
pub(super) struct Gauss {
    stages: Stages,
    /// Start and length of the polynomial of the stages; `None` where there is none.
    last: Option<(f64, f64)>,
    error: DVector<f64>,
    linear: DVector<f64>,
    /// The cap on steps after a failure.
    reach: f64,
}

impl Gauss {
    pub(super) fn new(stages: usize) -> Self {
        Self {
            stages: Stages::new(Tableau::new(stages)),
            last: None,
            error: DVector::zeros(0),
            linear: DVector::zeros(0),
            reach: f64::INFINITY,
        }
    }
}

impl Method for Gauss {
    fn name(&self) -> &'static str {
        "gauss"
    }

    fn error_power(&self) -> f64 {
        (self.stages.tableau.stages + 2) as f64
    }

    fn longest_step(&self, _rho: f64) -> f64 {
        self.reach
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.stages.archive(archive)?;
        archive.item(&mut self.last)?;
        archive.item(&mut self.reach)
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
        let Base { t, theta, dtheta } = *base;
        let lambda = rhs.decay();
        self.stages.fit(theta.len());
        let guess = self.guess(base, h, lambda);
        self.last = None;
        if !self.stages.solve(rhs, base, h, rho, |v| v.clone_from(&guess))? {
            self.reach = 0.5 * h;
            return Ok(f64::INFINITY);
        }
        self.last = Some((t, h));
        self.reach *= CONFIDENCE;
        let Tableau { stages: s, b, .. } = &self.stages.tableau;
        // θ' = θ + (e^{−λh} − 1)θ + e^{−λh}h Σ b_iG_i: θ itself is added last, to the sum of what is small.
        next.copy_from(theta);
        next.scale_mut((-lambda * h).exp_m1());
        for (b, g) in b[..*s].iter().zip(&self.stages.g) {
            next.axpy((-lambda * h).exp() * h * b, g, 1.0);
        }
        *next += theta;
        rhs.eval(t + h, next, dnext)?;
        let weights = self.stages.tableau.error_weights();
        let growth = (lambda * h).exp();
        self.error.clone_from(dtheta);
        self.error.axpy(lambda * weights[0], theta, weights[0]);
        for (weight, g) in weights[1..=*s].iter().zip(&self.stages.g) {
            self.error.axpy(*weight, g, 1.0);
        }
        self.error.axpy(growth * weights[s + 1], dnext, 1.0);
        self.error.axpy(growth * weights[s + 1] * lambda, next, 1.0);
        self.error.scale_mut(h);
        let weight = h * self.stages.tableau.first_error_weight();
        self.stages.subspace.damp(weight, &mut self.error);
        let curved = tolerance.error_norm(
            theta,
            next,
            [&self.error],
            #[inline(always)]
            |[error]| error,
        );

        self.error.clone_from(dtheta);
        self.error.axpy(lambda, theta, 1.0);
        for (weight, g) in self.stages.tableau.derivative_at_start().iter().zip(&self.stages.g) {
            self.error.axpy(-weight, g, 1.0);
        }
        // Damped once for each of its two factors of J: a stiff component off its slow manifold by e counts as e.
        self.stages.subspace.damp(h, &mut self.error);
        self.linear.clone_from(&self.error);
        rhs.jacobian_vector(t, theta, &self.error, &mut self.linear)?;
        self.linear.axpy(lambda, &self.error, 1.0);
        self.linear.scale_mut(h * weight);
        self.stages.subspace.damp(weight, &mut self.linear);
        Ok(curved.max(tolerance.error_norm(
            theta,
            next,
            [&self.linear],
            #[inline(always)]
            |[error]| error,
        )))
    }
}

impl Gauss {
    /// V_i ≈ θ + c_ih(F + λθ), or the values of the last step's polynomial, where it reaches as far.
    fn guess(&self, base: &Base<'_>, h: f64, lambda: f64) -> [DVector<f64>; 3] {
        let Stages { tableau, g, .. } = &self.stages;
        let last = self.last.filter(|(_, h_last)| h <= FORESIGHT * h_last);
        std::array::from_fn(|i| {
            let mut v = base.theta.clone();
            if i >= tableau.stages {
                return v;
            }
            let Some((t_last, h_last)) = last else {
                v.axpy(tableau.c[i] * h, base.dtheta, 1.0 + tableau.c[i] * h * lambda);
                return v;
            };
            // A rejected step began where this one does.
            let begin = if t_last == base.t { 0.0 } else { 1.0 };
            let weights = tableau.integrals(begin, begin + tableau.c[i] * h / h_last);
            for j in 0..tableau.stages {
                v.axpy((-lambda * begin * h_last).exp() * h_last * weights[j], &g[j], 1.0);
            }
            v
        })
    }
}

#[cfg(test)]
mod tests;

//! The stage equations V_i = θ + h Σ_j a_ij G_j, G_j = e^{λc_jh}N(t + c_jh, e^{−λc_jh}V_j), solved to rounding by a simplified Newton method.
//!
//! The invariant is kept as well as these equations are solved: V'ᵀSV' − VᵀSV = 2h Σ b_i R_iᵀSG_i with the residuals R_i. The new state is
//! formed from the G_i, not from the V_i − θ as is usual: these carry R_i undiminished by hG_i.

use nalgebra::{DMatrix, DVector};

use crate::archive::{Archive, ArchiveError};

use super::super::rhs::{Base, NotFinite, Rhs};
use super::subspace::{Newton, Subspace};
use super::tableau::Tableau;

/// An iteration that leaves more than this of the residual has stalled, at rounding or because J has changed. A slow iteration costs s
/// evaluations, a new J two per direction.
const STALLED: f64 = 0.7;
/// V_i and G_i of one step.
pub(super) struct Stages {
    pub tableau: Tableau,
    pub v: [DVector<f64>; 3],
    pub g: [DVector<f64>; 3],
    pub subspace: Subspace,
    residual: DMatrix<f64>,
    delta: DMatrix<f64>,
    state: DVector<f64>,
}

impl Stages {
    pub fn new(tableau: Tableau) -> Self {
        let none = || DVector::zeros(0);
        let three = || [none(), none(), none()];
        let empty = || DMatrix::zeros(0, 0);
        Self { tableau, v: three(), g: three(), subspace: Subspace::new(), residual: empty(), delta: empty(), state: none() }
    }

    /// Makes room for vectors of length `dim`.
    pub fn fit(&mut self, dim: usize) {
        if self.state.len() == dim {
            return;
        }
        let s = self.tableau.stages;
        for v in self.v.iter_mut().chain(&mut self.g) {
            *v = DVector::zeros(dim);
        }
        (self.residual, self.delta) = (DMatrix::zeros(dim, s), DMatrix::zeros(dim, s));
        self.state = DVector::zeros(dim);
        self.subspace.clear();
    }

    /// Takes or replaces what the next step begins with: the last G_i, which predict it, and what is known of J.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        let mut dim = self.state.len();
        archive.item(&mut dim)?;
        self.fit(dim);
        archive.item(&mut self.g)?;
        self.subspace.archive(archive)
    }

    /// Solves for the V_i, starting from those that `guess` sets. False if no solution is found with so long a step.
    pub fn solve(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        rho: f64,
        guess: impl Fn(&mut [DVector<f64>; 3]),
    ) -> Result<bool, NotFinite> {
        guess(&mut self.v);
        if !self.subspace.is_empty() {
            // With J of an earlier step.
            if self.iterate(rhs, base, h, rho, false) == Ok(true) {
                return Ok(true);
            }
            guess(&mut self.v);
        }
        // J in the middle of the step.
        let lambda = rhs.decay();
        self.state.fill(0.0);
        for i in 0..self.tableau.stages {
            let weight = self.tableau.b[i] * (-lambda * self.tableau.c[i] * h).exp();
            self.state.axpy(weight, &self.v[i], 1.0);
        }
        self.subspace.start(base.t + 0.5 * h, &self.state, lambda);
        self.iterate(rhs, base, h, rho, true)
    }

    /// Whether the iteration converges, with J of this step if `fresh`, else of an earlier one. It terminates: each residual is at most 0.7
    /// of the one before, except when the subspace grows.
    fn iterate(&mut self, rhs: &Rhs<'_>, base: &Base<'_>, h: f64, rho: f64, fresh: bool) -> Result<bool, NotFinite> {
        let mut last = f64::INFINITY;
        loop {
            self.evaluate(rhs, base, h)?;
            let size = f64::EPSILON * self.v[..self.tableau.stages].iter().map(|v| v.norm_squared()).sum::<f64>().sqrt();
            // V rounds to ε‖V‖, and G, in which terms of the size ρ‖V‖ cancel, to ερ‖V‖: residuals ended at 0.03 to 0.8 of this.
            let rounding = size * (1.0 + h * rho);
            let residual = self.residual.norm();
            if !residual.is_finite() {
                return Err(NotFinite);
            }
            // Nothing is gained below the rounding of V itself.
            if residual <= size {
                return Ok(true);
            }
            if residual > STALLED * last {
                // With J of this step, something outside of the subspace is stiff after all.
                if residual <= rounding || !fresh || !self.subspace.distrust() {
                    return Ok(residual <= rounding);
                }
            }
            last = residual;
            // At rounding level R is noise: no direction to grow by.
            let newton = Newton { a: &self.tableau.a, h, rho, may_grow: residual > rounding };
            if !self.subspace.solve(rhs, &newton, &self.residual, &mut self.delta)? {
                return Ok(false);
            }
            for (v, delta) in self.v.iter_mut().zip(self.delta.column_iter()) {
                *v += delta;
            }
        }
    }

    /// G_i and R_i of the V_i.
    fn evaluate(&mut self, rhs: &Rhs<'_>, base: &Base<'_>, h: f64) -> Result<(), NotFinite> {
        let Tableau { stages: s, c, a, .. } = &self.tableau;
        let lambda = rhs.decay();
        for (i, c) in c[..*s].iter().enumerate() {
            let growth = (lambda * c * h).exp();
            self.state.copy_from(&self.v[i]);
            self.state.unscale_mut(growth);
            rhs.eval(base.t + c * h, &self.state, &mut self.g[i])?;
            self.g[i].axpy(growth * lambda, &self.state, growth);
        }
        for i in 0..*s {
            let mut r = self.residual.column_mut(i);
            r.fill(0.0);
            for (j, g) in self.g[..*s].iter().enumerate() {
                r.axpy(h * a[(i, j)], g, 1.0);
            }
            r += base.theta;
            r -= &self.v[i];
        }
        Ok(())
    }
}

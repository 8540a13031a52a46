//! `rk6`: an explicit Runge–Kutta pair of order 6(5) for moderately stiff flows, with as long a real stability interval as its stages allow.
//!
//! Smooth gradient flows whose horizon is some 50 to 1,000 of their fastest time scales lie between two kinds of methods: steps of
//! Dormand & Prince's 8(5,3) are limited by stability, 5/ρ for twelve evaluations, and those of `rock4` by its order. With s stages this one is
//! stable up to hρ = 13 (s = 10) and 21 (s = 12), some four fifths of what any polynomial of order 6 can reach, with |R| ≤ 0.95 from hρ = 3
//! on. Every step takes as few stages as are stable. Beyond, |R| soon exceeds 1: like `rock4` it relies on the 5 % that estimates of ρ add, and
//! on the control of its error.
//!
//! From the fourth on stages have order 3: Σ_j a_ij c_j^k = c_i^{k+1}/(k + 1), k = 0, 1, 2; k_2 and k_3 serve only the next ones. Of the 37
//! conditions of order 6 then 13 are left. `benches/rk6` finds the coefficients: among the solutions those that are stable up to a given hρ,
//! also within the stages and for the embedded method of order 5, with the least error of order 7. The family is ours; its structure is
//! that of Dormand & Prince (Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, II.5), and what stability polynomials
//! can reach is in Abdulle, *On roots and error constants of optimal stability polynomials*, BIT 40 (2000).
//!
//! Dense output is of order 5, like the method whose error is controlled, and takes no further evaluation.

mod tableau;
#[cfg(test)]
mod tests;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::vectorised;

use super::method::{Method, Taken, fit};
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Tolerance, VectorField};
use tableau::{DENSE, MOST_STAGES, TABLEAUX, Tableau};

/// The method `rk6`.
pub(super) struct Rk6 {
    /// k_2, …, k_12; the last two are of no use in a step of ten stages.
    k: [DVector<f64>; MOST_STAGES - 1],
    /// The present stage, in the end the error estimate.
    stage: DVector<f64>,
    /// The tableau of the last step, by its index.
    last: usize,
    /// The index of the tableau of every step, instead of one that follows from hρ.
    forced: Option<usize>,
}

impl Rk6 {
    pub(super) fn new() -> Self {
        Self { k: std::array::from_fn(|_| DVector::zeros(0)), stage: DVector::zeros(0), last: 0, forced: None }
    }

    /// With the tableau of this index in every step, whatever the spectral radius.
    #[cfg(test)]
    fn with(index: usize) -> Self {
        Self { forced: Some(index), ..Self::new() }
    }

    /// The storage of states of this dimension.
    fn fit(&mut self, dim: usize) {
        fit(&mut self.k, dim);
        if self.stage.len() != dim {
            self.stage = DVector::zeros(dim);
        }
    }
}

/// hρ below which steps are short: at twice this up to a fifth of the steps of the flow 10-32-1 of `benches/peers/nonlinear.py` are rejected, at
/// this a twelfth.
const SHORT: f64 = 4.0;

/// The row of the weights, the error and the dense output.
const END: usize = usize::MAX;

/// k_j for the weights of a row, in their order: those that [`Tableau`] names, `count` of them.
fn sources<'a>(row: usize, count: usize, k1: &'a DVector<f64>, k: &'a [DVector<f64>]) -> [&'a [f64]; MOST_STAGES + 1] {
    let mut sources = [k1.as_slice(); MOST_STAGES + 1];
    // Of the other k, by their index in `k`, the first is k_2.
    let first = match row {
        0..=3 => 0,
        4 | 5 => 1,
        _ => 2,
    };
    for (source, k) in sources[1..count].iter_mut().zip(&k[first..]) {
        *source = k.as_slice();
    }
    sources
}

impl Method for Rk6 {
    fn name(&self) -> &'static str {
        "rk6"
    }

    fn error_power(&self) -> f64 {
        6.0
    }

    /// As for `rock4` where steps are long: at gain 1 up to a quarter of the steps of the stiffer flows of `benches/peers/nonlinear.py` were
    /// rejected, and at 0.8 an eighth. Short steps leave little in stiff components, and the sooner they grow, the better: up to a fifth
    /// fewer gradients for the same error on the others.
    fn gain(&self, reach: f64) -> f64 {
        if reach < SHORT { 1.0 } else { 0.5 }
    }

    fn longest_step(&self, rho: f64) -> f64 {
        TABLEAUX[TABLEAUX.len() - 1].reach / rho
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
        let stable = |tableau: &&Tableau| h * rho <= tableau.reach;
        let least = TABLEAUX.iter().position(stable).unwrap_or(TABLEAUX.len() - 1);
        self.last = self.forced.unwrap_or(least);
        let tableau = TABLEAUX[self.last];
        self.fit(base.theta.len());
        let Self { k, stage, .. } = self;
        let Base { t, theta, dtheta: k1 } = *base;
        for (index, (row, c)) in tableau.rows.iter().zip(tableau.times).enumerate() {
            let (before, this) = k.split_at_mut(index);
            let from = sources(index + 2, row.len(), k1, before);
            combine(stage.as_mut_slice(), theta.as_slice(), h, row, &from[..row.len()]);
            rhs.eval_unchecked(t + c * h, stage, &mut this[0]);
        }
        let (weights, error) = (tableau.weights, tableau.error);
        let from = &sources(END, weights.len(), k1, k)[..weights.len()];
        combine(next.as_mut_slice(), theta.as_slice(), h, weights, from);
        // Checked: where the state is huge, too, the error norm may be finite though the square of F is not.
        rhs.eval(t + h, next, dnext)?;
        let mut from = sources(END, error.len(), k1, k);
        from[error.len() - 1] = dnext.as_slice();
        weigh(stage.as_mut_slice(), h, error, &from[..error.len()]);
        measured(tolerance.error_norm(theta, next, [stage], |[error]| error))
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.k)?;
        archive.item(&mut self.last)?;
        self.last = self.last.min(TABLEAUX.len() - 1);
        // The dense output may be asked for before the next step.
        self.fit(self.k[0].len());
        Ok(())
    }

    fn dense_degree(&self) -> Option<usize> {
        Some(DENSE)
    }

    fn interpolate(&mut self, _: &Rhs<'_>, taken: &Taken<'_>, sigma: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        let &Taken { base: Base { theta, dtheta: k1, .. }, h, dnext, .. } = taken;
        let dense = TABLEAUX[self.last].dense;
        let mut weights = [0.0; MOST_STAGES + 1];
        for (weight, powers) in weights.iter_mut().zip(dense) {
            *weight = sigma * powers.iter().rev().fold(0.0, |sum: f64, coefficient| sum.mul_add(sigma, *coefficient));
        }
        let mut from = sources(END, dense.len(), k1, &self.k);
        from[dense.len() - 1] = dnext.as_slice();
        combine(out.as_mut_slice(), theta.as_slice(), h, &weights[..dense.len()], &from[..dense.len()]);
        Ok(())
    }
}

/// Entries that stay in the first cache while the sum over all sources is formed.
const BLOCK: usize = 512;

vectorised! {
    /// out ← θ + h Σ_j w_j k_j, in one pass over memory.
    fn combine(out: &mut [f64], theta: &[f64], h: f64, weights: &[f64], k: &[&[f64]]) {
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let begin = block * BLOCK;
            out.copy_from_slice(&theta[begin..begin + out.len()]);
            add(out, begin, h, weights, k);
        }
    }

    /// out ← h Σ_j w_j k_j, likewise.
    fn weigh(out: &mut [f64], h: f64, weights: &[f64], k: &[&[f64]]) {
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            out.fill(0.0);
            add(out, block * BLOCK, h, weights, k);
        }
    }
}

/// out ← out + h Σ_j w_j k_j, of the entries from `begin` on; two sources at a time, which halves the passes over `out`.
#[inline(always)]
fn add(out: &mut [f64], begin: usize, h: f64, weights: &[f64], k: &[&[f64]]) {
    let n = out.len();
    for (weights, k) in weights.chunks(2).zip(k.chunks(2)) {
        match (weights, k) {
            (&[first, second], [a, b]) => {
                let (first, second, a, b) = (h * first, h * second, &a[begin..begin + n], &b[begin..begin + n]);
                for i in 0..n {
                    out[i] = first.mul_add(a[i], second.mul_add(b[i], out[i]));
                }
            }
            (&[first], [a]) => {
                let (first, a) = (h * first, &a[begin..begin + n]);
                for i in 0..n {
                    out[i] = first.mul_add(a[i], out[i]);
                }
            }
            _ => unreachable!("a weight for every source"),
        }
    }
}

//! Tsitouras, "Runge–Kutta pairs of order 5(4) satisfying only the first column simplifying assumption", Comput. Math. Appl. 62 (2011):
//! seven stages, the last of which is the first of the next step, and an interpolant with local error O(h⁵), as accurate between steps as
//! the steps are.
//!
//! The coefficients solve the order conditions numerically and are published as decimals; a test holds them against the conditions.

mod low_rank;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::vectorised;

use super::method::{Method, Taken, combine, fit, slope_between};
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Tolerance, VectorField};
use low_rank::LowRankStages;

const C: [f64; 5] = [0.161, 0.327, 0.9, 0.9800255409045097, 1.0];
const A2: [f64; 1] = [0.161];
const A3: [f64; 2] = [-0.008480655492356989, 0.335480655492357];
const A4: [f64; 3] = [2.8971530571054935, -6.359448489975075, 4.3622954328695815];
const A5: [f64; 4] = [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525];
const A6: [f64; 5] = [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383];
/// Also the weights of order 5.
const A7: [f64; 6] = [0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774];
/// The weights of order 5 minus those of order 4.
const E: [f64; 7] = [
    -0.001780011052225777,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    1.0 / 66.0,
];

/// Its real stability interval is [−3.5, 0] and its step is kept to 3/ρ: at the very limit of stability, stiff components jitter at the
/// size of the tolerance and drive a drift along flat directions of the loss, 36–93 % in measured cases; below it they are damped.
const STABLE: f64 = 3.0;

/// The method `tsit5`.
pub(super) struct Tsit5 {
    /// k_2, …, k_6: k_1 and k_7 are the field at the step's ends.
    k: [DVector<f64>; 5],
    /// The last stage but one, and the error without the part of k_7.
    scratch: [DVector<f64>; 2],
    /// Used in their place if the field is of low rank.
    low_rank: Option<LowRankStages>,
}

impl Tsit5 {
    pub(super) fn new() -> Self {
        Self {
            k: std::array::from_fn(|_| DVector::zeros(0)),
            scratch: std::array::from_fn(|_| DVector::zeros(0)),
            low_rank: None,
        }
    }
}

impl Method for Tsit5 {
    fn name(&self) -> &'static str {
        "tsit5"
    }

    fn error_power(&self) -> f64 {
        5.0
    }

    fn longest_step(&self, rho: f64) -> f64 {
        STABLE / rho
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
        if let Some(field) = rhs.low_rank() {
            let stages = self.low_rank.get_or_insert_with(|| LowRankStages::new(field));
            return stages.step(field, rhs, base, h, tolerance, next, dnext);
        }
        let dim = base.theta.len();
        fit(&mut self.k, dim);
        fit(&mut self.scratch, dim);
        let Base { t, theta, dtheta: k1 } = *base;
        let ([stage, error], [k2, k3, k4, k5, k6]) = (&mut self.scratch, &mut self.k);
        combine(stage, theta, h, A2, [k1]);
        rhs.eval_unchecked(t + C[0] * h, stage, k2);
        combine(stage, theta, h, A3, [k1, k2]);
        rhs.eval_unchecked(t + C[1] * h, stage, k3);
        combine(stage, theta, h, A4, [k1, k2, k3]);
        rhs.eval_unchecked(t + C[2] * h, stage, k4);
        combine(stage, theta, h, A5, [k1, k2, k3, k4]);
        rhs.eval_unchecked(t + C[3] * h, stage, k5);
        combine(stage, theta, h, A6, [k1, k2, k3, k4, k5]);
        rhs.eval_unchecked(t + C[4] * h, stage, k6);
        combine_with_error(next, error, theta, h, [k1, k2, k3, k4, k5, k6]);
        rhs.eval_unchecked(t + h, next, dnext);
        let last = h * E[6];
        let error = tolerance.error_norm(
            theta,
            next,
            [error, dnext],
            #[inline(always)]
            |[error, k7]| last.mul_add(k7, error),
        );
        measured(error)
    }

    fn feels(&self) -> bool {
        true
    }

    /// Compares with the last stage but one, as Shampine's stiffness test does (Hairer & Wanner II, IV.2).
    fn felt(&self, base: &Base<'_>, next: &DVector<f64>, dnext: &DVector<f64>) -> f64 {
        if let Some(stages) = &self.low_rank {
            return stages.felt(base.theta);
        }
        slope_between([next, dnext], [&self.scratch[0], &self.k[4]])
    }

    fn restart(&mut self) {
        if let Some(stages) = &mut self.low_rank {
            stages.restart();
        }
    }

    fn archive(&mut self, field: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.k)?;
        let mut has_factors = self.low_rank.is_some();
        archive.item(&mut has_factors)?;
        if !has_factors {
            self.low_rank = None;
            return Ok(());
        }
        let field = field.low_rank().ok_or(ArchiveError::Another("field"))?;
        self.low_rank.get_or_insert_with(|| LowRankStages::new(field)).archive(archive)
    }

    fn dense_degree(&self) -> Option<usize> {
        Some(4)
    }

    fn interpolate(&mut self, _: &Rhs<'_>, taken: &Taken<'_>, sigma: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        let Taken { base, h, dnext, .. } = taken;
        if let Some(stages) = &self.low_rank {
            stages.interpolate(base.theta, *h, sigma, out);
            return Ok(());
        }
        let [k2, k3, k4, k5, k6] = &self.k;
        combine(out, base.theta, *h, interpolant(sigma), [base.dtheta, k2, k3, k4, k5, k6, dnext]);
        Ok(())
    }
}

/// next ← θ + h Σ_j a_j k_j and error ← h Σ_j e_j k_j over the first six k_j, in one pass over memory.
fn combine_with_error(next: &mut DVector<f64>, error: &mut DVector<f64>, theta: &DVector<f64>, h: f64, k: [&DVector<f64>; 6]) {
    let weights = std::array::from_fn(|j| [h * A7[j], h * E[j]]);
    add_both(next.as_mut_slice(), error.as_mut_slice(), theta.as_slice(), weights, k.map(DVector::as_slice));
}

vectorised! {
    fn add_both(next: &mut [f64], error: &mut [f64], theta: &[f64], weights: [[f64; 2]; 6], k: [&[f64]; 6]) {
        let n = next.len();
        let (error, theta, k) = (&mut error[..n], &theta[..n], k.map(#[inline(always)] |k| &k[..n]));
        for i in 0..n {
            let (mut sum, mut off) = (weights[0][0] * k[0][i], weights[0][1] * k[0][i]);
            for j in 1..6 {
                sum = weights[j][0].mul_add(k[j][i], sum);
                off = weights[j][1].mul_add(k[j][i], off);
            }
            next[i] = theta[i] + sum;
            error[i] = off;
        }
    }
}

/// b_1(σ), …, b_7(σ) of θ(t + σh) ≈ θ + h Σ b_i(σ) k_i.
fn interpolant(x: f64) -> [f64; 7] {
    let xx = x * x;
    [
        -1.0530884977290216 * x * (x - 1.329_989_018_975_141) * (xx - 1.4364028541716351 * x + 0.7139816917074209),
        0.1017 * xx * (xx - 2.1966568338249754 * x + 1.294_985_250_737_463),
        2.490627285651253 * xx * (xx - 2.3853564547206167 * x + 1.578034682080925),
        -16.548102889244902 * (x - 1.2171292729553324) * (x - 0.616204060378001) * xx,
        47.37952196281928 * (x - 1.2030712083723626) * (x - 0.6580472926535474) * xx,
        -34.87065786149661 * (x - 1.2) * (x - 2.0 / 3.0) * xx,
        2.5 * (x - 1.0) * (x - 0.6) * xx,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tableau() -> (Vec<Vec<f64>>, Vec<f64>) {
        let a: Vec<Vec<f64>> = vec![vec![], A2.to_vec(), A3.to_vec(), A4.to_vec(), A5.to_vec(), A6.to_vec(), A7.to_vec()];
        let c = [0.0].into_iter().chain(C).chain([1.0]).collect();
        (a, c)
    }

    /// Σ_j a_ij v_j, for all stages i.
    fn apply(a: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
        a.iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect()
    }

    fn times(u: &[f64], v: &[f64]) -> Vec<f64> {
        u.iter().zip(v).map(|(u, v)| u * v).collect()
    }

    /// Weights b are of order p over σ of a step if Σ b_i φ_i = σ^{|τ|}/γ(τ) for every tree τ of at most p nodes. The residuals of all
    /// trees with up to 5 nodes, by number of nodes.
    fn residuals(b: &[f64], sigma: f64) -> Vec<(i32, f64)> {
        let (a, c) = tableau();
        let one = vec![1.0; 7];
        let (c2, c3, c4) = (times(&c, &c), times(&c, &times(&c, &c)), times(&times(&c, &c), &times(&c, &c)));
        let (ac, ac2, ac3) = (apply(&a, &c), apply(&a, &c2), apply(&a, &c3));
        let trees = [
            (1, 1.0, one),
            (2, 2.0, c.clone()),
            (3, 3.0, c2.clone()),
            (3, 6.0, ac.clone()),
            (4, 4.0, c3),
            (4, 8.0, times(&c, &ac)),
            (4, 12.0, ac2.clone()),
            (4, 24.0, apply(&a, &ac)),
            (5, 5.0, c4),
            (5, 10.0, times(&c2, &ac)),
            (5, 15.0, times(&c, &ac2)),
            (5, 30.0, times(&c, &apply(&a, &ac))),
            (5, 20.0, times(&ac, &ac)),
            (5, 20.0, ac3),
            (5, 40.0, apply(&a, &times(&c, &ac))),
            (5, 60.0, apply(&a, &ac2)),
            (5, 120.0, apply(&a, &apply(&a, &ac))),
        ];
        let residual = |gamma: f64, phi: &[f64], order: i32| times(b, phi).iter().sum::<f64>() - sigma.powi(order) / gamma;
        trees.iter().map(|(order, gamma, phi)| (*order, residual(*gamma, phi, *order).abs())).collect()
    }

    #[test]
    fn the_rows_sum_to_the_times_of_their_stages() {
        let (a, c) = tableau();
        for (row, c) in a.iter().zip(c) {
            assert!(
                (row.iter().sum::<f64>() - c).abs() < 2e-15 * (1.0 + row.iter().map(|a| a.abs()).sum::<f64>()),
                "{row:?} {c}"
            );
        }
    }

    /// To the rounding of coefficients of size 13.
    #[test]
    fn the_weights_are_of_order_5_and_the_embedded_ones_of_order_4() {
        let weights: Vec<f64> = A7.iter().copied().chain([0.0]).collect();
        let embedded: Vec<f64> = weights.iter().zip(E).map(|(b, e)| b - e).collect();
        assert!(residuals(&weights, 1.0).iter().all(|(_, r)| *r < 1e-14), "{:?}", residuals(&weights, 1.0));
        let embedded = residuals(&embedded, 1.0);
        assert!(embedded.iter().all(|(order, r)| *order == 5 || *r < 1e-14), "{embedded:?}");
        assert!(embedded.iter().any(|(order, r)| *order == 5 && *r > 1e-4), "{embedded:?}");
    }

    #[test]
    fn the_interpolant_is_of_order_4_everywhere_and_ends_at_the_step() {
        for sigma in [0.0, 0.1, 0.3, 0.5, 0.77, 1.0] {
            let residuals = residuals(&interpolant(sigma), sigma);
            assert!(residuals.iter().all(|(order, r)| *order == 5 || *r < 2e-14), "{sigma}: {residuals:?}");
        }
        let end = interpolant(1.0);
        assert!(A7.iter().zip(end).all(|(a, b)| (a - b).abs() < 2e-14) && end[6].abs() < 1e-15, "{end:?}");
    }

    /// |R(z)| ≤ 1 on [−3, 0], where it is used, and beyond to −3.5.
    #[test]
    fn it_is_stable_on_its_real_interval() {
        let (a, _) = tableau();
        let growth = |z: f64| {
            let mut stages: Vec<f64> = Vec::new();
            for row in &a {
                stages.push(1.0 + z * row.iter().zip(&stages).map(|(a, k)| a * k).sum::<f64>());
            }
            stages[6]
        };
        assert!((0..=3500).all(|i| growth(-(i as f64) * 1e-3).abs() <= 1.0));
        assert!(growth(-3.6).abs() > 1.0);
    }
}

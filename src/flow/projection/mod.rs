//! Projection of weights onto the balance law D_l(t) = e^{−2λt}D_l(0), D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ ([`crate::theory::balance`]).
//!
//! The flow keeps the law exactly and its integration only to the order of its tolerance. The shortest correction that restores it
//! is of the size of that error, so the trajectory is as right as before, and the law holds to rounding (Hairer, Lubich & Wanner,
//! *Geometric Numerical Integration*, IV.4). By Gauss–Newton's method: linearise, solve by conjugate gradients (`linearised.rs`),
//! evaluate D anew in double-double, repeat.
//!
//! In float64 the law can hold to about ε·‖W‖², whatever D has decayed to. With weights of 106 bits ([`ExtendedParameters`]) it holds
//! relative to the decayed envelope e^{−2λt}‖D(0)‖.

mod linearised;
#[cfg(test)]
mod tests;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{DoubleDouble, SvdError};
use crate::network::{ExtendedParameters, Parameters, largest_norm};
use crate::theory::balance::{decay, floor};

use linearised::{Linearised, Symmetric};

/// Of the size that the law gives to D: what a projection must reach.
const WANTED: f64 = 1e-14;

/// Rounds: from an integrator's error two to four reach float64, and four to seven double-double. Weights that are small against
/// the error take up to twenty.
const ROUNDS: usize = 30;

/// As many rounds in a row that each leave more than nine tenths of the residual are the last.
const SLOW_ROUNDS: usize = 3;

/// The shortest part of a round's step that is tried.
const SHORTEST_PART: f64 = 1.0 / 64.0;

/// What the linear solution of a round may leave of the residual. The second order undoes what goes deeper, and the number of
/// iterations in all hardly depends on it.
const TOLERANCE: f64 = 1e-3;

/// 2^{−90}: of ‖θ‖², what [`ExtendedParameters::imbalance_double_double`] may be off by.
const DOUBLE_DOUBLE_FLOOR: f64 = 1.0 / (1u128 << 90) as f64;

/// Iterations of conjugate gradients in one round; ill-conditioned nets of four layers take fifty.
const ITERATIONS: usize = 500;

/// The law of one start, and the way back to it.
pub struct BalanceProjection {
    /// D_l(0), at index l − 1.
    start: Vec<DMatrix<DoubleDouble>>,
    /// What is to be reached at t = 0.
    wanted: f64,
    weight_decay: f64,
}

/// What a projection did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// ‖δθ‖.
    pub size: f64,
    /// ‖δθ‖ / ‖θ‖; 0 for zero weights.
    pub relative: f64,
    /// max_l ‖D_l − e^{−2λt}D_l(0)‖_F before.
    pub residual_before: f64,
    /// The same after, evaluated in double-double.
    pub residual: f64,
    /// What was to be reached: 1e-14 · max_l ‖D_l(0)‖_F in float64 and e^{−2λt} times that for extended weights, but no less than what
    /// rounding may leave, ε·‖θ‖² and 2^{−90}·‖θ‖². For a balanced start ε·‖θ(0)‖² stands for the first.
    pub goal: f64,
    /// Iterations of conjugate gradients in all; one costs about one gradient.
    pub iterations: usize,
    /// Rounds of linearisation.
    pub rounds: usize,
}

impl Correction {
    /// Whether the law holds as well as it was to. Where not, `residual / goal` says by how much it is missed.
    pub fn reached(&self) -> bool {
        self.residual <= self.goal
    }
}

/// Why weights were left as they are.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ProjectionError {
    /// The weights, the time or the imbalance are NaN or infinite.
    #[error("at t = {t} the weights or their imbalance are NaN or infinite: there is nothing to project")]
    NotFinite {
        /// The time t.
        t: f64,
    },
    /// Singular values of the weights did not converge.
    #[error("at t = {t} the weights cannot be projected: {source}")]
    NoBasis {
        /// The time t.
        t: f64,
        /// What failed.
        source: SvdError,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Precision {
    Float64,
    DoubleDouble,
}

impl BalanceProjection {
    /// Onto the law from `start` (at t = 0) under weight decay λ.
    pub fn new(start: &Parameters, weight_decay: f64) -> Self {
        let extended = ExtendedParameters::from(start.clone());
        let depth = start.architecture().depth();
        let (gap, weight_norm) = (extended.balance_gap(), start.values().norm());
        // The imbalance of a balanced start is rounding, of which there is nothing to be kept to fourteen digits.
        let wanted = if gap <= floor(weight_norm) { f64::EPSILON * weight_norm.powi(2) } else { WANTED * gap };
        Self { start: (1..depth).map(|l| extended.imbalance_double_double(l)).collect(), wanted, weight_decay }
    }

    /// Moves float64 weights at time t onto the law. After an error they are unchanged.
    pub fn project(&self, t: f64, theta: &mut Parameters) -> Result<Correction, ProjectionError> {
        let mut extended = ExtendedParameters::from(theta.clone());
        let correction = self.run(t, &mut extended, Precision::Float64)?;
        *theta = extended.into_high();
        Ok(correction)
    }

    /// Moves weights of 106 bits at time t onto the law. After an error they are unchanged.
    pub fn project_extended(&self, t: f64, theta: &mut ExtendedParameters) -> Result<Correction, ProjectionError> {
        self.run(t, theta, Precision::DoubleDouble)
    }

    /// e^{−2λt}D_l(0) − D_l, symmetric, of each interface.
    fn missing(&self, factor: f64, theta: &ExtendedParameters) -> Symmetric {
        let missing = |(index, start): (usize, &DMatrix<DoubleDouble>)| {
            start.zip_map(&theta.imbalance_double_double(index + 1), |start, now| (start * factor - now).high)
        };
        self.start.iter().enumerate().map(missing).collect()
    }

    fn run(&self, t: f64, theta: &mut ExtendedParameters, precision: Precision) -> Result<Correction, ProjectionError> {
        let factor = decay(self.weight_decay, t);
        let mut missing = self.missing(factor, theta);
        let residual_before = largest_norm(&missing);
        let weight_norm = theta.high().values().norm();
        if !(residual_before.is_finite() && weight_norm.is_finite()) {
            return Err(ProjectionError::NotFinite { t });
        }
        let (wanted, floor) = match precision {
            Precision::Float64 => (self.wanted, f64::EPSILON * weight_norm.powi(2)),
            Precision::DoubleDouble => (factor * self.wanted, DOUBLE_DOUBLE_FLOOR * weight_norm.powi(2)),
        };
        // Deeper costs a few iterations at most.
        let aim = (0.1 * wanted).max(0.25 * floor);

        let (mut now, mut residual) = (theta.clone(), residual_before);
        let mut moved = DVector::zeros(theta.low().len());
        let (mut rounds, mut iterations, mut slow) = (0, 0, 0);
        let mut kept: Option<Linearised> = None;
        while residual > aim && rounds < ROUNDS {
            let fresh = kept.is_none();
            let mut linearised = match kept.take() {
                Some(linearised) => linearised,
                None => Linearised::new(now.high()).map_err(|source| ProjectionError::NoBasis { t, source })?,
            };
            let tolerance = TOLERANCE.max(0.3 * aim / residual);
            let (delta, count) = linearised.solve(&missing, tolerance, ITERATIONS);
            (rounds, iterations) = (rounds + 1, iterations + count);
            // Directions as small as the correction bend: there a part of the step leads nearer where the whole leads away.
            let mut part = 1.0;
            let (trial, missing_there, contraction) = loop {
                let mut trial = now.clone();
                trial.add(&(&delta * part));
                if precision == Precision::Float64 {
                    trial.round();
                }
                let missing_there = self.missing(factor, &trial);
                let contraction = largest_norm(&missing_there) / residual;
                if contraction < 1.0 || !fresh || part < SHORTEST_PART {
                    break (trial, missing_there, contraction);
                }
                part *= 0.5;
            };
            // A NaN is no progress either.
            if contraction < 1.0 {
                (now, missing, residual) = (trial, missing_there, contraction * residual);
                moved += delta * part;
            }
            // Rounding, or a target that these weights cannot reach. Slow progress is not: modes smaller than the error start with it.
            slow = if fresh && (contraction.is_nan() || contraction > 0.9) { slow + 1 } else { 0 };
            if slow == SLOW_ROUNDS || (fresh && (contraction.is_nan() || contraction >= 1.0)) {
                break;
            }
            // The linearisation serves again while it is not what limits the progress: the bases cost as much as several iterations.
            if contraction < 10.0 * tolerance {
                kept = Some(linearised);
            }
        }
        *theta = now;
        let size = moved.norm();
        let relative = if weight_norm > 0.0 { size / weight_norm } else { 0.0 };
        Ok(Correction { size, relative, residual_before, residual, goal: wanted.max(floor), iterations, rounds })
    }
}

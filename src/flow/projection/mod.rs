//! Projection of weights onto the balance law D_l(t) = e^{−2λt}D_l(0), D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ ([`crate::theory::balance`]).
//!
//! The exact flow keeps the law; its integration keeps it only to its tolerance. The shortest correction that restores the law is of the
//! size of the integration error, so the trajectory stays as accurate as before and the law holds to rounding (Hairer, Lubich & Wanner,
//! *Geometric Numerical Integration*, IV.4). By the Gauss–Newton method: linearise, solve by conjugate gradients (`linearised.rs`),
//! evaluate D anew in double-double, repeat.
//!
//! In float64 the law holds only to about ε·‖W‖², however far D has decayed. With weights of 106 bits ([`ExtendedParameters`]) it holds
//! relative to the decayed envelope e^{−2λt}‖D(0)‖.

mod linearised;
#[cfg(test)]
mod tests;

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::linalg::{DoubleDouble, SvdError};
use crate::network::{ExtendedParameters, Parameters, largest_norm};
use crate::theory::balance::{decay, floor};

use linearised::{Linearised, Symmetric};

/// The residual that a projection must reach, relative to the D of the law.
const WANTED: f64 = 1e-14;

/// The most rounds. From an integration error, two to four reach float64 and four to seven double-double; weights that are small against
/// the error take up to twenty.
const ROUNDS: usize = 30;

/// A projection ends after this many rounds in a row that each leave more than nine tenths of the residual.
const SLOW_ROUNDS: usize = 3;

/// The step of a round is halved as long as it is at least this fraction of the whole.
const SHORTEST_PART: f64 = 1.0 / 64.0;

/// The fraction of the residual that the linear solve of a round may leave. A smaller one is undone by second-order terms, and the total
/// number of iterations hardly depends on it.
const TOLERANCE: f64 = 1e-3;

/// 2^{−90}: the error of [`ExtendedParameters::imbalance_double_double`], relative to ‖θ‖².
const DOUBLE_DOUBLE_FLOOR: f64 = 1.0 / (1u128 << 90) as f64;

/// The most conjugate-gradient iterations in one round; ill-conditioned networks of four layers take fifty.
const ITERATIONS: usize = 500;

/// The projection onto the law of one start.
pub struct BalanceProjection {
    /// D_l(0), at index l − 1.
    start: Vec<DMatrix<DoubleDouble>>,
    /// The residual to reach at t = 0.
    wanted: f64,
    weight_decay: f64,
}

/// What a projection did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// ‖δθ‖.
    pub size: f64,
    /// ‖δθ‖ / ‖θ‖; 0 for zero weights.
    pub relative: f64,
    /// max_l ‖D_l − e^{−2λt}D_l(0)‖_F before.
    pub residual_before: f64,
    /// The same quantity after, evaluated in double-double.
    pub residual: f64,
    /// The residual to reach: 1e-14 · max_l ‖D_l(0)‖_F in float64 and e^{−2λt} times that for extended weights, but no less than rounding
    /// may leave, ε·‖θ‖² and 2^{−90}·‖θ‖². For a balanced start ε·‖θ(0)‖² replaces 1e-14 · max_l ‖D_l(0)‖_F.
    pub goal: f64,
    /// Conjugate-gradient iterations in all; each costs about one gradient.
    pub iterations: usize,
    /// Rounds of linearisation.
    pub rounds: usize,
}

impl Correction {
    /// Whether the residual is within its goal. If not, `residual / goal` is the factor by which it misses.
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
    /// The projection onto the law of `start` (at t = 0) under weight decay λ.
    pub fn new(start: &Parameters, weight_decay: f64) -> Self {
        let extended = ExtendedParameters::from(start.clone());
        let depth = start.architecture().depth();
        let (gap, weight_norm) = (extended.balance_gap(), start.values().norm());
        // The imbalance of a balanced start is rounding error: it has no digits to keep.
        let wanted = if gap <= floor(weight_norm) { f64::EPSILON * weight_norm.powi(2) } else { WANTED * gap };
        Self { start: (1..depth).map(|l| extended.imbalance_double_double(l)).collect(), wanted, weight_decay }
    }

    /// Moves float64 weights at time t onto the law.
    ///
    /// # Errors
    /// If weights or imbalances are not finite, or singular values do not converge. The weights are then unchanged.
    pub fn project(&self, t: f64, theta: &mut Parameters) -> Result<Correction, ProjectionError> {
        let mut extended = ExtendedParameters::from(theta.clone());
        let correction = self.run(t, &mut extended, Precision::Float64)?;
        *theta = extended.into_high();
        Ok(correction)
    }

    /// Moves weights of 106 bits at time t onto the law.
    ///
    /// # Errors
    /// As for [`BalanceProjection::project`].
    pub fn project_extended(&self, t: f64, theta: &mut ExtendedParameters) -> Result<Correction, ProjectionError> {
        self.run(t, theta, Precision::DoubleDouble)
    }

    /// e^{−2λt}D_l(0) − D_l for each interface, symmetric, with e^{−2λt} = `factor`.
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
        // Aiming below the goal costs a few iterations at most.
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
            // Directions as small as the correction are far from linear: part of the step may reduce a residual that the whole step
            // increases.
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
            // NaN counts as no progress.
            if contraction < 1.0 {
                (now, missing, residual) = (trial, missing_there, contraction * residual);
                moved += delta * part;
            }
            // No progress means rounding, or a law that these weights cannot reach. Slow progress does not: modes smaller than the error
            // begin with it.
            slow = if fresh && (contraction.is_nan() || contraction > 0.9) { slow + 1 } else { 0 };
            if slow == SLOW_ROUNDS || (fresh && (contraction.is_nan() || contraction >= 1.0)) {
                break;
            }
            // The linearisation is kept while it does not limit the progress: its bases cost as much as several iterations.
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

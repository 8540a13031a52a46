//! Whether a flow θ̇ = −∇J has converged, is at rest, is on a plateau, or moves.
//!
//! A small gradient alone proves nothing: on a plateau that the flow will leave, ‖θ̇‖/‖θ‖ falls to 1e-9. Two questions are asked
//! separately: is θ at a **minimum**, and will it **stay** there, to within tol = rtol‖θ‖ + atol√P?
//!
//! # A minimum
//!
//! 1. *Least loss known, λ = 0* ([`Objective::excess_loss`]; or ℒ ≈ 0, for no loss is negative): the gap ℒ − ℒ* is at most (10·rtol)² of
//!    what there is to learn. An unlearned mode that costs less would change the map by less than 10·rtol, relatively.
//! 2. *Strict*: the Hessian is positive definite modulo the symmetries of the network. With probability 1 − 1e-6
//!    ([`Lanczos::excludes`](crate::linalg::Lanczos::excludes)), the smallest eigenvalue of ∇²J + κTTᵀ, with TTᵀ from [`Symmetry`], is at
//!    least half the smallest Ritz value of a Lanczos iteration from a random vector; no kink is near; and the minimum is so near that the
//!    Hessian there is the same.
//!
//! # It stays
//!
//! - for ever, if the distance left, ‖(∇²J)⁺∇J‖ ≤ ‖∇J‖/μ, is at most tol, and at most 1e-3·tol once t has grown by a tenth. μ is the
//!   smallest eigenvalue by criterion 2, or by the Polyak–Łojasiewicz inequality ‖∇ℒ‖² ≥ 2μ(ℒ − ℒ*) ([`Objective::dominance`]). The delay
//!   discounts what explicit methods at their stability limit leave in stiff modes, ‖∇J‖ ≈ ρ·tol/10 at all times;
//! - for a time r = max(T − t, t), that is until T and at least for as long again as it has run: if √(r(ℒ − ℒ*)) ≤ 1e-3·tol, by
//!   Cauchy–Schwarz and dℒ/dt = −‖θ̇‖²; or if no direction escapes, r·λ_max(−∇²J) ≤ 0.1, and the local quadratic model moves by at most
//!   tol, with the same delay.
//!
//! A flow that stays at a minimum has **converged**; one that stays elsewhere is **at rest**: a saddle whose gradient is 0 in float64, a start
//! so small that its growth does not count before T, a dead network. Integrals of completely monotone functions of ∇²J are bounded from
//! above by Gauss–Radau quadrature. Gradient components below their rounding error, 4ε·ρ‖θ‖, do not count as motion.
//!
//! A flow is on a **plateau** if J is flat in log t, t‖∇J‖² = −dJ/d(log t) ≤ 1e-3·(J − min ℒ), and θ is known not to be a minimum: the gap
//! is open, or the Hessian has an eigenvalue below −0.1/r (a Ritz value is enough).
//!
//! With layer-wise rates all of this applies to the flow in φ_l = θ_l/√κ_l: ∇J is K^{1/2}∇J, ∇²J is K^{1/2}∇²J K^{1/2}, and the gradient of
//! a frozen layer does not count.
//!
//! Cost: one gradient and one loss per look, and a product with the Hessian while a plateau lasts. Lanczos iterations, with their orthogonalisation counted as gradients, may cost in all a quarter
//! of what the integration has, and 10¹⁰ operations more, less than a second, or a hundred gradients where their operations are not known; but
//! no more than the integration and a thousand gradients. If they cannot decide, the flow counts as moving.

mod curvature;

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::norm;
use crate::objective::Objective;
use crate::ode::Tolerance;
use crate::rng::{Purpose, stream};

use curvature::{Escape, Spectrum, Stay, settles, surely_moves};

/// The fraction of its tolerance by which a flow at rest may still move.
const STILL: f64 = 1e-3;
/// The fraction of J − min ℒ that a plateau may lose while t grows e-fold.
const FLAT: f64 = 1e-3;
/// The gap to the least loss is closed below (this times rtol)² of what there is to learn.
const CLOSED: f64 = 10.0;
/// The r·μ below which a direction that grows as e^{μt} is too slow to matter.
const SLOW: f64 = 0.1;
/// What the integration has cost, over what may be spent on Lanczos iterations.
const SHARE: u64 = 4;
/// Operations that may be spent on them besides.
const FREE_OPERATIONS: u64 = 10_000_000_000;
/// Gradients, where their operations are not known: each may take seconds.
const FREE_UNKNOWN: u64 = 100;
/// Gradients that may be spent beyond what the integration has cost, however few operations they take.
const BEYOND: u64 = 1000;
/// The factor by which t must grow after a look at the curvature that decided nothing.
const PATIENCE: f64 = 1.4;
/// The same for a flow whose loss is flat but which still moves.
const MORE_PATIENCE: f64 = 2.0;

/// The state of motion of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Motion {
    /// It stays where it is, at a minimum.
    Converged,
    /// It stays where it is until its end, at a point not shown to be a minimum.
    AtRest,
    /// Its loss is flat now, and will fall.
    Plateau,
    /// None of these has been shown.
    Moving,
}

/// What one look at a flow found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Its state of motion.
    pub motion: Motion,
    /// ‖∇J‖.
    pub grad_norm: f64,
    /// J.
    pub value: f64,
    /// J minus the least loss: an upper bound of what J can still lose.
    pub above: f64,
    /// Whether J is flat in log t.
    pub flat: bool,
}

/// A flow at one time, as the criteria see it.
#[derive(Clone, Copy)]
struct At<'a> {
    objective: &'a dyn Objective,
    t: f64,
    theta: &'a DVector<f64>,
    gradient: &'a DVector<f64>,
    grad_norm: f64,
    /// rtol‖θ‖ + atol√P.
    tol: f64,
    /// r, the time for which it must stay.
    stay: f64,
}

/// Watches one flow, at increasing times.
pub struct Stationarity {
    t_end: f64,
    tolerance: Tolerance,
    /// ℒ at the start.
    start_loss: Option<f64>,
    /// Time and state of two earlier looks, the first at t/2 or before.
    earlier: [(f64, DVector<f64>); 2],
    gradient: DVector<f64>,
    /// Gradients spent, a product with the Hessian counting 2.
    gradients: u64,
    /// The same, with the orthogonalisation of Lanczos iterations counted as gradients.
    cost: u64,
    /// Time of the last look at the curvature that decided nothing.
    last_attempt: f64,
    /// Dimension of the largest Krylov space that decided nothing.
    undecided: usize,
    /// The direction in which the flow escaped when it was last seen to, of length 1.
    escape: Option<DVector<f64>>,
    /// Every look starts from a new random vector: what one happens to miss, the next one finds.
    rng: ChaCha8Rng,
}

impl Stationarity {
    /// For the flow that starts at `start` and ends at time `t_end`.
    pub fn new(start: &DVector<f64>, t_end: f64, tolerance: Tolerance) -> Self {
        let at_start = || (0.0, start.clone());
        Self {
            t_end,
            tolerance,
            start_loss: None,
            earlier: [at_start(), at_start()],
            gradient: start.clone(),
            gradients: 0,
            cost: 0,
            last_attempt: 0.0,
            undecided: 0,
            escape: None,
            rng: stream(0, Purpose::Stationarity),
        }
    }

    /// Takes or replaces what earlier looks have left.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.start_loss)?;
        archive.item(&mut self.earlier)?;
        archive.item(&mut self.gradients)?;
        archive.item(&mut self.cost)?;
        archive.item(&mut self.last_attempt)?;
        archive.item(&mut self.undecided)?;
        archive.item(&mut self.escape)?;
        archive.item(&mut self.rng)
    }

    /// Gradients spent so far, a product with the Hessian counting 2.
    pub fn gradients(&self) -> u64 {
        self.gradients
    }

    /// Judges the flow at θ(t), t > 0, after an integration that has cost `spent` gradients. `smooth`, called only if it matters, tells
    /// whether J has a Hessian there: no sample is near the kink of a neuron.
    pub fn look(
        &mut self,
        objective: &dyn Objective,
        t: f64,
        theta: &DVector<f64>,
        spent: u64,
        smooth: impl FnOnce() -> bool,
    ) -> Reading {
        let mut gradient = std::mem::take(&mut self.gradient);
        objective.gradient(theta, &mut gradient);
        self.gradients += 1;
        // Squares of entries below 1e-154 underflow, and a flow that moves would look as if it were on a saddle.
        let (grad_norm, loss) = (norm(&gradient), objective.loss(theta));
        let value = loss + objective.penalty(theta);
        let start_loss = *self.start_loss.get_or_insert_with(|| objective.loss(&self.earlier[0].1));
        let excess = objective.excess_loss(theta);
        // An unknown least loss is at least 0.
        let above = excess.map_or(value, |excess| value - loss + excess.value);
        let flat = t * grad_norm * grad_norm <= FLAT * above;
        let at = At {
            objective,
            t,
            theta,
            gradient: &gradient,
            grad_norm,
            tol: self.tolerance.rtol * theta.norm() + self.tolerance.atol * (theta.len() as f64).sqrt(),
            stay: t.max(self.t_end - t),
        };
        let closed = |gap: f64, learnable: f64| gap <= (CLOSED * self.tolerance.rtol).powi(2) * learnable;
        let motion = match excess.filter(|_| objective.weight_decay().is_zero()) {
            // Every local minimum is global, so this is none.
            Some(excess) if !closed(excess.value - excess.rounding, excess.learnable) => match flat {
                true => Motion::Plateau,
                false => Motion::Moving,
            },
            Some(excess) => self.at_the_least_loss(&at, excess.value.max(excess.rounding), spent),
            None if objective.weight_decay().is_zero() && closed(loss, start_loss) => self.at_the_least_loss(&at, loss, spent),
            None => self.by_curvature(&at, flat, spent, smooth),
        };
        // Where the gradient is 0 in float64 the flow never leaves, not even a saddle.
        let motion = if grad_norm == 0.0 && motion != Motion::Converged { Motion::AtRest } else { motion };
        if t >= 2.0 * self.earlier[1].0 {
            self.earlier.swap(0, 1);
            self.earlier[1].0 = t;
            self.earlier[1].1.copy_from(theta);
        }
        self.gradient = gradient;
        Reading { motion, grad_norm, value, above, flat }
    }

    /// The motion at a minimum, from whose loss ℒ is at most `gap` away: whether the flow stays.
    fn at_the_least_loss(&mut self, at: &At, gap: f64, spent: u64) -> Motion {
        if (at.stay * gap).sqrt() <= STILL * at.tol {
            return Motion::Converged;
        }
        if self.is_too_early(at, PATIENCE) {
            return Motion::Moving;
        }
        if let Some(mu) = at.objective.dominance(at.theta).filter(|mu| *mu > 0.0) {
            let (stays, steps) = settles(at, Stay::ForEver { curvature: mu }, self.affordable(at, spent));
            self.count(at, &[steps]);
            if stays {
                return Motion::Converged;
            }
        }
        match self.by_curvature(at, false, spent, || true) {
            Motion::AtRest | Motion::Converged => Motion::Converged,
            Motion::Plateau | Motion::Moving => {
                self.last_attempt = at.t;
                Motion::Moving
            }
        }
    }

    /// Whether a look at the curvature decided nothing a short while ago. The end of a flow is always looked at.
    fn is_too_early(&self, at: &At, patience: f64) -> bool {
        at.t < patience * self.last_attempt && at.t < self.t_end
    }

    /// The motion by the Hessian: whether a direction escapes, and if none does, how far the flow moves.
    fn by_curvature(&mut self, at: &At, flat: bool, spent: u64, smooth: impl FnOnce() -> bool) -> Motion {
        let still = at.stay * at.grad_norm <= STILL * at.tol || (at.theta - &self.earlier[0].1).norm() <= at.tol;
        if !(still || flat) {
            return Motion::Moving;
        }
        if self.is_too_early(at, if still { PATIENCE } else { MORE_PATIENCE }) {
            return Motion::Moving;
        }
        let threshold = SLOW / at.stay;
        if self.still_escapes(at, threshold) {
            return Motion::Plateau;
        }
        let most = self.affordable(at, spent);
        // A space no larger than one that did not decide will not decide now.
        if most <= self.undecided {
            return Motion::Moving;
        }
        let mut spectrum = Spectrum::new(at, &mut self.rng);
        let escape = spectrum.explore(most, threshold);
        let (motion, steps) = match escape {
            Escape::Yes => {
                self.escape = spectrum.lowest();
                (Motion::Plateau, 0)
            }
            Escape::Unknown => (Motion::Moving, 0),
            Escape::No if surely_moves(at, at.stay, spectrum.radius()) => (Motion::Moving, 0),
            Escape::No => {
                let (stays, steps) = settles(at, Stay::ForAWhile { threshold, radius: spectrum.radius() }, most);
                (if stays { Motion::AtRest } else { Motion::Moving }, steps)
            }
            Escape::Strict { .. } if surely_moves(at, f64::INFINITY, spectrum.radius()) => (Motion::Moving, 0),
            Escape::Strict { curvature } => match settles(at, Stay::ForEver { curvature }, most) {
                (false, steps) => (Motion::Moving, steps),
                (true, steps) if spectrum.is_settled(at, curvature) && smooth() => (Motion::Converged, steps),
                (true, steps) => (Motion::AtRest, steps),
            },
        };
        self.count(at, &[spectrum.steps(), steps]);
        if escape == Escape::Unknown {
            self.undecided = most;
        }
        if motion == Motion::Moving {
            self.last_attempt = at.t;
        }
        motion
    }

    /// Whether the curvature along the last direction of escape is below −`threshold`. Then so is the smallest eigenvalue, at the cost of one
    /// product; a plateau is looked at many times.
    fn still_escapes(&mut self, at: &At, threshold: f64) -> bool {
        let Some(direction) = self.escape.take() else { return false };
        let mut image = DVector::zeros(direction.len());
        at.objective.hessian_vector(at.theta, &direction, &mut image);
        self.count(at, &[1]);
        let escapes = direction.dot(&image) < -threshold;
        self.escape = escapes.then_some(direction);
        escapes
    }

    /// The largest dimension of Krylov spaces that can be afforded now.
    fn affordable(&self, at: &At, spent: u64) -> usize {
        curvature::affordable(at.objective, allowance(at.objective, spent).saturating_sub(self.cost))
    }

    /// Counts the cost of Krylov spaces of these dimensions.
    fn count(&mut self, at: &At, sizes: &[usize]) {
        self.gradients += 2 * sizes.iter().sum::<usize>() as u64;
        self.cost += sizes.iter().map(|&k| curvature::cost(k, at.objective)).sum::<u64>();
    }
}

/// The gradients that Lanczos iterations may cost beside an integration that has cost `spent`.
fn allowance(objective: &dyn Objective, spent: u64) -> u64 {
    let free = objective.operations().map_or(FREE_UNKNOWN, |operations| FREE_OPERATIONS / operations.max(1));
    (spent / SHARE + free).min(spent + BEYOND)
}

#[cfg(test)]
mod tests;

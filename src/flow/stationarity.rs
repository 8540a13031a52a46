//! Whether a flow θ̇ = −∇J has converged, sits on a plateau, or moves.
//!
//! A small gradient alone says nothing: on an unfinished plateau ‖θ̇‖/‖θ‖ falls to 1e-9. At a record time t < T, with r = T − t to go
//! and tol = rtol‖θ‖ + atol√P, the flow **has converged** if one of two arguments says that it will stay:
//!
//! 1. *λ = 0, least loss known* ([`Objective::excess_loss`]): the gap ℒ − ℒ* is closed to (10·rtol)² of what there is to learn (a mode
//!    that is not learned and costs less would change the map by less than 10·rtol, relatively), and
//!    ∫‖θ̇‖ ≤ √(r·∫‖θ̇‖²) ≤ √(r(ℒ − ℒ*)) ≤ 1e-3·tol: Cauchy–Schwarz and dℒ/dt = −‖θ̇‖², free of assumptions.
//! 2. Otherwise by the local quadratic model, where it is worth its cost: where J is flat (below), r‖∇J‖ ≤ 1e-3·tol, or θ has moved by
//!    no more than tol since t/2. No direction may escape: max(t, r)·λ_max(−∇²J) ≤ 0.1, from a Lanczos iteration that excludes any
//!    eigenvalue below the threshold but for a probability of 1e-6, every time from another random vector. A small residual would only
//!    tell that some eigenvalue is near. And the model's motion ∫e^{−s∇²J}∇J ds may be at most tol from now to T, and at most 1e-3·tol from t + t/10 to T. The delay sets aside
//!    what explicit methods at their stability limit leave in stiff modes, ‖∇J‖ ≈ ρ·tol/10 at all times. Both are integrals of completely
//!    monotone functions of ∇²J, which Gauss–Radau quadrature bounds from above.
//!
//! Gradient components below their rounding error, 4ε·ρ‖θ‖, are no motion.
//!
//! It sits on a **plateau** if J is flat on the logarithmic clock, t‖∇J‖² = −dJ/d(log t) ≤ 1e-3·(J − min ℒ), and is known not to be at a
//! minimum: at λ = 0 the gap is open; at λ > 0 the Hessian has an eigenvalue below −0.1/max(t, r) (a Ritz value is enough). An exact
//! saddle is a plateau for ever.
//!
//! Cost: one gradient and one loss at each record time; Lanczos iterations may cost as much in all as the integration has, with their
//! orthogonalisation counted as gradients, and a thousand gradients beside. What they cannot decide counts as moving.

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use crate::linalg::{End, Lanczos, stages};
use crate::objective::Objective;
use crate::ode::Tolerance;
use crate::rng::{Purpose, gaussian_matrix, stream};

/// Which part of its tolerance a converged flow may still move by.
const STILL: f64 = 1e-3;
/// Which part of J − min ℒ a plateau may lose while t grows e-fold.
const FLAT: f64 = 1e-3;
/// max(t, r)·μ of a direction that grows as e^{μt} too slowly to matter.
const SLOW: f64 = 0.1;
/// The probability at which a direction of escape may have been missed.
const MISSED: f64 = 1e-6;
/// Numbers in a Krylov basis, at most: 128 MiB.
const BASIS: usize = 1 << 24;
/// Gradients that may be spent on Lanczos iterations whatever the integration has cost.
const FREE: u64 = 1000;

/// What a flow does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// It stays where it is until its end.
    Converged,
    /// Its loss is flat, and will fall, or would if the flow were not exactly on a saddle.
    Plateau,
    /// Neither is known.
    Moving,
}

/// A flow at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// What it does.
    pub motion: Motion,
    /// ‖∇J‖.
    pub grad_norm: f64,
    /// J.
    pub value: f64,
}

/// Watches one flow, at increasing times.
pub struct Stationarity {
    t_end: f64,
    tolerance: Tolerance,
    /// Where it was at two earlier times, the first at t/2 or before.
    earlier: [(f64, DVector<f64>); 2],
    gradient: DVector<f64>,
    /// Gradients spent, a product with the Hessian counting 2.
    gradients: u64,
    /// The same with the orthogonalisation of Lanczos iterations, as so many gradients.
    cost: u64,
    /// Size of the largest Krylov space that did not decide.
    undecided: usize,
    /// Of every look another vector: what one happened to miss the next one finds.
    rng: ChaCha8Rng,
}

impl Stationarity {
    /// For the flow that starts at `start` and ends at time `t_end`.
    pub fn new(start: &DVector<f64>, t_end: f64, tolerance: Tolerance) -> Self {
        let at_start = || (0.0, start.clone());
        let gradient = start.clone();
        let rng = stream(0, Purpose::Stationarity);
        Self { t_end, tolerance, earlier: [at_start(), at_start()], gradient, gradients: 0, cost: 0, undecided: 0, rng }
    }

    /// From now on whether it stays until `t_end`, later than it has been asked about so far.
    pub fn extend_to(&mut self, t_end: f64) {
        self.t_end = t_end;
    }

    /// Gradients spent so far, a product with the Hessian counting 2.
    pub fn gradients(&self) -> u64 {
        self.gradients
    }

    /// Looks at θ(t), 0 < t; the integration has cost `spent` gradients so far.
    pub fn look(&mut self, objective: &dyn Objective, t: f64, theta: &DVector<f64>, spent: u64) -> Look {
        objective.gradient(theta, &mut self.gradient);
        self.gradients += 1;
        let (grad_norm, value) = (self.gradient.norm(), objective.value(theta));
        let motion = self.motion(objective, t, theta, spent, value);
        if t >= 2.0 * self.earlier[1].0 {
            self.earlier.swap(0, 1);
            self.earlier[1].0 = t;
            self.earlier[1].1.copy_from(theta);
        }
        Look { motion, grad_norm, value }
    }

    fn motion(&mut self, objective: &dyn Objective, t: f64, theta: &DVector<f64>, spent: u64, value: f64) -> Motion {
        let rest = self.t_end - t;
        let tol = self.tolerance.rtol * theta.norm() + self.tolerance.atol * (theta.len() as f64).sqrt();
        let grad_norm = self.gradient.norm();
        let loss_falls_by = t * grad_norm * grad_norm;
        let excess = objective.excess_loss(theta);
        if let (Some(excess), 0.0) = (excess, objective.weight_decay()) {
            if excess.value > (10.0 * self.tolerance.rtol).powi(2) * excess.learnable + excess.rounding {
                return if loss_falls_by <= FLAT * excess.value { Motion::Plateau } else { Motion::Moving };
            }
            if rest > 0.0 && (rest * excess.value.max(excess.rounding)).sqrt() <= STILL * tol {
                return Motion::Converged;
            }
        }
        // Where no minimum is known, that of a loss is 0.
        let above = excess.map_or(value, |excess| value - objective.loss(theta) + excess.value);
        let flat = objective.weight_decay() > 0.0 && loss_falls_by <= FLAT * above;
        let slow = rest > 0.0 && (rest * grad_norm <= STILL * tol || (theta - &self.earlier[0].1).norm() <= tol);
        if slow || flat { self.by_model(objective, t, theta, spent, tol) } else { Motion::Moving }
    }

    /// By the Hessian: whether a direction escapes, and if none does, how far the quadratic model moves.
    fn by_model(&mut self, objective: &dyn Objective, t: f64, theta: &DVector<f64>, spent: u64, tol: f64) -> Motion {
        let rest = self.t_end - t;
        let threshold = SLOW / t.max(rest);
        // 2k gradients; 4P·k² operations for the basis and 10k³ for T, where a gradient has about 50P.
        let cost = |k: usize| (2 * k + k * k / 12 + k * k * k / (5 * theta.len())) as u64;
        let budget = (spent + FREE).saturating_sub(self.cost);
        let most = theta.len().min(BASIS / theta.len());
        let most = stages(most).take_while(|&k| 2 * cost(k) <= budget).last().unwrap_or(0);
        // What has not decided will not decide now.
        if most <= self.undecided {
            return Motion::Moving;
        }
        let random = gaussian_matrix(theta.len(), 1, &mut self.rng).column(0).into_owned();
        let product = |v: &DVector<f64>, out: &mut DVector<f64>| objective.hessian_vector(theta, v, out);
        let mut lanczos = Lanczos::new(&random, product);
        let mut motion = None;
        for k in stages(most) {
            lanczos.grow_to(k);
            if lanczos.ritz(End::Smallest) < -threshold {
                motion = Some(Motion::Plateau);
            } else if lanczos.excludes(End::Smallest, -threshold, MISSED) {
                motion = Some(Motion::Converged);
            }
            if motion.is_some() {
                break;
            }
        }
        let radius = lanczos.ritz(End::Largest).abs();
        let mut steps = vec![lanczos.steps()];
        if motion == Some(Motion::Converged) {
            let rounding = 4.0 * f64::EPSILON * radius * theta.norm();
            let still = |lanczos: &Lanczos<_>, from: f64, limit: f64, norm: f64| {
                moved(&lanczos.radau(-threshold), norm, from, rest, rounding) <= limit
            };
            let norm = self.gradient.norm();
            let stays = norm <= rounding || rest * norm <= STILL * tol || {
                let mut lanczos = Lanczos::new(&self.gradient, product);
                let stays = stages(most).any(|k| {
                    lanczos.grow_to(k);
                    still(&lanczos, 0.0, tol, norm) && still(&lanczos, 0.1 * t, STILL * tol, norm)
                });
                steps.push(lanczos.steps());
                stays
            };
            motion = Some(if rest > 0.0 && stays { Motion::Converged } else { Motion::Moving });
        }
        self.gradients += 2 * steps.iter().sum::<usize>() as u64;
        self.cost += steps.into_iter().map(cost).sum::<u64>();
        self.undecided = if motion.is_none() { most } else { self.undecided };
        motion.unwrap_or(Motion::Moving)
    }
}

/// ‖∫ e^{−sA}g ds‖ over s from `from` to `to`, for a measure of g given by nodes x and weights w and ‖g‖ = `norm`. Components no larger
/// than `rounding` are left out.
fn moved(measure: &[(f64, f64)], norm: f64, from: f64, to: f64, rounding: f64) -> f64 {
    let from = from.min(to);
    let along = |&(x, weight): &(f64, f64)| {
        let g = weight.sqrt() * norm;
        // (e^{−from·x} − e^{−to·x})/x, the limit to − from at x = 0 included.
        let span = if x == 0.0 { to - from } else { (-from * x).exp() * -(-(to - from) * x).exp_m1() / x };
        if g <= rounding { 0.0 } else { g * span }
    };
    measure.iter().map(along).map(|d| d * d).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;

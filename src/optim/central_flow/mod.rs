//! The central flow of gradient descent, which describes its mean path at the edge of stability, too:
//!
//! - θ̇ = −∇J − ½ Σ_{ij} X_ij ∇(u_iᵀHu_j), H = ∇²J, ∇(uᵀHv) = D³J[u, v],
//!
//! with u_1, …, u_k the eigenvectors of H at the edge, of eigenvalue 2/η, and X ⪰ 0 the covariance with which the iterates oscillate along
//! them: it is such that C := −d/dt(UᵀHU) ⪰ 0 and ⟨X, C⟩ = 0 along the flow (`complementarity`). Below the edge X = 0, and it is gradient
//! flow. The mean of J over the oscillation is J + ½⟨H, UXUᵀ⟩ = J + tr X/η. Cohen, Damian, Talwalkar, Kolter & Lee, *Understanding
//! optimization in deep learning with central flows*, ICLR 2025 (arXiv 2410.24206).
//!
//! # A step of length η
//!
//! 1. The eigenvectors of H at θ whose eigenvalues are near or above the edge (`upper_end`), and D_ij = D³J[u_i, u_j].
//! 2. θ̇ = −∇J(θ) − ½ Σ X⁰_ij D_ij by RK4, with X⁰ the X of the step before, turned to the new eigenvectors.
//! 3. X: where UᵀHU arrives, to first order ⟨D, Δθ⟩ further on, may not be above 2/η; θ moves by −η/2·Σ(X − X⁰)_ij D_ij.
//!
//! So −∇J is integrated to fourth order, and the force of the oscillation to first order in η. What a step leaves of an eigenvalue above the
//! edge the next one takes back, by a twentieth of the edge at most: a start beyond the edge returns to it step by step.

mod complementarity;
#[cfg(test)]
mod tests;
mod upper_end;

use nalgebra::{DMatrix, DVector};
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::Eigen;
use crate::network::Architecture;
use crate::objective::Objective;
use crate::ode::has_blown_up;
use crate::rng::{Purpose, stream};

use super::formula::number;
use super::settings::Ground;

use complementarity::{lowered, pairs, spread};
use upper_end::{Found, UpperEnd};

/// Eigenvalues at least so near to the edge, as a share of it, may reach it within a step.
const NEAR: f64 = 0.02;
/// The share of the edge by which an eigenvalue above it is lowered within a step, at most.
const RETURN: f64 = 0.05;
/// Directions at the edge, at most.
const MOST: usize = 12;
/// The largest λ_max times step of RK4, which is stable up to 2.78.
const STABLE: f64 = 2.2;
/// The share of tr X that a direction takes at least to count.
const COUNTS: f64 = 1e-6;

/// Why a central flow ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CentralFlowError {
    /// The state or a product with the Hessian is no longer finite.
    #[error("its state or a product with the Hessian is no longer finite: lower the learning rate")]
    Overflow,
    /// Too many eigenvalues are at the edge.
    #[error(
        "{found} eigenvalues of the Hessian are at the edge of stability, more than the {most} that it follows: lower the learning rate"
    )]
    Crowded {
        /// Eigenvalues at the edge.
        found: usize,
        /// The most that it follows.
        most: usize,
    },
}

/// The central flow of gradient descent at one learning rate, step by step on the clock of its iterates.
pub struct CentralFlow<'a> {
    objective: &'a dyn Objective,
    lr: f64,
    /// Steps of its own for each step of gradient descent.
    substeps: u32,
    theta: DVector<f64>,
    steps: u64,
    rng: ChaCha8Rng,
    end: UpperEnd,
    /// U and X of the last step.
    directions: Vec<DVector<f64>>,
    spread: DMatrix<f64>,
    start_norm: f64,
    gradients: u64,
    /// Looks at the Hessian, and those that did not reach their tolerance.
    looks: [u64; 2],
}

impl<'a> CentralFlow<'a> {
    /// The central flow of gradient descent at the rate `lr` = η > 0 from θ_0 = `start`. Third derivatives are central differences of products
    /// with the Hessian where the objective does not have them; J must be smooth.
    pub fn new(objective: &'a dyn Objective, lr: f64, start: &DVector<f64>) -> Self {
        Self {
            objective,
            lr,
            substeps: 1,
            theta: start.clone(),
            steps: 0,
            // A fixed stream: what is measured must not depend on the seed of the training.
            rng: stream(0, Purpose::CentralFlow),
            end: UpperEnd::default(),
            directions: Vec::new(),
            spread: DMatrix::zeros(0, 0),
            start_norm: start.norm(),
            gradients: 0,
            looks: [0; 2],
        }
    }

    /// The same with this many steps of its own for each step of gradient descent, 1 at least: it converges with order 1.
    pub fn with_substeps(self, substeps: u32) -> Self {
        Self { substeps: substeps.max(1), ..self }
    }

    /// The central flow of gradient descent on this ground, or why there is none.
    pub(super) fn of_gradient_descent(ground: &Ground<'a>, lr: f64) -> Result<Self, String> {
        let kink = |net: &Architecture| (1..=net.depth()).find(|&l| net.activation(l).kink().is_some());
        match ground.objective.layers().and_then(|layers| kink(layers.architecture())) {
            Some(l) => Err(format!(
                "its central flow is not compared: it needs third derivatives, and the activation of layer {l} has a kink"
            )),
            None => Ok(Self::new(ground.objective, lr, ground.start)),
        }
    }

    /// Goes on by η, one step of gradient descent.
    ///
    /// # Errors
    /// [`CentralFlowError`]; θ then stays where it was last good.
    pub fn step(&mut self) -> Result<(), CentralFlowError> {
        for _ in 0..self.substeps {
            self.substep(self.lr / f64::from(self.substeps))?;
        }
        self.steps += 1;
        Ok(())
    }

    fn substep(&mut self, h: f64) -> Result<(), CentralFlowError> {
        let edge = 2.0 / self.lr;
        let Found { values, vectors, largest, .. } = self.look(edge)?;
        let k = vectors.len();
        let thirds = self.thirds(&vectors);
        let guess = self.turned(&vectors);
        let force = self.force(&thirds, &guess);
        let mut theta = self.theta.clone();
        let parts = (h * largest / STABLE).ceil().max(1.0);
        for _ in 0..parts as u64 {
            self.rk4(&mut theta, h / parts, &force);
        }
        // How fast UᵀHU would rise above the edge under −∇J alone, and what X has to undo.
        let moved = &theta - &self.theta;
        let gram = DMatrix::from_fn(thirds.len(), thirds.len(), |a, b| 0.5 * thirds[a].dot(&thirds[b]));
        let mut rise = lowered(&gram, &guess);
        for (third, (i, j)) in thirds.iter().zip(pairs(k)) {
            let above = if i == j { (values[i] - edge).min(RETURN * edge) } else { 0.0 };
            let own = (third.dot(&moved) + above) / h;
            rise[(i, j)] += own;
            if i != j {
                rise[(j, i)] += own;
            }
        }
        let spread = spread(&rise, &gram);
        theta.axpy(-h, &self.force(&thirds, &(&spread - guess)), 1.0);
        if has_blown_up(theta.norm(), self.start_norm) {
            return Err(CentralFlowError::Overflow);
        }
        (self.theta, self.directions, self.spread) = (theta, vectors, spread);
        Ok(())
    }

    /// The directions at the edge, or near it.
    fn look(&mut self, edge: f64) -> Result<Found, CentralFlowError> {
        let Self { objective, theta, end, rng, .. } = self;
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| objective.hessian_vector(theta, v, out);
        let found = end.look(theta.len(), (1.0 - NEAR) * edge, rng, apply).ok_or(CentralFlowError::Overflow)?;
        // What products at one θ share is one gradient.
        self.gradients += 1 + 2 * found.products;
        self.looks[0] += 1;
        self.looks[1] += u64::from(!found.settled);
        match found.values.len() {
            crowd if crowd > MOST => Err(CentralFlowError::Crowded { found: crowd, most: MOST }),
            _ => Ok(found),
        }
    }

    /// D³J[u_i, u_j] over the pairs.
    fn thirds(&mut self, directions: &[DVector<f64>]) -> Vec<DVector<f64>> {
        let pairs = pairs(directions.len());
        // Along u = v it is cheaper.
        self.gradients += pairs.iter().map(|(i, j)| if i == j { 5 } else { 6 }).sum::<u64>();
        let third = |(i, j): (usize, usize)| {
            let mut out = DVector::zeros(self.theta.len());
            self.objective.third_along(&self.theta, &directions[i], &directions[j], &mut out);
            out
        };
        pairs.into_iter().map(third).collect()
    }

    /// X of the last step in the new directions.
    fn turned(&self, directions: &[DVector<f64>]) -> DMatrix<f64> {
        let turn = DMatrix::from_fn(directions.len(), self.directions.len(), |i, j| directions[i].dot(&self.directions[j]));
        &turn * &self.spread * turn.transpose()
    }

    /// ½ Σ X_ij D_ij.
    fn force(&self, thirds: &[DVector<f64>], spread: &DMatrix<f64>) -> DVector<f64> {
        let mut force = DVector::zeros(self.theta.len());
        for (third, (i, j)) in thirds.iter().zip(pairs(spread.nrows())) {
            force.axpy(if i == j { 0.5 } else { 1.0 } * spread[(i, j)], third, 1.0);
        }
        force
    }

    /// θ ← the end of θ̇ = −∇J(θ) − `force` after h, by the classical method of order 4.
    fn rk4(&mut self, theta: &mut DVector<f64>, h: f64, force: &DVector<f64>) {
        self.gradients += 4;
        let (mut slope, mut sum, mut at) = (force.clone(), DVector::zeros(theta.len()), theta.clone());
        for (weight, next) in [(1.0, 0.5), (2.0, 0.5), (2.0, 1.0), (1.0, 0.0)] {
            self.objective.gradient(&at, &mut slope);
            slope += force;
            sum.axpy(weight, &slope, 1.0);
            at.copy_from(theta);
            at.axpy(-next * h, &slope, 1.0);
        }
        theta.axpy(-h / 6.0, &sum, 1.0);
    }

    /// θ.
    pub fn theta(&self) -> &DVector<f64> {
        &self.theta
    }

    /// k, the steps of gradient descent that it has gone on by.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// J + tr X/η, the mean of J that it predicts for the iterates.
    pub fn mean_value(&self) -> f64 {
        self.objective.value(&self.theta) + self.spread.trace() / self.lr
    }

    /// The number of directions along which the iterates oscillate: the rank of X.
    pub fn oscillating(&self) -> usize {
        let least = COUNTS * self.spread.trace();
        if least > 0.0 {
            let eigen = Eigen::symmetric(self.spread.as_view());
            eigen.map_or(0, |eigen| eigen.values.iter().filter(|value| **value > least).count())
        } else {
            0
        }
    }

    /// Gradients so far, a product with the Hessian counting 2 and a third derivative 6, or 5 along one direction.
    pub fn gradients(&self) -> u64 {
        self.gradients
    }

    /// The share of looks at the Hessian whose eigenvectors did not reach their tolerance within the limit of products.
    pub fn unsettled(&self) -> f64 {
        let [looks, unsettled] = self.looks;
        unsettled as f64 / looks.max(1) as f64
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        format!(
            "θ̇ = −∇J − ½ Σ X_ij ∇(u_iᵀ∇²J u_j), u_i the eigenvectors of ∇²J at the edge {}, X ⪰ 0 keeping them there",
            number(2.0 / self.lr)
        )
    }

    /// Takes or replaces its state.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.theta)?;
        archive.item(&mut self.steps)?;
        archive.item(&mut self.rng)?;
        self.end.archive(archive)?;
        archive.item(&mut self.directions)?;
        archive.item(&mut self.spread)?;
        archive.item(&mut self.gradients)?;
        archive.item(&mut self.looks)
    }
}

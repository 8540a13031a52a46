//! One step of dX = b(X) dt + √η·σ(X) dW by a method for small noise, of length h:
//!
//! - K₁ = b(X), K₂ = b(X + (5h/6)K₁), M = X + h(K₁/10 + 2K₂/5);
//! - N = √(ηh)·σ(M)ξ with ξ standard normal, K₃ = b(M + N);
//! - X⁺ = X + h(K₁/5 + 3K₂/10 + K₃/2) + N.
//!
//! Without noise it is a Runge–Kutta method of order 3 with nodes 0, 5/6, 1/2. With it, E f(X⁺) is off by O(h⁴ + ηh³ + η²h²): the covariance
//! of N, taken at the middle of the step, is that of the noise up to ηh³, and half a step of b at M + N carries it on as the drift does, with
//! the shift (ηh²/4)·b″:σσᵀ of the mean. (Such methods: Milstein & Tretyakov, *Numerical methods in the weak sense for stochastic differential
//! equations with small noise*, SIAM J. Numer. Anal. 34, 1997; the coefficients are ours.) With h in proportion to η it converges with order
//! 3, and does not blur the error of an equation of order 2. Euler's method at h = η would be noisy gradient descent itself.
//!
//! σ is never formed: with g_i = ∇ℓ_i, √(ηΣ/B)·√h·ξ has the law of √(ηh/(nB)) Σ_i (ξ_i − ξ̄)g_i, ξ ∈ ℝⁿ, one weighted gradient; label noise
//! that of σ√(ηh/(nB)) Σ_i J_iᵀζ_i, ζ ∈ ℝ^{n·d_L}, another. Langevin noise √(2Th)·ξ does not depend on X; without η before it, the method has
//! weak order 2 in h.

use std::sync::Arc;

use nalgebra::DVector;

use crate::objective::{Objective, Samples, WeightedGradient};

use super::{Noise, SgdEquation};

/// The method, with an objective and storage of its own: it may go to another thread.
pub(super) struct Scheme {
    objective: Box<dyn Objective>,
    /// Present where noise depends on the samples.
    noise: Option<Box<dyn WeightedGradient>>,
    /// c of the drift b = −∇J − c·∇²J∇J.
    curvature: f64,
    /// η/(nB) of the noise of batches; 0 without it.
    drawn: f64,
    /// ησ²/(nB) of label noise; 0 without it.
    labels: f64,
    /// 2T of Langevin noise; 0 without it.
    langevin: f64,
    /// n.
    samples: usize,
    /// ξ ∈ ℝⁿ of the first, ζ ∈ ℝ^{n·d_L} of the second and ξ ∈ ℝ^P of the third, of those that there are; then the weights of the noise.
    normals: Vec<f64>,
    /// K₁, K₂, K₃.
    slopes: [DVector<f64>; 3],
    /// N.
    kick: DVector<f64>,
    /// Where b is taken.
    at: DVector<f64>,
    product: DVector<f64>,
}

impl Scheme {
    /// `None` if the equation has noise of batches or labels and the objective gives no weighted gradients of these samples.
    pub(super) fn new(objective: &dyn Objective, samples: Option<&Arc<Samples>>, equation: &SgdEquation) -> Option<Self> {
        let objective = objective.duplicate();
        let needs_samples = equation.batch.is_some() || equation.noise.labels > 0.0;
        let samples = if needs_samples { Some(samples?) } else { None };
        let noise = match samples {
            Some(samples) => Some(objective.batches()?.weighted(samples.clone())?),
            None => None,
        };
        let (n, outputs) = samples.map_or((0, 0), |samples| (samples.count(), samples.outputs()));
        let zeros = || DVector::zeros(objective.dim());
        let Noise { temperature, labels } = equation.noise;
        let share = |batch: usize| equation.rate / (n * batch) as f64;
        let count = |there: bool, count: usize| if there { count } else { 0 };
        let normals =
            count(equation.batch.is_some(), n) + count(labels > 0.0, n * outputs) + count(temperature > 0.0, objective.dim());
        Some(Self {
            noise,
            curvature: equation.curvature(),
            drawn: equation.batch.map_or(0.0, share),
            labels: if labels > 0.0 { labels * labels * share(equation.batch.unwrap_or(n)) } else { 0.0 },
            langevin: 2.0 * temperature,
            samples: n,
            normals: vec![0.0; normals],
            slopes: std::array::from_fn(|_| zeros()),
            kick: zeros(),
            at: zeros(),
            product: zeros(),
            objective,
        })
    }

    /// What the next step draws, to be filled with standard normal numbers.
    pub(super) fn normals(&mut self) -> &mut [f64] {
        &mut self.normals
    }

    /// The weights of the noise of batches in the step taken last, one for each sample: N is Σ_i w_i ∇ℓ_i and what other noise there is. None
    /// without batches.
    pub(super) fn weights(&self) -> &[f64] {
        &self.normals[..if self.drawn > 0.0 { self.samples } else { 0 }]
    }

    /// X = `theta` goes on by h.
    pub(super) fn step(&mut self, h: f64, theta: &mut DVector<f64>) {
        self.at.copy_from(theta);
        self.drift(0);
        self.at.axpy(h * 5.0 / 6.0, &self.slopes[0], 1.0);
        self.drift(1);
        self.at.copy_from(theta);
        self.at.axpy(h / 10.0, &self.slopes[0], 1.0);
        self.at.axpy(h * 2.0 / 5.0, &self.slopes[1], 1.0);
        self.draw(h);
        self.at += &self.kick;
        self.drift(2);
        for (weight, slope) in [1.0 / 5.0, 3.0 / 10.0, 1.0 / 2.0].into_iter().zip(&self.slopes) {
            theta.axpy(h * weight, slope, 1.0);
        }
        *theta += &self.kick;
    }

    /// K ← b.
    fn drift(&mut self, stage: usize) {
        let Self { objective, curvature, slopes, at, product, .. } = self;
        let slope = &mut slopes[stage];
        objective.gradient(at, slope);
        if *curvature != 0.0 {
            objective.hessian_vector(at, slope, product);
            slope.axpy(*curvature, product, 1.0);
        }
        slope.neg_mut();
    }

    /// N ← √(ηh/(nB)) (Σ_i (ξ_i − ξ̄)∇ℓ_i + σ Σ_i J_iᵀζ_i) + √(2Th)·ξ, as far as these are there.
    fn draw(&mut self, h: f64) {
        let Self { noise, drawn, labels, langevin, samples, normals, kick, at, product, .. } = self;
        let (of_samples, rest) = normals.split_at_mut(if *drawn > 0.0 { *samples } else { 0 });
        let (of_labels, of_langevin) = rest.split_at_mut(rest.len() - if *langevin > 0.0 { at.len() } else { 0 });
        kick.fill(0.0);
        if let Some(noise) = noise {
            if !of_samples.is_empty() {
                let (mean, scale) = (of_samples.iter().sum::<f64>() / *samples as f64, (*drawn * h).sqrt());
                of_samples.iter_mut().for_each(|xi| *xi = scale * (*xi - mean));
                noise.weighted_gradient(of_samples, at, kick);
            }
            if !of_labels.is_empty() {
                let scale = (*labels * h).sqrt();
                of_labels.iter_mut().for_each(|zeta| *zeta *= scale);
                noise.pullback(of_labels, at, product);
                *kick += &*product;
            }
        }
        let scale = (*langevin * h).sqrt();
        kick.iter_mut().zip(of_langevin).for_each(|(kick, xi)| *kick += scale * *xi);
    }

    /// J.
    pub(super) fn value(&self, theta: &DVector<f64>) -> f64 {
        self.objective.value(theta)
    }
}

//! Noise that an optimizer adds to its gradients by itself, apart from that of drawing batches. With η the time of a step, ξ and ζ_i
//! standard normal and drawn anew for every step,
//!
//! - Langevin noise of temperature T: ∇J + √(2T/η)·ξ. Without momentum θ⁺ = θ − η∇J + √(2ηT)·ξ, the unadjusted Langevin algorithm, whose
//!   stationary law tends to e^{−J/T} as η → 0; with batches Welling & Teh, *Bayesian learning via stochastic gradient Langevin dynamics*, ICML
//!   2011. With momentum θ tends to the same law of the position alone (underdamped dynamics, seen on a time scale beyond that of the velocity);
//! - label noise: the samples of the batch have the labels y_i + σζ_i, so that the squared loss has the gradient ∇ℒ_B − (σ/B) Σ_i J_iᵀζ_i, J_i =
//!   ∂f(x_i)/∂θ: Blanc, Gupta, Valiant & Valiant, COLT 2020; Damian, Ma & Lee, NeurIPS 2021. Where the samples are fitted it is all the noise
//!   that is left.

use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::rng::{Purpose, fill_gaussian, named_stream};

/// How much of either an optimizer adds; 0 where it adds none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// T ≥ 0.
    pub temperature: f64,
    /// σ ≥ 0.
    pub labels: f64,
}

impl Noise {
    /// Whether it adds any.
    pub fn is_some(self) -> bool {
        self.temperature > 0.0 || self.labels > 0.0
    }
}

/// The noise of one process, step after step.
pub struct NoiseStream {
    noise: Noise,
    langevin: ChaCha8Rng,
    labels: ChaCha8Rng,
    /// ξ, of all entries of θ.
    normals: Vec<f64>,
    /// σζ_i of the samples of a batch, d_L numbers for each.
    moves: Vec<f64>,
}

impl NoiseStream {
    /// The noise of the process `name` in a run with this `seed`. It depends on name and seed, not on the other processes.
    pub fn new(noise: Noise, seed: u64, name: &str) -> Self {
        let stream = |purpose| named_stream(seed, purpose, name);
        let (langevin, labels) = (stream(Purpose::Langevin), stream(Purpose::LabelNoise));
        Self { noise, langevin, labels, normals: Vec::new(), moves: Vec::new() }
    }

    /// How far the labels of the next batch move, `count` numbers; none without label noise.
    pub fn moves(&mut self, count: usize) -> &[f64] {
        if self.noise.labels > 0.0 {
            self.moves.resize(count, 0.0);
            fill_gaussian(&mut self.moves, &mut self.labels);
            self.moves.iter_mut().for_each(|zeta| *zeta *= self.noise.labels);
        }
        &self.moves
    }

    /// `gradient` ← `gradient` + √(2T/η)·ξ for a step of time η ≥ 0; a step of no time, at which a schedule may arrive, has no noise.
    pub fn shake(&mut self, time: f64, gradient: &mut [f64]) {
        if self.noise.temperature > 0.0 && time > 0.0 {
            self.normals.resize(gradient.len(), 0.0);
            fill_gaussian(&mut self.normals, &mut self.langevin);
            let scale = (2.0 * self.noise.temperature / time).sqrt();
            gradient.iter_mut().zip(&self.normals).for_each(|(g, xi)| *g += scale * xi);
        }
    }

    /// Takes or replaces where the streams are.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.langevin)?;
        archive.item(&mut self.labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of squares of N normal numbers of variance v is v within five of its standard deviations, v√(2/N).
    fn check_variance(numbers: &[f64], variance: f64) {
        let mean = numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64;
        assert!((mean / variance - 1.0).abs() < 5.0 * (2.0 / numbers.len() as f64).sqrt(), "{mean} {variance}");
    }

    #[test]
    fn each_has_the_variance_that_is_asked_for() {
        let mut stream = NoiseStream::new(Noise { temperature: 0.3, labels: 0.5 }, 1, "sgd");
        let mut gradient = vec![0.0; 20_000];
        stream.shake(0.1, &mut gradient);
        check_variance(&gradient, 2.0 * 0.3 / 0.1);
        check_variance(stream.moves(20_000), 0.25);
    }

    #[test]
    fn no_noise_changes_nothing_and_names_and_steps_differ() {
        let mut none = NoiseStream::new(Noise::default(), 1, "sgd");
        let mut gradient = vec![1.0; 3];
        none.shake(0.1, &mut gradient);
        assert!(none.moves(4).is_empty() && gradient == [1.0; 3]);
        NoiseStream::new(Noise { temperature: 1.0, labels: 0.0 }, 1, "sgd").shake(0.0, &mut gradient);
        assert_eq!(gradient, [1.0; 3]);
        let noise = Noise { temperature: 0.0, labels: 1.0 };
        let drawn = |name: &str| {
            let mut stream = NoiseStream::new(noise, 1, name);
            [stream.moves(5).to_vec(), stream.moves(5).to_vec()]
        };
        let [first, second] = drawn("a");
        assert!(first != second && drawn("a") == [first.clone(), second] && drawn("b")[0] != first);
    }
}

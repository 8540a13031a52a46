//! Slopes at which samples stay on kinks, and the velocity along them.
//!
//! What enters a held neuron moves at ż_j = ⟨∇z_j, θ̇⟩, and its slope s_j bends the gradient by ∂ℒ/∂h_j·∇z_j: ż falls by G_{jk}·∂ℒ/∂h_k for
//! each s_k, G_{jk} = ⟨∇z_j, ∇z_k⟩. The slopes are those between the two sides' for which z decays at the rate κ,
//!
//! ż_j = −κz_j, or s_j at one of its sides where that is impossible:
//!
//! a quadratic programme in ∂ℒ/∂h_j·s_j, whose solution at z = 0 is the velocity of least norm that the subgradients have. Where
//! ∂ℒ/∂h_j ≤ 0 the kink holds nothing, and s_j is the slope of the side.

use nalgebra::{DMatrix, DVector};

use super::sample::Sample;
use super::{MlpObjective, Place};
use crate::linalg::bounded_minimum;

/// Slopes that move by less have settled.
const SETTLED: f64 = 1e-11;
/// Rounds, at most: one for one hidden layer, a few where held neurons of one sample lie above each other.
const ROUNDS: usize = 6;

/// Samples held on kinks at one θ.
pub(super) struct Velocity<'a> {
    objective: &'a MlpObjective,
    theta: &'a [f64],
    /// In the order of samples.
    pub(super) held: Vec<(Place, f64)>,
    /// What is held of them, in the same order; and which is whose, by index.
    samples: Vec<Sample>,
    whose: Vec<usize>,
    /// Of each of `held`: see [`Sample::neuron`].
    neurons: Vec<Vec<DVector<f64>>>,
    /// Passes of one sample so far.
    pub(super) passes: u64,
}

impl<'a> Velocity<'a> {
    pub(super) fn new(objective: &'a MlpObjective, theta: &'a [f64], held: Vec<(Place, f64)>) -> Self {
        let mut all = Self { objective, theta, held, samples: Vec::new(), whose: Vec::new(), neurons: Vec::new(), passes: 0 };
        for j in 0..all.held.len() {
            let sample = all.held[j].0.sample;
            if j == 0 || all.held[j - 1].0.sample != sample {
                let pass = all.pass(sample);
                all.samples.push(pass);
            }
            all.whose.push(all.samples.len() - 1);
        }
        all.neurons = (0..all.held.len()).map(|j| all.neuron(j)).collect();
        all
    }

    fn pass(&mut self, sample: usize) -> Sample {
        self.passes += 1;
        let first = self.held.partition_point(|(place, _)| place.sample < sample);
        let last = self.held.partition_point(|(place, _)| place.sample <= sample);
        self.objective.sample(self.theta, sample, &self.held[first..last])
    }

    fn sample(&self, j: usize) -> &Sample {
        &self.samples[self.whose[j]]
    }

    fn neuron(&self, j: usize) -> Vec<DVector<f64>> {
        let (place, _) = self.held[j];
        self.sample(j).neuron(&self.objective.net, self.theta, place)
    }

    pub(super) fn z(&self, j: usize) -> f64 {
        let (place, _) = self.held[j];
        self.sample(j).z(place)
    }

    /// ∂ℒ/∂h_j.
    pub(super) fn pull(&self, j: usize) -> f64 {
        let (place, _) = self.held[j];
        self.sample(j).pull(place)
    }

    /// ⟨∇z_j, v⟩ of every held neuron.
    pub(super) fn dots(&self, v: &[f64]) -> DVector<f64> {
        let along: Vec<_> = self.samples.iter().map(|pass| pass.along(&self.objective.net, v)).collect();
        let dot = |j: usize| {
            let (place, _) = self.held[j];
            let along = &along[self.whose[j]];
            let below: f64 = self.neurons[j].iter().zip(along).map(|(b, q)| b.dot(q)).sum();
            below + along[place.layer - 1][place.neuron]
        };
        DVector::from_fn(self.held.len(), |j, _| dot(j))
    }

    /// ‖∇z_j‖².
    pub(super) fn norms(&self) -> DVector<f64> {
        DVector::from_fn(self.held.len(), |j, _| self.entry(j, j))
    }

    /// ⟨∇z_j, ∇z_k⟩.
    pub(super) fn gram(&self) -> DMatrix<f64> {
        let mut gram = DMatrix::zeros(self.held.len(), self.held.len());
        for j in 0..self.held.len() {
            for k in 0..=j {
                let entry = self.entry(j, k);
                gram[(j, k)] = entry;
                gram[(k, j)] = entry;
            }
        }
        gram
    }

    fn entry(&self, j: usize, k: usize) -> f64 {
        let net = &self.objective.net;
        let ((a, _), (b, _)) = (self.held[j], self.held[k]);
        let (x, y) = (&self.sample(j).states, &self.sample(k).states);
        let mut sum = 0.0;
        for m in 1..=a.layer.min(b.layer) {
            // ∂z/∂z_m of both; a unit vector at a neuron's own layer.
            let both = match (m == a.layer, m == b.layer) {
                (true, true) => f64::from(u8::from(a.neuron == b.neuron)),
                (true, false) => self.neurons[k][m - 1][a.neuron],
                (false, true) => self.neurons[j][m - 1][b.neuron],
                (false, false) => self.neurons[j][m - 1].dot(&self.neurons[k][m - 1]),
            };
            if both != 0.0 {
                sum += both * (x[m - 1].dot(&y[m - 1]) + f64::from(u8::from(net.has_bias(m))));
            }
        }
        sum
    }

    /// v ← v + Σ_j c_j ∇z_j.
    pub(super) fn add(&self, c: &DVector<f64>, v: &mut [f64]) {
        let net = &self.objective.net;
        for (j, &c) in c.iter().enumerate().filter(|(_, c)| **c != 0.0) {
            let (place, _) = self.held[j];
            let states = &self.sample(j).states;
            for (m, b) in self.neurons[j].iter().enumerate() {
                net.weight_mut(v, m + 1).ger(c, b, &states[m], 1.0);
                if let Some(bias) = net.bias_mut(v, m + 1) {
                    bias.iter_mut().zip(b.iter()).for_each(|(sum, b)| *sum += c * b);
                }
            }
            let (k, l) = (place.neuron, place.layer);
            net.weight_mut(v, l).row_mut(k).iter_mut().zip(states[l - 1].iter()).for_each(|(sum, h)| *sum += c * h);
            if let Some(bias) = net.bias_mut(v, l) {
                bias[k] += c;
            }
        }
    }

    /// Finds the slopes for the rate κ = `rate`; `gradient`, ∇ℒ by the slopes so far, becomes that by these.
    pub(super) fn find(&mut self, rate: f64, gradient: &mut DVector<f64>) {
        let decay = self.objective.weight_decay;
        for _ in 0..ROUNDS {
            let velocity = DVector::from_fn(gradient.len(), |i, _| -(gradient[i] + decay * self.theta[i]));
            let speeds = self.dots(velocity.as_slice());
            let pulls: Vec<f64> = (0..self.held.len()).map(|j| self.pull(j)).collect();
            let wanted =
                DVector::from_fn(self.held.len(), |j, _| if pulls[j] > 0.0 { speeds[j] + rate * self.z(j) } else { 0.0 });
            let bounds: Vec<(f64, f64)> = (0..self.held.len())
                .map(|j| {
                    let (place, slope) = self.held[j];
                    if pulls[j] > 0.0 {
                        ((self.objective.left(place) - slope) * pulls[j], (1.0 - slope) * pulls[j])
                    } else {
                        // What its side has: moved there below, which other slopes feel.
                        let moved = (self.objective.side(place, self.z(j)) - slope) * pulls[j];
                        (moved, moved)
                    }
                })
                .collect();
            let moved = bounded_minimum(&self.gram(), &wanted, &bounds);
            let mut most: f64 = 0.0;
            let mut changed = Vec::new();
            for j in 0..self.held.len() {
                let (place, slope) = self.held[j];
                let (left, side) = (self.objective.left(place), self.objective.side(place, self.z(j)));
                let new = match moved[j] {
                    _ if pulls[j] <= 0.0 => side,
                    // To the letter where a bound is met.
                    m if m == bounds[j].0 => left,
                    m if m == bounds[j].1 => 1.0,
                    m => (slope + m / pulls[j]).clamp(left, 1.0),
                };
                most = most.max((new - slope).abs());
                if new != slope {
                    self.held[j].1 = new;
                    changed.push(self.whose[j]);
                }
            }
            changed.dedup();
            for index in changed {
                let first = self.whose.partition_point(|&whose| whose < index);
                let pass = self.pass(self.held[first].0.sample);
                let net = &self.objective.net;
                self.samples[index].add_gradient(net, -1.0, gradient.as_mut_slice());
                pass.add_gradient(net, 1.0, gradient.as_mut_slice());
                self.samples[index] = pass;
                let last = self.whose.partition_point(|&whose| whose <= index);
                for j in first..last {
                    self.neurons[j] = self.neuron(j);
                }
            }
            if most <= SETTLED {
                break;
            }
        }
    }
}

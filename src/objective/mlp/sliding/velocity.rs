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

use super::gradients::Gradients;
use super::passes::Passes;
use super::{MlpObjective, Place};
use crate::linalg::bounded_minimum;

/// A slope that would move by less than this has settled.
const SETTLED: f64 = 1e-11;
/// What rounding leaves of ż_j, as a share of ‖∇z_j‖·‖θ̇‖.
const ROUNDING: f64 = 1e-14;
/// Rounds, at most: one for one hidden layer, a few where held neurons of one sample lie above each other.
const ROUNDS: usize = 6;

/// Samples held on kinks at one θ.
pub(in crate::objective::mlp) struct Velocity<'a> {
    objective: &'a MlpObjective,
    theta: &'a [f64],
    /// In the order of samples.
    pub(super) held: Vec<(Place, f64)>,
    passes: Passes,
    gradients: Gradients,
    /// Passes of one sample so far.
    pub(super) spent: u64,
}

impl<'a> Velocity<'a> {
    /// Of what is held, in order.
    pub(super) fn new(objective: &'a MlpObjective, theta: &'a [f64], held: Vec<(Place, f64)>) -> Self {
        Self::with_sides(objective, theta, held, &[])
    }

    /// Of what is held, and of `others` that are not, by the slopes of the sides on which these lie.
    pub(super) fn with_sides(
        objective: &'a MlpObjective,
        theta: &'a [f64],
        mut held: Vec<(Place, f64)>,
        others: &[Place],
    ) -> Self {
        let mut places: Vec<Place> = held.iter().map(|(place, _)| *place).chain(others.iter().copied()).collect();
        places.sort_unstable();
        let mut passes = Passes::new(objective, places.iter().copied());
        passes.run(objective, theta, &held);
        held.extend(others.iter().map(|&place| (place, objective.side(place, passes.z(objective, theta, place)))));
        held.sort_unstable_by_key(|(place, _)| *place);
        let spent = passes.rows() as u64;
        let gradients = Gradients::new(&objective.net, theta, &passes, &held);
        Self { objective, theta, held, passes, gradients, spent }
    }

    pub(super) fn z(&self, j: usize) -> f64 {
        self.passes.z(self.objective, self.theta, self.held[j].0)
    }

    /// ∂ℒ/∂h_j.
    pub(super) fn pull(&self, j: usize) -> f64 {
        self.passes.pull(self.objective, self.theta, self.held[j].0)
    }

    /// ⟨∇z_j, v⟩ of every held neuron.
    pub(super) fn dots(&self, v: &[f64]) -> DVector<f64> {
        self.gradients.dots(&self.objective.net, v)
    }

    /// ‖∇z_j‖².
    pub(super) fn norms(&self) -> DVector<f64> {
        self.gradients.norms()
    }

    /// ⟨∇z_j, ∇z_k⟩.
    pub(super) fn gram(&self) -> DMatrix<f64> {
        self.gradients.gram()
    }

    /// v ← v + Σ_j c_j ∇z_j.
    pub(super) fn add(&self, c: &DVector<f64>, v: &mut [f64]) {
        self.gradients.add(&self.objective.net, c.as_slice(), v);
    }

    /// Finds the slopes for the rate κ = `rate`; `gradient`, ∇ℒ by the slopes so far, becomes that by these.
    pub(super) fn find(&mut self, rate: f64, gradient: &mut DVector<f64>) {
        let theta = DVector::from_column_slice(self.theta);
        let decay = self.objective.weight_decay.times(&self.objective.net, &theta);
        // What all other samples give.
        let rest = DVector::from_fn(gradient.len(), |i, _| gradient[i] - self.passes.gradient[i]);
        for round in 0..ROUNDS {
            let velocity = DVector::from_fn(gradient.len(), |i, _| -(gradient[i] + decay[i]));
            let wants = self.wants(rate, velocity.as_slice());
            let speed = velocity.norm();
            // Of a state that has blown up no slope is known.
            if !speed.is_finite() || (round > 0 && self.settled(&wants, speed)) {
                break;
            }
            let wanted = DVector::from_iterator(wants.len(), wants.iter().map(|want| want.speed));
            let bounds: Vec<(f64, f64)> = wants.iter().map(|want| want.bounds).collect();
            let moved = bounded_minimum(&self.gram(), &wanted, &bounds);
            let mut changed = false;
            for (j, want) in wants.iter().enumerate() {
                let slope = self.held[j].1;
                self.held[j].1 = want.slope(slope, moved[j]);
                changed |= self.held[j].1 != slope;
            }
            if !changed {
                break;
            }
            self.passes.run(self.objective, self.theta, &self.held);
            self.spent += self.passes.rows() as u64;
            self.gradients = Gradients::new(&self.objective.net, self.theta, &self.passes, &self.held);
            gradient.iter_mut().zip(rest.iter().zip(&self.passes.gradient)).for_each(|(sum, (rest, part))| *sum = rest + part);
        }
    }

    fn wants(&self, rate: f64, velocity: &[f64]) -> Vec<Want> {
        let speeds = self.dots(velocity);
        let want = |j: usize| {
            let ((place, slope), pull, z) = (self.held[j], self.pull(j), self.z(j));
            let (left, side) = (self.objective.left(place), self.objective.side(place, z));
            if pull > 0.0 {
                let bounds = ((left - slope) * pull, (1.0 - slope) * pull);
                Want { pull, sides: (left, 1.0), speed: speeds[j] + rate * z, bounds }
            } else {
                // What its side has: moved there below, which other slopes feel.
                let moved = (side - slope) * pull;
                Want { pull, sides: (side, side), speed: 0.0, bounds: (moved, moved) }
            }
        };
        (0..self.held.len()).map(want).collect()
    }

    /// Whether every slope has settled, each considered by itself.
    fn settled(&self, wants: &[Want], speed: f64) -> bool {
        let norms = self.norms();
        let still = |(j, want): (usize, &Want)| {
            let (slope, wrong) = (self.held[j].1, want.speed.abs());
            let (left, right) = want.sides;
            let kept = (want.speed <= 0.0 && slope == left) || (want.speed >= 0.0 && slope == right);
            let small = SETTLED * norms[j] * want.pull.max(0.0) + ROUNDING * norms[j].sqrt() * speed;
            (left..=right).contains(&slope) && (kept || wrong <= small)
        };
        wants.iter().enumerate().all(still)
    }
}

/// What a held neuron asks of its slope.
struct Want {
    /// ∂ℒ/∂h_j.
    pull: f64,
    /// The least and the greatest slope.
    sides: (f64, f64),
    /// By how much ż_j should fall.
    speed: f64,
    /// How far ∂ℒ/∂h_j·s_j may move.
    bounds: (f64, f64),
}

impl Want {
    /// The new value of `slope` when ∂ℒ/∂h_j·s_j moves by so much; exactly the bound if it meets one.
    fn slope(&self, slope: f64, moved: f64) -> f64 {
        let (left, right) = self.sides;
        if moved == self.bounds.0 {
            left
        } else if moved == self.bounds.1 {
            right
        } else {
            (slope + moved / self.pull).clamp(left, right)
        }
    }
}

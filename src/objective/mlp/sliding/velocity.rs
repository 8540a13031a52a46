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

use super::passes::Passes;
use super::{MlpObjective, Place};
use crate::linalg::{Write, bounded_minimum, gemm_nn, gemm_nt, gemm_tn};

/// Slopes that would move by less have settled.
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
    /// The row of each of `held` there.
    rows: Vec<usize>,
    /// B_l at index l − 1, up to the highest layer of `held`: row j is ∂z_j/∂z_l, the unit vector of its neuron at the layer of place j and 0
    /// above. With these ∇_{W_l} z_j = (row j of B_l)ᵀ·(row of its sample in H_{l−1}).
    factors: Vec<DMatrix<f64>>,
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
        let rows = held.iter().map(|(place, _)| passes.row(*place)).collect();
        let spent = passes.rows() as u64;
        let mut all = Self { objective, theta, held, passes, rows, factors: Vec::new(), spent };
        all.differentiate();
        all
    }

    /// Forms B_l.
    fn differentiate(&mut self) {
        let (net, widths, held) = (&self.objective.net, self.objective.net.widths(), self.held.len());
        let top = self.held.iter().map(|(place, _)| place.layer).max().unwrap_or(0);
        let mut factors: Vec<DMatrix<f64>> = (1..=top).map(|l| DMatrix::zeros(held, widths[l])).collect();
        for l in (1..=top).rev() {
            let (below, here) = factors.split_at_mut(l);
            let factor = &mut below[l - 1];
            if let Some(above) = here.first() {
                gemm_nn(Write::Replace, above.as_view(), net.weight(self.theta, l + 1), factor.as_view_mut());
                if let Some(slopes) = self.passes.slopes(l, widths[l]) {
                    for (mut factor, slopes) in factor.column_iter_mut().zip(slopes.column_iter()) {
                        factor.iter_mut().zip(&self.rows).for_each(|(b, &row)| *b *= slopes[row]);
                    }
                }
            }
            for (j, (place, _)) in self.held.iter().enumerate().filter(|(_, (place, _))| place.layer == l) {
                factor[(j, place.neuron)] = 1.0;
            }
        }
        self.factors = factors;
    }

    /// B_l and H_{l−1} for every l at which something is held or below.
    fn layers(&self) -> impl Iterator<Item = (usize, &DMatrix<f64>, nalgebra::DMatrixView<'_, f64>)> {
        let state = |l: usize| self.passes.states(l - 1, self.objective.net.widths()[l - 1]);
        self.factors.iter().enumerate().map(move |(index, factor)| (index + 1, factor, state(index + 1)))
    }

    pub(super) fn z(&self, j: usize) -> f64 {
        self.passes.z(self.objective, self.theta, self.held[j].0)
    }

    /// ∂ℒ/∂h_j.
    pub(super) fn pull(&self, j: usize) -> f64 {
        self.passes.pull(self.objective, self.theta, self.held[j].0)
    }

    /// ⟨∇z_j, v⟩ of every held neuron: Σ_l Σ_k B_l∘(H_{l−1}V_lᵀ + 1c_lᵀ), by row.
    pub(super) fn dots(&self, v: &[f64]) -> DVector<f64> {
        let net = &self.objective.net;
        let mut dots = DVector::zeros(self.held.len());
        for (l, factor, state) in self.layers() {
            let mut along = DMatrix::zeros(state.nrows(), factor.ncols());
            gemm_nt(Write::Replace, state, net.weight(v, l), along.as_view_mut());
            for (k, (factor, along)) in factor.column_iter().zip(along.column_iter()).enumerate() {
                let bias = net.bias(v, l).map_or(0.0, |bias| bias[k]);
                let terms = factor.iter().zip(&self.rows).map(|(b, &row)| b * (along[row] + bias));
                dots.iter_mut().zip(terms).for_each(|(dot, term)| *dot += term);
            }
        }
        dots
    }

    /// ‖∇z_j‖².
    pub(super) fn norms(&self) -> DVector<f64> {
        let mut norms = DVector::zeros(self.held.len());
        for (l, factor, state) in self.layers() {
            let bias = f64::from(u8::from(self.objective.net.has_bias(l)));
            let sizes: Vec<f64> = state.row_iter().map(|h| h.norm_squared() + bias).collect();
            for (j, norm) in norms.iter_mut().enumerate() {
                *norm += factor.row(j).norm_squared() * sizes[self.rows[j]];
            }
        }
        norms
    }

    /// ⟨∇z_j, ∇z_k⟩: Σ_l (B_l B_lᵀ)∘(H_{l−1}H_{l−1}ᵀ + 1), the 1 with a bias.
    pub(super) fn gram(&self) -> DMatrix<f64> {
        let held = self.held.len();
        let (mut gram, mut both) = (DMatrix::zeros(held, held), DMatrix::zeros(held, held));
        let mut states = DMatrix::zeros(self.passes.rows(), self.passes.rows());
        for (l, factor, state) in self.layers() {
            let bias = f64::from(u8::from(self.objective.net.has_bias(l)));
            gemm_nt(Write::Replace, factor.as_view(), factor.as_view(), both.as_view_mut());
            gemm_nt(Write::Replace, state, state, states.as_view_mut());
            // Half, and the other like it: to the bit symmetric.
            for k in 0..held {
                let states = states.column(self.rows[k]);
                for j in k..held {
                    gram[(j, k)] += both[(j, k)] * (states[self.rows[j]] + bias);
                }
            }
        }
        gram.fill_upper_triangle_with_lower_triangle();
        gram
    }

    /// v ← v + Σ_j c_j ∇z_j.
    pub(super) fn add(&self, c: &DVector<f64>, v: &mut [f64]) {
        let net = &self.objective.net;
        for (l, factor, state) in self.layers() {
            let mut scaled = factor.clone();
            scaled.column_iter_mut().for_each(|mut column| column.component_mul_assign(c));
            let lifted = DMatrix::from_fn(self.held.len(), state.ncols(), |j, i| state[(self.rows[j], i)]);
            gemm_tn(Write::Add, scaled.as_view(), lifted.as_view(), net.weight_mut(v, l));
            if let Some(bias) = net.bias_mut(v, l) {
                bias.iter_mut().zip(scaled.column_iter()).for_each(|(sum, column)| *sum += column.sum());
            }
        }
    }

    /// Finds the slopes for the rate κ = `rate`; `gradient`, ∇ℒ by the slopes so far, becomes that by these.
    pub(super) fn find(&mut self, rate: f64, gradient: &mut DVector<f64>) {
        let decay = self.objective.weight_decay;
        // What all other samples give.
        let rest = DVector::from_fn(gradient.len(), |i, _| gradient[i] - self.passes.gradient[i]);
        for round in 0..ROUNDS {
            let velocity = DVector::from_fn(gradient.len(), |i, _| -(gradient[i] + decay * self.theta[i]));
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
            self.differentiate();
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

    /// Whether no slope would move by what counts, each by itself.
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
    /// Where `slope` comes when ∂ℒ/∂h_j·s_j moves by so much; to the letter where a bound is met.
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

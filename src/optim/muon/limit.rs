//! The limit of Muon as η → 0 at fixed momentum: Ẇ_l = −s_l·O(∇_{W_l}ℒ) − λW_l, O(G) = φ^k(G/max(‖G‖_F, ε)) by Newton–Schulz steps φ.
//!
//! The average then forgets at once: M = G, and O does not depend on the size of its argument. The iterates come near once η ≪ (1 − μ)τ, τ the
//! time over which the directions of G change. Where φ^k is the polar factor this is steepest descent in the spectral norm,
//! Ẇ_l = −U_lV_lᵀ of ∇_{W_l}ℒ = U_lΣ_lV_lᵀ (Bernstein & Newhouse, *Old optimizer, new norm*, 2024).
//!
//! What the polar limit conserves is ours: let Σ_x = I, and let the layers and the target be aligned, W_l = Q_lS_lQ_{l−1}ᵀ. Then
//! O(∇_{W_l}ℒ) = −Q_lQ_{l−1}ᵀ for every l while all modes are below their targets, so that all singular values grow at rate 1 and the
//! differences S_l − S_{l+1} stay, where gradient flow keeps those of the squares. Singular values that grow without bound thus become equal
//! in proportion, and the ansatz holds better and better without decay. With Muon's own coefficients the rates are only within some 0.3 of 1,
//! and the differences drift.

use std::cell::RefCell;

use nalgebra::{DMatrix, DVector};

use crate::objective::Objective;
use crate::ode::VectorField;
use crate::optim::formula::number;

use super::newton_schulz::NewtonSchulz;
use super::{Block, Layout, Muon};

/// The field of Muon's limit. Autonomous; smooth except where a gradient vanishes.
pub struct MuonLimit<'a> {
    objective: &'a dyn Objective,
    settings: Muon,
    weight_decay: f64,
    /// In the order of θ.
    matrices: RefCell<Vec<Orthogonal>>,
}

/// One weight matrix.
struct Orthogonal {
    /// s.
    factor: f64,
    matrix: DMatrix<f64>,
    newton_schulz: NewtonSchulz,
}

impl<'a> MuonLimit<'a> {
    /// The limit with these coefficients, steps, ε and factors s; `None` unless θ consists of weight matrices alone.
    pub fn new(objective: &'a dyn Objective, settings: &Muon) -> Option<Self> {
        let weight_decay = objective.weight_decay().single();
        let layout = Layout::new(objective.layers()?.architecture(), weight_decay);
        let matrix = |&block: &Block| match block {
            Block::Matrix { rows, columns } => Some(Orthogonal {
                factor: settings.adjust_lr_fn.factor(rows, columns),
                matrix: DMatrix::zeros(rows, columns),
                newton_schulz: NewtonSchulz::new(settings, rows, columns),
            }),
            Block::Vector(_) => None,
        };
        let matrices = layout.blocks.iter().map(matrix).collect::<Option<Vec<_>>>()?;
        Some(Self { objective, settings: settings.clone(), weight_decay, matrices: RefCell::new(matrices) })
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        let Muon { ns_coefficients, ns_steps, .. } = &self.settings;
        let [a, b, c] = ns_coefficients.map(number);
        let decay = if self.weight_decay > 0.0 { format!(" − {}·W", number(self.weight_decay)) } else { String::new() };
        format!("Ẇ = −s·φ^{ns_steps}(G/‖G‖){decay}, φ(X) = {a}·X + ({b}·XXᵀ + {c}·(XXᵀ)²)X, G = ∇ℒ, for each weight matrix")
    }
}

impl VectorField for MuonLimit<'_> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.objective.loss_gradient(theta, dtheta);
        let mut rest = dtheta.as_mut_slice();
        for Orthogonal { factor, matrix, newton_schulz } in self.matrices.borrow_mut().iter_mut() {
            let part;
            (part, rest) = rest.split_at_mut(matrix.len());
            matrix.as_mut_slice().copy_from_slice(part);
            newton_schulz.orthogonalize(matrix);
            part.iter_mut().zip(&*matrix).for_each(|(rate, o)| *rate = -*factor * o);
        }
        dtheta.axpy(-self.weight_decay, theta, 1.0);
    }

    /// Decoupled.
    fn decay(&self) -> f64 {
        self.weight_decay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::linalg::Svd;
    use crate::network::Architecture;
    use crate::objective::LinearObjective;
    use crate::ode::{Limits, Tolerance, dop853};
    use crate::optim::settings::Settings;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// With these coefficients and steps O is the polar factor to rounding, if no singular value is below a thousandth of the largest.
    fn polar() -> Muon {
        Muon { ns_coefficients: [2.0, -1.5, 0.5], ns_steps: 30, ..Muon::new(1.0) }
    }

    /// θ(t) of the limit.
    fn limit(objective: &LinearObjective, settings: &Muon, start: &DVector<f64>, t: f64) -> DVector<f64> {
        let field = MuonLimit::new(objective, settings).unwrap();
        let mut theta = start.clone();
        let mut integrator = dop853(field, Tolerance { rtol: 1e-10, atol: 1e-12 }, Limits::default()).unwrap();
        assert_eq!(integrator.advance(0.0, t, &mut theta).unwrap().stop, None);
        theta
    }

    /// θ after the steps of Muon at the rate `lr` until t.
    fn muon(objective: &LinearObjective, settings: &Muon, start: &DVector<f64>, lr: f64, t: f64) -> DVector<f64> {
        let layout = Layout::new(objective.layers().unwrap().architecture(), objective.weight_decay().single());
        let (mut rule, mut theta, mut gradient) = (settings.rule(&layout), start.clone(), start.clone());
        for _ in 0..(t / lr).round() as usize {
            objective.loss_gradient(&theta, &mut gradient);
            rule.step(lr, gradient.as_slice(), theta.as_mut_slice());
        }
        theta
    }

    /// To its own limit the distance is of first order in η, with decay and momentum; to that of the polar factor it stays. No gradient loses
    /// rank on the way, where the limit would turn discontinuous.
    #[test]
    fn muon_follows_its_limit_with_order_1() {
        let Aligned { objective, start, .. } = Aligned::new(0.1);
        let start = start + gaussian_matrix(3 * D * D, 1, &mut stream(4, Purpose::Init)).column(0) * 0.1;
        let t = 0.4;
        for settings in [Muon::new(1.0), polar(), Muon { nesterov: false, momentum: 0.5, ..Muon::new(1.0) }] {
            let end = limit(&objective, &settings, &start, t);
            let distance = |lr: f64| (muon(&objective, &settings, &start, lr, t) - &end).norm();
            let [coarse, fine] = [t / 2000.0, t / 8000.0].map(distance);
            let order = (coarse / fine).log(4.0);
            assert!((order - 1.0).abs() < 0.1, "{order}: {coarse:e} {fine:e}");
        }
        let other = limit(&objective, &polar(), &start, t);
        let apart = [t / 2000.0, t / 8000.0].map(|lr| (muon(&objective, &Muon::new(1.0), &start, lr, t) - &other).norm());
        assert!(apart.iter().all(|distance| *distance > 1e-2), "{apart:?}");
    }

    /// Three aligned layers on whitened inputs: W_l = Q_lS_lQ_{l−1}ᵀ, and the target with the same Q_0 and Q_3.
    struct Aligned {
        objective: LinearObjective,
        start: DVector<f64>,
        bases: [DMatrix<f64>; 4],
    }

    const D: usize = 4;

    impl Aligned {
        /// Under weight decay λ.
        fn new(decay: f64) -> Self {
            let rng = &mut stream(3, Purpose::Init);
            let bases = std::array::from_fn(|_| Svd::new(gaussian_matrix(D, D, rng).as_view()).unwrap().u);
            let values = |l: usize| DVector::from_fn(D, |i, _| 0.3 + 0.15 * (l * l) as f64 + 0.1 * i as f64);
            let layer = |l: usize| &bases[l + 1] * DMatrix::from_diagonal(&values(l)) * bases[l].transpose();
            let start = DVector::from_iterator(3 * D * D, (0..3).flat_map(|l| layer(l).iter().copied().collect::<Vec<_>>()));
            let target = DVector::from_fn(D, |i, _| 40.0 + 10.0 * i as f64);
            let x = DMatrix::identity(D, D) * (D as f64).sqrt();
            let y = &x * (&bases[3] * DMatrix::from_diagonal(&target) * bases[0].transpose()).transpose();
            let objective = LinearObjective::new(Architecture::new(&[D; 4]), Moments::new(&Dataset { x, y }).unwrap(), decay);
            Self { objective, start, bases }
        }

        /// S_l in these bases, and how much lies outside their diagonals.
        fn values(&self, theta: &DVector<f64>) -> ([DVector<f64>; 3], f64) {
            let inside = |l: usize| {
                let layer = DMatrix::from_column_slice(D, D, &theta.as_slice()[l * D * D..(l + 1) * D * D]);
                self.bases[l + 1].transpose() * layer * &self.bases[l]
            };
            let layers: [DMatrix<f64>; 3] = std::array::from_fn(inside);
            let outside = layers.iter().map(|s| (s - DMatrix::from_diagonal(&s.diagonal())).norm()).fold(0.0, f64::max);
            (layers.map(|s| s.diagonal()), outside)
        }
    }

    /// All singular values of aligned layers grow at rate 1, so that their differences stay; with Muon's own coefficients they do not.
    #[test]
    fn the_polar_limit_conserves_differences_of_singular_values() {
        let aligned = Aligned::new(0.0);
        let (begin, _) = aligned.values(&aligned.start);
        let t = 1.0;
        let off = |settings: &Muon| {
            let (end, outside) = aligned.values(&limit(&aligned.objective, settings, &aligned.start, t));
            assert!(outside < 1e-6, "the layers stay aligned: {outside:e}");
            let grown = (0..3).map(|l| (&end[l] - &begin[l]).add_scalar(-t).amax()).fold(0.0, f64::max);
            let parted = (0..2).map(|l| (&end[l] - &end[l + 1] - &begin[l] + &begin[l + 1]).amax()).fold(0.0, f64::max);
            [grown, parted]
        };
        let [grown, parted] = off(&polar());
        assert!(grown < 1e-8 && parted < 1e-8, "{grown:e} {parted:e}");
        let own = off(&Muon::new(1.0));
        assert!(own.iter().all(|off| *off > 1e-2), "{own:?}");
    }

    #[test]
    fn parameters_that_are_no_matrices_have_no_limit() {
        let net = Architecture::with_layers(&[2, 1], &[crate::network::Activation::Identity], &[true]);
        let data = Dataset { x: DMatrix::identity(2, 2), y: DMatrix::zeros(2, 1) };
        let objective = crate::objective::MlpObjective::new(net, std::sync::Arc::new(data), crate::loss::Loss::Mse, 0.0);
        assert!(MuonLimit::new(&objective, &Muon::new(1.0)).is_none());
    }
}

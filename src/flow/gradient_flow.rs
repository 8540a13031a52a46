//! Gradient flow: θ̇ = −∇J(θ), that is Ẇ_l = −∂ℒ/∂W_l − λ_lW_l with W_l ∈ ℝ^{d_l × d_{l−1}}.
//!
//! With layer-wise rates, θ̇_l = −κ_l∇_lJ is integrated in φ_l = θ_l/√κ_l, where it is the gradient flow of J(θ(φ)): methods rely on a
//! symmetric Jacobian. [`GradientFlow::state`] maps θ to φ, and [`GradientFlow::weights`] φ to θ.

use nalgebra::DVector;

use crate::network::{Activation, LayerRates, Parameters};
use crate::objective::Objective;
use crate::ode::{JacobianProducts, LowRank, Switching, VectorField};

use super::rated::Rated;

/// The field −∇J of an objective. Autonomous; its Jacobian −∇²J is symmetric.
pub struct GradientFlow<'a> {
    objective: Descended<'a>,
    rates: LayerRates,
}

enum Descended<'a> {
    Shared(&'a dyn Objective),
    /// An objective that remembers the kinks along which this flow slides, or one in the variables φ.
    Own(Box<dyn Objective>),
}

impl<'a> GradientFlow<'a> {
    /// The gradient flow of `objective`.
    pub fn new(objective: &'a dyn Objective) -> Self {
        Self { objective: Descended::Shared(objective), rates: LayerRates::default() }
    }

    /// The gradient flow of `objective` with these rates. Frozen layers (κ_l = 0) keep the weights that they have in `start`.
    pub fn with_rates(objective: &'a dyn Objective, rates: &LayerRates, start: &Parameters) -> Self {
        if rates.are_one() {
            return Self::new(objective);
        }
        let rated = Rated::new(objective.duplicate(), start.architecture(), rates, start.values());
        Self { objective: Descended::Own(Box::new(rated)), rates: rates.clone() }
    }

    /// The gradient flow of `objective` that slides along its kinks, if it has any ([`Objective::sliding`]).
    pub fn sliding(objective: &'a dyn Objective) -> Self {
        let sliding = objective.sliding().map(Descended::Own);
        Self { objective: sliding.unwrap_or(Descended::Shared(objective)), rates: LayerRates::default() }
    }

    /// The objective that the flow descends. On a kink its gradient and Hessian are those along the kink; with rates it is a function of φ.
    pub fn objective(&self) -> &dyn Objective {
        match &self.objective {
            Descended::Shared(objective) => *objective,
            Descended::Own(objective) => &**objective,
        }
    }

    /// The integrated state φ of `theta`; `None` where that is θ itself.
    pub fn state(&self, theta: &Parameters) -> Option<DVector<f64>> {
        (!self.rates.are_one()).then(|| self.rates.scaled(theta).values().clone())
    }

    /// `theta` ← θ(φ), except for frozen layers, which stay.
    pub fn weights(&self, phi: &DVector<f64>, theta: &mut Parameters) {
        if let Some(layers) = self.objective().layers() {
            self.rates.unscale(layers.architecture(), phi, theta.values_mut());
        }
    }
}

impl VectorField for GradientFlow<'_> {
    fn dim(&self) -> usize {
        self.objective().dim()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.objective().loss_descent(theta, dtheta);
        let decay = self.objective().weight_decay();
        if !decay.is_zero() {
            self.objective().add_decay(-1.0, theta, dtheta);
        }
    }

    /// 0 if the layers decay at different rates.
    fn decay(&self) -> f64 {
        self.objective().weight_decay().uniform().unwrap_or(0.0)
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        let uniform = self.objective().weight_decay().uniform();
        self.objective().low_rank_descent().filter(|_| uniform.is_some())
    }

    fn switching(&self) -> Option<&dyn Switching> {
        self.objective().switching()
    }

    /// For nonlinear networks without kinks. A gradient of a linear network costs no more than the method's own passes over vectors: at
    /// rtol 1e-8 and 200 records such flows took up to 19 % more gradients by `dp8`, and at 1e-10 fewer gradients but no less time.
    fn favours_high_order(&self) -> bool {
        self.objective().layers().is_some_and(|layers| {
            let net = layers.architecture();
            !net.has_kinks() && (1..=net.depth()).any(|l| net.activation(l) != Activation::Identity)
        })
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for GradientFlow<'_> {
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        self.objective().loss_hessian_vector(theta, v, jv);
        let decay = self.objective().weight_decay();
        match decay.uniform() {
            Some(lambda) => jv.axpy(-lambda, v, -1.0),
            None => {
                jv.neg_mut();
                self.objective().add_decay(-1.0, v, jv);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! The flow against closed forms, by independent integrators at a tight tolerance.

    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::loss::Loss;
    use crate::network::{Architecture, Parameters};
    use crate::objective::{LinearObjective, MlpObjective};
    use crate::ode::{Integrator, Limits, Tolerance, dop853, dopri5, gauss};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::{DMatrix, SymmetricEigen};

    const TIGHT: Tolerance = Tolerance { rtol: 1e-12, atol: 1e-15 };

    /// W_1, …, W_L at time `t` by `dopri5` and `dop853`, which must agree.
    fn flown(start: &[DMatrix<f64>], data: &Dataset, decay: f64, t: f64) -> Parameters {
        let mut widths = vec![start[0].ncols()];
        widths.extend(start.iter().map(DMatrix::nrows));
        let architecture = Architecture::new(&widths);
        let objective = LinearObjective::new(architecture.clone(), Moments::new(data).unwrap(), decay);
        let field = GradientFlow::new(&objective);
        let end = |mut integrator: Integrator| {
            let mut parameters = Parameters::from_weights(&architecture, start);
            let segment = integrator.advance(0.0, t, parameters.values_mut()).unwrap();
            assert_eq!(segment.stop, None);
            parameters
        };
        let a = end(dopri5(&field, TIGHT, Limits::default()).unwrap());
        let b = end(dop853(&field, TIGHT, Limits::default()).unwrap());
        // Relative to the start: one of the solutions decays to 0.
        let size = Parameters::from_weights(&architecture, start).values().norm();
        assert!((a.values() - b.values()).norm() <= 1e-10 * size);
        a
    }

    #[test]
    fn a_method_of_high_order_suits_nonlinear_networks_without_kinks() {
        let rng = &mut stream(1, Purpose::Inputs);
        let data = std::sync::Arc::new(Dataset { x: gaussian_matrix(12, 4, rng), y: gaussian_matrix(12, 1, rng) });
        let favours = |hidden: Activation| {
            let net = Architecture::with_layers(&[4, 3, 1], &[hidden, Activation::Identity], &[true; 2]);
            let objective = MlpObjective::new(net, data.clone(), Loss::Mse, 0.1);
            GradientFlow::new(&objective).favours_high_order()
        };
        assert!(favours(Activation::Tanh) && favours(Activation::Gelu));
        assert!(!favours(Activation::Relu) && !favours(Activation::Identity));
        let linear = LinearObjective::new(Architecture::new(&[4, 3, 1]), Moments::new(&data).unwrap(), 0.1);
        assert!(!GradientFlow::new(&linear).favours_high_order());
    }

    /// L = 1 is a linear equation: W(t) = W* + (W_0 − W*)e^{−(Σ_x + λI)t}, W* = Σ_yx(Σ_x + λI)^{−1}.
    #[test]
    fn one_layer_follows_its_matrix_exponential() {
        let rng = &mut stream(1, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(12, 4, rng), y: gaussian_matrix(12, 3, rng) };
        let start = gaussian_matrix(3, 4, rng);
        let moments = Moments::new(&data).unwrap();
        let exact = |decay: f64, t: f64| {
            let shifted = &moments.sigma_x + DMatrix::identity(4, 4) * decay;
            let optimum = &moments.sigma_yx * shifted.clone().try_inverse().unwrap();
            let eigen = SymmetricEigen::new(shifted);
            let decayed = DMatrix::from_diagonal(&eigen.eigenvalues.map(|v| (-v * t).exp()));
            &optimum + (&start - &optimum) * &eigen.eigenvectors * decayed * eigen.eigenvectors.transpose()
        };
        for (decay, t) in [(0.0, 0.7), (0.3, 0.7), (0.3, 20.0)] {
            let end = flown(std::slice::from_ref(&start), &data, decay, t);
            let off = |wrong: f64| (end.weight(1) - exact(wrong, t)).norm() / exact(decay, t).norm();
            assert!(off(decay) < 1e-10, "{:e}", off(decay));
            // Control: λ/2 or 2λ gives another curve.
            assert!(decay == 0.0 || (off(0.5 * decay) > 1e-2 && off(2.0 * decay) > 1e-2));
        }
    }

    /// Inputs with Σ_x = I and a target with singular values σ, both diagonal: the modes do not couple.
    fn diagonal_problem(sigma: &[f64]) -> Dataset {
        let d = sigma.len();
        let x = DMatrix::identity(d, d) * (d as f64).sqrt();
        let y = &x * DMatrix::from_diagonal(&DVector::from_column_slice(sigma));
        Dataset { x, y }
    }

    /// L = 2, balanced and aligned: s(t) = c·s_0·e^{2ct} / (c + s_0(e^{2ct} − 1)) with c = σ − λ (Saxe et al. 2014, with decay).
    #[test]
    fn two_layers_follow_the_logistic_of_each_mode() {
        let (sigma, s0, decay) = ([2.0, 1.0, 0.4], 0.05f64, 0.1);
        let start = vec![DMatrix::identity(3, 3) * s0.sqrt(); 2];
        for t in [0.5, 2.0, 6.0] {
            let end = flown(&start, &diagonal_problem(&sigma), decay, t);
            let product = end.weight(2) * end.weight(1);
            for (i, s) in sigma.iter().enumerate() {
                let c = s - decay;
                let growth = (2.0 * c * t).exp();
                let exact = c * s0 * growth / (c + s0 * (growth - 1.0));
                assert!((product[(i, i)] / exact - 1.0).abs() < 1e-10, "mode {i} at t = {t}");
            }
        }
    }

    /// Below the threshold λ_c a mode of depth L ends at the root u > 0 of u^{L−2}(σ − u^L) = λ; above it every start decays to 0.
    #[test]
    fn learning_stops_at_the_threshold_of_the_mode_equation() {
        let (sigma, depth) = (1.0, 4);
        let threshold: f64 = 0.38490;
        let end = |decay: f64| {
            let start = vec![DMatrix::from_element(1, 1, 1.0); depth];
            flown(&start, &diagonal_problem(&[sigma]), decay, 400.0).weight(1)[(0, 0)]
        };
        let u = end(0.9 * threshold);
        assert!((u.powi(2) * (sigma - u.powi(4)) - 0.9 * threshold).abs() < 1e-10, "{u}");
        assert!(end(1.1 * threshold) < 1e-10);
    }

    /// D_l(t) = e^{−2λt}D_l(0) on rectangular layers. Control: not with λ/2 or 2λ.
    #[test]
    fn the_imbalance_decays_by_its_law() {
        let rng = &mut stream(5, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(20, 4, rng), y: gaussian_matrix(20, 2, rng) };
        let start: Vec<_> = [(5, 4), (3, 5), (2, 3)].iter().map(|&(r, c)| gaussian_matrix(r, c, rng) * 0.5).collect();
        let (decay, t) = (0.2, 3.0);
        let end = flown(&start, &data, decay, t).imbalances();
        for (l, gap) in end.iter().enumerate() {
            let before = start[l + 1].transpose() * &start[l + 1] - &start[l] * start[l].transpose();
            let off = |rate: f64| (gap - &before * (-rate * t).exp()).norm() / gap.norm();
            assert!(off(2.0 * decay) < 1e-10, "{:e}", off(2.0 * decay));
            assert!(off(decay) > 0.1 && off(4.0 * decay) > 0.1);
        }
    }

    /// Gauss collocation keeps the law to rounding up to T = 1e4 on a stiff flow that ends in equilibrium; Dopri5 only to its tolerance.
    #[test]
    fn the_law_is_held_to_rounding_over_a_long_stiff_run_by_gauss() {
        let (rng, d) = (&mut stream(7, Purpose::Inputs), 6);
        // Singular values from 1 to 0.1: Σ_x has a condition number of about 100.
        let spread = DMatrix::from_diagonal(&DVector::from_fn(d, |i, _| 10f64.powf(-(i as f64) / (d - 1) as f64)));
        let x = gaussian_matrix(4 * d, d, rng) * spread;
        let data = Dataset { y: &x * gaussian_matrix(d, d, rng) * 0.4, x };
        let start: Vec<_> = (0..3).map(|_| gaussian_matrix(d, d, rng) * (1.0 / (d as f64).sqrt())).collect();
        let architecture = Architecture::new(&[d; 4]);
        let (decay, tolerance) = (1e-3, Tolerance { rtol: 1e-5, atol: 1e-8 });
        let objective = LinearObjective::new(architecture.clone(), Moments::new(&data).unwrap(), decay);
        let field = GradientFlow::new(&objective);
        let worst = |mut integrator: Integrator, times: &[f64]| {
            let mut parameters = Parameters::from_weights(&architecture, &start);
            let before = parameters.imbalances();
            let (mut t0, mut worst) = (0.0, 0.0f64);
            for &t in times {
                let segment = integrator.advance(t0, t, parameters.values_mut()).unwrap();
                assert_eq!(segment.stop, None);
                for (gap, before) in parameters.imbalances().iter().zip(&before) {
                    worst = worst.max((gap - before * (-2.0 * decay * t).exp()).norm() / before.norm());
                }
                t0 = t;
            }
            worst
        };
        for stages in [2, 3] {
            let gap = worst(gauss(&field, stages, tolerance, Limits::default()).unwrap(), &[1.0, 10.0, 100.0, 1e3, 3e3, 1e4]);
            assert!(gap < 2e-14, "{stages}: {gap:e}");
        }
        assert!(worst(dopri5(&field, tolerance, Limits::default()).unwrap(), &[1.0, 10.0]) > 1e-9);
    }
}

//! The discrete law of the balance under gradient descent with coupled decay λ, θ⁺ = θ − η(G + λθ), G = ∇ℒ without decay, of all samples
//! or of a batch:
//!
//! D_l⁺ = (1 − ηλ)²D_l + η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ), l = 1, …, L − 1.
//!
//! Exact at any η: W⁺ = (1 − ηλ)W − ηG, and the cross terms −η(1 − ηλ)(W_{l+1}ᵀG_{l+1} + …) cancel by W_{l+1}ᵀG_{l+1} = G_l W_lᵀ, the
//! identity behind the law of the flow. Gradient flow has the first term alone; the second is what the step size creates:
//!
//! S_l⁺ = (1 − ηλ)²S_l + η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ), S_l(0) = 0, so that D_l = Π_j(1 − η_jλ)²·D_l(0) + S_l.
//!
//! With momentum, or a preconditioner, a step is not along G, and none of this holds.

use nalgebra::{DMatrix, DVector};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{FAINT, Write, gemm_nt, gemm_tn};
use crate::network::{Architecture, Parameters, largest_norm};

/// The balance of one descent, kept step by step.
pub struct Ledger {
    architecture: Architecture,
    weight_decay: f64,
    /// D_l of the iterate entered last, at index l − 1; likewise below.
    imbalances: Vec<DMatrix<f64>>,
    /// S_l.
    created: Vec<DMatrix<f64>>,
    /// η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ) of the last step.
    terms: Vec<DMatrix<f64>>,
    scratch: Vec<DMatrix<f64>>,
    residual: Option<f64>,
}

impl Ledger {
    /// Opens the ledger at the start θ_0, for descent with decay λ ≥ 0.
    pub fn new(start: &Parameters, weight_decay: f64) -> Self {
        let imbalances = start.imbalances();
        let zeros: Vec<_> = imbalances.iter().map(|d| d * 0.0).collect();
        Self {
            architecture: start.architecture().clone(),
            weight_decay,
            imbalances,
            created: zeros.clone(),
            terms: zeros.clone(),
            scratch: zeros,
            residual: None,
        }
    }

    /// Enters a step: `theta` = θ_k − lr(`gradient` + λθ_k), from the θ_k entered last. Does not allocate.
    ///
    /// The new D_l is compared with the law: ‖D_l⁺ − (1 − ηλ)²D_l − η²(…)‖_F over
    /// ‖W_{l+1}⁺‖² + ‖W_l⁺‖² + η²(‖G_{l+1}‖² + ‖G_l‖²), Frobenius norms. These are the sizes of the products that are formed, and each is
    /// known to ε of its own however small their differences are; ‖W_k‖ is no larger than (‖W⁺‖ + η‖G‖)/|1 − ηλ|, and what the rounding
    /// of G leaves of the cross terms, about εη‖W‖‖G‖, is no larger than ε of the sum either.
    pub fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &DVector<f64>) {
        let (net, square) = (&self.architecture, lr * lr);
        let kept = (1.0 - lr * self.weight_decay).powi(2);
        for l in 1..net.depth() {
            let norm = |theta: &DVector<f64>, l| net.weight(theta.as_slice(), l).norm_squared();
            let [now, created, term, scratch] =
                [&mut self.imbalances, &mut self.created, &mut self.terms, &mut self.scratch].map(|of| &mut of[l - 1]);
            imbalance(net, gradient, l, term, scratch);
            *term *= square;
            *created *= kept;
            *created += &*term;
            // What the law predicts, and then what it misses by.
            *now *= kept;
            *now += &*term;
            std::mem::swap(now, term);
            imbalance(net, theta, l, now, scratch);
            *term -= &*now;
            let size = norm(theta, l + 1) + norm(theta, l) + square * (norm(gradient, l + 1) + norm(gradient, l));
            // Weights that are all 0 obey every law, and of such whose squares underflow nothing is known.
            let off = if size < FAINT { 0.0 } else { term.norm() / size };
            // A NaN stays: `max` would drop it.
            if self.residual.is_none_or(|residual| off > residual || off.is_nan()) {
                self.residual = Some(off);
            }
        }
    }

    /// Takes or replaces what has been entered.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.imbalances)?;
        archive.item(&mut self.created)?;
        archive.item(&mut self.residual)
    }

    /// The largest relative residual over all l of the steps entered since it was last taken: rounding, a few ε.
    /// `None` if there was none, or there is a single layer.
    pub fn take_residual(&mut self) -> Option<f64> {
        std::mem::take(&mut self.residual)
    }

    /// max_l ‖S_l‖_F: the imbalance that steps have created and decay has left.
    pub fn created(&self) -> f64 {
        largest_norm(&self.created)
    }
}

/// `out` ← A_{l+1}ᵀA_{l+1} − A_l A_lᵀ of the layers A of θ or of a gradient.
fn imbalance(net: &Architecture, layers: &DVector<f64>, l: usize, out: &mut DMatrix<f64>, scratch: &mut DMatrix<f64>) {
    let (below, above) = (net.weight(layers.as_slice(), l), net.weight(layers.as_slice(), l + 1));
    gemm_tn(Write::Replace, above, above, out.as_view_mut());
    gemm_nt(Write::Replace, below, below, scratch.as_view_mut());
    *out -= &*scratch;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::objective::{BatchGradient, LinearObjective, Minibatch, Objective, Samples};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    struct Descent {
        objective: LinearObjective,
        data: Dataset,
        start: Parameters,
    }

    impl Descent {
        fn new(widths: &[usize], decay: f64, seed: u64) -> Self {
            let rng = &mut stream(seed, Purpose::Inputs);
            let net = Architecture::new(widths);
            let data = Dataset { x: gaussian_matrix(9, net.input_dim(), rng), y: gaussian_matrix(9, net.output_dim(), rng) };
            let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.4;
            let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), decay);
            Self { objective, data, start: Parameters::from_values(&net, theta) }
        }

        /// Steps along full gradients, or those of three samples each; `enter` sees (k, η, G, λθ_k + G, θ_{k+1}).
        fn walk(
            &self,
            steps: usize,
            batches: bool,
            lr: impl Fn(usize) -> f64,
            mut enter: impl FnMut(f64, &DVector<f64>, &DVector<f64>, &DVector<f64>),
        ) -> Parameters {
            let mut minibatch = Minibatch::new(&self.objective, std::sync::Arc::new(Samples::new(&self.data)), 3);
            let (mut theta, mut gradient) = (self.start.clone(), self.start.values().clone());
            for k in 0..steps {
                let (lr, first) = (lr(k), (2 * k % 7) as u32);
                if batches {
                    minibatch.loss_gradient(&[first, first + 2, first], theta.values(), &mut gradient);
                } else {
                    self.objective.loss_gradient(theta.values(), &mut gradient);
                }
                let decayed = &gradient + theta.values() * self.objective.weight_decay().single();
                theta.values_mut().axpy(-lr, &decayed, 1.0);
                enter(lr, &gradient, &decayed, theta.values());
            }
            theta
        }
    }

    proptest! {
        /// Every step keeps the law to rounding, and D_k = Π(1 − η_jλ)²·D_0 + S_k at the end, to the rounding of so many steps.
        #[test]
        fn the_law_is_exact_step_by_step_and_in_sum(
            widths in prop::collection::vec(1usize..7, 3..7), lr in 1e-3f64..0.1, decay in prop_oneof![Just(0.0), 0.0f64..0.5],
            batches: bool, seed in 0u64..1000,
        ) {
            let descent = Descent::new(&widths, decay, seed);
            let (mut ledger, steps, mut kept) = (Ledger::new(&descent.start, decay), 40, 1.0);
            let falling = |k: usize| lr / (1.0 + k as f64);
            let mut size = descent.start.values().norm_squared();
            let end = descent.walk(steps, batches, falling, |lr, gradient, _, theta| {
                ledger.step(lr, gradient, theta);
                kept *= (1.0 - lr * decay).powi(2);
                size = size.max(theta.norm_squared() + lr * lr * gradient.norm_squared());
            });
            prop_assert!(size.is_finite());
            let residual = ledger.take_residual().unwrap();
            prop_assert!(residual <= 1e-14, "{residual:e}");
            prop_assert_eq!(ledger.take_residual(), None);
            for ((now, start), created) in end.imbalances().iter().zip(descent.start.imbalances()).zip(&ledger.created) {
                let off = (now - start * kept - created).norm();
                prop_assert!(off <= 1e-15 * steps as f64 * size, "{off:e} {size:e}");
            }
        }
    }

    /// Controls: half and twice the decay, a gradient that holds the decay, and the law of the flow, which has no second term.
    #[test]
    fn other_laws_do_not_hold() {
        let decay = 0.1;
        let descent = Descent::new(&[5, 4, 6, 3], decay, 1);
        let residual = |of: f64, use_decayed: bool, term: f64| {
            let mut ledger = Ledger::new(&descent.start, of * decay);
            descent.walk(
                20,
                false,
                |_| 0.01,
                |lr, gradient, decayed, theta| {
                    ledger.step(lr, &(if use_decayed { decayed } else { gradient } * term), theta);
                },
            );
            ledger.take_residual().unwrap()
        };
        assert!(residual(1.0, false, 1.0) <= 1e-14);
        for (of, use_decayed, term) in [(0.5, false, 1.0), (2.0, false, 1.0), (1.0, true, 1.0), (1.0, false, 0.0)] {
            let residual = residual(of, use_decayed, term);
            assert!(residual > 1e-8, "{of} {use_decayed} {term}: {residual:e}");
        }
    }

    /// What steps create by a fixed time is of first order in their size.
    #[test]
    fn half_the_rate_creates_half_the_imbalance() {
        let descent = Descent::new(&[5, 4, 6, 3], 0.1, 1);
        let created = |steps: usize| {
            let mut ledger = Ledger::new(&descent.start, 0.1);
            descent.walk(steps, false, |_| 1.0 / steps as f64, |lr, gradient, _, theta| ledger.step(lr, gradient, theta));
            ledger.created()
        };
        let order = (created(500) / created(4000)).log2() / 3.0;
        assert!((order - 1.0).abs() < 0.02, "{order}");
    }
}

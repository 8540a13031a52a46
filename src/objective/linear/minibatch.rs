//! ∇ℒ_B of B samples, ℒ_B = 1/(2B) Σ_{i ∈ B}‖f(x_i) − y_i‖², for a linear network: nothing of the size of all samples is touched.
//!
//! With X_B ∈ ℝ^{d_0 × B} and Y_B ∈ ℝ^{d_L × B}, one sample a column, there are two ways, of which the cheaper is chosen by counting:
//!
//! - by samples, backpropagation: H_l = W_l H_{l−1} up from H_0 = X_B, E_l = W_{l+1}ᵀE_{l+1} down from E_L = (H_L − Y_B)/B,
//!   ∇_l = E_l H_{l−1}ᵀ. Every product has B columns;
//! - by residual: R = (P X_B − Y_B)X_Bᵀ/B in the chain of the full objective, in place of PΣ_x − Σ_yx. Cheaper for batches larger than
//!   d_0 or d_L, and always for d_L = 1.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::weighted::WeightedResidual;
use super::{LinearObjective, Scratch};
use crate::data::Dataset;
use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn, on_threads};
use crate::loss::Loss;
use crate::objective::{BatchGradient, Batches, SampleProducts, WeightedGradient};

/// The samples as columns, so that those of a batch are copied contiguously: Xᵀ ∈ ℝ^{d_0 × n}, Yᵀ ∈ ℝ^{d_L × n}.
#[derive(Debug)]
pub struct Samples {
    pub(in crate::objective) inputs: DMatrix<f64>,
    pub(in crate::objective) labels: DMatrix<f64>,
}

impl Samples {
    /// Of all n samples.
    pub fn new(data: &Dataset) -> Self {
        Self { inputs: data.x.transpose(), labels: data.y.transpose() }
    }

    /// n.
    pub fn count(&self) -> usize {
        self.inputs.ncols()
    }

    /// d_L.
    pub fn outputs(&self) -> usize {
        self.labels.nrows()
    }

    /// The first columns of `inputs` and `labels` ← the samples of `batch`, with labels y_i + δ_i where `moves` has any δ_i.
    pub(in crate::objective) fn gather(
        &self,
        batch: &[u32],
        moves: &[f64],
        inputs: &mut DMatrix<f64>,
        labels: &mut DMatrix<f64>,
    ) {
        for (column, &sample) in batch.iter().enumerate() {
            inputs.set_column(column, &self.inputs.column(sample as usize));
            labels.set_column(column, &self.labels.column(sample as usize));
        }
        labels.as_mut_slice().iter_mut().zip(moves).for_each(|(y, delta)| *y += delta);
    }
}

/// The gradients of batches of at most a given size.
pub struct Minibatch<'a> {
    objective: &'a LinearObjective,
    samples: Arc<Samples>,
    /// X_B and Y_B; of a short batch the first columns.
    inputs: DMatrix<f64>,
    labels: DMatrix<f64>,
    way: Way,
}

/// With their intermediate products.
enum Way {
    /// H_1, …, H_L and E_1, …, E_L at index l − 1, each d_l × B; E_L takes the place of H_L, so that the first list lacks it.
    BySamples { states: Vec<DMatrix<f64>>, errors: Vec<DMatrix<f64>> },
    /// P X_B − Y_B, d_L × B.
    ByResidual { misses: DMatrix<f64>, scratch: Scratch },
}

impl<'a> Minibatch<'a> {
    /// For batches of 1 to `size` of these samples, of d_0 inputs and d_L outputs as the objective's own.
    pub fn new(objective: &'a LinearObjective, samples: Arc<Samples>, size: usize) -> Self {
        let by_residual = flops_by_residual(objective, size) < flops_by_samples(objective, size);
        Self::with_way(objective, samples, size, by_residual)
    }

    fn with_way(objective: &'a LinearObjective, samples: Arc<Samples>, size: usize, by_residual: bool) -> Self {
        let net = &objective.chain.net;
        let columns = |widths: &[usize]| widths.iter().map(|&d| DMatrix::zeros(d, size)).collect();
        let (widths, depth) = (net.widths(), net.depth());
        let way = if by_residual {
            Way::ByResidual { misses: DMatrix::zeros(net.output_dim(), size), scratch: objective.chain.scratch() }
        } else {
            Way::BySamples { states: columns(&widths[1..depth]), errors: columns(&widths[1..]) }
        };
        let (inputs, labels) = (DMatrix::zeros(net.input_dim(), size), DMatrix::zeros(net.output_dim(), size));
        Self { objective, samples, inputs, labels, way }
    }
}

impl BatchGradient for Minibatch<'_> {
    fn moved_gradient(&mut self, batch: &[u32], moves: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        on_threads(self.objective.threads, || self.form(batch, moves, theta, gradient));
    }
}

impl Minibatch<'_> {
    fn form(&mut self, batch: &[u32], moves: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.samples.gather(batch, moves, &mut self.inputs, &mut self.labels);
        let (size, share) = (batch.len(), 1.0 / batch.len() as f64);
        let (inputs, labels) = (self.inputs.columns(0, size), self.labels.columns(0, size));
        let (net, theta, gradient) = (&self.objective.chain.net, theta.as_slice(), gradient.as_mut_slice());
        match &mut self.way {
            Way::ByResidual { misses, scratch } => {
                let mut close = |product: nalgebra::DMatrixView<f64>, residual: &mut DMatrix<f64>| {
                    let mut misses = misses.columns_mut(0, size);
                    misses.zip_apply(&labels, |miss, y| *miss = -y);
                    gemm_nn(Write::Add, product, inputs, misses.as_view_mut());
                    misses *= share;
                    gemm_nt(Write::Replace, misses.as_view(), inputs, residual.as_view_mut());
                };
                self.objective.carry_to(&mut close, scratch, theta, gradient);
            }
            Way::BySamples { states, errors } => {
                let depth = net.depth();
                for l in 1..=depth {
                    let (below, here) = states.split_at_mut(l - 1);
                    let state = if l == 1 { inputs } else { below[l - 2].columns(0, size) };
                    let target = if l == depth { &mut errors[l - 1] } else { &mut here[0] };
                    gemm_nn(Write::Replace, net.weight(theta, l), state, target.columns_mut(0, size).as_view_mut());
                }
                errors[depth - 1].columns_mut(0, size).zip_apply(&labels, |state, y| *state = (*state - y) * share);
                for l in (1..=depth).rev() {
                    let (below, here) = errors.split_at_mut(l - 1);
                    let error = here[0].columns(0, size);
                    let state = if l == 1 { inputs } else { states[l - 2].columns(0, size) };
                    gemm_nt(Write::Replace, error, state, net.weight_mut(gradient, l));
                    if l > 1 {
                        gemm_tn(Write::Replace, net.weight(theta, l), error, below[l - 2].columns_mut(0, size).as_view_mut());
                    }
                }
            }
        }
    }
}

/// Up, down and outer products of B columns; the first layer has nothing to pass down to.
fn flops_by_samples(objective: &LinearObjective, size: usize) -> u64 {
    let widths = objective.chain.net.widths();
    let products = |l: usize| if l == 1 { 2 } else { 3 };
    (1..widths.len()).map(|l| (products(l) * 2 * size * widths[l] * widths[l - 1]) as u64).sum()
}

/// The chain, with two products of B columns in place of PΣ_x.
fn flops_by_residual(objective: &LinearObjective, size: usize) -> u64 {
    let (d_in, d_out) = (objective.chain.net.input_dim() as u64, objective.chain.net.output_dim() as u64);
    objective.flops() - 2 * d_out * d_in * d_in + 2 * 2 * d_out * d_in * size as u64
}

impl Batches for LinearObjective {
    fn minibatch(&self, samples: Arc<Samples>, size: usize) -> Box<dyn BatchGradient + '_> {
        Box::new(Minibatch::new(self, samples, size))
    }

    fn weighted(&self, samples: Arc<Samples>) -> Option<Box<dyn WeightedGradient>> {
        Some(Box::new(WeightedResidual::new(self, samples)))
    }

    fn sample_products(&self, samples: &Samples) -> Option<SampleProducts> {
        Some(SampleProducts::new(&self.chain.net, samples, Loss::Mse).with_threads(self.threads))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::problem;
    use super::*;
    use crate::data::Moments;
    use crate::objective::Objective;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    fn close(a: &DVector<f64>, b: &DVector<f64>) -> bool {
        (a - b).norm() <= 1e-12 * (1.0 + b.norm())
    }

    proptest! {
        /// A batch is a data set of its own; a long batch before must leave nothing in a short one.
        #[test]
        fn the_gradient_is_that_of_the_moments_of_the_batch(
            widths in prop::collection::vec(1usize..7, 2..6), batch in prop::collection::vec(0u32..12, 1..20), seed in 0u64..1000,
        ) {
            let (net, data, theta) = problem(&widths, 12, seed);
            let rows: Vec<usize> = batch.iter().map(|&i| i as usize).collect();
            let own = Dataset { x: data.x.select_rows(&rows), y: data.y.select_rows(&rows) };
            let mut expected = theta.clone();
            LinearObjective::new(net.clone(), Moments::new(&own).unwrap(), 0.0).loss_gradient(&theta, &mut expected);
            let moves = gaussian_matrix(own.y.ncols(), own.y.nrows(), &mut stream(seed, Purpose::LabelNoise));
            let noisy = Dataset { y: &own.y + moves.transpose(), ..own };
            let mut moved = theta.clone();
            LinearObjective::new(net.clone(), Moments::new(&noisy).unwrap(), 0.0).loss_gradient(&theta, &mut moved);
            let objective = LinearObjective::new(net, Moments::new(&data).unwrap(), 0.0);
            let samples = Arc::new(Samples::new(&data));
            for by_residual in [false, true] {
                let mut minibatch = Minibatch::with_way(&objective, samples.clone(), 20, by_residual);
                let mut gradient = theta.clone();
                minibatch.loss_gradient(&[3; 20], &(&theta * 2.0), &mut gradient);
                let before = crate::linalg::FLOPS.get();
                minibatch.loss_gradient(&batch, &theta, &mut gradient);
                let spent = crate::linalg::FLOPS.get() - before;
                prop_assert!(close(&gradient, &expected), "{by_residual}");
                let counted = if by_residual { flops_by_residual } else { flops_by_samples };
                prop_assert_eq!(spent, counted(&objective, batch.len()));
                minibatch.moved_gradient(&batch, moves.as_slice(), &theta, &mut gradient);
                prop_assert!(close(&gradient, &moved), "{by_residual}");
            }
        }

        /// Batches weigh as many samples as they hold, a short last one less.
        #[test]
        fn the_mean_over_an_epoch_is_the_full_gradient(samples in 1usize..30, size in 1usize..30, seed in 0u64..1000) {
            let (net, data, theta) = problem(&[5, 4, 3], samples, seed);
            let objective = LinearObjective::new(net, Moments::new(&data).unwrap(), 0.0);
            let (mut full, mut part) = (theta.clone(), theta.clone());
            objective.loss_gradient(&theta, &mut full);
            let mut minibatch = Minibatch::new(&objective, Arc::new(Samples::new(&data)), size);
            let mut mean = DVector::zeros(theta.len());
            let order: Vec<u32> = (0..samples as u32).rev().collect();
            for batch in order.chunks(size) {
                minibatch.loss_gradient(batch, &theta, &mut part);
                mean.axpy(batch.len() as f64 / samples as f64, &part, 1.0);
            }
            prop_assert!(close(&mean, &full));
        }
    }

    #[test]
    fn small_batches_go_by_samples_and_large_ones_and_one_output_by_residual() {
        let by_residual = |widths: &[usize], size| {
            let (net, data, _) = problem(widths, 5, 0);
            let objective = LinearObjective::new(net, Moments::new(&data).unwrap(), 0.0);
            matches!(Minibatch::new(&objective, Arc::new(Samples::new(&data)), size).way, Way::ByResidual { .. })
        };
        assert!(!by_residual(&[64, 64, 64, 64], 8));
        assert!(by_residual(&[64, 64, 64, 64], 256));
        assert!(by_residual(&[64, 64, 64, 1], 8));
    }
}

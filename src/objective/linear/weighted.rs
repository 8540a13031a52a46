//! Σ_i w_i ∇ℓ_i for a linear network with the squared loss: the chain with R = (P X − Y)·diag(w)·Xᵀ, X ∈ ℝ^{d_0 × n}, in place of PΣ_x − Σ_yx.

use std::sync::Arc;

use nalgebra::{DMatrix, DMatrixView, DVector};

use crate::linalg::{Write, gemm_nn, gemm_nt, on_threads};
use crate::objective::WeightedGradient;

use super::super::chain::{Chain, Scratch};
use super::{LinearObjective, Samples};

/// Samples that are multiplied at once.
const COLUMNS: usize = 1024;

/// The weighted gradient over all samples.
pub(super) struct WeightedResidual {
    chain: Chain,
    samples: Arc<Samples>,
    threads: usize,
    /// (P X − Y)·diag(w) of some samples, d_L × n at most.
    misses: DMatrix<f64>,
    scratch: Scratch,
}

impl WeightedResidual {
    /// With the network of `objective` on these samples, of d_0 inputs and d_L labels as its own.
    pub(super) fn new(objective: &LinearObjective, samples: Arc<Samples>) -> Self {
        let chain = objective.chain.clone();
        let misses = DMatrix::zeros(chain.net.output_dim(), samples.count().min(COLUMNS));
        Self { scratch: chain.scratch(), threads: objective.threads, chain, samples, misses }
    }
}

impl WeightedGradient for WeightedResidual {
    fn weighted_gradient(&mut self, weights: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Self { chain, samples, threads, misses, scratch } = self;
        assert_eq!(weights.len(), samples.count(), "there is one weight for each sample");
        on_threads(*threads, || {
            chain.rise(scratch, theta.as_slice());
            let (product, residual) = chain.product_and_residual(scratch, theta.as_slice());
            for (index, weights) in weights.chunks(COLUMNS).enumerate() {
                let (first, count) = (index * COLUMNS, weights.len());
                let (inputs, labels) = (samples.inputs.columns(first, count), samples.labels.columns(first, count));
                let mut misses = misses.columns_mut(0, count);
                misses.zip_apply(&labels, |miss, y| *miss = -y);
                gemm_nn(Write::Add, product, inputs, misses.as_view_mut());
                misses.column_iter_mut().zip(weights).for_each(|(mut miss, weight)| miss *= *weight);
                let write = if index == 0 { Write::Replace } else { Write::Add };
                gemm_nt(write, misses.as_view(), inputs, residual.as_view_mut());
            }
            chain.fall(scratch, theta.as_slice(), gradient.as_mut_slice());
        });
    }

    fn pullback(&mut self, errors: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Self { chain, samples, threads, scratch, .. } = self;
        let errors = DMatrixView::from_slice(errors, samples.labels.nrows(), samples.count());
        on_threads(*threads, || {
            chain.rise(scratch, theta.as_slice());
            let (_, residual) = chain.product_and_residual(scratch, theta.as_slice());
            gemm_nt(Write::Replace, errors, samples.inputs.as_view(), residual.as_view_mut());
            chain.fall(scratch, theta.as_slice(), gradient.as_mut_slice());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::problem;
    use super::*;
    use crate::data::Moments;
    use crate::objective::testing::{check_moves, check_weighted};
    use crate::objective::{Objective, Order};

    /// In both orders, with few samples and with more than are multiplied at once.
    #[test]
    fn weighted_gradients_are_sums_over_samples() {
        for (widths, samples) in [(&[3, 2][..], 1), (&[5, 4, 3], 7), (&[2, 6, 6, 1], 9), (&[5, 4, 3], 2 * COLUMNS + 5)] {
            let (net, data, theta) = problem(widths, samples, 3);
            for order in [Order::FromInput, Order::FromOutput] {
                let objective = LinearObjective::with_order(net.clone(), Moments::new(&data).unwrap(), 0.3, order);
                let samples = Arc::new(Samples::new(&data));
                check_weighted(&objective, &samples, &theta);
                check_moves(&objective, &samples, &theta);
            }
        }
    }

    /// And another thread can go on with it.
    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (net, data, theta) = problem(&[90, 110, 70], 400, 3);
        let weights: Vec<f64> = (0..400).map(|i| f64::from(i).sin()).collect();
        let of = |threads: usize| {
            let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), 0.0).with_threads(threads);
            let mut weighted = objective.batches().unwrap().weighted(Arc::new(Samples::new(&data))).unwrap();
            let form = || {
                let mut out = theta.clone();
                weighted.weighted_gradient(&weights, &(&theta * 0.1), &mut out);
                out
            };
            std::thread::scope(|scope| scope.spawn(form).join().unwrap())
        };
        let one = of(1);
        assert!([2, 3, 7].iter().all(|threads| of(*threads) == one));
    }
}

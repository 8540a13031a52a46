//! The tangent kernel of a network on its samples, layer by layer: with δ_{l,(k,i)} = ∂f_k(x_i)/∂z_l,
//!
//! K_{(k,i),(k′,j)} = (1/n) Σ_l ⟨δ_{l,(k,i)}, δ_{l,(k′,j)}⟩ (⟨h_{l−1,i}, h_{l−1,j}⟩ + 1 where layer l has a bias).
//!
//! J itself, n·d_L × P, is never formed. There is one backward pass for each output. All samples go up in one
//! block, and each factor has one Gram matrix of n × n.

use nalgebra::{DMatrix, DMatrixView, DVector};

use super::MlpObjective;
use super::tape::{Keep, Tape, is_identity, matrix, multiply};
use crate::linalg::{Write, gemm_nn, gemm_nt, on_threads};
use crate::objective::{Labels, TangentKernel};

/// Of all samples, one a row.
struct Passes {
    /// H_{l−1}, n × d_{l−1}, at index l − 1.
    states: Vec<DMatrix<f64>>,
    /// ∂f_k/∂Z_l, n × d_l, at index [k][l − 1].
    errors: Vec<Vec<DMatrix<f64>>>,
}

impl TangentKernel for MlpObjective {
    fn kernel(&self, theta: &DVector<f64>) -> DMatrix<f64> {
        on_threads(self.threads, || {
            let passes = self.passes(theta.as_slice());
            self.kernel_of(&passes)
        })
    }

    fn labels(&self) -> Labels {
        let (n, outputs) = (self.samples, self.net.output_dim());
        let mut labels = DMatrix::zeros(n, outputs);
        let mut before = 0;
        for block in &*self.blocks {
            labels.rows_mut(before, block.y.nrows()).copy_from(&block.y);
            before += block.y.nrows();
        }
        // Output k outermost, as in the kernel.
        let within = DVector::from_column_slice(labels.as_slice()) / (n as f64).sqrt();
        let norm_squared = within.norm_squared();
        Labels { within, norm_squared }
    }
}

impl MlpObjective {
    /// Through the full network, not the condensed one: J is with respect to the weights that are trained.
    fn passes(&self, theta: &[f64]) -> Passes {
        let (net, n) = (&self.net, self.samples);
        let (widths, depth) = (net.widths(), net.depth());
        let of_widths = |widths: &[usize]| widths.iter().map(|&width| DMatrix::zeros(n, width)).collect::<Vec<_>>();
        let mut states = of_widths(&widths[..depth]);
        let mut errors = vec![of_widths(&widths[1..]); net.output_dim()];
        let mut tape = Tape::new(net, self.division.rows, Keep::Slopes);
        let mut before = 0;
        for block in &*self.blocks {
            let count = block.x.nrows();
            tape.up(net, theta, block.part(), Keep::Slopes);
            states[0].rows_mut(before, count).copy_from(&block.x);
            for (state, (below, &width)) in states[1..].iter_mut().zip(tape.states.iter().zip(&widths[1..])) {
                state.rows_mut(before, count).copy_from(&matrix(below, count, width));
            }
            for (k, errors) in errors.iter_mut().enumerate() {
                // ∂f_k/∂h_l at each sample, from l = L down.
                let mut error = DMatrix::zeros(count, widths[depth]);
                error.column_mut(k).fill(1.0);
                for l in (1..=depth).rev() {
                    if !is_identity(net, l) {
                        multiply(error.as_mut_slice(), &tape.slopes[l - 1]);
                    }
                    errors[l - 1].rows_mut(before, count).copy_from(&error);
                    if l > 1 {
                        let mut below = DMatrix::zeros(count, widths[l - 1]);
                        gemm_nn(Write::Replace, error.as_view(), net.weight(theta, l), below.as_view_mut());
                        error = below;
                    }
                }
            }
            before += count;
        }
        Passes { states, errors }
    }

    fn kernel_of(&self, passes: &Passes) -> DMatrix<f64> {
        let (net, n, outputs) = (&self.net, self.samples, self.net.output_dim());
        let mut kernel = DMatrix::zeros(n * outputs, n * outputs);
        let (mut inner, mut outer) = (DMatrix::zeros(n, n), DMatrix::zeros(n, n));
        let gram = |a: DMatrixView<f64>, b: DMatrixView<f64>, out: &mut DMatrix<f64>| {
            gemm_nt(Write::Replace, a, b, out.as_view_mut());
        };
        for l in 1..=net.depth() {
            let state = passes.states[l - 1].as_view();
            gram(state, state, &mut inner);
            if net.has_bias(l) {
                inner.add_scalar_mut(1.0);
            }
            // 1/n here, so that what is summed is no larger than K.
            inner *= self.share();
            for column in 0..outputs {
                for row in column..outputs {
                    gram(passes.errors[row][l - 1].as_view(), passes.errors[column][l - 1].as_view(), &mut outer);
                    outer.component_mul_assign(&inner);
                    let mut block = kernel.view_mut((row * n, column * n), (n, n));
                    block += &outer;
                }
            }
        }
        for column in 0..outputs {
            for row in column + 1..outputs {
                let block = kernel.view((row * n, column * n), (n, n)).transpose();
                kernel.view_mut((column * n, row * n), (n, n)).copy_from(&block);
            }
        }
        kernel
    }
}

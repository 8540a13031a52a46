//! J_l(x_i) = ∂f/∂h_{l−1} over the samples, reduced to a mean and a triangular factor on the way: memory for one block.
//!
//! With A_l = ∂f/∂z_l, a d_L × d_l matrix per sample, J_l = A_l W_l; inside a run of linear layers J_l = A_b W_b⋯W_l. Backpropagation gives
//! row k of A_l for a block of samples at once. Means and deviations of the blocks are merged as Chan, Golub & LeVeque (1979) merge
//! variances: the deviations from the mean of N + B samples are those within either part, and √(NB/(N + B)) times the difference of
//! their means. QR factors take the place of the sums of squares.

use nalgebra::{DMatrix, DVector};

use super::tape::{Keep, Tape, column_sums, is_identity, matrix, matrix_mut, multiply};
use super::{Jacobian, MlpObjective};
use crate::linalg::{Write, gemm_nn, norm, triangular_factor};

/// The rows A_l of all samples so far.
struct Spread {
    /// Ā_l, d_L × d_l.
    mean: DMatrix<f64>,
    /// Rows with the Gram matrix of the deviations; the first `filled` of them.
    rows: DMatrix<f64>,
    filled: usize,
    /// Sums over one block.
    own: Vec<f64>,
}

impl Spread {
    /// With room for a triangular factor, and so many samples that reducing them to another takes little more time than these samples alone.
    fn new(outputs: usize, width: usize, block: usize) -> Self {
        let room = width + (4 * width).max(block + 1 + width);
        Self { mean: DMatrix::zeros(outputs, width), rows: DMatrix::zeros(room, width), filled: 0, own: vec![0.0; width] }
    }

    /// Adds row k of A_l at the `count` samples of a block, a matrix of so many rows, where there were `before` samples.
    fn add(&mut self, k: usize, part: &[f64], count: usize, before: usize) {
        if self.filled + count + 1 > self.rows.nrows() {
            self.reduce();
        }
        column_sums(Write::Replace, part, count, &mut self.own);
        let total = (before + count) as f64;
        let (share, weight) = (count as f64 / total, (before as f64 * count as f64 / total).sqrt());
        for (j, (own, part)) in self.own.iter().zip(part.chunks_exact(count)).enumerate() {
            let own = own / count as f64;
            let difference = own - self.mean[(k, j)];
            let mut column = self.rows.column_mut(j);
            let here = &mut column.as_mut_slice()[self.filled..=self.filled + count];
            here.iter_mut().zip(part).for_each(|(deviation, x)| *deviation = x - own);
            here[count] = difference * weight;
            self.mean[(k, j)] += difference * share;
        }
        self.filled += count + 1;
    }

    /// Replaces the rows by their triangular factor.
    fn reduce(&mut self) {
        let factor = triangular_factor(self.rows.rows(0, self.filled).as_view());
        self.filled = factor.nrows();
        self.rows.rows_mut(0, self.filled).copy_from(&factor);
    }
}

impl MlpObjective {
    pub(super) fn jacobians_over_samples(&self, theta: &[f64]) -> Vec<Jacobian> {
        let (condensed, net) = (&self.condensed, &self.condensed.net);
        let (depth, widths, rows) = (net.depth(), net.widths(), self.division.rows);
        let mut state = condensed.state();
        condensed.rise(&mut state, theta);
        let weights = condensed.values(&state, theta);
        let mut tape = Tape::new(net, rows, Keep::Slopes);
        // ∂f/∂z_L is the identity where σ_L is.
        let spread_of = |l: usize| l < depth || !is_identity(net, l);
        let mut spreads: Vec<Option<Spread>> =
            (1..=depth).map(|l| spread_of(l).then(|| Spread::new(net.output_dim(), widths[l], rows))).collect();
        // Equal samples differ by the rounding of sums: over the rows of a block, over the blocks, and over the widths on the way down.
        // Four times, because the entries may be smaller than the terms that they sum.
        let terms = rows + self.blocks.len() + self.net.widths().iter().sum::<usize>();
        let rounding = 4.0 * f64::EPSILON * terms as f64;
        let mut before = 0;
        for block in &*self.blocks {
            let count = block.x.nrows();
            tape.up(net, weights, block.part(), Keep::Slopes);
            for k in 0..net.output_dim() {
                // Row k of A_l at each sample, B × d_l, from l = L down: of A_L only column k is not 0.
                let mut top = DMatrix::from_element(count, 1, 1.0);
                if !is_identity(net, depth) {
                    let slopes = matrix(&tape.slopes[depth - 1], count, widths[depth]);
                    top.copy_from(&slopes.column(k));
                }
                if let Some(spread) = &mut spreads[depth - 1] {
                    let mut part = DMatrix::zeros(count, widths[depth]);
                    part.set_column(k, &top.column(0));
                    spread.add(k, part.as_slice(), count, before);
                }
                for l in (1..depth).rev() {
                    let (here, above) = tape.errors.split_at_mut(l);
                    let size = count * widths[l];
                    let target = &mut here[l - 1][..size];
                    if l == depth - 1 {
                        let weight = net.weight(weights, depth);
                        gemm_nn(
                            Write::Replace,
                            top.as_view(),
                            weight.rows(k, 1).as_view(),
                            matrix_mut(target, count, widths[l]),
                        );
                    } else {
                        let above = matrix(&above[0], count, widths[l + 1]);
                        gemm_nn(Write::Replace, above, net.weight(weights, l + 1), matrix_mut(target, count, widths[l]));
                    }
                    if !is_identity(net, l) {
                        multiply(target, &tape.slopes[l - 1]);
                    }
                    if let Some(spread) = &mut spreads[l - 1] {
                        spread.add(k, target, count, before);
                    }
                }
            }
            before += count;
        }
        let mut jacobians = Vec::with_capacity(self.net.depth());
        // Of the product of the weights' norms, with all slopes taken as 1.
        let mut bound = 1.0;
        for (l, spread) in spreads.into_iter().enumerate().map(|(index, spread)| (index + 1, spread)).rev() {
            let mut jacobian = match spread {
                None => Jacobian::constant(DMatrix::identity(widths[l], widths[l])),
                Some(mut spread) => {
                    spread.reduce();
                    let centred = spread.rows.rows(0, spread.filled) / (self.samples as f64).sqrt();
                    Jacobian::varying(spread.mean, centred, bound, rounding)
                }
            };
            for layer in condensed.layers(l).rev() {
                let weight = self.net.weight(theta, layer);
                bound *= norm(&DVector::from_column_slice(weight.into_owned().as_slice()));
                let lost = jacobian.lost;
                let times_weight = |m: &DMatrix<f64>| {
                    let mut product = DMatrix::zeros(m.nrows(), weight.ncols());
                    gemm_nn(Write::Replace, m.as_view(), weight, product.as_view_mut());
                    product
                };
                jacobian = Jacobian::varying(times_weight(&jacobian.mean), times_weight(&jacobian.centred), bound, rounding);
                jacobian.lost |= lost;
                jacobians.push(jacobian.clone());
            }
        }
        jacobians.reverse();
        jacobians
    }
}

//! The scatter of the samples' gradients, V(θ) = (1/n) Σ_i ‖∇ℓ_i − ∇ℒ‖², through S = (1/n) Σ_i ∇²ℓ_i ∇ℓ_i: ½∇V = S − ∇²ℒ∇ℒ.
//!
//! Sample i is differentiated along its own gradient, V_l = e_{l,i} h_{l−1,i}ᵀ and c_l = e_{l,i}, which has rank one. So V_l h_{l−1,i} =
//! ‖h_{l−1,i}‖² e_{l,i} and V_lᵀ e_{l,i} = ‖e_{l,i}‖² h_{l−1,i}: all samples of a block go through the R-operator of `along` together, and
//! neither the gradient of one sample nor a P × P matrix is ever formed.

use std::cell::RefCell;

use nalgebra::{DMatrixView, DVector};

use crate::data::Dataset;
use crate::linalg::{Write, each_on_threads, gemm_nn};
use crate::loss::Loss;
use crate::network::Architecture;
use crate::objective::Samples;

use super::along::{Direction, Dots, Taped};
use super::blocks::{Block, Division, Part};
use super::reduce;
use super::tape::{Keep, Tape, matrix_mut, multiply};

/// S(θ) of a network on samples. Its cost is that of about three gradients by backpropagation, even if the loss itself uses moments.
pub struct SampleProducts {
    net: Architecture,
    division: Division,
    blocks: Vec<Block>,
    samples: usize,
    loss: Loss,
    threads: usize,
    lanes: RefCell<Vec<Lane>>,
}

/// What one lane of blocks works with, and the sum that it forms.
struct Lane {
    tape: Tape,
    dots: Dots,
    own: OwnGradients,
    sum: Vec<f64>,
}

/// Each sample's own gradient as its direction.
struct OwnGradients {
    /// ‖h_{l−1,i}‖² or ‖e_{l,i}‖² of each sample.
    squares: Vec<f64>,
}

impl SampleProducts {
    /// The scatter over n ≥ 1 samples of d_0 inputs and d_L labels, on one thread.
    pub fn new(net: &Architecture, samples: &Samples, loss: Loss) -> Self {
        let count = samples.count();
        let division = Division::new(net, count);
        let data = Dataset { x: samples.inputs.transpose(), y: samples.labels.transpose() };
        let blocks = division.blocks(&data);
        let lane = |_| Lane {
            tape: Tape::new(net, division.rows, Keep::Turns),
            dots: Dots::new(net, division.rows),
            own: OwnGradients { squares: vec![0.0; division.rows] },
            sum: vec![0.0; net.parameter_count()],
        };
        let lanes = RefCell::new((0..division.lanes).map(lane).collect());
        Self { net: net.clone(), division, blocks, samples: count, loss, threads: 1, lanes }
    }

    /// The same with at most this many threads, 1 at least. The results have the same bits.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// n.
    pub fn count(&self) -> usize {
        self.samples
    }

    /// `out` ← (1/n) Σ_i ∇²ℓ_i(θ)∇ℓ_i(θ), without decay.
    pub fn hessian_gradients(&self, theta: &DVector<f64>, out: &mut DVector<f64>) {
        let lanes = &mut *self.lanes.borrow_mut();
        let rule = (self.loss, 1.0 / self.samples as f64);
        let (net, blocks, division) = (&self.net, &*self.blocks, self.division);
        each_on_threads(self.threads, lanes, |index, lane| {
            for (k, block) in division.lane(blocks, index).iter().enumerate() {
                let write = if k == 0 { Write::Replace } else { Write::Add };
                lane.add(net, theta.as_slice(), block.part(), rule, write);
            }
        });
        let total = reduce(lanes, |lane| &mut lane.sum);
        // The errors on the tape, and with them the directions, are those of ℓ_i/n.
        out.iter_mut().zip(total).for_each(|(out, total)| *out = total * self.samples as f64);
    }
}

impl Lane {
    /// `sum` ← or += the block's share.
    fn add(&mut self, net: &Architecture, theta: &[f64], part: Part, rule: (Loss, f64), write: Write) {
        self.tape.up(net, theta, part, Keep::Turns);
        self.tape.down(net, theta, part, Keep::Turns, rule, None);
        self.dots.product(Taped { net, theta, part, tape: &self.tape }, &mut self.own, rule, (write, &mut self.sum));
    }
}

impl Direction for OwnGradients {
    fn up(&mut self, at: Taped, l: usize, z: &mut [f64]) {
        let squares = &mut self.squares[..at.rows()];
        row_squares(at.state(l - 1), squares);
        if at.net.has_bias(l) {
            squares.iter_mut().for_each(|square| *square += 1.0);
        }
        scale_rows(z, &at.tape.errors[l - 1], squares);
    }

    fn down(&mut self, at: Taped, l: usize, error_dot: DMatrixView<f64>, back: &mut [f64]) {
        let squares = &mut self.squares[..at.rows()];
        row_squares(at.error(l), squares);
        scale_rows(back, &at.tape.states[l - 2], squares);
        let back = matrix_mut(back, at.rows(), at.net.widths()[l - 1]);
        gemm_nn(Write::Add, error_dot, at.net.weight(at.theta, l), back);
    }
}

/// `out` ← diag(`factors`)·`matrix`, whose buffer may be longer.
fn scale_rows(out: &mut [f64], matrix: &[f64], factors: &[f64]) {
    out.copy_from_slice(&matrix[..out.len()]);
    out.chunks_exact_mut(factors.len()).for_each(|column| multiply(column, factors));
}

/// `squares` ← the sum of squares of each row of a matrix of as many rows.
fn row_squares(matrix: DMatrixView<f64>, squares: &mut [f64]) {
    squares.fill(0.0);
    for column in matrix.column_iter() {
        squares.iter_mut().zip(column.iter()).for_each(|(square, x)| *square += x * x);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::Moments;
    use crate::network::Activation;
    use crate::objective::{LinearObjective, MlpObjective, Objective};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    fn problem(net: &Architecture, samples: usize, loss: Loss, seed: u64) -> (Dataset, DVector<f64>) {
        let rng = &mut stream(seed, Purpose::Inputs);
        let x = gaussian_matrix(samples, net.input_dim(), rng);
        let mut y = gaussian_matrix(samples, net.output_dim(), rng);
        if loss != Loss::Mse {
            y.apply(|y| *y = y.abs());
            y.row_iter_mut().for_each(|mut row| row /= row.sum());
        }
        (Dataset { x, y }, gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.6)
    }

    /// Sample by sample, each an objective of its own.
    fn expected(net: &Architecture, data: &Dataset, loss: Loss, theta: &DVector<f64>) -> DVector<f64> {
        let mut sum = theta * 0.0;
        for i in 0..data.x.nrows() {
            let one = Dataset { x: data.x.rows(i, 1).into_owned(), y: data.y.rows(i, 1).into_owned() };
            let objective = MlpObjective::new(net.clone(), Arc::new(one), loss, 0.0);
            let (mut g, mut hg) = (theta.clone(), theta.clone());
            objective.loss_gradient(theta, &mut g);
            objective.loss_hessian_vector(theta, &g, &mut hg);
            sum += hg / data.x.nrows() as f64;
        }
        sum
    }

    proptest! {
        #[test]
        fn it_is_the_mean_of_each_samples_hessian_times_its_gradient(
            widths in prop::collection::vec(1usize..6, 2..6), samples in 1usize..20, kind in 0usize..3, bias: bool, loss in 0usize..3,
            seed in 0u64..1000,
        ) {
            let (depth, activation) = (widths.len() - 1, [Activation::Tanh, Activation::Identity, Activation::Relu][kind]);
            let net = Architecture::with_layers(&widths, &vec![activation; depth], &vec![bias; depth]);
            let loss = [Loss::Mse, Loss::Logistic, Loss::CrossEntropy][loss];
            let (data, theta) = problem(&net, samples, loss, seed);
            let products = SampleProducts::new(&net, &Samples::new(&data), loss);
            let (mut first, mut second) = (theta.clone(), theta.clone());
            products.hessian_gradients(&(&theta * 2.0), &mut first);
            products.hessian_gradients(&theta, &mut second);
            let expected = expected(&net, &data, loss, &theta);
            prop_assert!((&second - &expected).norm() <= 1e-11 * (1.0 + expected.norm()), "{second} {expected}");
        }
    }

    /// In blocks and lanes, on any number of threads, and from an objective that goes by moments.
    #[test]
    fn blocks_lanes_and_threads_sum_to_the_same() {
        let net = Architecture::new(&[40, 200, 160, 30]);
        let (data, theta) = problem(&net, 1500, Loss::Mse, 3);
        let (theta, samples) = (theta * 0.1, Samples::new(&data));
        let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), 0.1);
        let of = |products: SampleProducts| {
            let mut out = theta.clone();
            products.hessian_gradients(&theta, &mut out);
            out
        };
        let one = of(SampleProducts::new(&net, &samples, Loss::Mse));
        assert!(SampleProducts::new(&net, &samples, Loss::Mse).division.lanes > 1);
        assert_eq!(of(SampleProducts::new(&net, &samples, Loss::Mse).with_threads(3)), one);
        assert_eq!(of(objective.batches().unwrap().sample_products(&samples).unwrap()), one);
        let expected = expected(&net, &data, Loss::Mse, &theta);
        assert!((one - &expected).norm() <= 1e-11 * expected.norm());
    }

    /// ½∇V against a five-point rule on V.
    #[test]
    fn with_the_mean_taken_away_it_is_half_the_gradient_of_the_scatter() {
        let net = Architecture::with_layers(&[3, 5, 2], &[Activation::Tanh, Activation::Identity], &[true, false]);
        let (data, theta) = problem(&net, 7, Loss::CrossEntropy, 1);
        let gradient = |rows: &[usize], theta: &DVector<f64>| {
            let data = Dataset { x: data.x.select_rows(rows), y: data.y.select_rows(rows) };
            let mut gradient = theta.clone();
            MlpObjective::new(net.clone(), Arc::new(data), Loss::CrossEntropy, 0.0).loss_gradient(theta, &mut gradient);
            gradient
        };
        let all: Vec<usize> = (0..7).collect();
        let scatter = |theta: &DVector<f64>| {
            let mean = gradient(&all, theta);
            all.iter().map(|&i| (gradient(&[i], theta) - &mean).norm_squared()).sum::<f64>() / 7.0
        };
        let v = DVector::from_fn(theta.len(), |i, _| (i as f64).cos()).normalize();
        let at = |k: f64| scatter(&(&theta + &v * (k * 1e-3)));
        let slope = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / 12e-3;
        let objective = MlpObjective::new(net.clone(), Arc::new(data.clone()), Loss::CrossEntropy, 0.3);
        let (mut s, mut hg) = (theta.clone(), theta.clone());
        objective.batches().unwrap().sample_products(&Samples::new(&data)).unwrap().hessian_gradients(&theta, &mut s);
        objective.loss_hessian_vector(&theta, &gradient(&all, &theta), &mut hg);
        assert!(((s - hg).dot(&v) * 2.0 - slope).abs() < 1e-10, "{slope}");
    }
}

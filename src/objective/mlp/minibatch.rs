//! ∇ℒ_B of B samples, ℒ_B = (1/B) Σ_{i ∈ B} ℓ(f(x_i), y_i), for any network: nothing of the size of all samples is touched.

use std::sync::Arc;

use nalgebra::DVector;

use crate::linalg::Write;
use crate::loss::Loss;

use super::super::{BatchGradient, Batches, SampleProducts, Samples, WeightedGradient};
use super::MlpObjective;
use super::blocks::{Division, Part};
use super::condensed::{Condensed, State};
use super::tape::{Keep, Tape, matrix};
use super::weighted::WeightedBlocks;

/// The gradients of batches of at most a given size, on one thread.
pub struct MlpMinibatch {
    samples: Arc<Samples>,
    condensed: Condensed,
    loss: Loss,
    state: State,
    /// How many samples go through at once.
    rows: usize,
    inputs: Vec<f64>,
    labels: Vec<f64>,
    tape: Tape,
    /// ∂ℒ_B/∂θ_c.
    gradient: Vec<f64>,
}

impl MlpMinibatch {
    /// For batches of 1 to `size` of these samples, of d_0 inputs and d_L outputs, with the network and the loss of `objective`.
    pub fn new(objective: &MlpObjective, samples: Arc<Samples>, size: usize) -> Self {
        let condensed = Condensed::new(&objective.net, size);
        let net = &condensed.net;
        let rows = Division::new(net, size).rows;
        Self {
            loss: objective.loss,
            state: condensed.state(),
            rows,
            inputs: vec![0.0; rows * net.input_dim()],
            labels: vec![0.0; rows * net.output_dim()],
            tape: Tape::new(net, rows, Keep::Slopes),
            gradient: vec![0.0; net.parameter_count()],
            samples,
            condensed,
        }
    }
}

impl BatchGradient for MlpMinibatch {
    fn moved_gradient(&mut self, batch: &[u32], moves: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let (net, theta, share) = (&self.condensed.net, theta.as_slice(), 1.0 / batch.len() as f64);
        self.condensed.rise(&mut self.state, theta);
        let weights = self.condensed.values(&self.state, theta);
        let mut moves = moves.chunks(net.output_dim());
        for (index, batch) in batch.chunks(self.rows).enumerate() {
            let rows = batch.len();
            for (row, &sample) in batch.iter().enumerate() {
                let gather = |from: &nalgebra::DMatrix<f64>, to: &mut [f64]| {
                    for (to, x) in to[row..].iter_mut().step_by(rows).zip(from.column(sample as usize).iter()) {
                        *to = *x;
                    }
                };
                gather(&self.samples.inputs, &mut self.inputs);
                gather(&self.samples.labels, &mut self.labels);
                let own = moves.next().unwrap_or_default();
                self.labels[row..].iter_mut().step_by(rows).zip(own).for_each(|(y, delta)| *y += delta);
            }
            let part = Part { x: matrix(&self.inputs, rows, net.input_dim()), y: matrix(&self.labels, rows, net.output_dim()) };
            let write = if index == 0 { Write::Replace } else { Write::Add };
            self.tape.up(net, weights, part, Keep::Slopes);
            self.tape.down(net, weights, part, Keep::Slopes, (self.loss, share), Some((write, &mut self.gradient)));
        }
        self.condensed.fall(&mut self.state, theta, &self.gradient, gradient.as_mut_slice());
    }
}

impl Batches for MlpObjective {
    fn minibatch(&self, samples: Arc<Samples>, size: usize) -> Box<dyn BatchGradient + '_> {
        Box::new(MlpMinibatch::new(self, samples, size))
    }

    fn weighted(&self, _samples: Arc<Samples>) -> Option<Box<dyn WeightedGradient>> {
        Some(Box::new(WeightedBlocks::new(self)))
    }

    fn sample_products(&self, samples: &Samples) -> Option<SampleProducts> {
        Some(SampleProducts::new(&self.net, samples, self.loss).with_threads(self.threads))
    }
}

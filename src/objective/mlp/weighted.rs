//! Σ_i w_i ∇ℓ_i for any network: backpropagation from Ē_L = diag(w)·∂ℓ/∂f, block by block.

use std::sync::Arc;

use nalgebra::DVector;

use crate::linalg::Write;
use crate::loss::Loss;

use super::super::WeightedGradient;
use super::MlpObjective;
use super::blocks::Block;
use super::condensed::{Condensed, State};
use super::tape::{Keep, Tape, multiply};

/// The weighted gradient over all samples, on one thread.
pub(super) struct WeightedBlocks {
    condensed: Condensed,
    blocks: Arc<[Block]>,
    samples: usize,
    loss: Loss,
    state: State,
    tape: Tape,
    /// Σ_i w_i ∂ℓ_i/∂θ_c.
    sum: Vec<f64>,
}

impl WeightedBlocks {
    /// Over the samples of `objective`, which it shares.
    pub(super) fn new(objective: &MlpObjective) -> Self {
        let condensed = Condensed::new(&objective.net, objective.samples);
        Self {
            blocks: objective.blocks.clone(),
            samples: objective.samples,
            loss: objective.loss,
            state: condensed.state(),
            tape: Tape::new(&condensed.net, objective.division.rows, Keep::Slopes),
            sum: vec![0.0; condensed.net.parameter_count()],
            condensed,
        }
    }

    /// Backpropagation from what `turn` makes of ∂ℓ/∂f, B × d_L, by each block and its part of `given`, equally many numbers for each
    /// sample.
    fn carry(
        &mut self,
        given: &[f64],
        turn: impl Fn(&mut [f64], &Block, &[f64]),
        theta: &DVector<f64>,
        gradient: &mut DVector<f64>,
    ) {
        let Self { condensed, blocks, samples, loss, state, tape, sum } = self;
        let (net, theta, each) = (&condensed.net, theta.as_slice(), given.len() / *samples);
        condensed.rise(state, theta);
        let (values, mut rest) = (condensed.values(state, theta), given);
        for (index, block) in blocks.iter().enumerate() {
            let (part, write) = (block.part(), if index == 0 { Write::Replace } else { Write::Add });
            let (own, others) = rest.split_at(block.x.nrows() * each);
            rest = others;
            tape.up(net, values, part, Keep::Slopes);
            turn(tape.turn(net, part, (*loss, 1.0)), block, own);
            tape.fall(net, values, part, Keep::Slopes, Some((write, sum)));
        }
        condensed.fall(state, theta, sum, gradient.as_mut_slice());
    }
}

impl WeightedGradient for WeightedBlocks {
    fn weighted_gradient(&mut self, weights: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        assert_eq!(weights.len(), self.samples, "there is one weight for each sample");
        let weigh = |errors: &mut [f64], _: &Block, own: &[f64]| {
            errors.chunks_exact_mut(own.len()).for_each(|column| multiply(column, own));
        };
        self.carry(weights, weigh, theta, gradient);
    }

    fn pullback(&mut self, errors: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let outputs = self.condensed.net.output_dim();
        assert_eq!(errors.len(), self.samples * outputs, "there is one error for each output of a sample");
        let replace = |errors: &mut [f64], block: &Block, own: &[f64]| {
            let rows = block.y.nrows();
            for (index, (error, y)) in errors.iter_mut().zip(block.y.iter()).enumerate() {
                let (row, output) = (index % rows, index / rows);
                *error = if y.is_nan() { 0.0 } else { own[row * outputs + output] };
            }
        };
        self.carry(errors, replace, theta, gradient);
    }
}

//! Samples that lie on kinks, as rows of one block on their way through the full network and back.

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use super::Place;
use crate::linalg::Write;
use crate::objective::mlp::MlpObjective;
use crate::objective::mlp::blocks::Block;
use crate::objective::mlp::tape::{Held, Keep, Tape, matrix};

/// What some samples leave behind, a row each.
pub(super) struct Passes {
    /// Rows of X, in order, each once.
    samples: Vec<usize>,
    block: Block,
    tape: Tape,
    /// Their share of ∇ℒ.
    pub(super) gradient: Vec<f64>,
}

impl Passes {
    /// For the samples of `places`, which are in order; nothing has passed yet.
    pub(super) fn new(objective: &MlpObjective, places: impl Iterator<Item = Place>) -> Self {
        let mut samples: Vec<usize> = places.map(|place| place.sample).collect();
        samples.dedup();
        let net = &objective.net;
        let gather = |columns: usize, of: fn(&Block) -> &DMatrix<f64>| {
            let rows = objective.division.rows;
            DMatrix::from_fn(samples.len(), columns, |i, c| of(&objective.blocks[samples[i] / rows])[(samples[i] % rows, c)])
        };
        let block = Block { x: gather(net.input_dim(), |block| &block.x), y: gather(net.output_dim(), |block| &block.y) };
        let tape = Tape::new(net, samples.len(), Keep::Slopes);
        Self { samples, block, tape, gradient: vec![0.0; net.parameter_count()] }
    }

    pub(super) fn rows(&self) -> usize {
        self.samples.len()
    }

    /// The row of a place's sample.
    pub(super) fn row(&self, place: Place) -> usize {
        self.samples.partition_point(|&sample| sample < place.sample)
    }

    /// Up and down at θ, held at these places with these slopes.
    pub(super) fn run(&mut self, objective: &MlpObjective, theta: &[f64], held: &[(Place, f64)]) {
        let rows = self.rows();
        if rows == 0 {
            return;
        }
        let of = |&(place, slope): &(Place, f64)| {
            let index = place.neuron * rows + self.row(place);
            Held { layer: place.layer, index, slope, z: 0.0 }
        };
        let held: Vec<Held> = held.iter().map(of).collect();
        let (net, part, rule) = (&objective.net, self.block.part(), (objective.loss, objective.share()));
        self.tape.hold(&held);
        self.tape.up(net, theta, part, Keep::Slopes);
        self.tape.down(net, theta, part, Keep::Slopes, rule, Some((Write::Replace, &mut self.gradient)));
    }

    /// H_l, a sample a row; H_0 = X.
    pub(super) fn states(&self, l: usize, width: usize) -> DMatrixView<'_, f64> {
        if l == 0 { self.block.x.as_view() } else { matrix(&self.tape.states[l - 1], self.rows(), width) }
    }

    /// σ_l′(Z_l), or the slopes at which neurons are held; none of an identity.
    pub(super) fn slopes(&self, l: usize, width: usize) -> Option<DMatrixView<'_, f64>> {
        let slopes = &self.tape.slopes[l - 1];
        (!slopes.is_empty()).then(|| matrix(slopes, self.rows(), width))
    }

    /// What enters the neuron.
    pub(super) fn z(&self, objective: &MlpObjective, theta: &[f64], place: Place) -> f64 {
        let (net, l, k) = (&objective.net, place.layer, place.neuron);
        let state = self.states(l - 1, net.widths()[l - 1]);
        let bias = net.bias(theta, l).map_or(0.0, |bias| bias[k]);
        net.weight(theta, l).row(k).dot(&state.row(self.row(place))) + bias
    }

    /// ∂ℒ/∂h of the neuron: by how much a slope moves the gradient along ∇z.
    pub(super) fn pull(&self, objective: &MlpObjective, theta: &[f64], place: Place) -> f64 {
        let (net, l, row) = (&objective.net, place.layer, self.row(place));
        if l < net.depth() {
            let errors = matrix(&self.tape.errors[l], self.rows(), net.widths()[l + 1]);
            return net.weight(theta, l + 1).column(place.neuron).dot(&errors.row(row).transpose());
        }
        let outputs = net.output_dim();
        let mut top: Vec<f64> = self.states(l, outputs).row(row).iter().copied().collect();
        objective.loss.gradient(
            objective.share(),
            DMatrixViewMut::from_slice(&mut top, 1, outputs),
            self.block.y.rows(row, 1).clone_owned().as_view(),
        );
        top[place.neuron]
    }
}

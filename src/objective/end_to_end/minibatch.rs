//! ∇ℒ_B of B samples: the chain with R of these alone, copied side by side.

use std::marker::PhantomData;
use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::linalg::on_threads;
use crate::objective::chain::{Chain, Scratch};
use crate::objective::{BatchGradient, Samples};

use super::{Columns, Measurement, Room};

/// The gradients of batches of at most a given size.
pub(super) struct Minibatch<'a, M> {
    chain: &'a Chain,
    samples: Arc<Samples>,
    threads: usize,
    /// A short batch takes the first columns.
    inputs: DMatrix<f64>,
    labels: DMatrix<f64>,
    room: Room,
    scratch: Scratch,
    measurement: PhantomData<M>,
}

impl<'a, M: Measurement> Minibatch<'a, M> {
    pub(super) fn new(chain: &'a Chain, samples: Arc<Samples>, size: usize, threads: usize) -> Self {
        Self {
            chain,
            threads,
            inputs: DMatrix::zeros(samples.inputs.nrows(), size),
            labels: DMatrix::zeros(samples.labels.nrows(), size),
            room: Room::new::<M>(&chain.net, size),
            scratch: chain.scratch(),
            samples,
            measurement: PhantomData,
        }
    }
}

impl<M: Measurement> BatchGradient for Minibatch<'_, M> {
    fn moved_gradient(&mut self, batch: &[u32], moves: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Self { chain, samples, threads, inputs, labels, room, scratch, .. } = self;
        samples.gather(batch, moves, inputs, labels);
        let of = Columns { inputs: inputs.columns(0, batch.len()), labels: labels.columns(0, batch.len()) };
        on_threads(*threads, || {
            chain.rise(scratch, theta.as_slice());
            let (product, residual) = chain.product_and_residual(scratch, theta.as_slice());
            room.close::<M>(product, of, residual);
            chain.fall(scratch, theta.as_slice(), gradient.as_mut_slice());
        });
    }
}

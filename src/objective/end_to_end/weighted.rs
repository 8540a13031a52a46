//! Σ_i w_i ∇ℓ_i: the chain with R = 𝒜*((𝒜(P) − y)·diag(w)).

use std::marker::PhantomData;
use std::sync::Arc;

use nalgebra::DVector;

use crate::linalg::on_threads;
use crate::objective::chain::{Chain, Scratch};
use crate::objective::{Samples, WeightedGradient};

use super::{Columns, Measurement, Room};

/// The weighted gradient over all samples.
pub(super) struct WeightedMeasurements<M> {
    chain: Chain,
    samples: Arc<Samples>,
    threads: usize,
    room: Room,
    scratch: Scratch,
    measurement: PhantomData<M>,
}

impl<M: Measurement> WeightedMeasurements<M> {
    pub(super) fn new(chain: Chain, samples: Arc<Samples>, threads: usize) -> Self {
        let (room, scratch) = (Room::new::<M>(&chain.net, samples.count()), chain.scratch());
        Self { chain, samples, threads, room, scratch, measurement: PhantomData }
    }
}

impl<M: Measurement> WeightedGradient for WeightedMeasurements<M> {
    fn weighted_gradient(&mut self, weights: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Self { chain, samples, threads, room, scratch, .. } = self;
        assert_eq!(weights.len(), samples.count(), "there is one weight for each sample");
        let of = Columns { inputs: samples.inputs.as_view(), labels: samples.labels.as_view() };
        on_threads(*threads, || {
            chain.rise(scratch, theta.as_slice());
            let (product, residual) = chain.product_and_residual(scratch, theta.as_slice());
            room.close_weighted::<M>(product, of, weights, residual);
            chain.fall(scratch, theta.as_slice(), gradient.as_mut_slice());
        });
    }

    fn pullback(&mut self, errors: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Self { chain, samples, threads, room, scratch, .. } = self;
        assert_eq!(errors.len(), samples.labels.len(), "there is one error for each label");
        let of = Columns { inputs: samples.inputs.as_view(), labels: samples.labels.as_view() };
        on_threads(*threads, || {
            chain.rise(scratch, theta.as_slice());
            let (_, residual) = chain.product_and_residual(scratch, theta.as_slice());
            room.pull_back::<M>(errors, of, residual);
            chain.fall(scratch, theta.as_slice(), gradient.as_mut_slice());
        });
    }
}

//! The gradients that an optimizer steps along: of all samples or of a batch, with the noise that its settings ask for.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::objective::{BatchGradient, Objective};
use crate::optim::{BatchStream, Batching, NoiseStream, Optimizer};

use super::Problem;

/// Where one optimizer's gradients come from.
pub(crate) struct Gradients<'a> {
    objective: &'a dyn Objective,
    /// Present where the gradient is not that of all samples as they are.
    minibatches: Option<Minibatches<'a>>,
    /// Present where the optimizer adds any.
    noise: Option<NoiseStream>,
}

struct Minibatches<'a> {
    batches: BatchStream,
    minibatch: Box<dyn BatchGradient + 'a>,
    /// d_L.
    outputs: usize,
    /// ⌈n/B⌉.
    per_epoch: u64,
}

impl<'a> Gradients<'a> {
    pub(crate) fn new(settings: &Optimizer, seed: u64, problem: &'a Problem) -> Self {
        let noise = settings.noise();
        Self {
            objective: &*problem.objective,
            minibatches: Minibatches::new(settings, seed, problem),
            noise: noise.is_some().then(|| NoiseStream::new(noise, seed, settings.name())),
        }
    }

    /// Whether they are of batches.
    pub(super) fn are_of_batches(&self) -> bool {
        self.minibatches.is_some()
    }

    /// Steps of an epoch, 1 without batches.
    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.minibatches.as_ref().map_or(1, |minibatches| minibatches.per_epoch)
    }

    /// `gradient` ← that of a step of time `time` from θ, without decay. `is_full`: it is ∇ℒ(θ) already.
    pub(crate) fn form(&mut self, time: f64, theta: &DVector<f64>, is_full: bool, gradient: &mut DVector<f64>) {
        let Self { objective, minibatches, noise } = self;
        match minibatches {
            Some(Minibatches { batches, minibatch, outputs, .. }) => {
                let batch = batches.draw();
                let moves = noise.as_mut().map_or(&[][..], |noise| noise.moves(batch.len() * *outputs));
                minibatch.moved_gradient(batch, moves, theta, gradient);
            }
            None if is_full => {}
            None => objective.loss_gradient(theta, gradient),
        }
        if let Some(noise) = noise {
            noise.shake(time, gradient.as_mut_slice());
        }
    }

    /// The samples of the gradient formed last; none without batches.
    pub(crate) fn batch(&self) -> &[u32] {
        self.minibatches.as_ref().map_or(&[], |minibatches| minibatches.batches.drawn())
    }

    /// Takes or replaces the state of their random streams.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.minibatches.as_mut().map_or(Ok(()), |minibatches| minibatches.batches.archive(archive))?;
        self.noise.as_mut().map_or(Ok(()), |noise| noise.archive(archive))
    }
}

impl<'a> Minibatches<'a> {
    /// `None` where each batch is all samples as they are, each once: the full gradient is the same, and cheaper.
    fn new(settings: &Optimizer, seed: u64, problem: &'a Problem) -> Option<Self> {
        let samples = problem.samples.clone()?;
        let (batches, size) = batches(settings, seed, samples.count())?;
        let (outputs, per_epoch) = (samples.outputs(), samples.count().div_ceil(size) as u64);
        Some(Self { batches, minibatch: problem.objective.batches()?.minibatch(samples, size), outputs, per_epoch })
    }
}

/// The stream of batches and their size, for an optimizer on this many samples; `None` where it takes full gradients.
pub(crate) fn batches(settings: &Optimizer, seed: u64, samples: usize) -> Option<(BatchStream, usize)> {
    let Batching { size, replacement } = settings.batches_of(samples)?;
    Some((BatchStream::new(samples, size, replacement, seed, settings.name()), size))
}

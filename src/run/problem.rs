//! The problem of a scenario: its data, its objective and its start.

use std::borrow::Cow;
use std::thread;

use crate::data::{Data, DatasetError};
use crate::linalg::SvdError;
use crate::loss::Loss;
use crate::machine::free_memory;
use crate::network::{Architecture, Conserved, init};
use crate::observe::{KernelTooLarge, Measure, Snapshot, check_kernel, registry};
use crate::scenario::{Scenario, ScenarioError};

use super::training::Training;
use super::{Memory, MemoryError, Problem};

/// Why a valid scenario cannot be run: its files do not fit, its numbers overflow, or it needs too much memory.
#[derive(Debug, thiserror::Error)]
pub enum ProblemError {
    /// It needs more memory than it may take.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The samples cannot be drawn or read.
    #[error("{error}")]
    Data {
        /// The key of the scenario's data.
        key: &'static str,
        /// What is wrong with them.
        error: DatasetError,
    },
    /// The labels of a drawn target overflowed.
    #[error("the target's values overflow: take smaller singular values or less noise")]
    TargetOverflows,
    /// An array does not fit `network.widths`: X must have d_0 columns and Y d_L, and measurements and moments likewise.
    #[error("{name} has {found} {axis}, but network.widths {end} with {wanted}")]
    DataShape {
        /// The key of the scenario's data.
        key: &'static str,
        /// The name of the array.
        name: &'static str,
        /// `columns` or `rows`.
        axis: &'static str,
        /// How many of them it has.
        found: usize,
        /// `begin` or `end`: where `network.widths` give d_0 or d_L.
        end: &'static str,
        /// d_0 or d_L.
        wanted: usize,
    },
    /// The file of the start does not hold the weights of this network.
    #[error(transparent)]
    Start(#[from] init::FileError),
    /// A minibatch is larger than the number of samples.
    #[error("must be at most {samples}, the number of samples in the file, got {batch}")]
    Batch {
        /// The optimizer's index in the scenario.
        index: usize,
        /// The key that selects its kind.
        kind: &'static str,
        /// The size asked for.
        batch: usize,
        /// n.
        samples: usize,
    },
    /// Labels are masked, or ℒ is not a mean over samples.
    #[error("the tangent kernel needs samples with all their labels, which these data lack: leave ntk out")]
    NoKernel {
        /// The index in the scenario's `measure`.
        index: usize,
    },
    /// The tangent kernel on the samples of a file is too large.
    #[error("{error}")]
    Kernel {
        /// The index in the scenario's `measure`.
        index: usize,
        /// Its size.
        error: KernelTooLarge,
    },
    /// X/√n has no singular value decomposition: its entries overflow, or it did not converge.
    #[error("the inputs cannot be decomposed ({0}): scale them to moderate size")]
    Moments(#[from] SvdError),
    /// A file could be read for its arrays, but not for its digest.
    #[error(transparent)]
    Hash(#[from] ScenarioError),
    /// W_L ⋯ W_1 or another product of the start's weights is not finite, so that the start cannot be observed.
    #[error("the start's weights or their products overflow ({0}): start from smaller weights")]
    StartOverflows(SvdError),
    /// The product of the layers' norms, or its square, overflows.
    #[error("the start's weights or their products overflow (Π‖W_l‖ = {product:e}): start from smaller weights")]
    StartProducts {
        /// Π_l ‖W_l‖_F at the start.
        product: f64,
    },
    /// `stop` asks for an accuracy, which is undefined for these labels.
    #[error(
        "the accuracy is not defined, because a label names no class: it is ½, or two of its probabilities are the largest; stop at a loss or a grad_norm"
    )]
    NoAccuracy,
    /// J or its gradient is not finite at the start.
    #[error("the loss at the start is {loss}, its gradient {gradient}: scale the data to moderate size")]
    LossOverflows {
        /// J(θ(0)).
        loss: f64,
        /// ‖∇J(θ(0))‖.
        gradient: f64,
    },
}

impl ProblemError {
    /// The key of the scenario that caused it.
    pub fn key(&self) -> Cow<'static, str> {
        match self {
            Self::Memory(error) => error.part.key().into(),
            Self::Data { error: DatasetError::Whiten(_), .. } => "data.synthetic.inputs.whiten".into(),
            Self::Data { error: DatasetError::WhitenFile { .. }, .. } => "data.file.whiten".into(),
            Self::Data { error: DatasetError::NoClosedForm, .. } => "data.synthetic.inputs.samples".into(),
            Self::Data { key, .. } | Self::DataShape { key, .. } => format!("{key}.path").into(),
            Self::TargetOverflows => "data.synthetic.target".into(),
            Self::Start(_) => "init.file.path".into(),
            Self::StartOverflows(_) | Self::StartProducts { .. } => "init".into(),
            Self::NoAccuracy => "stop.accuracy".into(),
            Self::Batch { index, kind, .. } => format!("optimizers[{index}].{kind}.batch").into(),
            Self::Kernel { index, .. } | Self::NoKernel { index } => format!("measure[{index}]").into(),
            Self::Moments(_) | Self::LossOverflows { .. } | Self::Hash(_) => "data".into(),
        }
    }
}

impl Problem {
    /// Draws or reads the data and the start. A linear network under the mean squared loss needs the moments of the samples only: they are
    /// forgotten unless minibatches need them. A run takes as many threads as the machine has, and one that takes more memory than is free is
    /// refused.
    pub fn new(scenario: &Scenario) -> Result<Self, ProblemError> {
        Self::within(scenario, free_memory().unwrap_or(u64::MAX))
    }

    /// The same, for a run that may take `memory` bytes ([`Memory`]).
    pub fn within(scenario: &Scenario, memory: u64) -> Result<Self, ProblemError> {
        Self::with_threads(scenario, thread::available_parallelism().map_or(1, usize::from), memory)
    }

    /// The same on at most this many threads, 1 at least: large gradients take them, and the processes and their observation as far as memory
    /// allows. The results have the same bits.
    pub fn with_threads(scenario: &Scenario, threads: usize, memory: u64) -> Result<Self, ProblemError> {
        let needed = Memory::of(scenario);
        needed.check(memory)?;
        let architecture = Architecture::of(&scenario.network);
        let training = Training::of(scenario, &architecture, threads)?;
        if let Some(index) = scenario.measure.iter().position(|&measure| measure == Measure::Ntk) {
            let samples = training.count.ok_or(ProblemError::NoKernel { index })?;
            let rows = scenario.kernel_rows(samples as u64);
            check_kernel(rows).map_err(|error| ProblemError::Kernel { index, error })?;
        }
        let start = init::start(&scenario.init, &architecture, &scenario.layer_rates, scenario.seed)?;
        let Training { objective, test, samples, constant_loss, target_agop, classified, .. } = training;
        let scenario_hash = scenario.hash()?;
        let mut notes: Vec<String> = classified.then(|| class_note(scenario.loss).to_string()).into_iter().collect();
        notes.extend(layer_notes(scenario, &architecture));
        let decomposed = registry::groups().any(|group| group.is_decomposed() && scenario.observes(group));
        let problem = Self {
            rates: scenario.layer_rates.clone(),
            test,
            constant_loss,
            target_agop,
            samples,
            threads: needed.threads_within(memory, threads),
            decomposed,
            notes,
            scenario_hash,
            ..Self::new_bare(objective, start)
        };
        let problem = problem.with_kinks(&scenario.flow);
        problem.check_start()?;
        let asks_for_accuracy = scenario.stop.as_ref().is_some_and(|stop| stop.accuracy.is_some());
        if asks_for_accuracy && problem.objective.accuracy(problem.start.values()).is_nan() {
            return Err(ProblemError::NoAccuracy);
        }
        Ok(problem)
    }

    /// Whether building the problem takes more than about a second or 200 MB: drawing or reading its samples and decomposing them, drawing
    /// its start and observing it. Counted in operations of matrix products.
    pub fn is_large(scenario: &Scenario) -> bool {
        const OPERATIONS: f64 = 5e8;
        const BYTES: u64 = 200_000_000;
        let widths: Vec<f64> = scenario.network.widths.iter().map(|&width| width as f64).collect();
        let (inputs, outputs) = (widths.first().copied().unwrap_or(0.0), widths.last().copied().unwrap_or(0.0));
        let samples = match &scenario.data {
            Data::Synthetic(data) => (data.inputs.samples.count().unwrap_or(0) + data.test) as f64,
            // The samples of a file are only read.
            Data::File(_) | Data::Sensing(_) | Data::Moments(_) => 0.0,
        };
        let layers = widths.windows(2);
        let through: f64 = layers.clone().map(|pair| pair[0] * pair[1]).sum();
        let decomposed: f64 = layers.map(|pair| 20.0 * pair[0] * pair[1] * pair[0].min(pair[1])).sum();
        let drawn = samples * (inputs + outputs) * (50.0 + 8.0 * inputs.min(samples));
        let squares: f64 = widths.iter().map(|width| 10.0 * width * width).sum();
        let jacobians = if scenario.network.is_linear() { 0.0 } else { samples * outputs * (6.0 * through + squares) };
        drawn + decomposed + jacobians + 50.0 * through > OPERATIONS || Memory::of(scenario).total() > BYTES
    }

    /// Checks that the start can be observed, and that the loss is finite there.
    fn check_start(&self) -> Result<(), ProblemError> {
        Snapshot::new(0.0, &self.start, &*self.objective, None).map_err(ProblemError::StartOverflows)?;
        let (loss, gradient) = self.at_start();
        if loss.is_finite() && gradient.is_finite() {
            return Ok(());
        }
        // The weights alone, whatever the data.
        let layers = 1..=self.start.architecture().depth();
        let product: f64 = layers.map(|l| self.start.weight(l).norm()).product();
        if (product * product).is_finite() {
            Err(ProblemError::LossOverflows { loss, gradient })
        } else {
            Err(ProblemError::StartProducts { product })
        }
    }
}

/// What is null or not done because layers have rates or decays of their own.
fn layer_notes(scenario: &Scenario, net: &Architecture) -> Vec<String> {
    let mut notes = Vec::new();
    let rates = &scenario.layer_rates;
    let conserves =
        (1..net.depth()).any(|l| net.conserved(l) != Conserved::Nothing && !rates.freeze(l) && !rates.freeze(l + 1));
    if conserves && scenario.balance_law().rate().is_none() {
        notes.push(
            "balance_law_residual, balance_law_residual_relative and balance_gap_over_envelope are null: κ_lλ_l is not the same for all \
             layers, so that D_l does not decay as e^(−2ct)"
                .to_string(),
        );
    }
    if net.has_kinks() && scenario.flow.kink > 0.0 && !rates.are_one() {
        notes.push(
            "flow: with layer_rates it does not slide along kinks but steps across them, in steps as short as rtol asks, and no \
             `sliding` events are recorded"
                .to_string(),
        );
    }
    notes
}

/// How a drawn target was turned into classes.
fn class_note(loss: Loss) -> &'static str {
    match loss {
        Loss::CrossEntropy => {
            "data: the target's values became classes for cross_entropy, 1 at the largest of each sample and 0 elsewhere"
        }
        _ => "data: the target's values became classes for logistic, 1 where greater than 0 and 0 elsewhere",
    }
}

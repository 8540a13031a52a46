//! What a scenario amounts to: its data's moments, its objective, its start.

use std::borrow::Cow;
use std::sync::Arc;
use std::thread;

use nalgebra::DMatrix;

use crate::data::{Data, Dataset, DatasetError, Moments, Split, target_agop};
use crate::flow::GradientFlow;
use crate::linalg::SvdError;
use crate::machine::free_memory;
use crate::network::{Architecture, Conserved, LayerRates, Parameters, init};
use crate::objective::{LinearObjective, MlpObjective, Objective, Samples};
use crate::observe::Snapshot;
use crate::scenario::{Scenario, ScenarioError};
use crate::settings::{Loss, Optimizer, Sgd};

use super::{Memory, MemoryError};

/// Where slopes jump, a sample that a flow shuttles across a kink is as near to it as its steps are long, a few times rtol: that or this, in
/// units of the layer's outputs, is what passes for on the kink.
const WATCHED: f64 = 1e-6;

/// The training problem of a scenario.
pub struct Problem {
    /// θ(0), where the flow and every optimizer start.
    pub start: Parameters,
    /// J = ℒ + Σ_l (λ_l/2)‖θ_l‖².
    pub objective: Box<dyn Objective>,
    /// κ_l of the flow.
    pub rates: LayerRates,
    /// Whether the flow slides along kinks if its integrator can.
    pub slides: bool,
    /// A sample as near to a kink as this share of its layer's outputs, in the root mean square, is on it.
    pub on_kink: f64,
    /// J on the test samples, where the scenario has some.
    pub test: Option<Box<dyn Objective>>,
    /// ℒ of the best constant function.
    pub constant_loss: f64,
    /// R with RᵀR the AGOP of the target, of data that were drawn from one.
    pub target_agop: Option<DMatrix<f64>>,
    /// The samples themselves, where an optimizer of the scenario takes minibatches.
    pub samples: Option<Arc<Samples>>,
    /// What of the scenario was changed to make a problem of it.
    pub notes: Vec<String>,
    /// The hash of the scenario, the contents of its files included: [`Scenario::hash`].
    pub scenario_hash: String,
}

impl Clone for Problem {
    /// With objectives of its own, for another thread.
    fn clone(&self) -> Self {
        Self {
            start: self.start.clone(),
            objective: self.objective.duplicate(),
            rates: self.rates.clone(),
            slides: self.slides,
            on_kink: self.on_kink,
            test: self.test.as_ref().map(|test| test.duplicate()),
            constant_loss: self.constant_loss,
            target_agop: self.target_agop.clone(),
            samples: self.samples.clone(),
            notes: self.notes.clone(),
            scenario_hash: self.scenario_hash.clone(),
        }
    }
}

/// Why a valid scenario is no problem: what its files hold does not fit.
#[derive(Debug, thiserror::Error)]
pub enum ProblemError {
    /// It takes more memory than it may.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The samples cannot be drawn or read.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// X does not have d_0 columns, or Y not d_L.
    #[error("{name} has {found} columns, and network.widths {end} with {wanted}")]
    DataShape {
        /// `X` or `Y`.
        name: &'static str,
        /// Columns of the array.
        found: usize,
        /// `begin` or `end`: where `network.widths` say d_0 or d_L.
        end: &'static str,
        /// d_0 or d_L.
        wanted: usize,
    },
    /// The file of the start does not hold the weights of this network.
    #[error(transparent)]
    Start(#[from] init::FileError),
    /// A minibatch is to hold more samples than there are.
    #[error("must be at most {samples}, the number of samples in the file, got {batch}")]
    Batch {
        /// Which of the scenario's optimizers.
        index: usize,
        /// The size asked for.
        batch: usize,
        /// n.
        samples: usize,
    },
    /// X/√n has no singular value decomposition: its entries overflow, or it did not converge.
    #[error("the inputs cannot be decomposed ({0}): scale them to moderate size")]
    Moments(#[from] SvdError),
    /// A file was read for its arrays and cannot be read for its digest.
    #[error(transparent)]
    Hash(#[from] ScenarioError),
    /// W_L ⋯ W_1 or another product of the start's weights is not finite, so that the start cannot be observed.
    #[error("the start's weights or their products overflow ({0}): start from smaller weights")]
    StartOverflows(SvdError),
    /// The product of the layers' norms overflows, or its square.
    #[error("the start's weights or their products overflow (Π‖W_l‖ = {product:e}): start from smaller weights")]
    StartProducts {
        /// Π_l ‖W_l‖_F at the start.
        product: f64,
    },
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
    /// The key of the scenario that brought it about.
    pub fn key(&self) -> Cow<'static, str> {
        match self {
            Self::Memory(error) => error.part.key().into(),
            Self::Data(DatasetError::Whiten(_)) => "data.synthetic.inputs.whiten".into(),
            Self::Data(_) | Self::DataShape { .. } => "data.file.path".into(),
            Self::Start(_) => "init.file.path".into(),
            Self::StartOverflows(_) | Self::StartProducts { .. } => "init".into(),
            Self::Batch { index, .. } => format!("optimizers[{index}].sgd.batch").into(),
            Self::Moments(_) | Self::LossOverflows { .. } | Self::Hash(_) => "data".into(),
        }
    }
}

impl Problem {
    /// Draws or reads the data and the start. A linear network under the mean squared loss needs the moments of the samples only: they are
    /// forgotten unless minibatches need them. Large gradients take as many threads as the machine has, and a run that takes more memory
    /// than is free is refused.
    pub fn new(scenario: &Scenario) -> Result<Self, ProblemError> {
        Self::within(scenario, free_memory().unwrap_or(u64::MAX))
    }

    /// The same, but that the run may take so many bytes of memory ([`Memory`]).
    pub fn within(scenario: &Scenario, memory: u64) -> Result<Self, ProblemError> {
        Self::with_threads(scenario, thread::available_parallelism().map_or(1, usize::from), memory)
    }

    /// The same, whose gradients take at most this many threads, 1 at least; the results have the same bits.
    pub fn with_threads(scenario: &Scenario, threads: usize, memory: u64) -> Result<Self, ProblemError> {
        Memory::of(scenario).check(memory)?;
        let architecture = Architecture::of(&scenario.network);
        let Split { train: data, test, classified } = scenario.split()?;
        if let Data::File(_) = scenario.data {
            check_shapes(&data, &architecture)?;
        }
        let start = init::start(&scenario.init, &architecture, &scenario.layer_rates, scenario.seed)?;
        let objective = |data: &Dataset| -> Result<Box<dyn Objective>, ProblemError> {
            let (net, decay) = (architecture.clone(), scenario.weight_decay.clone());
            // By moments, where they say all: the cost is then free of n.
            Ok(if net.is_linear() && scenario.loss == Loss::Mse {
                Box::new(LinearObjective::new(net, Moments::new(data)?, decay).with_threads(threads))
            } else {
                Box::new(MlpObjective::new(net, Arc::new(data.clone()), scenario.loss, decay).with_threads(threads))
            })
        };
        let (objective, test) = (objective(&data)?, test.as_ref().map(objective).transpose()?);
        let minibatches = check_batches(&scenario.optimizers, data.x.nrows())?;
        let samples = minibatches.then(|| Arc::new(Samples::new(&data)));
        let target_agop = match &scenario.data {
            Data::Synthetic(synthetic) => Some(target_agop(synthetic, scenario.seed, &data.x).factor),
            Data::File(_) => None,
        };
        let rates = scenario.layer_rates.clone();
        let slides = scenario.flow.kink > 0.0 && rates.are_one();
        let on_kink = if slides { scenario.flow.kink } else { f64::max(WATCHED, 10.0 * scenario.flow.rtol) };
        let constant_loss = scenario.loss.of_the_best_constant(&data.y);
        let scenario_hash = scenario.hash()?;
        let mut notes: Vec<String> = classified.then(|| class_note(scenario.loss).to_string()).into_iter().collect();
        notes.extend(layer_notes(scenario, &architecture));
        let problem =
            Self { start, objective, rates, slides, on_kink, test, constant_loss, target_agop, samples, notes, scenario_hash };
        problem.check_start()?;
        Ok(problem)
    }

    /// Whether building the problem takes more than about a second or 200 MB: its samples are drawn or read and decomposed, its start is
    /// drawn, and the start is observed. Counted in operations of matrix products.
    pub fn is_large(scenario: &Scenario) -> bool {
        const OPERATIONS: f64 = 5e8;
        const BYTES: u64 = 200_000_000;
        let widths: Vec<f64> = scenario.network.widths.iter().map(|&width| width as f64).collect();
        let (inputs, outputs) = (widths.first().copied().unwrap_or(0.0), widths.last().copied().unwrap_or(0.0));
        let samples = match &scenario.data {
            Data::Synthetic(data) => (data.inputs.samples + data.test) as f64,
            // A file is there to be read.
            Data::File(_) => 0.0,
        };
        let layers = widths.windows(2);
        let through: f64 = layers.clone().map(|pair| pair[0] * pair[1]).sum();
        let decomposed: f64 = layers.map(|pair| 20.0 * pair[0] * pair[1] * pair[0].min(pair[1])).sum();
        let drawn = samples * (inputs + outputs) * (50.0 + 8.0 * inputs.min(samples));
        let squares: f64 = widths.iter().map(|width| 10.0 * width * width).sum();
        let jacobians = if scenario.network.is_linear() { 0.0 } else { samples * outputs * (6.0 * through + squares) };
        drawn + decomposed + jacobians + 50.0 * through > OPERATIONS || Memory::of(scenario).total() > BYTES
    }

    /// The gradient flow of J, sliding along kinks unless the scenario wants slopes to jump: for one integration.
    pub fn flow(&self) -> GradientFlow<'_> {
        if self.slides {
            GradientFlow::sliding(&*self.objective)
        } else {
            GradientFlow::with_rates(&*self.objective, &self.rates, &self.start)
        }
    }

    /// `atol`, an error of θ, as one of the variables φ_l = θ_l/√κ_l in which the flow is integrated.
    pub fn atol(&self, atol: f64) -> f64 {
        atol / self.rates.range().1.sqrt()
    }

    /// The start can be observed, and the loss is finite there.
    fn check_start(&self) -> Result<(), ProblemError> {
        Snapshot::new(0.0, &self.start, &*self.objective, None).map_err(ProblemError::StartOverflows)?;
        let theta = self.start.values();
        let mut gradient = theta.clone();
        self.objective.gradient(theta, &mut gradient);
        let (loss, gradient) = (self.objective.value(theta), gradient.norm());
        if loss.is_finite() && gradient.is_finite() {
            return Ok(());
        }
        // The weights by themselves, whatever the data.
        let layers = 1..=self.start.architecture().depth();
        let product: f64 = layers.map(|l| self.start.weight(l).norm()).product();
        if (product * product).is_finite() {
            Err(ProblemError::LossOverflows { loss, gradient })
        } else {
            Err(ProblemError::StartProducts { product })
        }
    }
}

/// What layers with rates or decays of their own do not have, where others would.
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
    let kinked = (1..=net.depth()).any(|l| net.activation(l).kink().is_some());
    if kinked && scenario.flow.kink > 0.0 && !rates.are_one() {
        notes.push(
            "flow: with layer_rates it does not slide along kinks but steps across them, in steps as short as rtol asks, and no events \
             `sliding` are looked for"
                .to_string(),
        );
    }
    notes
}

/// How a drawn target became classes.
fn class_note(loss: Loss) -> &'static str {
    match loss {
        Loss::CrossEntropy => {
            "data: the target's values became classes for cross_entropy, 1 at the largest of each sample and 0 elsewhere"
        }
        _ => "data: the target's values became classes for logistic, 1 where greater than 0 and 0 elsewhere",
    }
}

/// Whether there are minibatches. A batch of all samples, each once, is none: its gradient is the full one.
fn check_batches(optimizers: &[Optimizer], samples: usize) -> Result<bool, ProblemError> {
    let mut minibatches = false;
    for (index, optimizer) in optimizers.iter().enumerate() {
        if let &Optimizer::Sgd(Sgd { batch: Some(batch), replacement, .. }) = optimizer {
            if batch > samples {
                return Err(ProblemError::Batch { index, batch, samples });
            }
            minibatches |= batch < samples || replacement;
        }
    }
    Ok(minibatches)
}

fn check_shapes(data: &Dataset, architecture: &Architecture) -> Result<(), ProblemError> {
    let check = |name, m: &DMatrix<f64>, end, wanted| {
        let found = m.ncols();
        if found == wanted { Ok(()) } else { Err(ProblemError::DataShape { name, found, end, wanted }) }
    };
    check("X", &data.x, "begin", architecture.input_dim())?;
    check("Y", &data.y, "end", architecture.output_dim())
}

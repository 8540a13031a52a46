//! What a scenario trains on: the objective, for every form in which data define ℒ.
//!
//! | data | network | objective |
//! | --- | --- | --- |
//! | samples, all labels observed | linear, mse | by moments ([`LinearObjective`]), at a cost independent of n |
//! | samples, a mask of labels | linear, mse | by the end-to-end matrix ([`EndToEndObjective`]) |
//! | samples | any other | backpropagation ([`MlpObjective`]) |
//! | measurements | linear, mse | by the end-to-end matrix |
//! | moments, a population | linear, mse | by moments |

use std::sync::Arc;

use nalgebra::DMatrix;

use crate::data::{Data, Dataset, DatasetError, Moments, Sensing, Split, population_moments, target_agop};
use crate::loss::Loss;
use crate::network::Architecture;
use crate::objective::{EndToEndObjective, LinearObjective, MlpObjective, Objective, Samples};
use crate::optim::Optimizer;
use crate::scenario::Scenario;

use super::ProblemError;

/// What [`Problem`](super::Problem) needs from the data.
pub(super) struct Training {
    pub(super) objective: Box<dyn Objective>,
    pub(super) test: Option<Box<dyn Objective>>,
    pub(super) samples: Option<Arc<Samples>>,
    /// n, or 0 for moments; `None` where labels are masked or ℒ is not a mean over samples, so that there is no tangent kernel.
    pub(super) count: Option<usize>,
    pub(super) constant_loss: f64,
    pub(super) target_agop: Option<DMatrix<f64>>,
    pub(super) classified: bool,
}

impl Training {
    /// Gradients use at most `threads` threads.
    pub(super) fn of(scenario: &Scenario, net: &Architecture, threads: usize) -> Result<Self, ProblemError> {
        match &scenario.data {
            Data::Sensing(file) => {
                let sensing = Sensing::read(&file.path).map_err(|error| refused(&scenario.data, error))?;
                Self::of_sensing(scenario, net, threads, &sensing)
            }
            Data::Moments(file) => {
                let moments = Moments::read(&file.path).map_err(|error| refused(&scenario.data, error))?;
                Self::of_moments(scenario, net, threads, moments, None)
            }
            Data::Synthetic(data) if scenario.data.is_moments() => {
                let moments = population_moments(data, scenario.seed).map_err(|error| refused(&scenario.data, error))?;
                let agop = target_agop(data, scenario.seed, &DMatrix::zeros(0, data.inputs.dim));
                Self::of_moments(scenario, net, threads, moments, agop.closed.then_some(agop.factor))
            }
            Data::Synthetic(_) | Data::File(_) => Self::of_samples(scenario, net, threads),
        }
    }

    fn of_samples(scenario: &Scenario, net: &Architecture, threads: usize) -> Result<Self, ProblemError> {
        let Split { train: data, test, classified } = scenario.split().map_err(|error| refused(&scenario.data, error))?;
        let drawn = matches!(scenario.data, Data::Synthetic(_));
        if !drawn {
            check(&scenario.data, "X", "columns", data.x.ncols(), Begin(net))?;
            check(&scenario.data, "Y", "columns", data.y.ncols(), End(net))?;
        }
        // NaN marks labels of a file that were not observed.
        if drawn && !data.is_complete() {
            return Err(ProblemError::TargetOverflows);
        }
        let objective = |data: &Dataset| -> Result<Box<dyn Objective>, ProblemError> {
            let (net, decay) = (net.clone(), scenario.weight_decay.clone());
            let by_map = net.is_linear() && scenario.loss == Loss::Mse;
            // By moments where they suffice: the cost is then independent of n.
            Ok(if by_map && data.is_complete() {
                Box::new(LinearObjective::new(net, Moments::new(data)?, decay).with_threads(threads))
            } else if by_map {
                Box::new(EndToEndObjective::observed(net, data, decay).with_threads(threads))
            } else {
                Box::new(MlpObjective::new(net, Arc::new(data.clone()), scenario.loss, decay).with_threads(threads))
            })
        };
        let (objective, test) = (objective(&data)?, test.as_ref().map(objective).transpose()?);
        let minibatches = check_batches(&scenario.optimizers, data.x.nrows())?;
        let target_agop = match &scenario.data {
            Data::Synthetic(synthetic) => Some(target_agop(synthetic, scenario.seed, &data.x).factor),
            _ => None,
        };
        Ok(Self {
            objective,
            test,
            samples: minibatches.then(|| Arc::new(Samples::new(&data))),
            count: data.is_complete().then(|| data.x.nrows()),
            constant_loss: scenario.loss.of_the_best_constant(&data.y),
            target_agop,
            classified,
        })
    }

    fn of_sensing(scenario: &Scenario, net: &Architecture, threads: usize, data: &Sensing) -> Result<Self, ProblemError> {
        check(&scenario.data, "Every A[k]", "rows", data.shape.0, End(net))?;
        check(&scenario.data, "Every A[k]", "columns", data.shape.1, Begin(net))?;
        let objective = EndToEndObjective::sensing(net.clone(), data, scenario.weight_decay.clone()).with_threads(threads);
        let minibatches = check_batches(&scenario.optimizers, data.values.len())?;
        let samples = minibatches.then(|| objective.samples().clone());
        let constant_loss = data.zero_loss();
        Ok(Self {
            objective: Box::new(objective),
            test: None,
            samples,
            count: None,
            constant_loss,
            target_agop: None,
            classified: false,
        })
    }

    fn of_moments(
        scenario: &Scenario,
        net: &Architecture,
        threads: usize,
        moments: Moments,
        target_agop: Option<DMatrix<f64>>,
    ) -> Result<Self, ProblemError> {
        check(&scenario.data, "Sigma_x", "columns", moments.sigma_x.ncols(), Begin(net))?;
        check(&scenario.data, "Sigma_yx", "rows", moments.sigma_yx.nrows(), End(net))?;
        let constant_loss = moments.loss(&DMatrix::zeros(net.output_dim(), net.input_dim()));
        let objective = LinearObjective::new(net.clone(), moments, scenario.weight_decay.clone()).with_threads(threads);
        Ok(Self {
            objective: Box::new(objective),
            test: None,
            samples: None,
            count: Some(0),
            constant_loss,
            target_agop,
            classified: false,
        })
    }
}

fn refused(data: &Data, error: DatasetError) -> ProblemError {
    ProblemError::Data { key: data.key(), error }
}

/// The end of `network.widths` that gives the length of an axis.
enum Side<'a> {
    Begin(&'a Architecture),
    End(&'a Architecture),
}

use Side::{Begin, End};

fn check(data: &Data, name: &'static str, axis: &'static str, found: usize, side: Side) -> Result<(), ProblemError> {
    let (end, wanted) = match side {
        Begin(net) => ("begin", net.input_dim()),
        End(net) => ("end", net.output_dim()),
    };
    let key = data.key();
    if found == wanted { Ok(()) } else { Err(ProblemError::DataShape { key, name, axis, found, end, wanted }) }
}

/// Whether an optimizer takes minibatches. A batch of all samples as they are, each once, does not count: its gradient is the full one.
fn check_batches(optimizers: &[Optimizer], samples: usize) -> Result<bool, ProblemError> {
    let mut minibatches = false;
    for (index, optimizer) in optimizers.iter().enumerate() {
        let Some(batching) = optimizer.batching() else { continue };
        if batching.size > samples {
            return Err(ProblemError::Batch { index, kind: optimizer.kind(), batch: batching.size, samples });
        }
        minibatches |= optimizer.batches_of(samples).is_some();
    }
    Ok(minibatches)
}

//! What a scenario amounts to: its data's moments, its objective, its start.

use nalgebra::DMatrix;

use crate::data::{Dataset, DatasetError, Moments, dataset};
use crate::linalg::SvdError;
use crate::network::{Architecture, Parameters, init};
use crate::objective::{LinearObjective, Objective};
use crate::observe::Snapshot;
use crate::scenario::{Data, Scenario};

/// The training problem of a scenario.
pub struct Problem {
    pub start: Parameters,
    pub objective: LinearObjective,
}

/// Why a valid scenario is no problem: what its files hold does not fit.
#[derive(Debug, thiserror::Error)]
pub enum ProblemError {
    #[error(transparent)]
    Data(#[from] DatasetError),
    #[error("{name} has {found} columns, and network.widths {end} with {wanted}")]
    DataShape { name: &'static str, found: usize, end: &'static str, wanted: usize },
    #[error(transparent)]
    Start(#[from] init::FileError),
    #[error("the inputs cannot be decomposed ({0}): scale them to moderate size")]
    Moments(#[from] SvdError),
    #[error("the start's weights or their products overflow ({0}): start from smaller weights")]
    StartOverflows(SvdError),
    #[error("the loss at the start is {loss}, its gradient {gradient}: scale the data to moderate size")]
    LossOverflows { loss: f64, gradient: f64 },
}

impl ProblemError {
    /// The key of the scenario that brought it about.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Data(_) | Self::DataShape { .. } => "data.file.path",
            Self::Start(_) => "init.file.path",
            Self::StartOverflows(_) => "init",
            Self::Moments(_) | Self::LossOverflows { .. } => "data",
        }
    }
}

impl Problem {
    /// Draws or reads the data and the start, and forgets the samples: the objective needs their moments only.
    pub fn new(scenario: &Scenario) -> Result<Self, ProblemError> {
        let architecture = Architecture::new(&scenario.network.widths);
        let data = dataset(&scenario.data, scenario.seed)?;
        if let Data::File(_) = scenario.data {
            check_shapes(&data, &architecture)?;
        }
        let start = init::start(&scenario.init, &architecture, scenario.seed)?;
        let objective = LinearObjective::new(architecture, Moments::new(&data)?, scenario.weight_decay);
        let problem = Self { start, objective };
        problem.check_start()?;
        Ok(problem)
    }

    /// The start can be observed, and the loss is finite there.
    fn check_start(&self) -> Result<(), ProblemError> {
        Snapshot::new(0.0, &self.start, &self.objective, None).map_err(ProblemError::StartOverflows)?;
        let theta = self.start.values();
        let mut gradient = theta.clone();
        self.objective.gradient(theta, &mut gradient);
        let (loss, gradient) = (self.objective.value(theta), gradient.norm());
        if loss.is_finite() && gradient.is_finite() { Ok(()) } else { Err(ProblemError::LossOverflows { loss, gradient }) }
    }
}

fn check_shapes(data: &Dataset, architecture: &Architecture) -> Result<(), ProblemError> {
    let check = |name, m: &DMatrix<f64>, end, wanted| {
        let found = m.ncols();
        if found == wanted { Ok(()) } else { Err(ProblemError::DataShape { name, found, end, wanted }) }
    };
    check("X", &data.x, "begin", architecture.input_dim())?;
    check("Y", &data.y, "end", architecture.output_dim())
}

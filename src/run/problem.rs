//! What a scenario amounts to: its data's moments, its objective, its start.

use nalgebra::DMatrix;

use crate::data::{Dataset, DatasetError, Moments, dataset};
use crate::linalg::SvdError;
use crate::network::{Architecture, Parameters, init};
use crate::objective::LinearObjective;
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
    #[error("the moments of the data: {0}")]
    Moments(#[from] SvdError),
}

impl ProblemError {
    /// The key of the scenario that brought it about.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Data(_) | Self::DataShape { .. } => "data.file.path",
            Self::Start(_) => "init.file.path",
            Self::Moments(_) => "data",
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
        Ok(Self { start, objective })
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

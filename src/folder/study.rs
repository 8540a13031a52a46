//! The results and the manifest of a study of integrators.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{FolderError, read_study};
use crate::record::{Host, Process, REVISION, Table, VERSION, to_value};
use crate::scenario::Scenario;

/// The results of a study of integrators: all that its pictures are drawn from.
///
/// `table`, which is `study.parquet`, has one row per method and tolerance (or step):
///
/// | columns | are |
/// | --- | --- |
/// | `method`, `rtol`, `atol`, `step` | what integrated; a method with a fixed step has no tolerances, any other no step |
/// | `steps_accepted`, `steps_rejected`, `gradients` | its work; a Hessian–vector product counts as 2 |
/// | `wall_seconds` | its time, a median where it was short |
/// | `error` | ‖θ − θ_ref‖/‖θ_ref‖ at T; null where it did not reach T |
/// | `balance_law_residual`, `…_relative` | max_l ‖D_l(T) − e^{−2λT}D_l(0)‖_F, and over max_l ‖D_l(0)‖_F: no reference needed |
/// | `termination`, `t_reached` | why and where it stopped; `t_end` if at T |
/// | `reference_limited` | whether the error is within ten times the reference's own, and so may be the reference's |
/// | `reference_floor` | the reference's own error, as far as it is known; the same in every row |
#[derive(Debug, Clone)]
pub struct Study {
    /// The scenario's name.
    pub name: String,
    /// What was studied, in one line, shown under every picture's title.
    pub caption: String,
    /// One row per point.
    pub table: Table,
}

impl Study {
    /// Reads the table of a finished study; its manifest has the caption.
    pub(super) fn read(folder: &Path, scenario: &Scenario, manifest: &Value) -> Result<Self, FolderError> {
        let caption = manifest["caption"].as_str().unwrap_or_default().to_string();
        Ok(Self { name: scenario.name.clone(), caption, table: read_study(folder)? })
    }
}

/// `manifest.json` of a study's folder.
#[derive(Debug, Clone, Serialize)]
pub struct StudyManifest {
    /// What was studied: `integrators`.
    pub study: &'static str,
    /// gramflow's version.
    pub version: &'static str,
    /// The git revision that gramflow was built from, as in a run's manifest.
    pub git_revision: &'static str,
    /// What was studied, in one line.
    pub caption: String,
    /// SHA-256 of the canonical scenario, 64 hex digits.
    pub scenario_hash: String,
    /// The scenario's seed.
    pub seed: u64,
    /// The machine on which the wall times were measured.
    pub host: Host,
    /// The methods, in the order of the table.
    pub methods: Vec<&'static str>,
    /// The relative tolerances.
    pub rtol: Vec<f64>,
    /// The largest spectral radius ρ of ∇²J seen along the reference: the flow is stiff where ρT is large.
    pub spectral_radius: f64,
    /// The integrations that were tried as a reference, in order. The first that reached T is the reference, the second its check.
    pub reference: Vec<StudyReference>,
    /// The distance between the two over the norm of the first; null if there was no second.
    pub reference_floor: Option<f64>,
    /// What a reader must know before trusting the errors.
    pub warnings: Vec<String>,
}

/// An integration that was tried as a reference.
#[derive(Debug, Clone, Serialize)]
pub struct StudyReference {
    /// The method.
    pub method: &'static str,
    /// Its relative tolerance.
    pub rtol: f64,
    /// Its absolute tolerance.
    pub atol: f64,
    /// What it cost and how it ended.
    #[serde(flatten)]
    pub process: Process,
}

impl StudyManifest {
    /// The manifest of a study of integrators by this build on this machine.
    pub fn new(scenario_hash: String, seed: u64) -> Self {
        Self {
            study: "integrators",
            version: VERSION,
            git_revision: REVISION,
            caption: String::new(),
            scenario_hash,
            seed,
            host: Host::here(),
            methods: Vec::new(),
            rtol: Vec::new(),
            spectral_radius: f64::NAN,
            reference: Vec::new(),
            reference_floor: None,
            warnings: Vec::new(),
        }
    }

    /// The contents as a JSON object.
    pub fn to_value(&self) -> Value {
        to_value(self)
    }
}

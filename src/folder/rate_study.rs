//! What a study of learning rates leaves behind, beside the units that it is made from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::publish::{Shelf, Stage};
use crate::scenario::Scenario;

use super::{FolderError, parquet};
use crate::record::{Host, REVISION, Table, VERSION, to_value};

/// The results of a study of learning rates: all that its pictures are drawn from.
///
/// `runs`, which is `study.parquet`, has one row per optimizer, batch, learning rate and seed:
///
/// | columns | are |
/// | --- | --- |
/// | `optimizer`, `batch`, `lr`, `seed`, `unit` | what ran: `batch` samples a step (all there are for the full gradient), in which unit |
/// | `termination`, `steps`, `t`, `diverged_at` | `steps` if it took them all; the step that it diverged in, counted from 1, else null |
/// | `distance_to_flow`, `…_max` | ‖θ − θ_flow‖ at its last step, and the largest over its records; null where it diverged |
/// | `distance_to_modified_flow`, `distance_to_third_order_flow`, `distance_to_limit` | the same, of what it is compared with beside |
/// | `loss`, `nfa_cosine`, `nfa_alignment_residual`, `nfa_residual_relative` | at its last step |
/// | `lr_sharpness_max` | the largest η·λ_max(∇²J) over its records |
/// | `gradients`, `wall_seconds` | what it cost; a batch's gradient counts 1 |
/// | `gradients_to_loss`, `wall_seconds_to_loss` | until the loss that the manifest names is reached; null if it is not |
///
/// `curves` has one row per `optimizer`, `batch`, `compared_with`, `at` (`end`, `max`) and `lr`, its seeds put together; `fits` one row for
/// all rates of those: the `slope` and half its 95 % interval, the number of `points` it was fitted to, from `lr_from` to `lr_to`, and the
/// order that theory expects. `order` is the slope where it is known well enough, else null, and `no_order` says why.
///
/// | `compared_with` | `distance` |
/// | --- | --- |
/// | `flow`, `modified_flow`, `third_order_flow`, `limit` | over seeds the root of the mean square |
/// | `flow_of_mean` | ‖mean of θ_s − θ_flow‖, less what chance adds to it |
/// | `mean_of_seeds` | √(Σ‖θ_s − mean‖²/(S − 1)): the spread |
///
/// `state` says of a point whether the order was `fitted` through it, or it lies `beyond` the asymptotic range, at the `floor` (of the
/// integration, or of chance), past the `gate` of stability, is `undefined` as what it is compared with ended early, or `diverged`.
///
/// `flow` is the flow by itself over the record times: `process`, `scenario` (its hash), `t`, `gradients`, `loss`, alignment,
/// `wall_seconds`, `reference_floor`.
#[derive(Debug, Clone)]
pub struct RateStudy {
    /// The scenario's name.
    pub name: String,
    /// One line that says what was studied.
    pub caption: String,
    /// One row per run: `study.parquet`.
    pub runs: Table,
    /// One row per point of a curve: `curves.parquet`.
    pub curves: Table,
    /// One row per curve: `fits.parquet`.
    pub fits: Table,
    /// One row per record time: `flow.parquet`.
    pub flow: Table,
    /// The loss that costs are counted to.
    pub loss: f64,
    /// λ_max(∇²J), the largest on the way of an optimizer that follows the flow, at the smallest rate; NaN where it was not measured.
    pub sharpness: f64,
    /// Gradients, and seconds, that the scenario's own integration of the flow takes to it; NaN if it does not get there.
    pub flow_to_loss: [f64; 2],
}

/// `manifest.json` of a study of learning rates.
#[derive(Debug, Clone, Serialize)]
pub struct RateStudyManifest {
    /// What was studied: `lr`.
    pub study: &'static str,
    /// gramflow's version.
    pub version: &'static str,
    /// The git revision that gramflow was built from, as in a run's manifest.
    pub git_revision: &'static str,
    /// SHA-256 of the canonical scenario, 64 hex digits.
    pub scenario_hash: String,
    /// SHA-256 of the scenarios of all units.
    pub plan_hash: String,
    /// The scenario's seed.
    pub seed: u64,
    /// The machine that put the tables together.
    pub host: Host,
    /// The optimizers, in the order of the tables.
    pub optimizers: Vec<String>,
    /// The learning rates.
    pub lr: Vec<f64>,
    /// Those of an optimizer that were left out, as its first step would pass T.
    pub first_step_passes_t_end: BTreeMap<String, Vec<f64>>,
    /// The loss that costs are counted to.
    pub loss: f64,
    /// λ_max(∇²J), the largest on the way of an optimizer that follows the flow, at the smallest rate; null if not measured.
    pub sharpness: f64,
    /// Gradients that the scenario's own integration of the flow takes to that loss; null if it does not get there.
    pub flow_gradients_to_loss: f64,
    /// And seconds.
    pub flow_wall_seconds_to_loss: f64,
    /// The relative tolerance of the flow that distances are taken from.
    pub rtol: f64,
    /// The absolute one.
    pub atol: f64,
    /// Units that could not be run, and why.
    pub failed: BTreeMap<String, String>,
    /// What a reader must know: units that could not be run, and what those that were warn of, like warnings counted together.
    pub warnings: Vec<String>,
}

impl RateStudyManifest {
    /// That of a study by this build on this machine; lists and numbers still to be set.
    pub fn new(scenario_hash: String, plan_hash: String, seed: u64) -> Self {
        Self {
            study: "lr",
            version: VERSION,
            git_revision: REVISION,
            scenario_hash,
            plan_hash,
            seed,
            host: Host::here(),
            optimizers: Vec::new(),
            lr: Vec::new(),
            first_step_passes_t_end: BTreeMap::new(),
            loss: f64::NAN,
            sharpness: f64::NAN,
            flow_gradients_to_loss: f64::NAN,
            flow_wall_seconds_to_loss: f64::NAN,
            rtol: f64::NAN,
            atol: f64::NAN,
            failed: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// The contents as a JSON object.
    pub fn to_value(&self) -> serde_json::Value {
        to_value(self)
    }
}

/// The name of the flow's own table in the folder: it alone is read back, by the same command that goes on.
const FLOW: &str = "flow.parquet";

/// Writes the flow's own table into the folder of a study.
pub fn write_study_flow(folder: &Path, flow: &Table) -> Result<(), FolderError> {
    let shelf = Shelf::open(folder)?;
    let stage = shelf.stage()?;
    parquet::write(&stage.path().join(FLOW), flow)?;
    shelf.publish(stage, |_| false)?;
    Ok(())
}

/// The flow's own table, if an earlier command has written it.
pub fn read_study_flow(folder: &Path) -> Result<Option<Table>, FolderError> {
    let path = folder.join(FLOW);
    Ok(if path.is_file() { Some(parquet::read(&path)?) } else { None })
}

impl RateStudy {
    /// The files that a study writes into the folder in which its units lie, pictures apart.
    pub const FILES: [&str; 6] = ["scenario.json", "study.parquet", "curves.parquet", "fits.parquet", "manifest.json", FLOW];

    /// Writes scenario, tables and manifest.
    pub fn write(&self, stage: &Stage, scenario: &Scenario, manifest: &RateStudyManifest) -> Result<(), FolderError> {
        stage.write_text("scenario.json", &format!("{}\n", scenario.to_json()))?;
        for (name, table) in [("study.parquet", &self.runs), ("curves.parquet", &self.curves), ("fits.parquet", &self.fits)] {
            parquet::write(&stage.path().join(name), table)?;
        }
        stage.write_text("manifest.json", &format!("{:#}\n", manifest.to_value()))?;
        Ok(())
    }
}

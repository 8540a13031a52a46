//! What a study of learning rates leaves, besides its units.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
/// | `optimizer`, `batch`, `lr`, `seed`, `unit` | what ran: `batch` samples per step (all of them for the full gradient), in which unit |
/// | `termination`, `steps`, `t`, `diverged_at` | `steps` if it took all of them; the step in which it diverged, counted from 1, else null |
/// | `distance_to_flow`, `…_max` | ‖θ − θ_flow‖ at its last step, and the largest over its records; null where it diverged |
/// | `distance_to_modified_flow`, `distance_to_third_order_flow`, `distance_to_limit` | the same for its companions |
/// | `loss`, `nfa_cosine`, `nfa_alignment_residual`, `nfa_residual_relative` | at its last step |
/// | `lr_sharpness_max` | the largest η·λ_max(∇²J) over its records |
/// | `gradients`, `wall_seconds` | its cost; the gradient of a batch counts as 1 |
/// | `gradients_to_loss`, `wall_seconds_to_loss` | its cost until it reached the loss that the manifest names; null if it did not |
///
/// `curves` has one row per `optimizer`, `batch`, `compared_with`, `at` (`end`, `max`) and `lr`, all seeds combined. `fits` has one row for
/// all rates of such a curve: the `slope` and half of its 95 % interval, the number of `points` that it was fitted to, from `lr_from` to
/// `lr_to`, and the order that theory predicts. `order` is the slope where it is known well enough, else null, and `no_order` says why.
///
/// | `compared_with` | `distance` |
/// | --- | --- |
/// | `flow`, `modified_flow`, `third_order_flow`, `limit` | root mean square over seeds |
/// | `flow_of_mean` | ‖mean of θ_s − θ_flow‖, less the expected contribution of sampling noise |
/// | `mean_of_seeds` | √(Σ‖θ_s − mean‖²/(S − 1)): the spread |
/// | `sde_1_objective`, `sde_2_objective` | \|E J(X) − E J(θ)\|, X of the stochastic differential equation of order 1 or 2 |
/// | `sde_1_norm_squared`, `sde_2_norm_squared` | \|E‖X‖² − E‖θ‖²\| |
///
/// `state` tells of a point whether the order was `fitted` through it; otherwise it is `beyond` the asymptotic range, at the `floor` (of
/// the integration, or of sampling noise), past the `gate` of stability, `undefined` because the flow that it is compared with ended early,
/// or has `diverged`.
///
/// `ensemble.parquet`, where there are ensembles, has one row per `optimizer`, `batch`, `lr` and `process` (`seeds`, or the paths of `sde_1` or
/// `sde_2`): the number of `members` and of their `steps`, the means of `objective` and `norm_squared` at the last step, their standard
/// errors `…_error`, and `…_error_uncontrolled` without the control variate, whose terms `control` names (`none`, `first`, `second`);
/// `gradients`; and `diverged_at`, the step in which one diverged. [`RateStudy`] does not hold it: the errors are in `curves`.
///
/// `flow` is the flow alone at the record times: `process`, `scenario` (its hash), `t`, `gradients`, `loss`, alignment, `wall_seconds`,
/// `reference_floor`.
#[derive(Debug, Clone)]
pub struct RateStudy {
    /// The scenario's name.
    pub name: String,
    /// What was studied, in one line.
    pub caption: String,
    /// One row per run: `study.parquet`.
    pub runs: Table,
    /// One row per point of a curve: `curves.parquet`.
    pub curves: Table,
    /// One row per curve: `fits.parquet`.
    pub fits: Table,
    /// One row per record time: `flow.parquet`.
    pub flow: Table,
    /// The loss up to which costs are counted.
    pub loss: f64,
    /// The largest λ_max(∇²J) along the path of an optimizer that follows the flow, at the smallest rate; NaN if it was not measured.
    pub sharpness: f64,
    /// Gradients and seconds that the scenario's own integration of the flow needs to reach `loss`; NaN if it does not.
    pub flow_to_loss: [f64; 2],
}

/// What was asked for, as the options of `gramflow study lr` say it. The learning rates are [`RateStudyManifest::lr`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RateStudyOptions {
    /// `--optimizers`; empty for the scenario's own.
    pub optimizers: Vec<String>,
    /// `--batch`; empty for the batches of each optimizer.
    pub batch: Vec<String>,
    /// `--seeds`.
    pub seeds: u64,
    /// `--loss`; null where the study chose it.
    pub loss: Option<f64>,
    /// `--ensemble`; null without.
    pub ensemble: Option<u64>,
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
    /// What was studied, in one line.
    pub caption: String,
    /// The options of the command.
    pub options: RateStudyOptions,
    /// SHA-256 of the canonical scenario, 64 hex digits.
    pub scenario_hash: String,
    /// SHA-256 of the scenarios of all units.
    pub plan_hash: String,
    /// The scenario's seed.
    pub seed: u64,
    /// The machine on which the tables were made.
    pub host: Host,
    /// The optimizers, in the order of the tables.
    pub optimizers: Vec<String>,
    /// The learning rates.
    pub lr: Vec<f64>,
    /// The rates of each optimizer that were left out because its first step would pass T.
    pub first_step_passes_t_end: BTreeMap<String, Vec<f64>>,
    /// The loss up to which costs are counted.
    pub loss: f64,
    /// The largest λ_max(∇²J) along the path of an optimizer that follows the flow, at the smallest rate; null if it was not measured.
    pub sharpness: f64,
    /// Gradients that the scenario's own integration of the flow needs to reach `loss`; null if it does not.
    pub flow_gradients_to_loss: f64,
    /// The same in seconds.
    pub flow_wall_seconds_to_loss: f64,
    /// The relative tolerance of the flow that optimizers are compared with.
    pub rtol: f64,
    /// The absolute tolerance of that flow.
    pub atol: f64,
    /// Gradients that the ensembles took, the number of whose members is in `options`; 0 without. Members of one that diverged are not counted.
    pub ensemble_gradients: u64,
    /// Units that could not be run, and why.
    pub failed: BTreeMap<String, String>,
    /// What a reader must know: units that could not be run, and the warnings of the others, with similar ones counted together.
    pub warnings: Vec<String>,
}

impl RateStudyManifest {
    /// The manifest of a study by this build on this machine; lists and numbers are still to be set.
    pub fn new(scenario_hash: String, plan_hash: String, seed: u64) -> Self {
        Self {
            study: "lr",
            version: VERSION,
            git_revision: REVISION,
            caption: String::new(),
            options: RateStudyOptions::default(),
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
            ensemble_gradients: 0,
            failed: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// The contents as a JSON object.
    pub fn to_value(&self) -> Value {
        to_value(self)
    }
}

/// Writes the table `name`, [`RateStudy::FLOW`] or [`RateStudy::ENSEMBLE`], into the folder of a study.
pub fn write_study_table(folder: &Path, name: &str, table: &Table) -> Result<(), FolderError> {
    let shelf = Shelf::open(folder)?;
    let stage = shelf.stage()?;
    parquet::write(&stage.path().join(name), table)?;
    shelf.publish(stage, |_| false)?;
    Ok(())
}

/// That table, if an earlier command has written it.
pub fn read_study_table(folder: &Path, name: &str) -> Result<Option<Table>, FolderError> {
    let path = folder.join(name);
    Ok(if path.is_file() { Some(parquet::read(&path)?) } else { None })
}

impl RateStudy {
    /// The flow's own table. It and the next are read back when the same command continues.
    pub const FLOW: &str = "flow.parquet";

    /// The table of the ensembles.
    pub const ENSEMBLE: &str = "ensemble.parquet";

    /// The files, other than pictures, that a study writes into the folder of its units.
    pub const FILES: [&str; 7] =
        ["scenario.json", "study.parquet", "curves.parquet", "fits.parquet", "manifest.json", Self::FLOW, Self::ENSEMBLE];

    /// Reads the tables of a finished study; its manifest has the single numbers.
    pub(super) fn read(folder: &Path, scenario: &Scenario, manifest: &Value) -> Result<Self, FolderError> {
        let table = |name: &str| parquet::read(&folder.join(name));
        let number = |key: &str| manifest[key].as_f64().unwrap_or(f64::NAN);
        Ok(Self {
            name: scenario.name.clone(),
            caption: manifest["caption"].as_str().unwrap_or_default().to_string(),
            runs: table("study.parquet")?,
            curves: table("curves.parquet")?,
            fits: table("fits.parquet")?,
            flow: table(Self::FLOW)?,
            loss: number("loss"),
            sharpness: number("sharpness"),
            flow_to_loss: [number("flow_gradients_to_loss"), number("flow_wall_seconds_to_loss")],
        })
    }

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

//! `manifest.json`: what was run, by which version, where, and how each process ended.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::machine::{cpu_features, cpu_model};
use crate::ode::{Event, Reason, Termination, Work};

use super::{Saddle, Verdict};

/// gramflow's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The git revision of its sources.
pub(crate) const REVISION: &str = env!("GRAMFLOW_REVISION");

/// The contents of `manifest.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// gramflow's version.
    pub version: &'static str,
    /// The git revision that gramflow was built from; `-dirty` with uncommitted changes, `unknown` outside a repository.
    pub git_revision: &'static str,
    /// SHA-256 of the canonical scenario, 64 hex digits.
    pub scenario_hash: String,
    /// The scenario's seed.
    pub seed: u64,
    /// The machine that ran it.
    pub host: Host,
    /// Threads that its processes and their observation could take. The results have the same bits for any number of them.
    pub threads: usize,
    /// Where the horizons ended of the runs that this one goes on from, one after another; left out where it began at t = 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended_from: Vec<f64>,
    /// The verdict on each claim of the scenario, by the claim's name, or `claim/optimizer` where it is about each optimizer.
    pub verdicts: BTreeMap<String, Verdict>,
    /// What a reader must know before trusting the records: processes that ended early, a balance law that is not kept, moments that could
    /// not be observed. Everything that is printed as a warning is here.
    pub warnings: Vec<String>,
    /// One entry per process.
    pub processes: BTreeMap<String, Process>,
}

/// The machine that a run or a study was made on.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// `linux`, `macos`, `windows`, …: [`std::env::consts::OS`].
    pub os: &'static str,
    /// `x86_64`, `aarch64`, …: [`std::env::consts::ARCH`].
    pub arch: &'static str,
    /// Logical cores.
    pub cores: usize,
    /// The model of the CPU; left out where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// The vector instructions of the CPU on which the rounding of products depends: `avx2`, `fma`, `avx512f`, …; empty where they are not
    /// known.
    pub cpu_features: Vec<&'static str>,
}

/// What a process cost and how it ended.
#[derive(Debug, Clone, Serialize)]
pub struct Process {
    /// Steps taken.
    pub steps_accepted: u64,
    /// Steps that were rejected because their error estimate was too large; 0 for optimizers.
    pub steps_rejected: u64,
    /// Gradients evaluated for stepping; a Hessian–vector product counts as 2.
    pub gradients: u64,
    /// Gradients evaluated besides: to check whether the flow has converged or is on a plateau, and for the sharpness, of optimizers at
    /// every record, for saddles, and for the errors of models that claims compare an optimizer with.
    pub gradients_monitoring: u64,
    /// Seconds spent stepping, without observation and monitoring.
    pub wall_seconds: f64,
    /// Time spent on observation: on the columns at every record, on sharpness and ledger, and on finding out whether the flow has converged. On
    /// several threads it overlaps with stepping.
    pub observation_seconds: f64,
    /// How it ended.
    pub termination: Reason,
    /// Where it stopped, why, and what to change if that was too early.
    pub termination_detail: String,
    /// The time it reached.
    pub t_reached: f64,
    /// What happened on the way, in order of time.
    pub events: Vec<Event>,
    /// The saddles that it passed, in order of time, if the scenario asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saddles: Option<Vec<Saddle>>,
    /// The estimate of its error, if the scenario asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// The companions that an optimizer was compared with, by the name in their columns, if the scenario asks for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub companions: BTreeMap<String, Companion>,
}

/// A flow that an optimizer was compared with. Its cost is not the optimizer's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Companion {
    /// Its equation, with its numbers.
    pub formula: String,
    /// Gradients evaluated for its integration; a Hessian–vector product counts as 2, a third derivative as 6.
    pub gradients: u64,
    /// Seconds spent on its integration.
    pub wall_seconds: f64,
    /// As for a [`Process`]; the distance to it is null from there on, unless it is `t_end`.
    pub termination: Reason,
    /// As for a [`Process`].
    pub termination_detail: String,
    /// The time it reached.
    pub t_reached: f64,
}

/// The estimated error of the flow: how far it is from a second integration at a tenth of its tolerance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// Relative tolerance of the second integration.
    pub rtol: f64,
    /// Its absolute tolerance.
    pub atol: f64,
    /// Its fixed step, for `rk4`: half of the first's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Gradients evaluated for it, up to the last time compared.
    pub gradients: u64,
    /// The last time compared: the end of the flow, unless the second integration stopped earlier.
    pub t_compared: f64,
    /// The error of each column that is defined at least once.
    pub columns: BTreeMap<String, ColumnError>,
}

/// The error of one column over the times compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ColumnError {
    /// The largest error.
    pub max_error: f64,
    /// The largest error over the largest absolute value of the column.
    pub max_relative_error: f64,
    /// The error at the last time compared; null where the column is undefined there.
    pub final_error: f64,
}

impl Manifest {
    /// The manifest of a run of this build on this machine, on one thread.
    pub fn new(scenario_hash: String, seed: u64, processes: BTreeMap<String, Process>) -> Self {
        Self {
            version: VERSION,
            git_revision: REVISION,
            scenario_hash,
            seed,
            host: Host::here(),
            threads: 1,
            extended_from: Vec::new(),
            verdicts: BTreeMap::new(),
            warnings: Vec::new(),
            processes,
        }
    }

    /// The contents as a JSON object.
    #[cfg(feature = "command")]
    pub fn to_value(&self) -> serde_json::Value {
        to_value(self)
    }
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu_model(),
            cpu_features: cpu_features(),
        }
    }
}

/// A manifest as JSON; it is made of structs, lists and maps with text keys.
#[cfg(feature = "command")]
pub(crate) fn to_value(manifest: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(manifest).expect("maps with text keys are JSON")
}

impl Process {
    /// The entry of a process.
    pub fn new(work: Work, wall_seconds: f64, termination: Termination) -> Self {
        Self {
            steps_accepted: work.accepted,
            steps_rejected: work.rejected,
            gradients: work.evaluations,
            gradients_monitoring: 0,
            wall_seconds,
            observation_seconds: 0.0,
            termination: termination.reason(),
            termination_detail: termination.to_string(),
            t_reached: termination.t(),
            events: Vec::new(),
            saddles: None,
            certificate: None,
            companions: BTreeMap::new(),
        }
    }
}

//! `manifest.json`: what was run, by which version, where, and how each process ended.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ode::{Termination, Work};

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
    /// The verdict on each claim of the scenario.
    pub verdicts: BTreeMap<String, String>,
    /// One entry per process.
    pub processes: BTreeMap<String, Process>,
}

/// The machine.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// `linux`, `macos`, `windows`, …: [`std::env::consts::OS`].
    pub os: &'static str,
    /// `x86_64`, `aarch64`, …: [`std::env::consts::ARCH`].
    pub arch: &'static str,
    /// Logical cores.
    pub cores: usize,
}

/// What a process cost and how it ended.
#[derive(Debug, Clone, Serialize)]
pub struct Process {
    /// Steps taken.
    pub steps_accepted: u64,
    /// Steps tried and thrown away because their error estimate was too large; 0 for optimizers.
    pub steps_rejected: u64,
    /// Evaluations of the gradient; a Hessian–vector product counts 2.
    pub gradients: u64,
    /// Time spent stepping, observation apart.
    pub wall_seconds: f64,
    /// [`Termination::reason`]: `t_end`, `steps`, `max_steps`, `stiff`, `converged`, `interrupted` or `diverged`.
    pub termination: &'static str,
    /// Where it stopped, why, and what to change if that was too early.
    pub termination_detail: String,
    /// The time it reached.
    pub t_reached: f64,
}

impl Manifest {
    /// The manifest of a run of this build on this machine.
    pub fn new(scenario_hash: String, seed: u64, processes: BTreeMap<String, Process>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            git_revision: env!("GRAMFLOW_REVISION"),
            scenario_hash,
            seed,
            host: Host {
                os: std::env::consts::OS,
                arch: std::env::consts::ARCH,
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            verdicts: BTreeMap::new(),
            processes,
        }
    }

    /// The contents as a JSON object.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("maps with text keys are JSON")
    }
}

impl Process {
    /// The entry of a process.
    pub fn new(work: Work, wall_seconds: f64, termination: Termination) -> Self {
        Self {
            steps_accepted: work.accepted,
            steps_rejected: work.rejected,
            gradients: work.evaluations,
            wall_seconds,
            termination: termination.reason(),
            termination_detail: termination.to_string(),
            t_reached: termination.t(),
        }
    }
}

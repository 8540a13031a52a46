//! `gramflow export`: data, start and batches of a scenario in one NPZ file, so that anyone can redo the run elsewhere.
//!
//! | array | shape | is |
//! | --- | --- | --- |
//! | `X`, `Y` | (n, d_in), (n, d_out) | the samples as they are trained on: whitened, with classes as 0 and 1 |
//! | `X_test`, `Y_test` | (m, d_in), (m, d_out) | the test samples, if there are any |
//! | `W1`, `b1`, … | (out, in), (out,) | the start |
//! | `batches/<name>/samples` | (total,) | for an optimizer with minibatches, the rows of X, batch after batch, counted from 0 |
//! | `batches/<name>/offsets` | (steps + 1,) | step k takes `samples[offsets[k]:offsets[k + 1]]`: an epoch's last batch may be shorter |
//! | `export/format` | (1,) | 1; marks a file that gramflow may replace |
//!
//! All are float64, even indices, which are whole numbers. A scenario can name the file as its data and as its start.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::npz::{self, Array, Arrays};
use crate::publish::{self, PublishError};
use crate::run::{Problem, batches};
use crate::scenario::{self, Scenario, ScenarioError, Source};

use super::output::{complain, print};
use super::{CliError, Limit, Selection};

/// Bytes that the batches of all optimizers may take.
const MOST: u64 = 4_000_000_000;

/// The mark of an export.
const FORMAT: &str = "export/format";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limit: Limit,
    /// The file; an earlier export there is replaced [default: <name>-<first 8 hex digits of the scenario's hash>.npz]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn export(arguments: &Arguments) -> Result<(), CliError> {
    let Selection { scenario: path, sets } = &arguments.selection;
    let (scenario, source) = scenario::read(path, sets)?;
    let refused = |key: &str, message: String| ScenarioError::Diagnostics(vec![source.diagnostic(key, message)]);
    let limit = arguments.limit.bytes().unwrap_or(u64::MAX);
    let problem = Problem::within(&scenario, limit).map_err(|error| refused(&error.key(), error.to_string()))?;
    let default = || PathBuf::from(format!("{}-{}.npz", scenario.name, &problem.scenario_hash[..8]));
    let out = arguments.out.clone().unwrap_or_else(default);
    check_target(&out)?;

    let data = scenario.split().map_err(|error| refused("data", error.to_string()))?;
    let mut arrays = problem.start.to_arrays();
    arrays.insert("X".to_string(), Array::matrix(data.train.x.as_view()));
    arrays.insert("Y".to_string(), Array::matrix(data.train.y.as_view()));
    if let Some(test) = &data.test {
        arrays.insert("X_test".to_string(), Array::matrix(test.x.as_view()));
        arrays.insert("Y_test".to_string(), Array::matrix(test.y.as_view()));
    }
    arrays.extend(all_batches(&scenario, &source, data.train.x.nrows(), limit.min(MOST))?);
    for noisy in scenario.optimizers.iter().filter(|optimizer| optimizer.noise().is_some()) {
        complain(&format!("warning: {}: the noise that it adds to its gradients is not exported", noisy.name()));
    }
    arrays.insert(FORMAT.to_string(), Array::vector(vec![1.0]));
    publish::replace(&out, |file| {
        let written = npz::write_to(file, &arrays);
        written.map_err(|source| CliError::from(PublishError::Io { verb: "write", path: out.clone(), source }))
    })?;
    Ok(print(&format!("{}\n", out.display()))?)
}

/// Fails if something other than an export stands at `path`.
fn check_target(path: &Path) -> Result<(), PublishError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(PublishError::Target { path: path.into(), source }),
        Ok(found) if found.is_file() && is_export(path) => Ok(()),
        Ok(_) => Err(PublishError::NotOurs(path.into())),
    }
}

fn is_export(path: &Path) -> bool {
    npz::shapes(path, |name| name == FORMAT).is_ok_and(|found| !found.is_empty())
}

/// The batches of every optimizer with minibatches of the `samples`, in at most `most` bytes.
fn all_batches(scenario: &Scenario, source: &Source, samples: usize, most: u64) -> Result<Arrays, ScenarioError> {
    let (mut arrays, mut taken) = (Arrays::new(), 0_u64);
    for (index, optimizer) in scenario.optimizers.iter().enumerate() {
        let Some((mut order, size)) = batches(optimizer, scenario.seed, samples) else { continue };
        let steps = optimizer.last_step(scenario.flow.t_end);
        taken = taken.saturating_add(steps.saturating_mul(size as u64 + 1).saturating_mul(8));
        if taken > most {
            let message = format!(
                "its {steps} steps of {size} samples bring the batches to {} of memory, but only {} may be used: set fewer `steps`, or \
                 a shorter flow.t_end",
                crate::machine::Bytes(taken),
                crate::machine::Bytes(most)
            );
            return Err(ScenarioError::Diagnostics(vec![source.diagnostic(&format!("optimizers[{index}]"), message)]));
        }
        let (mut rows, mut offsets) = (Vec::new(), vec![0.0]);
        for _ in 0..steps {
            rows.extend(order.draw().iter().map(|&row| f64::from(row)));
            offsets.push(rows.len() as f64);
        }
        let name = optimizer.name();
        arrays.insert(format!("batches/{name}/samples"), Array::vector(rows));
        arrays.insert(format!("batches/{name}/offsets"), Array::vector(offsets));
    }
    Ok(arrays)
}

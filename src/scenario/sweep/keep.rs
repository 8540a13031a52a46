//! `keep:` in the block of a sweep: what its units keep, and `sweep merge` puts together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use crate::scenario::tree;
use crate::settings::{Findings, path};

use super::Factor;

/// What a unit of a sweep can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptFile {
    /// Its records: always kept.
    Records,
    /// The final weights of its processes.
    Weights,
    /// Matrices and spectra over time.
    Arrays,
    /// The weights over time, which `record.weights` records.
    Trajectory,
}

/// Reads the list `keep` of a sweep whose units are `base` with the values of `factors`. Records are in the list, named or not.
pub(super) fn read(list: Option<&Value>, base: &Value, factors: &[Factor], found: &mut Findings) -> Vec<KeptFile> {
    const AT: &str = "sweep.keep";
    let mut kept = vec![KeptFile::Records];
    let Some(list) = list else { return kept };
    let named = match tree::read_at::<Vec<KeptFile>>(list, AT) {
        Ok(named) => named,
        Err(refusal) => {
            found.add(&refusal.path, refusal.message);
            return kept;
        }
    };
    for (index, &what) in named.iter().enumerate() {
        if named[..index].contains(&what) {
            found.add(&path::item(AT, index), "is in the list already: name it once");
        }
        if what == KeptFile::Trajectory && !records_weights(base, factors) {
            let message = "no unit records weights over time: add `weights: true` to `record`, or leave trajectory out";
            found.add(&path::item(AT, index), message);
        }
    }
    kept.extend(named.into_iter().filter(|what| *what != KeptFile::Records));
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Whether the scenario records weights, or a key that varies may say so.
fn records_weights(base: &Value, factors: &[Factor]) -> bool {
    let varies = |segments: &[String]| match segments {
        [only] => only == "record",
        [first, second, ..] => first == "record" && second == "weights",
        [] => false,
    };
    let said = base.get("record").and_then(|record| record.get("weights"));
    said == Some(&Value::Bool(true)) || factors.iter().flat_map(|factor| &factor.keys).any(|key| varies(&key.segments))
}

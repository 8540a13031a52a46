//! What a finished unit says about each of its processes, read from its records and its manifest alone.

use std::fs;
use std::path::Path;

use nalgebra::DVector;
use serde::Deserialize;
use serde_json::Value;

use crate::folder::{read_unit, read_unit_weights};
use crate::npz::Arrays;
use crate::ode::Reason;
use crate::record::{Table, Values};

use super::{LrError, OBSERVED};

/// The columns of distances, in the order of the pictures. A unit need not have measured all of them.
pub(super) const DISTANCES: [&str; 4] =
    ["distance_to_flow", "distance_to_modified_flow", "distance_to_third_order_flow", "distance_to_limit"];

/// One process: one optimizer at one rate with one batch and seed.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// As in the manifest of a run.
    pub termination: Option<Reason>,
    /// Steps taken, and the time that they reach.
    pub steps: u64,
    pub t: f64,
    /// The last and the largest of each of [`DISTANCES`]; NaN if the process did not get to its end.
    pub distances: [[f64; 2]; 4],
    /// Each of [`OBSERVED`] at the end.
    pub end: [f64; 4],
    /// The largest η·λ_max, where it was measured.
    pub lr_sharpness: f64,
    pub gradients: u64,
    pub wall_seconds: f64,
    /// Steps until the loss is reached.
    pub steps_to_loss: f64,
    /// The final weights and the flow's, for a process that may be averaged with others.
    pub weights: Option<[DVector<f64>; 2]>,
}

impl Measured {
    /// Whether it took all its steps.
    pub fn arrived(&self) -> bool {
        self.termination == Some(Reason::Steps)
    }

    /// The step in which it diverged, counted from 1.
    pub fn diverged_at(&self) -> Option<u64> {
        (self.termination == Some(Reason::Diverged)).then_some(self.steps + 1)
    }
}

/// The processes called `names` of the unit in `folder`. `loss`: the loss to which steps are counted. `weights`: whether to read them.
pub(super) fn outcomes(folder: &Path, names: &[&str], loss: f64, weights: bool) -> Result<Vec<Measured>, LrError> {
    let table = read_unit(folder)?;
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path);
    // A missing key reads as null, and its value as not defined.
    let manifest: Result<Value, _> = text.and_then(|text| Ok(serde_json::from_str(&text)?));
    let manifest = manifest.map_err(|source| LrError::Unreadable { path, source })?;
    let weights = if weights { Some(read_unit_weights(folder)?) } else { None };
    let of = |name: &&str| outcome(name, &table, &manifest["processes"][*name], loss, weights.as_ref());
    Ok(names.iter().map(of).collect())
}

fn outcome(name: &str, table: &Table, process: &Value, loss: f64, weights: Option<&Arrays>) -> Measured {
    let last = |column: &str| table.floats(name, column).last().copied().unwrap_or(f64::NAN);
    let count = |key: &str| process[key].as_u64().unwrap_or(0);
    let termination = Reason::deserialize(&process["termination"]).ok();
    let arrived = termination == Some(Reason::Steps);
    let distances = DISTANCES.map(|column| {
        let values = table.floats(name, column);
        // A companion that ended early has no distance from there on, and no largest one either.
        match values.last() {
            Some(last) if arrived && last.is_finite() => [*last, values.iter().copied().fold(0.0, f64::max)],
            _ => [f64::NAN; 2],
        }
    });
    let largest = |values: Vec<f64>| values.into_iter().filter(|x| x.is_finite()).fold(f64::NAN, f64::max);
    Measured {
        steps: count("steps_accepted"),
        t: process["t_reached"].as_f64().unwrap_or(f64::NAN),
        distances,
        end: OBSERVED.map(|column| match arrived {
            true => last(column),
            false => f64::NAN,
        }),
        lr_sharpness: largest(table.floats(name, "lr_sharpness")),
        gradients: count("gradients"),
        wall_seconds: process["wall_seconds"].as_f64().unwrap_or(f64::NAN),
        steps_to_loss: steps_to(&steps(table, name), &table.floats(name, "loss"), loss),
        weights: weights.filter(|_| arrived).and_then(|arrays| Some([vector(arrays, name)?, vector(arrays, "flow")?])),
        termination,
    }
}

/// The steps at the records of `process`.
fn steps(table: &Table, process: &str) -> Vec<f64> {
    match table.column("step") {
        Some(Values::Integer(steps)) => table.rows_of(process).map(|row| steps[row] as f64).collect(),
        _ => Vec::new(),
    }
}

/// All weights of `process` in one vector; `None` if there are none.
fn vector(arrays: &Arrays, process: &str) -> Option<DVector<f64>> {
    let prefix = format!("{process}/");
    let of_process = arrays.iter().filter(|(name, _)| name.starts_with(&prefix));
    let values: Vec<f64> = of_process.flat_map(|(_, array)| array.data.iter().copied()).collect();
    (!values.is_empty()).then(|| DVector::from_vec(values))
}

/// The count (steps, gradients or seconds) at which `losses`, recorded at `counts`, first fall to `loss`: between two records by linear
/// interpolation in log loss. NaN if they never do.
pub(super) fn steps_to(counts: &[f64], losses: &[f64], loss: f64) -> f64 {
    let Some(within) = losses.iter().position(|value| *value <= loss) else { return f64::NAN };
    let at = |index: usize| counts.get(index).copied().unwrap_or(f64::NAN);
    let Some(before) = within.checked_sub(1) else { return at(within) };
    // A loss of 0 is infinitely far down in log loss; with a target of 0 as well the share is NaN.
    let share = ((losses[before] / loss).ln() / (losses[before] / losses[within]).ln()).clamp(0.0, 1.0);
    if share.is_nan() { at(within) } else { at(before) + share * (at(within) - at(before)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ℒ = e^{−k/10} reaches e^{−2.5} after 25 steps, wherever it is recorded.
    #[test]
    fn steps_to_a_loss_do_not_depend_on_the_records() {
        for records in [&[0.0, 10.0, 20.0, 30.0][..], &[0.0, 24.0, 40.0], &[0.0, 25.0, 26.0]] {
            let losses: Vec<f64> = records.iter().map(|k: &f64| (-k / 10.0).exp()).collect();
            assert!((steps_to(records, &losses, (-2.5_f64).exp()) - 25.0).abs() < 1e-9, "{records:?}");
        }
        assert!(steps_to(&[0.0, 1.0], &[1.0, 0.5], 0.4).is_nan());
        assert_eq!(steps_to(&[0.0, 1.0], &[1.0, 0.5], 2.0), 0.0);
        assert_eq!(steps_to(&[0.0, 4.0], &[1.0, 0.0], 0.0), 4.0);
    }
}

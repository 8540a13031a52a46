//! The units of a panel: which they are, which keys distinguish them, and what else varies.

use serde_json::Value;

use serde::Deserialize;

use crate::folder::{Ensemble, Member};
use crate::ode::Reason;
use crate::optim::Optimizer;
use crate::record::Values;
use crate::scenario::picture;

use super::super::canvas::Point;
use super::words;

/// One process of one unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace<'a> {
    pub member: &'a Member,
    pub process: &'a str,
}

impl<'a> Trace<'a> {
    /// The value of a key that varies, or of a derived key; null where there is none: the flow has no learning rate.
    pub fn value(&self, key: &str) -> Value {
        if let Some(value) = self.member.values.get(key) {
            return value.clone();
        }
        picture::derived(&self.member.scenario, self.process, key)
    }

    /// Whether its records could depend on the key: an optimizer's settings do not affect other processes.
    fn feels(&self, key: &str) -> bool {
        let Some(after) = key.strip_prefix("optimizers") else { return true };
        let digits: String = after.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let own = self.member.scenario.optimizers.iter().position(|optimizer| optimizer.name() == self.process);
        digits.is_empty() || digits.parse().ok() == own
    }

    /// The values of a column of numbers over time; empty where the records have no such column.
    pub fn over_time(&self, column: &str) -> Vec<Point> {
        let table = &self.member.run.table;
        let number: Box<dyn Fn(usize) -> f64> = match table.column(column) {
            Some(Values::Float(values)) => Box::new(|row| values.get(row).copied().unwrap_or(f64::NAN)),
            Some(Values::Integer(values)) => Box::new(|row| values.get(row).map_or(f64::NAN, |value| *value as f64)),
            Some(Values::Flag(values)) => Box::new(|row| values.get(row).map_or(f64::NAN, |value| f64::from(u8::from(*value)))),
            Some(Values::Text(_)) | None => return Vec::new(),
        };
        let t = table.floats(self.process, "t");
        table.rows_of(self.process).zip(t).map(|(row, t)| (t, number(row))).collect()
    }

    /// How the process ended, where the manifest says.
    pub fn termination(&self) -> Option<Reason> {
        Reason::deserialize(&self.member.manifest["processes"][self.process]["termination"]).ok()
    }
}

/// The units that `panel` asks for, in the order of the plan.
pub(super) fn chosen<'a>(ensemble: &'a Ensemble, panel: &'a picture::PanelSettings) -> Vec<Trace<'a>> {
    let processes = |member: &'a Member| {
        let named = panel.processes_of(member.scenario.optimizers.iter().map(Optimizer::name));
        named.into_iter().map(move |process| Trace { member, process })
    };
    let units = ensemble.members.iter().flat_map(processes);
    units
        .filter(|unit| unit.member.run.table.rows_of(unit.process).next().is_some())
        .filter(|unit| panel.only.iter().all(|(key, wanted)| picture::is_wanted(&unit.value(key), wanted)))
        .collect()
}

/// The names of the units' processes, each once.
pub(super) fn processes<'a>(units: &[Trace<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for unit in units {
        if !names.contains(&unit.process) {
            names.push(unit.process);
        }
    }
    names
}

/// The distinct values of `key`, without null: numbers in ascending order, anything else in the plan's order.
pub(super) fn values_of(units: &[Trace], key: &str) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in units.iter().map(|unit| unit.value(key)).filter(|value| !value.is_null()) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if let Some(numbers) = numbers(&values) {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        values = order.into_iter().map(|i| values[i].clone()).collect();
    }
    values
}

/// `values` as numbers, if they all are.
pub(super) fn numbers(values: &[Value]) -> Option<Vec<f64>> {
    values.iter().map(Value::as_f64).collect()
}

/// Those of `units` with this value of `key`.
pub(super) fn with<'a>(units: &[Trace<'a>], key: &str, value: &Value) -> Vec<Trace<'a>> {
    units.iter().filter(|unit| unit.value(key) == *value).copied().collect()
}

/// What varies within the groups, each of which is drawn as one median: `5 seeds`, `5 seeds, 2 starts`. `None` where nothing does.
pub(super) fn spread(groups: &[Vec<Trace>]) -> Option<String> {
    let mut most: Vec<(String, usize)> = Vec::new();
    for group in groups {
        for key in group.first().into_iter().flat_map(|unit| unit.member.values.keys()) {
            let felt: Vec<Trace> = group.iter().filter(|unit| unit.feels(key)).copied().collect();
            let count = values_of(&felt, key).len();
            match most.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = count.max(*known),
                None => most.push((key.clone(), count)),
            }
        }
    }
    most.retain(|(_, count)| *count > 1);
    let words: Vec<String> = most.iter().map(|(key, count)| words::counted(key, *count)).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

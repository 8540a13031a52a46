//! `pictures:`, beside `sweep:`: what is to be drawn of the sweep's units. No unit depends on it.
//!
//! ```yaml
//! pictures:
//!   - title: deeper networks align more slowly
//!     panels:
//!       - {show: peaks, lines: depth, heading: at the end}
//!       - {show: {over_time: {y: nfa_alignment_residual}}, lines: depth, where: {weight_decay: 1.0e-3}}
//! ```
//!
//! Units are distinguished by *keys*: the paths of those that the sweep varies, and the [`DERIVED_KEYS`]. What varies besides the keys that
//! a panel names, usually seeds, is drawn as a median with a band from the 10th to the 90th percentile.

mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::optim::Optimizer;
use crate::settings::Findings;

use super::Scenario;
use super::style::{Style, is_default};

pub use super::style::Spread;
pub(super) use validate::validate;

/// Keys that follow from a unit's scenario: L; the largest hidden width; and the learning rate, the batch and the name of the process that
/// is drawn.
pub const DERIVED_KEYS: [&str; 5] = ["depth", "width", "lr", "batch", "process"];

/// The value of a derived key of a process in a unit; null where it has none, as the flow has no learning rate.
pub fn derived(scenario: &Scenario, process: &str, key: &str) -> serde_json::Value {
    let hidden = scenario.network.widths.get(1..scenario.network.layers()).unwrap_or_default();
    let optimizer = scenario.optimizers.iter().find(|optimizer| optimizer.name() == process);
    match key {
        "depth" => scenario.network.layers().into(),
        "width" => hidden.iter().max().copied().into(),
        "lr" => optimizer.map(Optimizer::lr).into(),
        "batch" => optimizer.and_then(|optimizer| batch(optimizer, scenario)).into(),
        "process" => process.into(),
        _ => serde_json::Value::Null,
    }
}

/// The samples in a batch; by default all samples, if they are drawn, so that their number is known.
fn batch(optimizer: &Optimizer, scenario: &Scenario) -> Option<usize> {
    optimizer.batching().map(|batching| batching.size).or(scenario.data.drawn())
}

/// One picture: panels in rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Names the picture's files: a-z, 0-9 and -. By default the name of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The title above the picture.
    pub title: String,
    /// The panels, from left to right, row by row.
    pub panels: Vec<PanelSettings>,
    /// The number of panels in a row.
    #[serde(default = "three")]
    pub columns: usize,
    /// How this picture looks. What is set here replaces what the scenario's `style` sets.
    #[serde(default, skip_serializing_if = "is_default")]
    pub style: Style,
}

fn three() -> usize {
    3
}

/// One panel: what it shows, and of which units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PanelSettings {
    /// What the panel shows.
    pub show: Show,
    /// The heading beside the panel's letter. `W_1` and `e^{−2λt}` become sub- and superscripts; `\_` is an underscore.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub heading: String,
    /// Draw one curve, or dots of one colour, for each value of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// Draw only units with these values of these keys; a list gives several values of one key.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub only: BTreeMap<String, serde_yaml::Value>,
    /// The processes that are drawn: `flow` and names of optimizers. By default the flow alone, or all where the panel tells them apart by
    /// `process`, `lr` or `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<String>>,
    /// A dashed line across the panel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Small print under the panel.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Keys that differ between the processes of one unit.
const OF_PROCESSES: [&str; 3] = ["process", "lr", "batch"];

impl PanelSettings {
    /// The keys that distinguish its units: those of its lines, its axes and its selection.
    pub fn keys(&self) -> Vec<&str> {
        let axes: &[&String] = match &self.show {
            Show::AtEnd { x, .. } => &[x],
            Show::Map { x, y, .. } => &[x, y],
            _ => &[],
        };
        let axes = axes.iter().map(|key| key.as_str());
        self.lines.as_deref().into_iter().chain(axes).chain(self.only.keys().map(String::as_str)).collect()
    }

    /// The columns of the records that it shows, each with the key of the panel that names it.
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        match &self.show {
            Show::OverTime { y, .. } => vec![("show.over_time.y", y)],
            Show::AtEnd { y, also, .. } => {
                let further = also.iter().map(|column| ("show.at_end.also", column.as_str()));
                std::iter::once(("show.at_end.y", y.as_str())).chain(further).collect()
            }
            Show::Map { value, .. } => vec![("show.map.value", value)],
            Show::Scatter { x, y, .. } => vec![("show.scatter.x", x), ("show.scatter.y", y)],
            Show::Peaks | Show::Spectra { .. } | Show::Matrix { .. } => Vec::new(),
        }
    }

    /// Whether it is drawn from arrays, which units keep only on request.
    pub fn needs_arrays(&self) -> bool {
        matches!(self.show, Show::Peaks | Show::Spectra { .. } | Show::Matrix { .. })
    }

    /// The processes that it draws for a unit with these `optimizers`.
    pub fn processes_of<'a>(&'a self, optimizers: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        match &self.processes {
            Some(named) => named.iter().map(String::as_str).collect(),
            None if self.keys().iter().any(|key| OF_PROCESSES.contains(key)) => {
                std::iter::once("flow").chain(optimizers).collect()
            }
            None => vec!["flow"],
        }
    }
}

/// The kinds of panels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Show {
    /// A column of the records over time.
    OverTime {
        /// The column.
        y: String,
        /// The scale of the y axis. By default `log` where y spans more than two decades.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        y_scale: Option<Spread>,
        /// Draw a dashed C·e^{−2λt} beside each curve, λ the weight decay of its unit.
        #[serde(default)]
        envelope: bool,
    },
    /// One number of a column against a key of the sweep.
    AtEnd {
        /// The key on the x axis.
        x: String,
        /// The column.
        y: String,
        /// Further columns, each a curve beside that of `y`. Without `lines`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        /// Which number of the column's course over time is drawn.
        #[serde(default)]
        take: Take,
        /// The scale of the x axis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        x_scale: Option<Spread>,
        /// The scale of the y axis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        y_scale: Option<Spread>,
        /// Draw a dashed line y = slope·x, as theory predicts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slope: Option<f64>,
    },
    /// The alignment cos(W_1ᵀW_1, A_f^{α/L}) at the end against the exponent α, with the theory's α = 1 marked.
    Peaks,
    /// One number of a column over two keys of the sweep, in colour.
    Map {
        /// The key of the columns of cells.
        x: String,
        /// The key of the rows of cells.
        y: String,
        /// The column of the records that colours the cells.
        value: String,
        /// Which number of the column's course over time is drawn.
        #[serde(default)]
        take: Take,
        /// The scale of the colours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scale: Option<Spread>,
    },
    /// The last value of one column against that of another, one dot for each unit.
    Scatter {
        /// The column on the x axis.
        x: String,
        /// The column on the y axis.
        y: String,
        /// The scale of the x axis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        x_scale: Option<Spread>,
        /// The scale of the y axis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        y_scale: Option<Spread>,
    },
    /// The eigenvalues of matrices at the end, each spectrum divided by its largest.
    Spectra {
        /// The matrices.
        of: Vec<MatrixName>,
        /// Draw a vertical line after the target's rank.
        #[serde(default)]
        rank: bool,
    },
    /// One matrix at the end, entry by entry, in colour.
    Matrix {
        /// The matrix.
        of: MatrixName,
    },
}

/// The number that is taken from a column's course over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    /// The last value.
    #[default]
    Last,
    /// The largest value.
    Largest,
    /// The rate r of its decay e^{−rt}, fitted to the later half.
    Rate,
    /// r/2λ − 1, the deviation of that rate from the balance law, e^{−2λt}; λ is the unit's own.
    ExcessRate,
}

/// A matrix of `arrays.npz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatrixName {
    /// W_1ᵀW_1, the Gram matrix of the first layer.
    #[serde(rename = "gram_W1")]
    Gram,
    /// A_f, the average gradient outer product of the network.
    Agop,
    /// The average gradient outer product of the target.
    TargetAgop,
}

/// A line across a panel at an expected value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// At this x, from bottom to top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// At this y, from left to right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
    /// What the line is, for the legend. Sub- and superscripts as in a heading.
    pub label: String,
}

/// Whether a unit's `value` of a key is the one that `where` gives, or one of those that it lists. Numbers are compared as numbers: 0
/// equals 0.0.
pub fn is_wanted(value: &serde_json::Value, wanted: &serde_yaml::Value) -> bool {
    let Ok(wanted) = serde_json::to_value(wanted) else { return false };
    same(value, &wanted) || wanted.as_array().is_some_and(|any| any.iter().any(|wanted| same(value, wanted)))
}

fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}

/// Reads pictures from the JSON in which they were kept and checks them against the values of the keys that vary.
///
/// # Errors
/// A message about the first problem, with its path.
pub fn from_json(text: &str, varied: &[(&str, &[serde_json::Value])]) -> Result<Vec<Picture>, String> {
    let pictures: Vec<Picture> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let yaml = |value| serde_yaml::to_value(value).unwrap_or(serde_yaml::Value::Null);
    let varied: Vec<(&str, Vec<serde_yaml::Value>)> =
        varied.iter().map(|(key, values)| (*key, values.iter().map(yaml).collect())).collect();
    let varied: Vec<(&str, &[serde_yaml::Value])> = varied.iter().map(|(key, values)| (*key, values.as_slice())).collect();
    let mut found = Findings::default();
    validate(&pictures, &varied, &mut found);
    match found.0.into_iter().next() {
        None => Ok(pictures),
        Some(finding) => Err(format!("{}: {}", finding.path, finding.message)),
    }
}

/// What is wrong with the `wanted` values of `key` where units have only `values`; `None` if nothing is.
pub fn unmet(key: &str, wanted: &serde_yaml::Value, values: &[serde_json::Value]) -> Option<String> {
    let has = |wanted: &serde_yaml::Value| values.iter().any(|value| is_wanted(value, wanted));
    let whole = serde_json::to_value(wanted).is_ok_and(|wanted| values.iter().any(|value| same(value, &wanted)));
    let strangers: Vec<&serde_yaml::Value> = match wanted {
        serde_yaml::Value::Sequence(list) if !whole => list.iter().filter(|wanted| !has(wanted)).collect(),
        wanted if has(wanted) => Vec::new(),
        wanted => vec![wanted],
    };
    let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let stranger = serde_json::to_value(strangers.first()?).unwrap_or_default();
    const MOST: usize = 20;
    let mut there: Vec<String> = values.iter().take(MOST).map(shown).collect();
    there.extend((values.len() > MOST).then(|| format!("… ({} values)", values.len())));
    let there = if there.is_empty() { "none".to_string() } else { there.join(", ") };
    Some(format!(
        "no unit has {} = {}: the {} {there}",
        key,
        shown(&stranger),
        if values.len() == 1 { "value is" } else { "values are" }
    ))
}

#[cfg(test)]
mod tests;

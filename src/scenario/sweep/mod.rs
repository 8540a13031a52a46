//! `sweep:`, the block that makes one scenario stand for many. Each of these, a unit, is the scenario with a value for every key that
//! varies, set as by `--set`:
//!
//! ```yaml
//! sweep:
//!   grid:                            # every key is a factor of the product
//!     weight_decay: [0, 1.0e-4, 1.0e-3]
//!     init.balanced.imbalance: {log: {from: 0.01, to: 1, points: 5}}
//!   zip:                             # one factor: its keys go together, entry by entry
//!     network.widths: [[10, 10, 10], [10, 10, 10, 10]]
//!     flow.t_end: [100, 200]
//!   seeds: 10                        # one factor: seed, seed + 1, …, or a list of seeds
//!   keep: [records, weights]         # what units keep; records alone by default
//! ```
//!
//! Units are numbered from 0. The keys of `grid` are the first factors, then come `zip` and the seeds; the last factor changes fastest.

mod block;
mod keep;
mod pictures;
mod range;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::settings::{Findings, path};

pub use keep::KeptFile;
pub(super) use schema::schema;

use super::error::{Diagnostic, Location, Patch, ScenarioError, Source};
use super::print::yaml;
use super::{Picture, Scenario, patch, read};

/// More than this is a mistake: even planning it would take minutes.
const MAX_UNITS: usize = 1_000_000;

/// Nobody reads a table with more columns.
const MAX_KEYS: usize = 100;

/// A scenario with a `sweep:` block.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The scenario without the blocks `sweep`, `pictures` and `style`.
    base: Value,
    source: Source,
    file: PathBuf,
    factors: Vec<Factor>,
    pictures: Vec<Picture>,
    keep: Vec<KeptFile>,
    /// The blocks as they were written.
    block: Value,
    pictures_block: Option<Value>,
    style_block: Option<Value>,
}

/// Keys that vary together.
#[derive(Debug, Clone)]
struct Factor {
    /// They all have the same number of values.
    keys: Vec<Key>,
}

/// A key that varies.
#[derive(Debug, Clone)]
struct Key {
    /// As it was written: `optimizers[0].gd.lr`.
    path: String,
    /// Its segments: optimizers, 0, gd, lr.
    segments: Vec<String>,
    /// Its own path in the block: `sweep.grid.optimizers[0].gd.lr`.
    at: String,
    values: Vec<Value>,
    /// Whether the values are counted from the scenario's own, as a number of seeds is.
    relative: bool,
}

impl Factor {
    fn len(&self) -> usize {
        self.keys.first().map_or(0, |key| key.values.len())
    }
}

impl Sweep {
    /// Reads the sweep at `path`, patched by `sets`. Its units are read one by one, by [`Sweep::unit`].
    ///
    /// # Errors
    /// [`ScenarioError`] if the file cannot be read, has no `sweep:` block, or has problems outside its units.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, ScenarioError> {
        Self::find(path, sets)?.ok_or_else(|| {
            let location = Location::File { path: path.into(), line: 1, column: 1 };
            let message = "missing: a sweep varies keys by grid, zip or seeds; gramflow run runs a single scenario".to_string();
            ScenarioError::Diagnostics(vec![Diagnostic { location, path: "sweep".into(), message }])
        })
    }

    /// The sweep at `path`; `None` if that scenario has no `sweep:` block.
    pub fn find(path: &Path, sets: &[String]) -> Result<Option<Self>, ScenarioError> {
        Self::parse(&read::text_of(path)?, path, sets)
    }

    /// The same for the scenario in `text`, as if read from the file `path`.
    pub fn parse(text: &str, path: &Path, sets: &[String]) -> Result<Option<Self>, ScenarioError> {
        let (mut base, source) = read::load(text, path, sets)?;
        let Some(block) = read::take(&mut base, "sweep") else { return Ok(None) };
        let pictures_block = read::take(&mut base, "pictures");
        // It belongs to the pictures, not to the units.
        let style_block = read::take(&mut base, "style");
        let mut found = Findings::default();
        let factors = block::factors(&block, &base, &mut found);
        let keep = keep::read(block.get("keep"), &base, &factors, &mut found);
        let style = style_block.as_ref().filter(|block| pictures::is_style(block, &mut found));
        let pictures =
            pictures_block.as_ref().map_or_else(Vec::new, |block| pictures::read(block, style, &factors, &mut found));
        pictures::validate_names(&pictures, base.get("name").and_then(Value::as_str), &mut found);
        pictures::name_as_written(&mut found, pictures_block.as_ref());
        let sweep = Self { factors, pictures, keep, base, source, file: path.into(), block, pictures_block, style_block };
        if !found.0.is_empty() {
            return Err(sweep.source.problems(found));
        }
        sweep.check_sets(sets)?;
        Ok(Some(sweep))
    }

    /// Refuses a `--set` of a key that varies, which every unit would undo.
    fn check_sets(&self, sets: &[String]) -> Result<(), ScenarioError> {
        let mut problems = Vec::new();
        for given in sets {
            let target = given.split('=').next().unwrap_or_default().trim();
            let Some(segments) = patch::segments(target) else { continue };
            let undoes =
                |key: &&Key| segments.len() >= key.segments.len() && key.segments.iter().zip(&segments).all(|(a, b)| a == b);
            if let Some(key) = self.keys().filter(|key| !key.relative).find(undoes) {
                let message = format!("varies in this sweep: set {} instead", key.at);
                problems.push(Diagnostic { location: Location::Set(given.clone()), path: target.to_string(), message });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(ScenarioError::Diagnostics(problems)) }
    }

    /// Whether the sweep sets the value at `path` or what contains it.
    pub fn sets(&self, path: &str) -> bool {
        patch::segments(path).is_some_and(|segments| {
            self.keys()
                .any(|key| segments.len() >= key.segments.len() && key.segments.iter().zip(&segments).all(|(a, b)| a == b))
        })
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.factors.iter().flat_map(|factor| &factor.keys)
    }

    /// The number of units, duplicates included: the product of the factors' lengths.
    pub fn len(&self) -> usize {
        self.factors.iter().map(Factor::len).product()
    }

    /// Whether there is no unit. (There always is one.)
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The units to read where reading all of them would take too long, in order: the values of every factor, evenly spaced if there are
    /// many, with the first values of the others, and units evenly over the product. About `most` in all, or all units if there are no
    /// more.
    pub fn sample(&self, most: usize) -> Vec<usize> {
        let total = self.len();
        if total <= most {
            return (0..total).collect();
        }
        let mut sample: BTreeSet<usize> = (0..most / 2).map(|i| i * (total / (most / 2).max(1)) % total).collect();
        sample.insert(total - 1);
        let mut stride = 1;
        for factor in self.factors.iter().rev() {
            let length = factor.len();
            let share = most / 2 / self.factors.len();
            let step = length.div_ceil(share.max(1)).max(1);
            sample.extend((0..length).step_by(step).map(|entry| entry * stride));
            stride *= length;
        }
        sample.into_iter().collect()
    }

    /// The number of values in the scenario of a unit: a measure of the cost of reading one.
    pub fn values_per_unit(&self) -> usize {
        fn values(tree: &Value) -> usize {
            1 + match tree {
                Value::Sequence(list) => list.iter().map(values).sum(),
                Value::Mapping(map) => map.values().map(values).sum::<usize>(),
                _ => 0,
            }
        }
        values(&self.base)
    }

    /// The sweep again, with every default filled in: its first unit, and the other blocks as they were written.
    pub fn explain(&self) -> Result<String, ScenarioError> {
        let mut text = self.unit(0)?.to_yaml();
        let blocks =
            [("sweep", Some(&self.block)), ("pictures", self.pictures_block.as_ref()), ("style", self.style_block.as_ref())];
        for (name, block) in blocks {
            let Some(block) = block else { continue };
            let mut map = serde_yaml::Mapping::new();
            map.insert(name.into(), block.clone());
            text.push_str(&yaml(&Value::Mapping(map)));
        }
        Ok(text)
    }

    /// The keys that vary and their values, factor by factor; [`Sweep::unit`] takes an index into their product.
    pub fn factors(&self) -> Vec<Vec<(String, Vec<Value>)>> {
        let keys = |factor: &Factor| factor.keys.iter().map(|key| (key.path.clone(), key.values.clone())).collect();
        self.factors.iter().map(keys).collect()
    }

    /// The pictures to be drawn of its units.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }

    /// What its units keep, records included.
    pub fn keep(&self) -> &[KeptFile] {
        &self.keep
    }

    /// The problem `message` about the value at `path` in its file, as in `pictures[0].panels[1].show`.
    pub fn diagnostic(&self, path: &str, message: impl Into<String>) -> Diagnostic {
        self.source.diagnostic(path, message)
    }

    /// The scenario of unit `index`, from 0.
    ///
    /// # Errors
    /// [`ScenarioError`] with all problems of the unit.
    pub fn unit(&self, index: usize) -> Result<Scenario, ScenarioError> {
        let lengths: Vec<usize> = self.factors.iter().map(Factor::len).collect();
        let mut tree = self.base.clone();
        let mut patches = Vec::new();
        for (factor, entry) in self.factors.iter().zip(entries(&lengths, index)) {
            for key in &factor.keys {
                let place = path::item(&key.at, entry);
                let segments: Vec<&str> = key.segments.iter().map(String::as_str).collect();
                match patch::put(&mut tree, &segments, key.values[entry].clone()) {
                    Ok(origin) => patches.push((origin, place)),
                    Err(patch::Misplaced { path, message }) => {
                        let location = self.source.locate(&place);
                        return Err(ScenarioError::Diagnostics(vec![Diagnostic { location, path, message }]));
                    }
                }
            }
        }
        read::settle(&tree, &self.file, Findings::default()).map_err(|found| {
            let mut source = self.source.clone();
            let patch = |(origin, place): (String, String)| Patch { origin, location: self.source.locate(&place) };
            source.patches.extend(patches.into_iter().map(patch));
            source.problems(found)
        })
    }
}

/// The scenario in `text`, as if read from the file `path`, with every default filled in: a scenario again, or a sweep if it has a `sweep:`
/// block.
///
/// # Errors
/// [`ScenarioError`] with all problems of the text.
pub fn explain(text: &str, path: &Path, sets: &[String]) -> Result<String, ScenarioError> {
    match Sweep::parse(text, path, sets)? {
        Some(sweep) => sweep.explain(),
        None => Ok(read::parse(text, path, sets)?.0.to_yaml()),
    }
}

/// The entry of each factor in unit `index` of their product; the last factor changes fastest.
pub fn entries(lengths: &[usize], index: usize) -> Vec<usize> {
    let mut rest = index;
    let mut entries: Vec<usize> = lengths
        .iter()
        .rev()
        .map(|length| {
            let entry = rest % length;
            rest /= length;
            entry
        })
        .collect();
    entries.reverse();
    entries
}

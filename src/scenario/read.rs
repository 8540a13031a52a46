//! From a scenario file to a scenario that can run: parsed, patched by `--set`, every default filled in, validated.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::machine;
use crate::network::Init;
use crate::settings::Findings;

use super::error::{Diagnostic, ScenarioError, Source};
use super::marks::{Marks, Position};
use super::text::{self, Syntax};
use super::{Scenario, patch, tree};

/// A longer text is not a scenario: half a million record times take 13 MB in JSON.
const LONGEST: u64 = 16 << 20;

/// Reads the scenario at `path`, patched by `sets` in order (`flow.rtol=1e-9`). No other file is opened.
///
/// # Errors
/// [`ScenarioError`] if the file cannot be read, or with all problems of its text.
pub fn read(path: &Path, sets: &[String]) -> Result<(Scenario, Source), ScenarioError> {
    parse(&text_of(path)?, path, sets)
}

/// The text of the scenario at `path`.
pub(crate) fn text_of(path: &Path) -> Result<String, ScenarioError> {
    machine::read_text(path, LONGEST).map_err(|source| ScenarioError::Unreadable { path: path.into(), source })
}

/// Reads the scenario in `text` as if from the file `path`: messages name that file, and the files that the scenario names are relative to
/// its folder.
///
/// # Errors
/// [`ScenarioError`] with all problems of the text.
pub fn parse(text: &str, path: &Path, sets: &[String]) -> Result<(Scenario, Source), ScenarioError> {
    let (mut tree, source) = load(text, path, sets)?;
    let mut found = Findings::default();
    let is_sweep = take(&mut tree, "sweep").is_some();
    if is_sweep {
        found.add("sweep", "this scenario is a sweep: gramflow sweep plan lists its units, gramflow sweep run runs them");
    }
    if take(&mut tree, "pictures").is_some() && !is_sweep {
        found.add("pictures", "only for sweeps: a single run draws its own pictures");
    }
    match settle(&tree, path, found) {
        Ok(scenario) => Ok((scenario, source)),
        Err(found) => Err(source.problems(found)),
    }
}

/// Reads a resolved scenario, `scenario.json` of a run folder: like [`parse`], but faster where nothing is wrong.
pub fn parse_resolved(text: &str, path: &Path) -> Result<Scenario, ScenarioError> {
    if let Ok(mut scenario) = serde_json::from_str::<Scenario>(text) {
        let mut found = Findings::default();
        scenario.fill_defaults();
        scenario.resolve_paths(path, &mut found);
        scenario.validate(&mut found);
        if found.0.is_empty() {
            return Ok(scenario);
        }
    }
    Ok(parse(text, path, &[])?.0)
}

/// The tree of the scenario in `text` with `sets` applied, and where its values were written.
pub(super) fn load(text: &str, path: &Path, sets: &[String]) -> Result<(Value, Source), ScenarioError> {
    // Some editors begin a file with a byte order mark, which serde_yaml takes for a document of its own.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source { file: path.into(), marks: Marks::of(text), patches: Vec::new() };
    let mut tree = text::tree(text, &source.marks)
        .map_err(|errors| ScenarioError::Diagnostics(errors.into_iter().map(|error| problem(&source, error)).collect()))?;
    if let Some(message) = wrong_root(&tree) {
        return Err(ScenarioError::Diagnostics(vec![source.diagnostic("", message)]));
    }
    let mut misdirected = Vec::new();
    for given in sets {
        match patch::apply(&mut tree, given) {
            Ok(patch) => source.patches.push(patch),
            Err(problem) => misdirected.push(problem),
        }
    }
    lower_samples(&mut tree);
    if misdirected.is_empty() { Ok((tree, source)) } else { Err(ScenarioError::Diagnostics(misdirected)) }
}

/// Moves `samples` from beside `inputs` into it, unless it has its own: `synthetic: {inputs: {dim: 4}, target: …, samples: population}`.
fn lower_samples(tree: &mut Value) -> Option<()> {
    let synthetic = tree.get_mut("data")?.get_mut("synthetic")?.as_mapping_mut()?;
    if synthetic.get("inputs")?.as_mapping()?.contains_key("samples") {
        return None;
    }
    let samples = synthetic.shift_remove("samples")?;
    synthetic.get_mut("inputs")?.as_mapping_mut()?.insert("samples".into(), samples);
    Some(())
}

/// Takes the block `key` of a sweep out of the tree: what is left is a scenario, or becomes one with the values of a unit.
pub(super) fn take(tree: &mut Value, key: &str) -> Option<Value> {
    tree.as_mapping_mut().and_then(|map| map.shift_remove(key))
}

/// The scenario of a tree, with defaults filled in and validated. `found` are the problems found so far.
pub(super) fn settle(tree: &Value, path: &Path, mut found: Findings) -> Result<Scenario, Findings> {
    let mut scenario: Scenario = match tree::read(tree) {
        Ok(scenario) => scenario,
        Err(refusal) => {
            found.add(&refusal.path, refusal.message);
            return Err(found);
        }
    };
    scenario.fill_defaults();
    scenario.resolve_paths(path, &mut found);
    scenario.validate(&mut found);
    if found.0.is_empty() { Ok(scenario) } else { Err(found) }
}

fn problem(source: &Source, error: Syntax) -> Diagnostic {
    let located = source.diagnostic(&error.path, error.message);
    match error.position {
        Some(Position { line, column }) => Diagnostic { location: source.at(line, column), ..located },
        None => located,
    }
}

fn wrong_root(tree: &Value) -> Option<&'static str> {
    match tree {
        Value::Mapping(_) => None,
        Value::Null => Some("nothing here: a scenario needs at least name, data, network and flow"),
        _ => Some("a scenario is a map with the keys name, data, network, flow, …"),
    }
}

impl Scenario {
    /// Fills in the defaults that depend on other values.
    fn fill_defaults(&mut self) {
        self.record.fill_defaults(self.flow.t_end);
        for optimizer in &mut self.optimizers {
            optimizer.fill_defaults();
        }
    }

    /// Makes the paths of files absolute, so that the scenario runs from anywhere.
    fn resolve_paths(&mut self, scenario: &Path, found: &mut Findings) {
        let folder = scenario.parent().unwrap_or(Path::new(""));
        let mut resolve = |key: &str, path: &mut PathBuf| {
            if path.as_os_str().is_empty() {
                return;
            }
            match std::path::absolute(folder.join(&path)) {
                Ok(absolute) => *path = absolute,
                Err(error) => found.add(key, format!("cannot find the current folder: {error}")),
            }
        };
        let key = format!("{}.path", self.data.key());
        if let Some(path) = self.data.file_mut() {
            resolve(&key, path);
        }
        if let Init::File { path } = &mut self.init {
            resolve("init.file.path", path);
        }
    }
}

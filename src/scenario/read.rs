//! From a scenario file to a scenario that can run: parsed, patched by `--set`, every default filled in, validated.

use std::fs;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::error::{Problem, ScenarioError, Source};
use super::marks::{Marks, Position};
use super::text::{self, Syntax};
use super::validate::Findings;
use super::{Data, Init, Scenario, availability, patch, tree};

/// Reads the scenario at `path`, patched by `sets` in their order (`flow.rtol=1e-9`). Nothing but that file is opened.
pub fn read(path: &Path, sets: &[String]) -> Result<(Scenario, Source), ScenarioError> {
    let text = fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable { path: path.into(), source })?;
    parse(&text, path, sets)
}

/// Reads the scenario `text` as if it stood in the file `path`: messages name that file, and the files that the scenario
/// names are relative to its folder.
pub fn parse(text: &str, path: &Path, sets: &[String]) -> Result<(Scenario, Source), ScenarioError> {
    // Some editors begin a file with a byte order mark, which serde_yaml takes for a document of its own.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut source = Source { file: path.into(), marks: Marks::of(text), patches: Vec::new() };
    let mut tree = text::tree(text, &source.marks)
        .map_err(|errors| ScenarioError::Problems(errors.into_iter().map(|error| problem(&source, error)).collect()))?;
    if let Some(message) = wrong_root(&tree) {
        return Err(ScenarioError::Problems(vec![source.problem("", message)]));
    }
    let mut misdirected = Vec::new();
    for given in sets {
        match patch::apply(&mut tree, given) {
            Ok(patch) => source.patches.push(patch),
            Err(problem) => misdirected.push(problem),
        }
    }
    if !misdirected.is_empty() {
        return Err(ScenarioError::Problems(misdirected));
    }
    let mut found = Findings::default();
    availability::take_sweep(&mut tree, &mut found);
    let mut scenario: Scenario = match tree::read(&tree) {
        Ok(scenario) => scenario,
        Err(refusal) => return Err(ScenarioError::Problems(vec![source.problem(&refusal.path, refusal.message)])),
    };
    scenario.fill_defaults();
    scenario.resolve_paths(path, &mut found);
    scenario.validate(&mut found);
    scenario.check_availability(&mut found);
    if found.0.is_empty() {
        return Ok((scenario, source));
    }
    let problems = found.0.into_iter().map(|finding| source.problem(&finding.path, finding.message));
    Err(ScenarioError::Problems(problems.collect()))
}

fn problem(source: &Source, error: Syntax) -> Problem {
    let located = source.problem(&error.path, error.message);
    match error.position {
        Some(Position { line, column }) => Problem { location: source.at(line, column), ..located },
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
        if let Data::File(file) = &mut self.data {
            resolve("data.file.path", &mut file.path);
        }
        if let Init::File { path } = &mut self.init {
            resolve("init.file.path", path);
        }
    }
}

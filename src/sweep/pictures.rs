//! The `pictures:` of a sweep: checked against its units before these are run, kept beside them, and drawn from those that are finished.
//!
//! ```text
//! DIR/pictures.json                what is drawn of the units: no unit depends on it
//! DIR/figures/<name>.svg, .png     the pictures, in the formats of their style
//! ```

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::claim::Claim;
use crate::data::Data;
use crate::figure::{Drawn, draw_ensemble};
use crate::folder::{Ensemble, FolderError, Keep};
use crate::observe::{Group, registry};
use crate::optim::Optimizer;
use crate::publish::{self, Shelf};
use crate::run::{Problem, columns};
use crate::scenario::picture::{self, DERIVED_KEYS};
use crate::scenario::style::Formats;
use crate::scenario::{Picture, Scenario, ScenarioError, Sweep, suggestion};

use super::{Folder, SweepError, SweepPlan, ensemble};

/// What units must keep so that `pictures` can be drawn.
pub(super) fn keep(pictures: &[Picture]) -> Keep {
    let arrays = pictures.iter().flat_map(|picture| &picture.panels).any(picture::PanelSettings::needs_arrays);
    Keep { weights: false, arrays }
}

/// Refuses pictures that name a column, a process or a value that no unit of the sweep has.
pub fn check_pictures(sweep: &Sweep) -> Result<(), SweepError> {
    if sweep.pictures().is_empty() {
        return Ok(());
    }
    let scenarios = different(sweep)?;
    let mut known = Columns { scenarios: &scenarios, seen: Vec::new(), names: Vec::new() };
    let mut problems = Vec::new();
    let unnamed = sweep.pictures().iter().any(|picture| picture.name.is_none());
    for (i, picture) in sweep.pictures().iter().enumerate() {
        // The picture without a name takes that of the sweep.
        if unnamed && scenarios.first().map(|scenario| &scenario.name) == picture.name.as_ref() {
            let message = "the picture without `name` takes the name of the sweep, too: give this one another name";
            problems.push(sweep.diagnostic(&format!("pictures[{i}].name"), message));
        }
        for (j, panel) in picture.panels.iter().enumerate() {
            let at = format!("pictures[{i}].panels[{j}]");
            for (place, column) in panel.columns() {
                if !known.has(column) {
                    let all: Vec<&str> = known.names.iter().map(String::as_str).collect();
                    let message = match left_out(&scenarios, column) {
                        Some(group) => {
                            format!("no unit records `{column}`: it is of the group {group}, which `observe` leaves out")
                        }
                        None => format!("no unit records `{column}`{}", suggestion(column, "columns", &all)),
                    };
                    problems.push(sweep.diagnostic(&format!("{at}.{place}"), message));
                }
            }
            let names = processes(&scenarios);
            for (k, process) in panel.processes.iter().flatten().enumerate() {
                if !names.contains(&process.as_str()) {
                    let message = format!("no unit has a process `{process}`{}", suggestion(process, "processes", &names));
                    problems.push(sweep.diagnostic(&format!("{at}.processes[{k}]"), message));
                }
            }
            for (key, wanted) in panel.only.iter().filter(|(key, _)| DERIVED_KEYS.contains(&key.as_str())) {
                if let Some(message) = picture::unmet(key, wanted, &values(&scenarios, panel, key)) {
                    problems.push(sweep.diagnostic(&format!("{at}.where.{key}"), message));
                }
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ScenarioError::Diagnostics(problems).into()) }
}

/// The group of a column, if all scenarios leave it out.
fn left_out(scenarios: &[Scenario], column: &str) -> Option<Group> {
    let group = registry::find(column)?.0?;
    scenarios.iter().all(|scenario| !scenario.observes(group)).then_some(group)
}

/// The scenarios of units that differ in what pictures can name: columns, processes and derived keys. Usually these are few, however many
/// units there are.
fn different(sweep: &Sweep) -> Result<Vec<Scenario>, ScenarioError> {
    let (mut seen, mut scenarios) = (HashSet::new(), Vec::new());
    for index in 0..sweep.len() {
        let scenario = sweep.unit(index)?;
        let samples = scenario.data.drawn();
        if seen.insert(format!("{} {:?} {samples:?} {:?}", kind(&scenario), scenario.network.widths, scenario.optimizers)) {
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}

/// The columns of units, found on demand: all units of a kind record the same, so one of them is asked.
struct Columns<'s> {
    scenarios: &'s [Scenario],
    /// The kinds of units that have been asked.
    seen: Vec<String>,
    names: Vec<String>,
}

impl Columns<'_> {
    /// Whether a unit records `column`.
    fn has(&mut self, column: &str) -> bool {
        for scenario in self.scenarios {
            if self.names.iter().any(|name| name == column) {
                return true;
            }
            let kind = kind(scenario);
            if self.seen.contains(&kind) {
                continue;
            }
            self.seen.push(kind);
            // A unit that cannot be run records nothing; running it reports why.
            let Ok(problem) = Problem::new(scenario) else { continue };
            let new = columns(scenario, &problem).into_iter().filter(|name| !self.names.contains(name)).collect::<Vec<_>>();
            self.names.extend(new);
        }
        self.names.iter().any(|name| name == column)
    }
}

/// What the columns of a scenario may depend on: everything except numbers that do not affect them.
fn kind(scenario: &Scenario) -> String {
    let optimizers: Vec<&str> = scenario.optimizers.iter().map(Optimizer::name).collect();
    let target = match &scenario.data {
        Data::Synthetic(data) => format!("{:?} {}", std::mem::discriminant(&data.target), data.test > 0),
        data => data.file().map(|path| path.display().to_string()).unwrap_or_default(),
    };
    format!(
        "{} {:?} {:?} {:?} {optimizers:?} {:?} {:?} {:?} {:?} {target}",
        scenario.network.layers(),
        scenario.network.activations,
        scenario.network.bias,
        scenario.loss,
        scenario.observe,
        scenario.measure,
        Claim::models(&scenario.claims),
        scenario.flow.preserve
    )
}

/// The processes of all units.
fn processes(scenarios: &[Scenario]) -> Vec<&str> {
    let mut names = vec!["flow"];
    for name in scenarios.iter().flat_map(|scenario| &scenario.optimizers).map(Optimizer::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The values of a derived key over the units and processes that `panel` draws.
fn values(scenarios: &[Scenario], panel: &picture::PanelSettings, key: &str) -> Vec<serde_json::Value> {
    let mut values = Vec::new();
    for scenario in scenarios {
        for process in panel.processes_of(scenario.optimizers.iter().map(Optimizer::name)) {
            let value = picture::derived(scenario, process, key);
            if !value.is_null() && !values.contains(&value) {
                values.push(value);
            }
        }
    }
    values
}

/// Keeps the pictures in the folder of the sweep. If there are none and never were, no file is written.
pub fn keep_pictures(folder: &Folder, pictures: &[Picture]) -> Result<(), SweepError> {
    let path = path_of(folder);
    if pictures.is_empty() && !path.exists() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(pictures).expect("maps with text keys are JSON");
    Ok(publish::replace_text(&path, &format!("{text}\n")).map_err(FolderError::from)?)
}

fn path_of(folder: &Folder) -> PathBuf {
    folder.path().join("pictures.json")
}

/// The pictures that were kept in the folder of a sweep; empty if there are none.
pub fn read_pictures(folder: &Folder, plan: &SweepPlan) -> Result<Vec<Picture>, SweepError> {
    let path = path_of(folder);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FolderError::io("read", &path)(error).into()),
    };
    let keys = plan.varied.iter().flat_map(|factor| factor.keys.iter().zip(&factor.values));
    let varied: Vec<(&str, &[serde_json::Value])> = keys.map(|(key, values)| (key.as_str(), values.as_slice())).collect();
    picture::from_json(&text, &varied).map_err(|message| SweepError::Pictures { path, message })
}

/// Draws `pictures` of the finished units in the folders of one sweep into `figures/` in the folder `to`, replacing earlier pictures there
/// of the formats `replaced`. Nothing is run.
pub fn draw_pictures(
    folders: &[Folder],
    plan: &SweepPlan,
    pictures: &[Picture],
    to: &Path,
    replaced: &Formats,
) -> Result<Drawn, SweepError> {
    if pictures.is_empty() {
        return Ok(Drawn::default());
    }
    let ensemble = ensemble(folders, plan)?;
    // Where no unit is finished there is nothing to draw.
    if ensemble.members.is_empty() {
        return Ok(Drawn { files: Vec::new(), warnings: vec!["no unit is finished: no picture is drawn".to_string()] });
    }
    let shelf = Shelf::open(to).map_err(FolderError::from)?;
    let stage = shelf.stage().map_err(FolderError::from)?;
    let mut drawn = draw_ensemble(&ensemble, pictures, &stage.folder("figures").map_err(FolderError::from)?)?;
    drawn.files =
        shelf.publish(stage, |name| name.starts_with("figures/") && replaced.contain_file(name)).map_err(FolderError::from)?;
    drawn.warnings.extend(warnings(&ensemble, plan, pictures));
    Ok(drawn)
}

fn warnings(ensemble: &Ensemble, plan: &SweepPlan, pictures: &[Picture]) -> Vec<String> {
    let mut warnings = Vec::new();
    let (done, all) = (ensemble.members.len(), plan.units().len());
    if done < all {
        warnings.push(format!("the pictures show {done} of {all} units: the others are not finished"));
    }
    let bare = ensemble.members.iter().filter(|member| member.run.arrays.is_empty()).count();
    if keep(pictures).arrays && bare > 0 {
        warnings.push(format!(
            "{bare} of {done} units have no arrays, from which alignment curves, spectra and matrices are drawn: they were run before \
             `pictures:` asked for them; run the sweep again with another --out"
        ));
    }
    warnings
}

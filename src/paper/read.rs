//! The figures in a folder of scenarios.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::record::PictureEntry;
use crate::scenario::{Picture, Sweep, sha256, suggestion};
use crate::sweep::Plan;

use super::PaperError;

/// A figure: a sweep and the pictures of it.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The stem of its scenario's file, which is the scenario's name too.
    pub name: String,
    /// What its scenario says of it.
    pub description: String,
    /// What is run.
    pub sweep: Sweep,
    /// The units of that.
    pub plan: Plan,
    /// The text of its scenario's file.
    pub text: String,
    /// What is drawn; every picture has a name.
    pub pictures: Vec<Picture>,
}

/// The figures called `names`, or all, of the scenarios in `dir`; in the order of their names, each once. Only these are read. Beside
/// them the names of all that there are.
pub fn read(dir: &Path, names: &[String]) -> Result<(Vec<Figure>, Vec<String>), PaperError> {
    let files = scenarios(dir)?;
    let all: Vec<&str> = files.keys().map(String::as_str).collect();
    if all.is_empty() {
        return Err(PaperError::NoFigures(dir.into()));
    }
    if let Some(name) = names.iter().find(|name| !files.contains_key(*name)) {
        return Err(PaperError::Unknown { name: name.clone(), suggestion: suggestion(name, "figures", &all) });
    }
    let chosen = files.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let figures = chosen.map(|(_, path)| Figure::read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (figure, picture) in figures.iter().flat_map(|figure| figure.entries().map(move |entry| (figure, entry))) {
        if let Some(first) = owners.insert(picture.0, &figure.name) {
            return Err(PaperError::Clash { picture: picture.0.into(), first: first.into(), second: figure.name.clone() });
        }
    }
    Ok((figures, files.into_keys().collect()))
}

/// The YAML files in `dir`, by their stems.
fn scenarios(dir: &Path) -> Result<BTreeMap<String, PathBuf>, PaperError> {
    let Ok(entries) = fs::read_dir(dir) else { return Err(PaperError::NoFigures(dir.into())) };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(PaperError::io("read", dir))?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if let Some(stem) = path.file_stem().filter(|_| is_yaml) {
            files.insert(stem.to_string_lossy().into_owned(), path);
        }
    }
    Ok(files)
}

impl Figure {
    fn read(path: &Path) -> Result<Self, PaperError> {
        let text = fs::read_to_string(path).map_err(PaperError::io("read", path))?;
        let sweep = Sweep::read(path, &[])?;
        let plan = Plan::new(&sweep)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if plan.name != stem {
            return Err(PaperError::Name { path: path.into(), found: plan.name });
        }
        if sweep.pictures().is_empty() {
            return Err(PaperError::NoPictures(path.into()));
        }
        let named = |picture: &Picture| Picture { name: picture.name.clone().or(Some(plan.name.clone())), ..picture.clone() };
        let pictures = sweep.pictures().iter().map(named).collect();
        let description = sweep.unit(0)?.description.unwrap_or_default();
        Ok(Self { name: plan.name.clone(), description, sweep, plan, text, pictures })
    }

    /// SHA-256 of its scenario's file, 64 hex digits.
    pub fn sha256(&self) -> String {
        sha256(&self.text)
    }

    /// Where its sweep lies in the folder of all runs of figures.
    pub fn folder(&self, runs: &Path) -> PathBuf {
        runs.join(format!("{}-{}", self.name, &self.plan.hash()[..8]))
    }

    /// The names and titles of its pictures.
    fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pictures.iter().filter_map(|picture| Some((picture.name.as_deref()?, picture.title.as_str())))
    }

    /// The same, for its manifest.
    pub(super) fn picture_entries(&self) -> Vec<PictureEntry> {
        self.entries().map(|(name, title)| PictureEntry { name: name.into(), title: title.into() }).collect()
    }
}

//! The figures in a folder of scenarios.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::PictureEntry;
use crate::scenario::{Picture, Sweep, sha256, suggestion};
use crate::sweep::{SweepPlan, check_pictures};

use super::PaperError;

/// A figure: a sweep and the pictures of it.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The name of its scenario; in a folder of figures it is the stem of its file, too.
    pub name: String,
    /// The description in its scenario.
    pub description: String,
    /// What is run.
    pub sweep: Sweep,
    /// The units of the sweep.
    pub plan: SweepPlan,
    /// The text of its scenario's file.
    pub text: String,
    /// What is drawn; every picture has a name.
    pub pictures: Vec<Picture>,
}

/// The figures called `names`, or all, among the scenarios in `dir`, in the order of their names, each once; and the names of all that there
/// are. A name that is the path of a YAML file means that scenario, wherever it lies. Only the figures returned are read.
///
/// # Errors
/// If there are no figures, a name is unknown, a scenario cannot be read or is no figure, or two pictures have one name.
pub fn read(dir: &Path, names: &[String]) -> Result<(Vec<Figure>, Vec<String>), PaperError> {
    let (paths, names): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_yaml(Path::new(name)));
    // No folder is needed where every name is a file.
    let files = match scenarios(dir) {
        Err(PaperError::NoFigures(_)) if names.is_empty() && !paths.is_empty() => BTreeMap::new(),
        files => files?,
    };
    let all: Vec<&str> = files.keys().map(String::as_str).collect();
    if all.is_empty() && paths.is_empty() {
        return Err(PaperError::NoFigures(dir.into()));
    }
    if let Some(name) = names.iter().find(|name| !files.contains_key(**name)) {
        return Err(PaperError::Unknown { name: name.to_string(), suggestion: suggestion(name, "figures", &all) });
    }
    let every = names.is_empty() && paths.is_empty();
    let chosen = files.iter().filter(|(name, _)| every || names.contains(name));
    let mut figures = chosen.map(|(name, path)| Figure::read_called(name, path)).collect::<Result<Vec<_>, _>>()?;
    for path in paths {
        let figure = Figure::read(Path::new(path))?;
        if !figures.iter().any(|known| known.name == figure.name && known.text == figure.text) {
            figures.push(figure);
        }
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (figure, picture) in figures.iter().flat_map(|figure| figure.entries().map(move |entry| (figure, entry))) {
        if let Some(first) = owners.insert(picture.0, &figure.name) {
            return Err(PaperError::Clash { picture: picture.0.into(), first: first.into(), second: figure.name.clone() });
        }
    }
    let mut all: Vec<String> =
        all.into_iter().map(str::to_string).chain(figures.iter().map(|figure| figure.name.clone())).collect();
    all.sort();
    all.dedup();
    Ok((figures, all))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The YAML files in `dir`, by their stems.
fn scenarios(dir: &Path) -> Result<BTreeMap<String, PathBuf>, PaperError> {
    let Ok(entries) = fs::read_dir(dir) else { return Err(PaperError::NoFigures(dir.into())) };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(PaperError::io("read", dir))?.path();
        if let Some(stem) = path.file_stem().filter(|_| is_yaml(&path)) {
            files.insert(stem.to_string_lossy().into_owned(), path);
        }
    }
    Ok(files)
}

impl Figure {
    /// The figure in the file at `path`, which must be called `name`.
    fn read_called(name: &str, path: &Path) -> Result<Self, PaperError> {
        let figure = Self::read(path)?;
        if figure.name != name {
            return Err(PaperError::Name { path: path.into(), found: figure.name });
        }
        Ok(figure)
    }

    fn read(path: &Path) -> Result<Self, PaperError> {
        let text = fs::read_to_string(path).map_err(PaperError::io("read", path))?;
        let sweep = Sweep::read(path, &[])?;
        let plan = SweepPlan::new(&sweep)?;
        check_pictures(&sweep)?;
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

    /// The folder of its sweep in `runs`, which holds the runs of all figures.
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

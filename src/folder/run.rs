//! The folders of runs and studies: they appear whole or not at all, and only a finished one replaces a finished one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::network::Parameters;
use crate::npz::{self, Arrays};
use crate::observe::Measure;
use crate::publish::{self, Kind, PublishError, Published, Standing, remove_stale, standing};
use crate::record::{Run, Table, Values, WITHOUT_SADDLES, saddles_of, to_value};
use crate::scenario::{self, Scenario, caption};

use super::{Checkpoint, FolderError, Study, horizon_of, parquet};

/// The file of a run's records.
pub(super) const RECORDS: &str = "records.parquet";
/// The file of vectors over time and matrices at the end.
pub(super) const ARRAYS: &str = "arrays.npz";
/// The file of final weights.
pub(super) const WEIGHTS: &str = "weights.npz";
/// The file of weights over time, where they were recorded.
pub(super) const TRAJECTORY: &str = "trajectory.npz";
/// The file of a study's table.
pub(super) const STUDY: &str = "study.parquet";

/// How a run or a study has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Finished,
    /// By the user's request: it does not replace a finished one.
    Interrupted,
}

/// The suffix of a folder whose name is taken by a finished run.
const INTERRUPTED: &str = "-interrupted";

/// A folder of a run or a study that is being filled. Dropped before [`FolderDraft::publish`], it leaves nothing.
pub struct FolderDraft {
    draft: publish::Draft,
    target: PathBuf,
    kind: Kind,
}

/// Fails where `target` must not be replaced.
fn check_target(target: &Path, kind: Kind) -> Result<(), FolderError> {
    // The longer name is checked as well: whether it will be needed is known only after the work.
    standing(&interrupted(target, 1), kind).map_err(|error| match error {
        PublishError::Target { source, .. } => PublishError::Target { path: target.into(), source },
        other => other,
    })?;
    match standing(target, kind)? {
        Standing::Free | Standing::Ours(_) => Ok(()),
        Standing::Foreign if holds(target, RECORDS) || holds(target, STUDY) => {
            Err(PublishError::Unlisted(target.into()).into())
        }
        Standing::Foreign => Err(PublishError::Occupied(target.into()).into()),
    }
}

/// `run-interrupted`, `run-interrupted-2`, … for `run`.
fn interrupted(target: &Path, n: usize) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(if n == 1 { INTERRUPTED.to_string() } else { format!("{INTERRUPTED}-{n}") });
    target.with_file_name(name)
}

fn may_replace(standing: &Standing, target: &Path, ending: Ending) -> bool {
    match standing {
        Standing::Free => true,
        Standing::Ours(_) => ending == Ending::Finished || was_interrupted(target),
        Standing::Foreign => false,
    }
}

/// Whether the manifest in `folder` says that the run was interrupted. One that can no longer be read counts as finished.
fn was_interrupted(folder: &Path) -> bool {
    read_manifest(folder).is_ok_and(|manifest| is_interrupted(&manifest))
}

/// Whether this manifest of a run says that it was interrupted.
pub fn is_interrupted(manifest: &serde_json::Value) -> bool {
    let mut processes = manifest["processes"].as_object().into_iter().flatten();
    processes.any(|(_, process)| process["termination"] == "interrupted")
}

fn is_run(folder: &Path) -> bool {
    holds(folder, RECORDS)
}

fn holds(folder: &Path, table: &str) -> bool {
    folder.join("manifest.json").is_file() && folder.join(table).is_file()
}

impl FolderDraft {
    /// Begins a run folder that will be called `target`. Makes its parents, and removes what killed commands have left there.
    ///
    /// # Errors
    /// [`FolderError`] if `target` must not be replaced or cannot be made.
    pub fn new(target: &Path) -> Result<Self, FolderError> {
        Self::begin(target, Kind::Run)
    }

    /// Begins the folder of a study.
    pub fn of_study(target: &Path) -> Result<Self, FolderError> {
        Self::begin(target, Kind::Study)
    }

    fn begin(target: &Path, kind: Kind) -> Result<Self, FolderError> {
        let target = match fs::canonicalize(target) {
            // The target of a link: the folder is replaced, not the link.
            Ok(existing) => existing,
            Err(_) if target.is_symlink() => return Err(PublishError::Occupied(target.into()).into()),
            // Absolute: a bare name has an empty parent.
            Err(_) => std::path::absolute(target).map_err(FolderError::io("find", target))?,
        };
        check_target(&target, kind)?;
        let draft = publish::Draft::new(&target, kind)?;
        remove_stale(target.parent().unwrap_or(&target));
        Ok(Self { draft, target, kind })
    }

    /// The folder that is being filled.
    pub fn path(&self) -> PathBuf {
        self.draft.path()
    }

    /// Writes everything but pictures and weights over time; `weights` are the [`final_weights`].
    pub fn write(&self, run: &Run, scenario: &Scenario, weights: &Arrays) -> Result<(), FolderError> {
        self.write_text("scenario.json", &scenario.to_json())?;
        parquet::write(&self.path().join(RECORDS), &run.table)?;
        npz::write(&self.path().join(ARRAYS), &run.arrays)?;
        npz::write(&self.path().join(WEIGHTS), weights)?;
        Ok(())
    }

    /// Writes the state from which a longer horizon goes on.
    pub fn write_horizon(&self, checkpoint: &Checkpoint) -> Result<(), FolderError> {
        let path = horizon_of(&self.path());
        let written = File::create(&path).and_then(|file| checkpoint.write_to(file));
        written.map_err(FolderError::io("write", &path))
    }

    /// Writes the weights over time ([`crate::record::Trajectory`]).
    pub fn write_trajectory(&self, trajectory: &Arrays) -> Result<(), FolderError> {
        Ok(npz::write(&self.path().join(TRAJECTORY), trajectory)?)
    }

    /// Writes everything of a study but the pictures.
    pub fn write_study(&self, study: &Study, scenario: &Scenario) -> Result<(), FolderError> {
        self.write_text("scenario.json", &scenario.to_json())?;
        parquet::write(&self.path().join(STUDY), &study.table)?;
        Ok(())
    }

    /// Makes `figures/` and returns its path.
    pub fn figures(&self) -> Result<PathBuf, FolderError> {
        let figures = self.path().join("figures");
        fs::create_dir_all(&figures).map_err(FolderError::io("make", &figures))?;
        Ok(figures)
    }

    /// Writes the manifest and gives the folder its name. An earlier run (study) of that name is replaced, with the files that gramflow
    /// wrote into it; other files in it stay. An interrupted run does not replace a finished one: it is published beside it, as
    /// `<name>-interrupted`.
    pub fn publish(self, manifest: &impl Serialize, ending: Ending) -> Result<Published, FolderError> {
        self.write_text("manifest.json", &format!("{:#}", to_value(manifest)))?;
        let target = match ending {
            Ending::Finished => self.target,
            Ending::Interrupted => {
                let candidates = (1..1000).map(|n| interrupted(&self.target, n));
                let free =
                    |target: &PathBuf| standing(target, self.kind).is_ok_and(|found| may_replace(&found, target, ending));
                std::iter::once(self.target.clone()).chain(candidates).find(free).unwrap_or(self.target)
            }
        };
        Ok(self.draft.publish(&target, |standing| may_replace(standing, &target, ending))?)
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let path = self.path().join(name);
        fs::write(&path, format!("{text}\n")).map_err(FolderError::io("write", &path))
    }
}

/// The final weights of each process as `process/W1`, …: the contents of `weights.npz`.
pub fn final_weights(weights: &[(String, Parameters)]) -> Arrays {
    let of = |(process, parameters): &(String, Parameters)| {
        let arrays = parameters.to_arrays().into_iter();
        arrays.map(|(name, array)| (format!("{process}/{name}"), array)).collect::<Vec<_>>()
    };
    weights.iter().flat_map(of).collect()
}

/// Reads the records of a finished run.
pub fn read(folder: &Path) -> Result<Run, FolderError> {
    Ok(read_with_scenario(folder)?.1)
}

/// The same, with the scenario that was run.
pub fn read_with_scenario(folder: &Path) -> Result<(Scenario, Run), FolderError> {
    if is_run(folder) { load(folder) } else { Err(FolderError::NotARun(folder.into())) }
}

/// The scenario and the records in the folder of a run or of a unit, which may lack arrays.
pub(super) fn load(folder: &Path) -> Result<(Scenario, Run), FolderError> {
    let scenario = read_scenario(folder)?;
    let path = folder.join(RECORDS);
    let table = parquet::read(&path)?;
    let begins =
        matches!(table.columns.first(), Some(first) if first.name == "process" && matches!(first.values, Values::Text(_)));
    for (column, there) in [("process", begins), ("t", matches!(table.column("t"), Some(Values::Float(_))))] {
        if !there {
            return Err(FolderError::NotRecords { path, column });
        }
    }
    // Pictures need nothing else of the manifest.
    let (saddles, unread) = match read_manifest(folder) {
        Ok(manifest) => saddles_of(&manifest),
        Err(error) if scenario.measure.contains(&Measure::Saddles) => {
            (BTreeMap::new(), vec![format!("{error}: {WITHOUT_SADDLES}")])
        }
        Err(_) => (BTreeMap::new(), Vec::new()),
    };
    let arrays = folder.join(ARRAYS);
    let run = Run {
        name: scenario.name.clone(),
        widths: scenario.network.widths.clone(),
        linear: scenario.network.is_linear(),
        law: scenario.balance_law(),
        caption: caption(&scenario),
        table,
        arrays: if arrays.is_file() { npz::read(&arrays)? } else { Arrays::new() },
        saddles,
        unread,
    };
    Ok((scenario, run))
}

/// Reads the scenario of a finished run or unit, with every default filled in. It is validated like any other: somebody may have edited it.
pub fn read_scenario(folder: &Path) -> Result<Scenario, FolderError> {
    let path = folder.join("scenario.json");
    let text = fs::read_to_string(&path).map_err(FolderError::io("read", &path))?;
    Ok(scenario::parse_resolved(&text, &path)?)
}

/// Reads the manifest of a finished run, study or unit.
pub fn read_manifest(folder: &Path) -> Result<serde_json::Value, FolderError> {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).map_err(FolderError::io("read", &path))?;
    serde_json::from_str(&text).map_err(|source| FolderError::Manifest { path, source })
}

/// Reads the final weights of a finished run, keys `process/W1`, …, and the weights over time, where they were recorded.
pub fn read_weights(folder: &Path) -> Result<(Arrays, Option<Arrays>), FolderError> {
    let trajectory = folder.join(TRAJECTORY);
    let trajectory = if trajectory.is_file() { Some(npz::read(&trajectory)?) } else { None };
    Ok((npz::read(&folder.join(WEIGHTS))?, trajectory))
}

/// Reads the table of a finished study.
pub fn read_study(folder: &Path) -> Result<Table, FolderError> {
    Ok(parquet::read(&folder.join(STUDY))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::{Termination, Work};
    use crate::record::{Manifest, Process};
    use std::collections::BTreeMap;

    const TEXT: &str = "
name: tiny
data: {synthetic: {inputs: {dim: 2, samples: 5}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [2, 1]}
flow: {t_end: 1.0}
";

    fn filled(target: &Path) -> FolderDraft {
        let (scenario, _) = crate::scenario::parse(TEXT, Path::new("tiny.yaml"), &[]).unwrap();
        let (table, arrays) = (crate::record::table(&mut []), Arrays::new());
        let run = Run {
            name: "tiny".into(),
            widths: vec![2, 1],
            linear: true,
            law: 0.0.into(),
            caption: String::new(),
            table,
            arrays,
            saddles: BTreeMap::new(),
            unread: Vec::new(),
        };
        let draft = FolderDraft::new(target).unwrap();
        draft.write(&run, &scenario, &Arrays::new()).unwrap();
        draft.figures().unwrap();
        draft
    }

    fn manifest(seed: u64) -> Manifest {
        Manifest::new(String::new(), seed, BTreeMap::new())
    }

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    fn publish(target: &Path, seed: u64) -> Published {
        filled(target).publish(&manifest(seed), Ending::Finished).unwrap()
    }

    #[test]
    fn the_folder_stands_only_once_it_is_published_and_a_dropped_draft_leaves_nothing() {
        let at = tempfile::tempdir().unwrap();
        let target = at.path().join("deep/run");
        drop(filled(&target));
        assert_eq!(entries(&at.path().join("deep")), 0);
        let draft = filled(&target);
        assert!(!target.exists());
        draft.publish(&manifest(0), Ending::Finished).unwrap();
        assert!(is_run(&target) && target.join("scenario.json").exists());
        assert_eq!(entries(&at.path().join("deep")), 1);
    }

    #[test]
    fn an_earlier_run_stands_until_the_new_one_replaces_it() {
        let at = tempfile::tempdir().unwrap();
        let target = at.path().join("run");
        let is_second = || fs::read_to_string(target.join("manifest.json")).unwrap().contains("\"seed\": 2");
        publish(&target, 1);
        let draft = filled(&target);
        assert!(is_run(&target) && !is_second());
        draft.publish(&manifest(2), Ending::Finished).unwrap();
        assert!(is_run(&target) && is_second());
        assert_eq!(entries(at.path()), 1);
    }

    #[test]
    fn what_is_no_run_is_not_replaced() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("file"), "").unwrap();
        let refused = |target: &str| match FolderDraft::new(&at.path().join(target)) {
            Err(FolderError::Publish(error)) => error,
            _ => panic!("{target} is accepted"),
        };
        assert!(matches!(refused("file"), PublishError::Occupied(_)));
        assert!(matches!(refused(""), PublishError::Occupied(_)));
        // Files of the same names that belong to somebody else.
        fs::create_dir(at.path().join("theirs")).unwrap();
        for name in ["manifest.json", "records.parquet", "thesis.tex"] {
            fs::write(at.path().join("theirs").join(name), "").unwrap();
        }
        assert!(matches!(refused("theirs"), PublishError::Unlisted(_)));
        // A study is not a run.
        filled(&at.path().join("study")).draft.publish(&at.path().join("study"), |_| true).unwrap();
        assert!(matches!(
            FolderDraft::of_study(&at.path().join("study")),
            Err(FolderError::Publish(PublishError::Occupied(_)))
        ));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at.path().join("nowhere"), at.path().join("link")).unwrap();
            assert!(matches!(refused("link"), PublishError::Occupied(_)));
        }
        // An empty folder may be used.
        fs::create_dir(at.path().join("empty")).unwrap();
        publish(&at.path().join("empty"), 0);
    }

    #[test]
    fn a_target_that_cannot_be_is_refused_at_once() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("file"), "").unwrap();
        // With "-interrupted" the second is longer than a name can be.
        for target in ["a".repeat(256), "a".repeat(250), "file/run".to_string(), format!("{}/run", "a".repeat(256))] {
            let refused = FolderDraft::new(&at.path().join(&target));
            assert!(matches!(refused, Err(FolderError::Publish(PublishError::Target { .. }))), "{target}");
        }
        assert_eq!(entries(at.path()), 1);
    }

    /// A finished run is replaced by a finished one only.
    #[test]
    fn an_interrupted_run_goes_beside_a_finished_one() {
        let at = tempfile::tempdir().unwrap();
        let target = fs::canonicalize(at.path()).unwrap().join("run");
        let process = |termination| Process::new(Work::default(), 0.0, termination);
        let with =
            |seed, termination| Manifest::new(String::new(), seed, BTreeMap::from([("flow".into(), process(termination))]));
        let interrupted = |seed| {
            let manifest = with(seed, Termination::Interrupted { t: 0.5 });
            filled(&target).publish(&manifest, Ending::Interrupted).unwrap().path
        };
        let seed = |folder: &str| read_manifest(&at.path().join(folder)).unwrap()["seed"].as_u64();
        assert_eq!(interrupted(1), target);
        assert_eq!(interrupted(2), target);
        filled(&target).publish(&with(3, Termination::TEnd { t: 1.0 }), Ending::Finished).unwrap();
        assert_eq!(interrupted(4), target.with_file_name("run-interrupted"));
        assert_eq!(interrupted(5), target.with_file_name("run-interrupted"));
        assert_eq!((seed("run"), seed("run-interrupted"), entries(at.path())), (Some(3), Some(5), 2));
        // A folder of that name stays as well if it is finished, or is not a run.
        fs::remove_dir_all(at.path().join("run-interrupted")).unwrap();
        fs::write(at.path().join("run-interrupted"), "a note").unwrap();
        assert_eq!(interrupted(6), target.with_file_name("run-interrupted-2"));
        assert_eq!(fs::read_to_string(at.path().join("run-interrupted")).unwrap(), "a note");
    }
}

//! `job.json` in the folder of a job array: its plan, into how many tasks the units are divided, and which jobs were submitted.
//!
//! ```text
//! DIR/job.json, submit.sh          what was submitted
//! DIR/shard-<I>/                   the folder of the units of task I
//! DIR/logs/<job>_<I>.log           what task I of a job printed
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::folder::FolderError;
use crate::publish::replace_text;

use super::{Folder, Id, Shard, SweepError, SweepPlan};

/// A sweep that was submitted as a job array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobArray {
    /// What its tasks run.
    pub plan: SweepPlan,
    /// N: task I runs shard I/N.
    pub tasks: usize,
    /// What was submitted so far, the last one last.
    pub submitted: Vec<Submission>,
}

/// One job of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The scheduler's number for it.
    pub job: u64,
    /// The tasks that it runs, from 1.
    pub tasks: Vec<usize>,
}

/// The plan of a sweep, and its folder; of a job array the folders of those of its tasks that have begun.
///
/// # Errors
/// [`SweepError`] if there is no sweep at `path`, or none of its tasks has begun.
pub fn folders_at(path: &Path) -> Result<(SweepPlan, Vec<Folder>), SweepError> {
    let Some(job) = JobArray::read(path)? else {
        let (folder, plan) = Folder::read(path)?;
        return Ok((plan, vec![folder]));
    };
    let folders = job.folders(path)?;
    if folders.is_empty() { Err(SweepError::NoTaskBegun(path.into())) } else { Ok((job.plan, folders)) }
}

/// Whether there is the folder of a sweep, or of a job array, at `path`.
pub fn is_sweep(path: &Path) -> bool {
    path.join("plan.json").is_file() || JobArray::path_of(path).is_file()
}

impl JobArray {
    /// `K` of `--units-per-task` with which as many tasks are submitted.
    pub fn units_per_task(&self) -> usize {
        self.plan.units().len().div_ceil(self.tasks.max(1)).max(1)
    }

    fn path_of(folder: &Path) -> PathBuf {
        folder.join("job.json")
    }

    /// What was submitted from `folder`; `None` if nothing was.
    ///
    /// # Errors
    /// [`SweepError`] if the file cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, SweepError> {
        let path = Self::path_of(folder);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(FolderError::io("read", &path)(error).into()),
        };
        let job = serde_json::from_str(&text).map_err(|error| SweepError::Job { path, message: error.to_string() })?;
        Ok(Some(job))
    }

    /// Writes it into `folder`.
    pub fn write(&self, folder: &Path) -> Result<(), SweepError> {
        let text = serde_json::to_string(self).expect("lists, and maps with text keys, are JSON");
        Ok(replace_text(&Self::path_of(folder), &format!("{text}\n")).map_err(FolderError::from)?)
    }

    /// The folder of a task.
    pub fn shard_folder(folder: &Path, task: usize) -> PathBuf {
        folder.join(format!("shard-{task}"))
    }

    /// The folders of those tasks that have begun.
    ///
    /// # Errors
    /// [`SweepError`] if one of them holds another sweep.
    pub fn folders(&self, folder: &Path) -> Result<Vec<Folder>, SweepError> {
        let mut folders = Vec::new();
        for path in (1..=self.tasks).map(|task| Self::shard_folder(folder, task)) {
            match Folder::read(&path) {
                Ok((own, plan)) if plan == self.plan => folders.push(own),
                Ok(_) => return Err(SweepError::Different { first: folder.into(), other: path }),
                // It has not begun, or could not.
                Err(SweepError::NotASweep(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(folders)
    }

    /// The task that runs each unit, from 1.
    pub fn tasks_of_units(&self) -> HashMap<Id, usize> {
        let units = self.plan.units();
        let own = |index| Shard { index, count: self.tasks }.of(&units).map(move |unit| (unit.id, index));
        (1..=self.tasks).flat_map(own).collect()
    }

    /// The log of a task: that of the last job that has written one.
    pub fn log(&self, folder: &Path, task: usize) -> Option<PathBuf> {
        let jobs = self.submitted.iter().rev().filter(|submission| submission.tasks.contains(&task));
        jobs.map(|submission| folder.join("logs").join(format!("{}_{task}.log", submission.job))).find(|log| log.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Sweep;

    fn job(at: &Path) -> JobArray {
        let text = "
name: many
data: {synthetic: {inputs: {dim: 2, samples: 5}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [2, 1]}
flow: {t_end: 1.0}
sweep: {seeds: 5}
";
        let sweep = Sweep::parse(text, &at.join("many.yaml"), &[]).unwrap().unwrap();
        let submitted = vec![Submission { job: 7, tasks: vec![1, 2, 3] }, Submission { job: 9, tasks: vec![2] }];
        JobArray { plan: SweepPlan::new(&sweep).unwrap(), tasks: 3, submitted }
    }

    #[test]
    fn what_was_submitted_is_read_again() {
        let at = tempfile::tempdir().unwrap();
        assert_eq!(JobArray::read(at.path()).unwrap(), None);
        let job = job(at.path());
        job.write(at.path()).unwrap();
        assert_eq!(JobArray::read(at.path()).unwrap(), Some(job));
        fs::write(at.path().join("job.json"), "{").unwrap();
        assert!(matches!(JobArray::read(at.path()), Err(SweepError::Job { .. })));
    }

    #[test]
    fn every_unit_has_its_task_and_the_log_of_the_last_job_that_wrote_one() {
        let at = tempfile::tempdir().unwrap();
        let job = job(at.path());
        let tasks = job.tasks_of_units();
        assert_eq!(job.plan.units().iter().map(|unit| tasks[&unit.id]).collect::<Vec<_>>(), [1, 2, 3, 1, 2]);
        fs::create_dir(at.path().join("logs")).unwrap();
        let name = |task| job.log(at.path(), task).map(|log| log.file_name().unwrap().to_str().unwrap().to_string());
        assert_eq!(name(2), None);
        fs::write(at.path().join("logs/7_2.log"), "").unwrap();
        assert_eq!(name(2).as_deref(), Some("7_2.log"));
        fs::write(at.path().join("logs/9_2.log"), "").unwrap();
        fs::write(at.path().join("logs/9_1.log"), "of another sweep").unwrap();
        assert_eq!((name(2).as_deref(), name(1)), (Some("9_2.log"), None));
        assert!(job.folders(at.path()).unwrap().is_empty());
    }
}

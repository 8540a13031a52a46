//! `gramflow sweep status`: how many units are done, which failed and why, which are missing.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::output::{listed, print};
use crate::record::Warned;
use crate::sweep::{Id, JobArray, Notes, Status, SweepPlan, Unit};

use super::slurm::{self, QueuedTask};
use super::{Opened, claims, failure_json, open, unit_json, units, warnings_json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The folders of a sweep: one, or one for each shard, or that of a job array
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Print JSON, with every unit that is not finished
    #[arg(long)]
    json: bool,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), CliError> {
    let Opened { plan, folders, jobs } = open(&arguments.folders)?;
    let (status, notes) = (Status::of(&plan, &folders), Notes::of(&folders, &plan)?);
    let tasks = JobTasks(jobs.into_iter().map(|(folder, job)| JobFolder::of(folder, job)).collect());
    let found = if arguments.json { json(&plan, &status, &notes, &tasks) } else { text(&plan, &status, &notes, &tasks) };
    print(&found)?;
    Ok(())
}

/// The tasks of job arrays.
struct JobTasks(Vec<JobFolder>);

/// A job array, with those of its tasks that Slurm has in its queue.
struct JobFolder {
    folder: PathBuf,
    job: JobArray,
    queue: BTreeMap<usize, QueuedTask>,
    tasks: HashMap<Id, usize>,
    /// The logs of tasks that were asked for, and what they say of the end.
    logs: RefCell<BTreeMap<usize, TaskLog>>,
}

/// The log of a task, if there is one, and why it says that the task ended.
#[derive(Debug, Clone, Default)]
struct TaskLog {
    path: Option<PathBuf>,
    says: Option<String>,
}

impl JobFolder {
    fn of(folder: PathBuf, job: JobArray) -> Self {
        Self { queue: slurm::queue(&job.submitted), tasks: job.tasks_of_units(), folder, job, logs: RefCell::default() }
    }

    /// The log of a task, read once for all of its units.
    fn log(&self, number: usize) -> TaskLog {
        let read = || {
            let path = self.job.log(&self.folder, number);
            TaskLog { says: path.as_deref().and_then(slurm::ending), path }
        };
        self.logs.borrow_mut().entry(number).or_insert_with(read).clone()
    }
}

/// What is known of the task that runs a unit.
struct TaskState {
    number: usize,
    queued: Option<QueuedTask>,
    log: TaskLog,
}

impl JobTasks {
    /// The task of a unit, if it is in the queue.
    fn queued(&self, unit: Unit) -> Option<&QueuedTask> {
        self.0.iter().find_map(|JobFolder { queue, tasks, .. }| Some(queue.get(tasks.get(&unit.id)?)))?
    }

    fn of(&self, unit: Unit) -> Option<TaskState> {
        self.0.iter().find_map(|job| {
            let number = *job.tasks.get(&unit.id)?;
            Some(TaskState { number, queued: job.queue.get(&number).cloned(), log: job.log(number) })
        })
    }

    /// Adds what is known of a unit's task to its entry.
    fn tell(&self, unit: Unit, mut entry: Value) -> Value {
        if let Some(task) = self.of(unit) {
            entry["task"] = task.number.into();
            entry["state"] = task.queued.map(|queued| queued.state).into();
            entry["log_says"] = task.log.says.into();
            entry["log"] = task.log.path.map(|path| path.display().to_string()).into();
        }
        entry
    }

    /// `; task 3 of job 42, RUNNING`, or the log of a task that has ended.
    fn told(&self, unit: Unit) -> String {
        match self.of(unit) {
            None => String::new(),
            Some(TaskState { number, queued: Some(queued), .. }) => {
                format!("; task {number} of job {}, {}", queued.job, queued.state)
            }
            Some(TaskState { number, log: TaskLog { path: Some(path), says }, .. }) => {
                let said = says.map_or(String::new(), |line| format!(": {line}"));
                format!("; task {number}, {}{said}", path.display())
            }
            Some(TaskState { number, .. }) => format!("; task {number}, which has no log"),
        }
    }

    /// `3 missing (or being run now)`, or of job arrays how many of these wait or run.
    fn missing(&self, missing: &[Unit]) -> String {
        let count = missing.len();
        if self.0.is_empty() {
            return format!("{count} missing (or being run now)");
        }
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for queued in missing.iter().filter_map(|unit| self.queued(*unit)) {
            *states.entry(&queued.state).or_default() += 1;
        }
        let list: Vec<String> = states.into_iter().map(|(state, units)| format!("{units} in tasks that are {state}")).collect();
        let none = "none of them in a task that waits or runs".to_string();
        let list = if list.is_empty() { none } else { list.join(", ") };
        if count == 0 { "0 missing".to_string() } else { format!("{count} missing ({list})") }
    }
}

fn json(plan: &SweepPlan, status: &Status, notes: &Notes, tasks: &JobTasks) -> String {
    let failed: Vec<Value> =
        status.failed.iter().map(|(unit, reason)| tasks.tell(*unit, failure_json(plan, *unit, reason))).collect();
    let warnings: Vec<Value> = notes.warnings.iter().map(|(unit, own)| warnings_json(plan, *unit, own)).collect();
    let missing: Vec<Value> = status.missing.iter().map(|unit| tasks.tell(*unit, unit_json(plan, *unit))).collect();
    let status = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "units": plan.units().len(),
        "done": status.done,
        "failed": failed,
        "missing": missing,
        "warnings": warnings,
    });
    format!("{status:#}\n")
}

fn text(plan: &SweepPlan, status: &Status, notes: &Notes, tasks: &JobTasks) -> String {
    let (failed, missing) = (status.failed.len(), status.missing.len());
    let all = units(status.done + failed + missing);
    let warned = match notes.warnings.len() {
        0 => String::new(),
        warned => format!(" ({warned} with warnings)"),
    };
    let (done, missing) = (status.done, tasks.missing(&status.missing));
    let mut text = format!("{}: {all}: {done} done{warned}, {failed} failed, {missing}\n", plan.name);
    let label = |unit| plan.label(unit);
    let failure =
        |(unit, reason): &(Unit, String)| format!("failed: {} ({}): {reason}{}", id(unit), label(*unit), tasks.told(*unit));
    text.push_str(&listed(&status.failed, failure, "--json lists them all"));
    text.push_str(&listed(
        &status.missing,
        |unit| format!("missing: {} ({}){}", id(unit), label(*unit), tasks.told(*unit)),
        "--json lists them all",
    ));
    let warned = |warned: &Warned| format!("warning: {}", warned.line());
    text.push_str(&listed(&notes.warned(plan), warned, "--json lists them all"));
    text.push_str(&claims(notes, plan));
    text
}

fn id(unit: &Unit) -> String {
    unit.id.to_string()
}

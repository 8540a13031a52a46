//! `gramflow sweep submit`: a sweep as a Slurm job array.
//!
//! Task I of N runs shard I/N into a folder of its own, `DIR/shard-I`, so that no two nodes write one folder. Only tasks that have something
//! left to run are submitted, unless they wait or run already; what is finished is not run again, so that the same command submits what
//! failed or was killed.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;

use crate::cli::output::print;
use crate::cli::run::interval;
use crate::cli::{CliError, Selection, at_least_one};
use crate::publish::replace_text;
use crate::report::shell_word;
use crate::sweep::{self, Folder, JobArray, Shard, Submission, SweepError, SweepPlan};

use super::slurm::{self, QueuedTask};
use super::{planned, units};

/// Seconds before the time limit at which a task is warned: enough for the current steps and for writing a large state.
const WARNED: u32 = 120;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The folder of the job: its script, its logs, and a folder for each task [default: runs/<name>-<first 8 hex digits of the plan's hash>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Submit to Slurm: the default, and the only scheduler that is supported
    #[arg(long)]
    slurm: bool,
    /// Units per task; keep this number when you submit the rest again
    #[arg(long, value_name = "K", default_value = "16", value_parser = at_least_one)]
    units_per_task: NonZeroUsize,
    /// CPUs per task; a task runs as many units side by side
    #[arg(long, value_name = "C", default_value = "1", value_parser = at_least_one)]
    cpus: NonZeroUsize,
    /// Time limit of a task, in the format of sbatch: 30, 2:00:00, 1-12
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Save the state of every unit so often, such as 60s, 5m or 1h: Slurm warns a task two minutes before its time limit, and submitted
    /// again it goes on within its units
    #[arg(long, value_name = "TIME", value_parser = interval)]
    checkpoint: Option<Duration>,
    /// Another option for sbatch, such as --sbatch=--partition=long; may be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Print the script and submit nothing
    #[arg(long)]
    dry_run: bool,
}

/// The tasks of a job array that have something to run.
struct Tasks {
    /// N, the number of tasks for all units.
    count: usize,
    /// Their indices from 1, in ascending order.
    left: Vec<usize>,
    /// Units that are left in them.
    units: usize,
    /// Tasks with something left that wait or run already.
    queued: usize,
}

impl Tasks {
    fn of(plan: &SweepPlan, count: usize, folder: &Path, queue: &BTreeMap<usize, QueuedTask>) -> Self {
        let all = plan.units();
        let (mut left, mut units, mut queued) = (Vec::new(), 0, 0);
        for index in 1..=count {
            let own = Folder::read(&JobArray::shard_folder(folder, index)).ok().filter(|(_, earlier)| earlier == plan);
            let done = |id| own.as_ref().is_some_and(|(folder, _)| folder.is_done(id));
            let missing = Shard { index, count }.of(&all).filter(|unit| !done(unit.id)).count();
            if missing > 0 && queue.contains_key(&index) {
                queued += 1;
            } else if missing > 0 {
                units += missing;
                left.push(index);
            }
        }
        Self { count, left, units, queued }
    }

    /// As `--array` lists them: `1-3,7`.
    fn listed(&self) -> String {
        let ranges = self.left.chunk_by(|a, b| a + 1 == *b);
        let words: Vec<String> = ranges
            .map(|range| match range {
                [one] => one.to_string(),
                many => format!("{}-{}", many[0], many[many.len() - 1]),
            })
            .collect();
        words.join(",")
    }
}

/// What was submitted from `folder` before, or nothing yet.
fn earlier(folder: &Path, plan: &SweepPlan, tasks: usize) -> Result<JobArray, CliError> {
    match JobArray::read(folder)? {
        Some(job) if job.plan != *plan => {
            let short = |plan: &SweepPlan| plan.hash()[..8].to_string();
            Err(SweepError::OtherPlan { folder: folder.into(), found: short(&job.plan), wanted: short(plan) }.into())
        }
        Some(job) if job.tasks != tasks => Err(CliError::OtherTasks { folder: folder.into(), before: job.tasks, now: tasks }),
        Some(job) => Ok(job),
        None => Ok(JobArray { plan: plan.clone(), tasks, submitted: Vec::new() }),
    }
}

pub(super) fn submit(arguments: &Arguments) -> Result<(), CliError> {
    let (_, plan) = planned(&arguments.selection)?;
    let folder = arguments.out.clone().unwrap_or_else(|| sweep::default_folder(&plan));
    let folder = std::path::absolute(&folder).map_err(|source| CliError::Folderless { path: folder, source })?;
    let count = plan.units().len().div_ceil(arguments.units_per_task.get()).max(1);
    let mut job = earlier(&folder, &plan, count)?;
    let tasks = Tasks::of(&plan, count, &folder, &slurm::queue(&job.submitted));
    let word = shell_word(&folder);
    let next = format!("progress: gramflow sweep status {word}\nmerge into one table: gramflow sweep merge {word}\n");
    let queued = match tasks.queued {
        0 => String::new(),
        1 => "1 task waits or runs already: it is not submitted again\n".to_string(),
        many => format!("{many} tasks wait or run already: they are not submitted again\n"),
    };
    if tasks.left.is_empty() {
        let left = if queued.is_empty() { format!("all {} are done\n", units(plan.units().len())) } else { queued };
        return Ok(print(&format!("{}: {left}{next}", plan.name))?);
    }
    let script = script(arguments, &plan, &tasks, &folder)?;
    if arguments.dry_run {
        return Ok(print(&script)?);
    }
    let path = folder.join("submit.sh");
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).map_err(|source| CliError::Folderless { path: logs, source })?;
    replace_text(&path, &script)?;
    let answer = sbatch(&path)?;
    // `Submitted batch job 42`, and on some systems more words behind.
    if let Some(number) = answer.split_whitespace().find_map(|word| word.parse().ok()) {
        job.submitted.push(Submission { job: number, tasks: tasks.left.clone() });
    }
    job.write(&folder)?;
    let (left, count) = (units(tasks.units), tasks.left.len());
    print(&format!(
        "{answer}\n{}: {left} in {count} task{}, logs in {}\n{queued}{next}",
        plan.name,
        if count == 1 { "" } else { "s" },
        folder.join("logs").display()
    ))?;
    Ok(())
}

/// Submits the script. Returns what sbatch answers.
fn sbatch(script: &Path) -> Result<String, CliError> {
    let output = Command::new("sbatch").arg(script).output().map_err(CliError::Sbatch)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(CliError::Sbatch(io::Error::other(if said.is_empty() { output.status.to_string() } else { said })))
}

/// The job array. Paths are absolute: a task begins wherever its node puts it.
fn script(arguments: &Arguments, plan: &SweepPlan, tasks: &Tasks, folder: &Path) -> Result<String, CliError> {
    let Selection { scenario, sets } = &arguments.selection;
    let absolute = |path: &Path| std::path::absolute(path).map_err(|source| CliError::Folderless { path: path.into(), source });
    let program = crate::cli::program().map_err(CliError::Sbatch)?;
    let mut options = vec![
        format!("--job-name={}", plan.name),
        format!("--array={}", tasks.listed()),
        format!("--cpus-per-task={}", arguments.cpus),
        "--requeue".to_string(),
        "--open-mode=append".to_string(),
        format!("--output={}", folder.join("logs").join("%A_%a.log").display()),
    ];
    // To the batch script alone, which becomes gramflow. An option of the user's own comes after it, and counts.
    options.extend(arguments.checkpoint.map(|_| format!("--signal=B:USR1@{WARNED}")));
    options.extend(arguments.time.as_ref().map(|time| format!("--time={time}")));
    options.extend(arguments.sbatch.iter().cloned());
    if let Some(option) = options.iter().find(|option| option.contains(['\n', '\r'])) {
        return Err(CliError::Directive(option.clone()));
    }
    // A directive's words are split at blanks, unless they are quoted.
    let directive = |option: &String| {
        let quoted = if option.contains(' ') { format!("\"{option}\"") } else { option.clone() };
        format!("#SBATCH {quoted}\n")
    };
    let directives: String = options.iter().map(directive).collect();
    let checkpoint = arguments.checkpoint.map_or(String::new(), |every| format!(" --checkpoint {}s", every.as_secs_f64()));
    let sets: String = sets.iter().map(|set| format!(" --set {}", shell_word(Path::new(set)))).collect();
    Ok(format!(
        "#!/bin/bash\n{directives}# Written by gramflow sweep submit. A task that is run again goes on: finished units stay.\nexec {} --quiet \
         sweep run {}{sets} --jobs {}{checkpoint} --shard \"$SLURM_ARRAY_TASK_ID/{}\" --out {}/shard-\"$SLURM_ARRAY_TASK_ID\"\n",
        shell_word(&program),
        shell_word(&absolute(scenario)?),
        arguments.cpus,
        tasks.count,
        shell_word(folder),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_listed_as_ranges() {
        let tasks = |left: &[usize]| Tasks { count: 12, left: left.to_vec(), units: 0, queued: 0 }.listed();
        assert_eq!(tasks(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(tasks(&[4]), "4");
    }
}

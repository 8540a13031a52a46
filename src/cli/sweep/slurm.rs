//! What Slurm knows of the tasks of a job array, by `squeue`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::sweep::Submission;

/// A task that waits or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueuedTask {
    pub job: u64,
    /// In Slurm's words: `RUNNING`, `PENDING`, ….
    pub state: String,
}

/// The tasks that were submitted and are in the queue; none where there is no Slurm.
pub(super) fn queue(submitted: &[Submission]) -> BTreeMap<usize, QueuedTask> {
    let jobs: Vec<String> = submitted.iter().map(|submission| submission.job.to_string()).collect();
    if jobs.is_empty() {
        return BTreeMap::new();
    }
    // One line for each task: job, index, state.
    let asked = Command::new("squeue").args(["--noheader", "--array", "--format=%F %K %T", "--jobs", &jobs.join(",")]).output();
    // It fails where all jobs are so old that Slurm has forgotten them.
    asked.map_or_else(|_| BTreeMap::new(), |output| tasks(&String::from_utf8_lossy(&output.stdout), submitted))
}

/// The tasks in the lines of squeue, which may list other users' jobs of the same numbers, as on another cluster.
fn tasks(lines: &str, submitted: &[Submission]) -> BTreeMap<usize, QueuedTask> {
    let task = |line: &str| {
        let mut words = line.split_whitespace();
        let (number, task) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let state = words.next()?.to_string();
        let ours = submitted.iter().any(|submission| submission.job == number && submission.tasks.contains(&task));
        // It has ended, and leaves the queue.
        let over =
            ["COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE"];
        (ours && !over.contains(&state.as_str())).then_some((task, QueuedTask { job: number, state }))
    };
    lines.lines().filter_map(task).collect()
}

/// Why a task ended, by its log: what Slurm said last, such as a time limit, or else the last line.
pub(super) fn ending(log: &Path) -> Option<String> {
    ending_in(&String::from_utf8_lossy(&fs::read(log).ok()?))
}

fn ending_in(log: &str) -> Option<String> {
    let mut lines = log.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next()?;
    // `slurmstepd: error: *** JOB 5 ON node CANCELLED AT … DUE TO TIME LIMIT ***`; a run that is asked to stop says so after it.
    Some(lines.find(|line| line.starts_with("slurmstepd") && line.contains("***")).unwrap_or(last).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_why_a_task_ended() {
        let limit = "slurmstepd-node: error: *** JOB 5 ON node CANCELLED AT 2026-01-01T10:00:00 DUE TO TIME LIMIT ***";
        assert_eq!(ending_in(&format!("began\n{limit}\ninterrupted with 2 units to go\n\n")).as_deref(), Some(limit));
        assert_eq!(ending_in("began\nshard-3 exists\n \n").as_deref(), Some("shard-3 exists"));
        assert_eq!(ending_in(" \n\n"), None);
    }

    #[test]
    fn lines_of_squeue_are_read() {
        let submitted = [Submission { job: 7, tasks: vec![1, 2, 3, 4] }, Submission { job: 9, tasks: vec![2] }];
        let found =
            tasks("7 1 RUNNING\n9 2 PENDING\n7 3 COMPLETED\n8 4 RUNNING\n9 4 RUNNING\nslurm_load_jobs error\n\n", &submitted);
        let task = |job, state: &str| QueuedTask { job, state: state.to_string() };
        assert_eq!(found, BTreeMap::from([(1, task(7, "RUNNING")), (2, task(9, "PENDING"))]));
    }
}

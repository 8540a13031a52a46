//! `gramflow sweep submit`, with an sbatch that runs the tasks of the array one after the other, here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

use crate::harness::succeed;

const SWEEP: &str = "name: many
data: {synthetic: {inputs: {dim: 3, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 4, 2]}
flow: {t_end: 1}
record: {linear: {points: 3}}
sweep: {grid: {weight_decay: [0.0, 0.1, 0.2]}, seeds: 2}
";

/// Reads the array off the script and runs it for each index, but those in the file `lost`: nodes that never answer.
const SBATCH: &str = r#"#!/bin/bash
echo "$@" >> sbatch.log
array=$(grep -oP '^#SBATCH --array=\K.*' "$1")
grep '^#SBATCH --array' "$1" >> sbatch.log
for range in ${array//,/ }; do
    for index in $(seq "${range%-*}" "${range#*-}"); do
        if ! grep -qx "$index" lost; then SLURM_ARRAY_TASK_ID=$index bash "$1" > /dev/null || exit 1; fi
    done
done
echo "Submitted batch job 42"
"#;

/// Lists what is in the file `queue`.
const SQUEUE: &str = "#!/bin/bash\ncat queue\n";

/// `gramflow WORDS…` where sbatch and squeue are those of `at`, if it has any.
fn with_slurm(at: &Path, words: &[&str]) -> Output {
    let path = format!("{}:{}", at.display(), std::env::var("PATH").unwrap());
    Command::new(env!("CARGO_BIN_EXE_gramflow")).current_dir(at).env("PATH", path).args(words).output().unwrap()
}

fn submit(at: &Path, more: &[&str]) -> Output {
    with_slurm(at, &[&["sweep", "submit", "many.yaml", "--slurm", "--units-per-task", "2", "--out", "job"], more].concat())
}

fn program(at: &Path, name: &str, text: &str) {
    fs::write(at.join(name), text).unwrap();
    fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_job_array_ends_with_the_table_of_a_local_run() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    program(at.path(), "sbatch", SBATCH);

    // The second task is lost: only that one is submitted again.
    fs::write(at.path().join("lost"), "2\n").unwrap();
    let output = submit(at.path(), &["--cpus", "1", "--time", "2:00:00", "--sbatch=--partition=long"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("Submitted batch job 42\nmany: 6 units in 3 tasks"), "{said}");
    let script = fs::read_to_string(at.path().join("job/submit.sh")).unwrap();
    for line in ["#SBATCH --array=1-3\n", "#SBATCH --time=2:00:00\n", "#SBATCH --partition=long\n", "#SBATCH --requeue\n"] {
        assert!(script.contains(line), "{script}");
    }
    fs::write(at.path().join("lost"), "").unwrap();
    assert!(String::from_utf8(submit(at.path(), &[]).stdout).unwrap().contains("2 units in 1 task,"));
    assert!(fs::read_to_string(at.path().join("sbatch.log")).unwrap().contains("--array=2\n"));

    // Nothing is left.
    let before = fs::read(at.path().join("sbatch.log")).unwrap();
    assert!(String::from_utf8(submit(at.path(), &[]).stdout).unwrap().starts_with("many: all 6 units are done"));
    assert_eq!(fs::read(at.path().join("sbatch.log")).unwrap(), before);

    succeed(at.path(), &["sweep", "run", "many.yaml", "--out", "here"]);
    succeed(at.path(), &["sweep", "merge", "here"]);
    succeed(at.path(), &["sweep", "merge", "job/shard-1", "job/shard-2", "job/shard-3", "--out", "merged"]);
    let table = |folder: &str| fs::read(at.path().join(folder).join("sweep.parquet")).unwrap();
    assert!(table("here") == table("merged"), "the tables differ");
}

/// Of a task that waits or runs the status knows from squeue, of one that has ended from its log.
#[test]
fn the_folder_of_a_job_array_stands_for_its_tasks() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    program(at.path(), "sbatch", SBATCH);
    program(at.path(), "squeue", SQUEUE);
    fs::write(at.path().join("queue"), "").unwrap();
    fs::write(at.path().join("lost"), "1\n2\n3\n").unwrap();
    let said = |output: Output| String::from_utf8(output.stdout).unwrap();
    assert!(submit(at.path(), &[]).status.success());
    let early = with_slurm(at.path(), &["sweep", "merge", "job"]);
    assert!(early.status.code() == Some(75) && String::from_utf8_lossy(&early.stderr).contains("no task of job has begun"));
    fs::write(at.path().join("lost"), "2\n").unwrap();
    fs::write(at.path().join("queue"), "42 2 PENDING\n42 1 COMPLETED\n17 3 RUNNING\n").unwrap();
    let again = said(submit(at.path(), &[]));
    assert!(again.contains("4 units in 2 tasks") && again.contains("1 task waits or runs already"), "{again}");
    assert!(said(submit(at.path(), &[])).starts_with("many: 1 task waits or runs already: it is not submitted again\n"));

    let status = || said(with_slurm(at.path(), &["sweep", "status", "job"]));
    let waits = status();
    assert!(waits.starts_with("many: 6 units: 4 done, 0 failed, 2 missing (2 in tasks that are PENDING)\n"), "{waits}");
    assert_eq!(waits.lines().filter(|line| line.ends_with("; task 2 of job 42, PENDING")).count(), 2, "{waits}");
    fs::write(at.path().join("queue"), "").unwrap();
    assert!(
        status().contains("(none of them in a task that waits or runs)") && status().contains("; task 2, which has no log")
    );
    fs::write(at.path().join("job/logs/42_2.log"), "begins\nslurmstepd: *** DUE TO TIME LIMIT ***\ninterrupted\n").unwrap();
    assert!(status().contains("; task 2, job/logs/42_2.log: slurmstepd: *** DUE TO TIME LIMIT ***\n"), "{}", status());
    let json = said(with_slurm(at.path(), &["sweep", "status", "job", "--json"]));
    let missing = &serde_json::from_str::<serde_json::Value>(&json).unwrap()["missing"][0];
    assert!(missing["task"] == 2 && missing["state"].is_null() && missing["log"] == "job/logs/42_2.log", "{json}");
    assert_eq!(missing["log_says"], "slurmstepd: *** DUE TO TIME LIMIT ***");

    fs::write(at.path().join("lost"), "").unwrap();
    assert!(submit(at.path(), &[]).status.success());
    succeed(at.path(), &["sweep", "run", "many.yaml", "--out", "here"]);
    succeed(at.path(), &["sweep", "merge", "here"]);
    succeed(at.path(), &["sweep", "merge", "job", "--out", "merged"]);
    let table = |folder: &str| fs::read(at.path().join(folder).join("sweep.parquet")).unwrap();
    assert!(table("here") == table("merged"), "the tables differ");
}

/// `report` and `plot` take the folder of a job for the sweep that it is.
#[test]
fn a_job_array_has_a_report_and_pictures() {
    let at = tempfile::tempdir().unwrap();
    let pictures =
        "pictures:\n  - {name: drawn, title: A loss, panels: [{show: {over_time: {y: loss}}, lines: weight_decay}]}\n";
    fs::write(at.path().join("many.yaml"), format!("{SWEEP}{pictures}")).unwrap();
    program(at.path(), "sbatch", SBATCH);
    fs::write(at.path().join("lost"), "1\n2\n3\n").unwrap();
    assert!(submit(at.path(), &[]).status.success());
    for command in ["report", "plot"] {
        let early = with_slurm(at.path(), &[command, "job"]);
        assert_eq!(early.status.code(), Some(75), "{command}");
        assert!(String::from_utf8_lossy(&early.stderr).contains("no task of job has begun"), "{command}");
    }
    fs::write(at.path().join("lost"), "").unwrap();
    assert!(submit(at.path(), &[]).status.success());
    succeed(at.path(), &["sweep", "run", "many.yaml", "--out", "here"]);
    assert_eq!(succeed(at.path(), &["plot", "job"]), "job/figures/drawn.png\njob/figures/drawn.svg\n");
    let picture = |folder: &str| fs::read_to_string(at.path().join(folder).join("figures/drawn.svg")).unwrap();
    assert!(picture("job") == picture("here"), "the pictures differ");
    assert_eq!(succeed(at.path(), &["report", "job"]), "job/report.html\n");
    let page = fs::read_to_string(at.path().join("job/report.html")).unwrap();
    assert!(page.contains("6 of 6 units are finished") && page.contains("A loss"), "{page}");
    assert!(page.contains("gramflow sweep submit") && page.contains("--units-per-task 2 --out job"), "{page}");
}

/// With other tasks, finished units would be looked for in the wrong folders.
#[test]
fn a_job_array_keeps_its_tasks_and_its_sweep() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    program(at.path(), "sbatch", SBATCH);
    fs::write(at.path().join("lost"), "1\n2\n3\n").unwrap();
    assert!(submit(at.path(), &[]).status.success());
    let refused = |words: &[&str], says: &str| {
        let output = with_slurm(at.path(), &[&["sweep", "submit", "many.yaml", "--out", "job"], words].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(says), "{message}");
    };
    refused(&["--units-per-task", "3"], "was submitted as 3 tasks, and with this --units-per-task there are 2");
    refused(&["--units-per-task", "2", "--set", "flow.t_end=2"], "holds another sweep");
    fs::write(at.path().join("job/job.json"), "{}").unwrap();
    refused(&["--units-per-task", "2"], "does not say what was submitted");
}

#[test]
fn nothing_is_submitted_where_there_is_no_sbatch_or_none_is_wanted() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    let dry = submit(at.path(), &["--dry-run", "--set", "name=a-b"]);
    let script = String::from_utf8(dry.stdout).unwrap();
    assert!(script.starts_with("#!/bin/bash\n#SBATCH --job-name=a-b\n") && script.contains(" --set name=a-b "), "{script}");
    assert!(!at.path().join("job").exists());
    let output = submit(at.path(), &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot submit with sbatch") && said.contains("--dry-run"), "{said}");
}

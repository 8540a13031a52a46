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

fn submit(at: &Path, more: &[&str]) -> Output {
    let path = format!("{}:{}", at.display(), std::env::var("PATH").unwrap());
    let words = [&["sweep", "submit", "many.yaml", "--slurm", "--units-per-task", "2", "--out", "job"], more].concat();
    Command::new(env!("CARGO_BIN_EXE_gramflow")).current_dir(at).env("PATH", path).args(words).output().unwrap()
}

#[test]
fn a_job_array_ends_with_the_table_of_a_local_run() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    fs::write(at.path().join("sbatch"), SBATCH).unwrap();
    fs::set_permissions(at.path().join("sbatch"), fs::Permissions::from_mode(0o755)).unwrap();

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

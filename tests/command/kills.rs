//! A command that is killed at any moment loses nothing that stood, and leaves nothing that looks finished.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{at, contents, run};
use crate::harness::succeed;

/// Killed by itself at the `point`-th place at which names change; whether it came so far.
fn killed_at(at: &Path, point: u64, words: &[&str]) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gramflow"));
    let output = command.current_dir(at).args(words).env("GRAMFLOW_KILL_AT", point.to_string()).output().unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    killed
}

/// The commands that write, each over what the same command has written before.
const WRITERS: [&[&str]; 4] = [
    &["run", "tiny.yaml", "--quiet", "--out", "out", "--set", "seed=1"],
    &["plot", "out"],
    &["sweep", "run", "paper/tiny.yaml", "--jobs", "1", "--out", "sweep", "--quiet"],
    &["figures", "--scenarios", "paper", "--jobs", "1", "--quiet"],
];

/// What must hold at any moment: the finished run is one of the two, and every file of a final name is whole.
fn check_whole(at: &Path, calm: &[(PathBuf, Vec<u8>)], note: &str) {
    let run = gramflow::folder::read(&at.join("out")).unwrap_or_else(|error| panic!("{note}: {error}"));
    assert!(!run.table.floats("flow", "loss").is_empty(), "{note}");
    let now = contents(at);
    // At one moment of an exchange it is in the folder that was replaced: the next command brings it back.
    assert_eq!(now.iter().filter(|(name, _)| name.ends_with("notes.md")).count(), 1, "{note}");
    for (name, bytes) in now {
        let text = name.to_string_lossy();
        let draft = text.contains(".gramflow-partial-");
        if !draft && !text.ends_with(".json") {
            assert!(calm.contains(&(name.clone(), bytes)), "{note}: {} is another", name.display());
        }
    }
}

/// The files of all that the writers can leave, and the folder in which they have.
fn calm() -> (tempfile::TempDir, Vec<(PathBuf, Vec<u8>)>) {
    let at = at();
    run(at.path(), "out", &[]);
    fs::write(at.path().join("out/notes.md"), "mine").unwrap();
    let mut calm = contents(at.path());
    for words in WRITERS {
        succeed(at.path(), words);
        calm.extend(contents(at.path()));
    }
    (at, calm)
}

/// Without `runs` and manifests, which hold times.
fn lasting(at: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    contents(at).into_iter().filter(|(name, _)| !name.ends_with("manifest.json") && !name.ends_with(".gramflow.json")).collect()
}

/// A few kills of each command: at the first place, in the middle, and beyond. The ignored test goes through all.
#[test]
fn killed_where_names_change_commands_lose_nothing_and_leave_nothing() {
    let (at, calm) = calm();
    let expected = lasting(at.path());
    for words in WRITERS {
        for point in [1, 8, 26] {
            killed_at(at.path(), point, words);
            check_whole(at.path(), &calm, &format!("{words:?} at {point}"));
        }
        succeed(at.path(), words);
        assert!(lasting(at.path()) == expected, "{words:?}");
    }
}

/// The whole campaign: `cargo test --test command -- --ignored kills --nocapture`.
#[test]
#[ignore = "some minutes"]
fn kills_at_every_place_and_at_random_moments() {
    use std::time::{Duration, Instant};
    let (at, calm) = calm();
    let at = at.path();
    let expected = lasting(at);
    let mut kills = 0;
    for fresh in [false, true] {
        for words in WRITERS {
            let again = || {
                if fresh {
                    // As if for the first time.
                    for folder in ["sweep", "figures", "runs"] {
                        let _ = fs::remove_dir_all(at.join(folder));
                    }
                    run(at, "out", &[]);
                }
            };
            for point in 1.. {
                again();
                let killed = killed_at(at, point, words);
                check_whole(at, &calm, &format!("{words:?} at {point}"));
                if !killed {
                    println!("{words:?}, fresh {fresh}: killed at {} places", point - 1);
                    break;
                }
                kills += 1;
            }
            again();
            let begin = Instant::now();
            succeed(at, words);
            let whole = begin.elapsed();
            for moment in 0..15u32 {
                again();
                let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
                    .current_dir(at)
                    .args(words)
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .unwrap();
                std::thread::sleep(whole * (moment * 7 % 15 + 1) / 16 + Duration::from_micros(u64::from(moment) * 137));
                child.kill().unwrap();
                child.wait().unwrap();
                check_whole(at, &calm, &format!("{words:?} at random"));
                kills += 1;
            }
            WRITERS.iter().for_each(|words| drop(succeed(at, words)));
            assert!(lasting(at) == expected, "{words:?}");
        }
    }
    println!("{kills} kills");
}

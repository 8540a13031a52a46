//! Input that goes wrong on purpose or by a slip: each command ends with status 2 and a message that names the cause.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{bundled, gramflow, succeed};

const SCENARIO: &str = "\
name: hostile
data: {synthetic: {inputs: {dim: 3, samples: 10}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 2]}
flow: {t_end: 10}
";

const FROM_FILE: &str = "\
name: hostile
data: {file: {path: data.npz}}
network: {widths: [4, 1]}
flow: {t_end: 1}
";

/// The message of a command that must end with status 2.
#[track_caller]
fn refused(at: &Path, arguments: &[&str]) -> String {
    let output = gramflow(at, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    message
}

/// An uncompressed archive of one member `X.npy`, whose header has this length field and text; without a checksum that would fit.
fn archive(header_length: u32, header: &str, data: &[u8]) -> Vec<u8> {
    let mut member = b"\x93NUMPY\x02\x00".to_vec();
    member.extend(header_length.to_le_bytes());
    member.extend(header.bytes());
    member.extend(data);
    let (name, size) = (b"X.npy", member.len() as u32);
    let sizes = [0u32.to_le_bytes(), size.to_le_bytes(), size.to_le_bytes()].concat();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sizes, &[5, 0, 0, 0]].concat();
    let mut bytes = [b"PK\x03\x04", &common[..], name, &member].concat();
    let start = bytes.len() as u32;
    let directory = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], name].concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend((directory.len() as u32).to_le_bytes());
    end.extend(start.to_le_bytes());
    end.extend([0, 0]);
    bytes.extend(directory);
    bytes.extend(end);
    bytes
}

#[test]
fn an_array_larger_than_any_memory_is_named_with_its_shape() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), FROM_FILE).unwrap();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n";
    fs::write(at.path().join("data.npz"), archive(header.len() as u32, header, &[0; 8])).unwrap();
    for command in ["check", "run"] {
        let message = refused(at.path(), &[command, "s.yaml"]);
        assert!(message.contains("array `X`") && message.contains("[4611686018427387904, 4]"), "{message}");
    }
}

/// Under a limit of 3 GB, 4 GB for a header would abort.
#[cfg(target_os = "linux")]
#[test]
fn a_header_that_says_it_has_4_gb_sets_nothing_aside() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), FROM_FILE).unwrap();
    fs::write(at.path().join("data.npz"), archive(u32::MAX, "{'descr': '<f8'", &[0; 8])).unwrap();
    let limited = format!("ulimit -v 3000000; exec {} check s.yaml", env!("CARGO_BIN_EXE_gramflow"));
    let output = Command::new("sh").arg("-c").arg(limited).current_dir(at.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && message.contains("array `X`") && message.contains("4294967295 bytes"),
        "{message}"
    );
}

/// What takes more memory than it may is refused by the number, before it begins.
#[test]
fn a_run_that_takes_too_much_memory_is_refused_with_the_number() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), SCENARIO).unwrap();
    for (set, key, size, limit) in [
        ("network.widths=[3, 60000, 2]", "network.widths", "for square matrices", "500MB"),
        ("data.synthetic.test=100000000", "data", "for the samples", "500MB"),
        ("record={linear: {points: 1000000}}", "record", "for the records", "100MB"),
    ] {
        for command in ["run", "check"] {
            let message = refused(at.path(), &[command, "s.yaml", "--set", set, "--max-memory", limit]);
            assert!(message.contains(&format!("{key}: needs about ")) && message.contains(size), "{message}");
            assert!(
                message.contains(&format!("only {} MB may be used", &limit[..3])) && message.contains("--max-memory"),
                "{message}"
            );
        }
    }
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1);
    assert!(refused(at.path(), &["run", "s.yaml", "--max-memory", "lots"]).contains("such as 500MB, 16GB or 8GiB"));
}

/// A limit on address space is what the machine has free: nobody has to say so.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_that_is_free_is_found_out() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), SCENARIO).unwrap();
    let run = format!("ulimit -v 3000000; exec {} run s.yaml --set network.widths=[3,30000,2]", env!("CARGO_BIN_EXE_gramflow"));
    let output = Command::new("sh").arg("-c").arg(run).current_dir(at.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && message.contains("may be used"), "{message}");
}

/// A pipe would be waited for, and a device would never end.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(at.path().join("pipe")).status().unwrap();
    assert!(made.success());
    fs::write(at.path().join("s.yaml"), SCENARIO).unwrap();
    for command in ["check", "run", "explain"] {
        assert!(refused(at.path(), &[command, "pipe"]).contains("cannot read pipe: it is a pipe: name a regular file"));
        assert!(refused(at.path(), &[command, "/dev/zero"]).contains("it is a device"));
        assert!(refused(at.path(), &[command, "."]).contains("it is a folder"));
    }
    for (path, kind) in [("pipe", "a pipe"), ("/dev/zero", "a device")] {
        for set in [format!("data={{file: {{path: {path}}}}}"), format!("init={{file: {{path: {path}}}}}")] {
            let message = refused(at.path(), &["check", "s.yaml", "--set", &set]);
            assert!(message.contains(&format!("it is {kind}: name a regular file")), "{message}");
        }
    }
}

#[test]
fn a_text_that_is_too_long_or_too_deep_is_refused() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("deep.yaml"), "[".repeat(2 << 20)).unwrap();
    assert!(refused(at.path(), &["check", "deep.yaml"]).contains("lists and maps are nested more than 128 deep"));
    fs::write(at.path().join("long.yaml"), "# comment\n".repeat(2 << 20)).unwrap();
    assert!(refused(at.path(), &["check", "long.yaml"]).contains("it has more than 16.8 MB"));
}

/// Of a sweep that nobody waits for some units are read, and how many is said.
#[test]
fn a_large_sweep_is_checked_by_a_sample() {
    let at = tempfile::tempdir().unwrap();
    let sweep = "sweep:\n  grid: {weight_decay: {linear: {from: 0, to: 1, points: 984}}}\n  seeds: 1000\n";
    fs::write(at.path().join("s.yaml"), format!("{SCENARIO}{sweep}")).unwrap();
    let said = succeed(at.path(), &["check", "s.yaml"]);
    assert!(said.contains("s.yaml: ok: hostile (984000 units, of which ") && said.contains(" were read"), "{said}");
    let message = refused(
        at.path(),
        &["check", "s.yaml", "--set", "sweep.grid={weight_decay: {linear: {from: -1, to: 1, points: 984}}}"],
    );
    assert!(message.contains("weight_decay: must be at least 0, got -1.0"), "{message}");
}

#[test]
fn check_and_explain_take_sets_and_sweeps() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), SCENARIO).unwrap();
    assert!(succeed(at.path(), &["check", "s.yaml", "--set", "network.widths=[3, 4, 2]"]).contains("(20 parameters)"));
    assert!(refused(at.path(), &["check", "s.yaml", "--set", "flow.rtol=2"]).contains("--set flow.rtol=2: flow.rtol: must be"));
    fs::write(at.path().join("sweep.yaml"), format!("{SCENARIO}sweep: {{grid: {{weight_decay: [0, 0.1]}}, seeds: 3}}\n"))
        .unwrap();
    assert!(succeed(at.path(), &["check", "sweep.yaml", "--set", "sweep.seeds=5"]).contains("(10 units)"));
    let explained = succeed(at.path(), &["explain", "sweep.yaml", "--set", "sweep.seeds=5"]);
    assert!(explained.contains("sweep:") && explained.contains("kink:"), "{explained}");
    // What it prints is the same sweep, unit by unit.
    fs::write(at.path().join("again.yaml"), &explained).unwrap();
    let plan = |arguments: &[&str]| {
        let text = succeed(at.path(), &[&["sweep", "plan", "--json"], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["units"].clone()
    };
    assert_eq!(plan(&["again.yaml"]), plan(&["sweep.yaml", "--set", "sweep.seeds=5"]));
}

/// A record time just below the horizon and an optimizer beyond it: their ratio alone would take for ever.
#[test]
fn an_optimizer_far_beyond_close_record_times_ends() {
    let at = tempfile::tempdir().unwrap();
    for (name, before) in [("a", "9.999999999999998"), ("b", "9.999999999999")] {
        let record = format!("record: {{times: [0, 1, {before}]}}\noptimizers: [{{gd: {{lr: 0.1, steps: 1000}}}}]\n");
        fs::write(at.path().join("s.yaml"), format!("{SCENARIO}{record}")).unwrap();
        succeed(at.path(), &["run", "s.yaml", "--out", name]);
        let run = gramflow::folder::read(&at.path().join(name)).unwrap();
        let t = run.table.floats("gd", "t");
        assert!(t.len() < 250 && t[t.len() - 1] == 100.0, "{} records to t = {:?}", t.len(), t.last());
        assert_eq!(run.table.floats("flow", "t").last(), Some(&10.0));
    }
}

/// The mutants that the library's own test makes by the hundred, a few of them through the command.
#[test]
fn mutants_end_with_a_status() {
    let at = tempfile::tempdir().unwrap();
    let texts: Vec<String> =
        ["quickstart", "learning-rates", "paper/depth"].iter().map(|name| fs::read_to_string(bundled(name)).unwrap()).collect();
    for seed in 1_000_000..1_000_020 {
        fs::write(at.path().join("s.yaml"), crate::mutate::Mutator::new(seed).scenario(&texts)).unwrap();
        let output = gramflow(at.path(), &["check", "s.yaml"]);
        assert!(matches!(output.status.code(), Some(0 | 2)), "{seed}: {output:?}");
    }
}

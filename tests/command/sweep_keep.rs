//! `keep` in a sweep: what its units keep besides records, and what `sweep merge` makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use gramflow::npz::{self, Arrays};

use crate::harness::{gramflow, succeed};

/// Six units of two depths: W1 has one shape in all of them, W2 has two, W3 is in half of them.
const SCENARIO: &str = "\
name: kept
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
flow: {t_end: 1.0}
record: {linear: {points: 4}, weights: true}
optimizers: [{gd: {lr: 0.05}}]
sweep:
  zip: {network.widths: [[4, 5, 3], [4, 5, 4, 3]], init: [pytorch, {gaussian: {std: 0.3}}]}
  seeds: 3
";

fn at(keep: &str) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    write(at.path(), keep);
    at
}

fn write(at: &Path, keep: &str) {
    fs::write(at.join("kept.yaml"), format!("{SCENARIO}{keep}")).unwrap();
}

fn run(at: &Path, more: &[&str]) {
    succeed(at, &[&["sweep", "run", "kept.yaml"], more].concat());
}

/// The units of a folder in the order of their ids.
fn units(folder: &Path) -> Vec<PathBuf> {
    let mut units: Vec<_> = fs::read_dir(folder.join("units")).unwrap().map(|unit| unit.unwrap().path()).collect();
    units.sort();
    units
}

/// The arrays of numbers in a merged file, and the shapes of all.
fn numbers(path: &Path) -> Arrays {
    let texts = ["unit", "init", "network.widths"];
    assert!(texts.iter().all(|name| npz::shapes(path, |_| true).unwrap()[*name] == [6]));
    npz::read_those(path, |name| !texts.contains(&name)).unwrap()
}

const ALL: &str = "  keep: [records, weights, arrays, trajectory]\n";

#[test]
fn every_unit_is_found_in_the_merged_arrays() {
    let at = at(ALL);
    run(at.path(), &["--out", "grid"]);
    let printed = succeed(at.path(), &["sweep", "merge", "grid"]);
    let units = units(&at.path().join("grid"));
    for file in ["weights.npz", "arrays.npz", "trajectory.npz"] {
        assert!(printed.contains(&format!("grid/{file}\n")), "{printed}");
        let merged = numbers(&at.path().join("grid").join(file));
        let mut found = 0;
        for (place, unit) in units.iter().enumerate() {
            let id = unit.file_name().unwrap().to_str().unwrap();
            for (name, own) in npz::read(&unit.join(file)).unwrap() {
                let bits = |data: &[f64]| data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                match merged.get(&format!("{id}/{name}")) {
                    Some(apart) => {
                        assert!(apart.shape == own.shape && bits(&apart.data) == bits(&own.data), "{file} {id} {name}")
                    }
                    None => {
                        let stacked = &merged[&name];
                        assert_eq!(stacked.shape, [&[units.len()], &own.shape[..]].concat(), "{file} {name}");
                        assert!(bits(&stacked.row(place)) == bits(&own.data), "{file} {id} {name}");
                    }
                }
                found += 1;
            }
        }
        assert!(found > 0);
    }
    let weights = numbers(&at.path().join("grid/weights.npz"));
    // One shape in all, two shapes, and none in the shallower ones.
    assert_eq!(weights["gd/W1"].shape, [6, 5, 4]);
    assert!(!weights.contains_key("gd/W2") && weights.keys().filter(|name| name.ends_with("/gd/W2")).count() == 6);
    let deeper = &weights["gd/W3"];
    let lacking = (0..6).filter(|&unit| deeper.row(unit).iter().all(|w| w.is_nan())).count();
    assert_eq!((&deeper.shape[..], lacking), (&[6, 3, 4][..], 3));
    assert_eq!(weights["seed"].data.iter().filter(|seed| **seed == 2.0).count(), 2);
}

#[test]
fn shards_and_repetitions_give_the_same_bytes() {
    let at = at(ALL);
    run(at.path(), &["--out", "whole", "--jobs", "1"]);
    run(at.path(), &["--out", "a", "--shard", "1/2"]);
    run(at.path(), &["--out", "b", "--shard", "2/2"]);
    succeed(at.path(), &["sweep", "merge", "whole"]);
    succeed(at.path(), &["sweep", "merge", "b", "a", "--out", "both"]);
    for file in ["sweep.parquet", "sweep.json", "weights.npz", "arrays.npz", "trajectory.npz"] {
        let bytes = |folder: &str| fs::read(at.path().join(folder).join(file)).unwrap();
        assert!(bytes("whole") == bytes("both"), "{file}");
    }
}

#[test]
fn records_alone_are_kept_unless_more_is_asked_for() {
    let at = at("");
    run(at.path(), &["--out", "grid"]);
    succeed(at.path(), &["sweep", "merge", "grid"]);
    let has = |name: &str| at.path().join("grid").join(name).exists();
    assert!(!has("keep.json") && !has("weights.npz") && !has("arrays.npz") && !has("trajectory.npz"));
    let unit = &units(&at.path().join("grid"))[0];
    assert!(!unit.join("weights.npz").exists() && !unit.join("arrays.npz").exists());

    // Finished units are not run again, and lack what is asked for later.
    write(at.path(), "  keep: [weights]\n");
    let output = gramflow(at.path(), &["sweep", "run", "kept.yaml", "--out", "grid"]);
    let warning = "warning: 6 of 6 units have no weights.npz: they were run before `keep` asked for it";
    assert!(String::from_utf8_lossy(&output.stderr).contains(warning), "{output:?}");
    let output = gramflow(at.path(), &["sweep", "merge", "grid"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains(warning), "{output:?}");
    assert!(!has("weights.npz"));

    // What a later merge does not write, it removes.
    run(at.path(), &["--out", "new"]);
    succeed(at.path(), &["sweep", "merge", "new"]);
    assert!(at.path().join("new/weights.npz").exists() && !at.path().join("new/arrays.npz").exists());
    write(at.path(), "");
    run(at.path(), &["--out", "new"]);
    succeed(at.path(), &["sweep", "merge", "new"]);
    assert!(!at.path().join("new/weights.npz").exists());
    assert_eq!(fs::read_to_string(at.path().join("new/keep.json")).unwrap(), "[\"records\"]\n");
}

#[test]
fn contradictions_are_refused_where_they_stand() {
    let at = at("  keep: [trajectory]\n");
    let output = gramflow(at.path(), &["sweep", "run", "kept.yaml", "--out", "grid", "--set", "record.weights=false"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.starts_with("kept.yaml:10:10: sweep.keep[0]: no unit records weights over time"), "{message}");
    assert!(message.contains("`weights: true`") && !at.path().join("grid").exists());
    // The scenario that is kept in the folder keeps it, too.
    run(at.path(), &["--out", "grid"]);
    assert!(fs::read_to_string(at.path().join("grid/scenario.yaml")).unwrap().contains("trajectory"));
}

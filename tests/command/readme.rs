//! What the README says, works.

use std::fs;
use std::path::Path;

use crate::harness::succeed;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The contents of its code blocks in `language`.
fn blocks(language: &str) -> Vec<String> {
    let (readme, fence) = (readme(), format!("```{language}\n"));
    readme.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_string()).collect()
}

/// Its YAML block that begins with `key`.
fn yaml(key: &str) -> String {
    blocks("yaml").into_iter().find(|block| block.starts_with(key)).unwrap()
}

/// The commands on its scenario, as typed.
#[test]
fn the_first_scenario_runs_by_the_commands_beside_it() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), yaml("name:")).unwrap();
    fs::write(at.path().join("my-sweep.yaml"), yaml("name:") + &yaml("sweep:")).unwrap();
    let mut ran = 0;
    for line in blocks("sh").concat().lines() {
        let Some(command) = line.split(" #").next().unwrap().trim().strip_prefix("gramflow ") else { continue };
        succeed(at.path(), &command.split_whitespace().collect::<Vec<_>>());
        ran += 1;
    }
    assert_eq!(ran, 12);
}

/// Its pictures, of its sweep.
#[test]
fn the_pictures_of_its_sweep_are_drawn() {
    let at = tempfile::tempdir().unwrap();
    let name = yaml("name:").split_whitespace().nth(1).unwrap().to_string();
    fs::create_dir(at.path().join("paper")).unwrap();
    let scenario = yaml("name:") + &yaml("sweep:") + &yaml("pictures:");
    fs::write(at.path().join(format!("paper/{name}.yaml")), scenario).unwrap();
    succeed(at.path(), &["figures", "--scenarios", "paper", "--out", "drawn"]);
    let svg = fs::read_to_string(at.path().join(format!("drawn/{name}.svg"))).unwrap();
    for words in [
        "What decay and imbalance make of the ansatz",
        "balance gap",
        "L = 3",
        "imbalance 0.1",
        "the ansatz",
        "(g)",
        "medians over",
    ] {
        assert!(svg.to_lowercase().contains(&words.to_lowercase()), "{words}");
    }
    assert!(!svg.contains("is such.") && !svg.contains("no column") && at.path().join(format!("drawn/{name}.png")).exists());
}

/// Its list of optimizers, in its scenario.
#[test]
fn the_optimizers_run() {
    let at = tempfile::tempdir().unwrap();
    let scenario = yaml("name:").split("optimizers:").next().unwrap().to_string();
    fs::write(at.path().join("my-study.yaml"), scenario + &yaml("optimizers:") + &yaml("measure:")).unwrap();
    succeed(at.path(), &["run", "my-study.yaml", "--set", "flow.t_end=20", "--out", "run"]);
    for picture in ["ledger", "sharpness"] {
        assert!(at.path().join(format!("run/figures/{picture}.png")).exists(), "{picture}");
    }
    let run = gramflow::folder::read(&at.path().join("run")).unwrap();
    for process in ["gd", "sgd", "adam", "adamw-short"] {
        assert!(run.table.floats(process, "distance_to_flow").len() > 5, "{process}");
    }
}

/// Every law and every target of its tables, in its scenario with one output.
#[test]
fn the_inputs_and_targets_of_its_tables_are_read() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), yaml("name:")).unwrap();
    let readme = readme();
    let column = |head: &str| -> Vec<String> {
        let table = readme.split(head).nth(1).unwrap().split("\n\n").next().unwrap();
        let cells = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap());
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_string)).collect()
    };
    let (laws, targets) = (column("| `inputs.distribution` |"), column("| `target` |"));
    assert_eq!((laws.len(), targets.len()), (6, 6));
    let laws = laws.iter().map(|law| format!("data.synthetic.inputs.distribution={law}"));
    for set in laws.chain(targets.iter().map(|target| format!("data.synthetic.target={target}"))) {
        let outputs = if set.contains("target=") && !set.contains("outputs: 4") { 1 } else { 4 };
        let widths = format!("network.widths=[10, 16, 8, {outputs}]");
        succeed(at.path(), &["run", "my-study.yaml", "--set", &set, "--set", &widths, "--set", "flow.t_end=1", "--out", "run"]);
    }
}

#[test]
fn the_files_it_points_to_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = readme();
    let links: Vec<&str> = readme.split("](").skip(1).map(|link| link.split(')').next().unwrap()).collect();
    for link in links.iter().filter(|link| !link.starts_with("http")) {
        assert!(root.join(link).exists(), "{link}");
    }
    assert!(links.len() > 5);
    let main = blocks("sh")[0].clone();
    assert!(root.join(main.split_whitespace().last().unwrap()).exists(), "{main}");
}

/// A column that the README names and no run has would mislead every script.
#[test]
fn the_columns_and_arrays_it_names_are_there() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), yaml("name:")).unwrap();
    succeed(
        at.path(),
        &[
            "run",
            "my-study.yaml",
            "--set",
            "flow.t_end=1",
            "--set",
            "measure=[modified_flow, limit, ntk]",
            "--set",
            "data.synthetic.test=20",
            "--out",
            "run",
        ],
    );
    let run = gramflow::folder::read(&at.path().join("run")).unwrap();
    let python = blocks("python").concat();
    for name in python.split("arrays[\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(run.arrays.contains_key(name), "{name}");
    }
    let readme = readme();
    let table = readme.split("| columns | are |").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap());
    let names: Vec<String> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_string)).collect();
    assert!(names.len() > 15);
    for name in names.iter().filter(|name| !name.starts_with('…')) {
        let stem = name.trim_end_matches('*').trim_end_matches("Wl").trim_end_matches("_l");
        let found =
            run.table.columns.iter().any(|column| column.name == *name || (stem != name && column.name.starts_with(stem)));
        assert!(found, "{name}");
    }
}

/// The table of claims is that of the figures: generated, not typed.
#[test]
fn its_claims_are_those_of_the_figures() {
    let readme = readme();
    let block = readme.split_once("<!-- claims -->\n").and_then(|(_, rest)| rest.split_once("<!-- /claims -->"));
    let block = block.map(|(block, _)| block.trim().to_string());
    let generated = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("figures/claims.md")).ok();
    assert_eq!(block, generated.map(|text| text.trim().to_string()));
}

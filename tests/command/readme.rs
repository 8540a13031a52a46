//! What the README promises, and the tables and scenarios that were its own before the pages in docs/ took them over.

use std::fs;

use crate::harness::{gramflow, succeed};
use crate::pages::{blocks_in, first_cells, first_names, my_study, page, pages, root, yaml};

/// Its first command.
#[test]
fn the_scenario_of_its_first_command_exists() {
    let main = blocks_in(&page("README.md"), "sh")[0].clone();
    assert!(main.starts_with("cargo run --release -- run "), "{main}");
    assert!(root().join(main.split_whitespace().last().unwrap()).exists(), "{main}");
}

/// The numbers beside its scenario, to the digits given, and its verdicts.
#[test]
fn its_scenario_gives_its_result() {
    let at = tempfile::tempdir().unwrap();
    let readme = page("README.md");
    fs::write(at.path().join("first.yaml"), yaml("README.md", "name:")).unwrap();
    succeed(at.path(), &["run", "first.yaml", "--strict", "--out", "claims"]);
    let at_times = ["--set", "record={times: [1, 10, 100]}", "--set", "claims=[]", "--out", "times"];
    succeed(at.path(), &[&["run", "first.yaml"], at_times.as_slice()].concat());
    let run = gramflow::folder::read(&at.path().join("times")).unwrap();
    let head = "| t | `loss` |";
    let table = readme.split(head).nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = std::iter::once("loss").chain(table.lines().next().unwrap().split('`').skip(1).step_by(2)).collect();
    let times = run.table.floats("flow", "t");
    assert_eq!(times, [0.0, 1.0, 10.0, 100.0, 300.0]);
    for (row, time) in table.lines().skip(2).zip(&times) {
        let cells: Vec<f64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        assert_eq!((cells.len(), cells[0]), (1 + names.len(), *time), "{row}");
        for (name, shown) in names.iter().zip(&cells[1..]) {
            let index = times.iter().position(|t| t == time).unwrap();
            let value = run.table.floats("flow", name)[index];
            assert!((value - shown).abs() <= 0.0051 * value.abs(), "{name} at {time}: {value}, not {shown}");
        }
    }
}

/// Its short table of verdicts, against the long one.
#[test]
fn its_verdicts_are_those_of_the_figures() {
    let (readme, claims) = (page("README.md"), page("figures/claims.md"));
    let rows = readme.split("| in the paper |").nth(1).unwrap().split("\n\n").next().unwrap().lines().skip(2);
    let mut judged = 0;
    for row in rows {
        let claim = row.split('`').nth(1).unwrap();
        let units = claims.lines().filter(|line| line.starts_with(&format!("| `{claim}` |")));
        let holds: Vec<usize> =
            units.map(|line| line.split('|').nth(3).unwrap().trim().strip_prefix("holds ").unwrap().parse().unwrap()).collect();
        let total: usize = holds.iter().sum();
        assert!(total > 0 && row.contains(&format!("holds in {total} of {total}")), "{row}: {total}");
        judged += 1;
    }
    assert!(judged > 7, "{judged}");
}

/// It stays short.
#[test]
fn it_fits_on_a_few_screens() {
    assert!(page("README.md").lines().count() <= 130);
}

/// Its numbers of speed are those of the benchmarks.
#[test]
fn its_speed_is_that_of_the_benchmarks() {
    let (readme, benchmarks) = (page("README.md"), page("docs/benchmarks.md"));
    let rows = readme.split("| L layers of d × d |").nth(1).unwrap().split("\n\n").next().unwrap().lines().skip(2);
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    for row in rows.map(cells) {
        let [ours, peer, ratio] = [&row[2], &row[3], &row[4]];
        let peer = peer.split(" (").next().unwrap();
        let measured = |line: &str| {
            let line = cells(line);
            line.len() > 5 && line[2] == *ours && line[3].starts_with(peer) && line[4].starts_with(&format!("**{ratio}**"))
        };
        assert!(benchmarks.lines().any(measured), "{row:?}");
    }
}

/// The message that the tutorial shows of a mistyped key.
#[test]
fn the_mistake_of_the_tutorial_is_told_as_shown() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), my_study().replace("  rtol:", "  rtoll:")).unwrap();
    let shown = blocks_in(&page("docs/tutorial.md"), "text").into_iter().find(|block| block.contains("rtoll")).unwrap();
    let output = gramflow(at.path(), &["check", "my-study.yaml"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && told.contains(shown.trim()), "{told}");
}

/// The pictures of the guide, of its sweep.
#[test]
fn the_pictures_of_the_sweep_are_drawn() {
    let at = tempfile::tempdir().unwrap();
    let name = my_study().split_whitespace().nth(1).unwrap().to_string();
    fs::create_dir(at.path().join("paper")).unwrap();
    let scenario = my_study() + &yaml("docs/guide.md", "sweep:") + &yaml("docs/guide.md", "pictures:");
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
    assert!(
        !svg.contains("No unit matches") && !svg.contains("no column") && at.path().join(format!("drawn/{name}.png")).exists()
    );
}

/// The guide's list of optimizers, in the tutorial's scenario.
#[test]
fn the_optimizers_run() {
    let at = tempfile::tempdir().unwrap();
    let scenario = my_study().split("optimizers:").next().unwrap().to_string();
    let (optimizers, measure) = (yaml("docs/guide.md", "optimizers:"), yaml("docs/guide.md", "measure:"));
    fs::write(at.path().join("my-study.yaml"), scenario + &optimizers + &measure).unwrap();
    succeed(at.path(), &["run", "my-study.yaml", "--set", "flow.t_end=20", "--out", "run"]);
    for picture in ["ledger", "sharpness"] {
        assert!(at.path().join(format!("run/figures/{picture}.png")).exists(), "{picture}");
    }
    let run = gramflow::folder::read(&at.path().join("run")).unwrap();
    for process in ["gd", "sgd", "adam", "adamw-short"] {
        assert!(run.table.floats(process, "distance_to_flow").len() > 5, "{process}");
    }
}

/// Every law and every target of the guide's tables, in the tutorial's scenario with one output.
#[test]
fn the_inputs_and_targets_of_the_tables_are_read() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), my_study()).unwrap();
    let guide = page("docs/guide.md");
    let (laws, targets) = (first_names(&guide, "| `inputs.distribution` |"), first_names(&guide, "| `target` |"));
    assert_eq!((laws.len(), targets.len()), (6, 6));
    let laws = laws.iter().map(|law| format!("data.synthetic.inputs.distribution={law}"));
    for set in laws.chain(targets.iter().map(|target| format!("data.synthetic.target={target}"))) {
        let outputs = if set.contains("target=") && !set.contains("outputs: 4") { 1 } else { 4 };
        let widths = format!("network.widths=[10, 16, 8, {outputs}]");
        succeed(at.path(), &["run", "my-study.yaml", "--set", &set, "--set", &widths, "--set", "flow.t_end=1", "--out", "run"]);
    }
}

/// Every start of the guide's table, and every activation.
#[test]
fn the_starts_and_activations_of_the_guide_are_read() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), my_study()).unwrap();
    succeed(at.path(), &["export", "my-study.yaml", "--out", "w0.npz"]);
    let guide = page("docs/guide.md");
    let starts: Vec<String> =
        first_cells(&guide, "| `init` |").iter().map(|cell| cell.replace('`', "").trim().to_string()).collect();
    assert_eq!(starts.len(), 10);
    for start in starts {
        let init = format!("init={start}");
        // Widths that suit a λ-balanced start.
        let widths = if start.contains("lambda") { "[10, 4, 4, 4]" } else { "[10, 16, 8, 4]" };
        succeed(at.path(), &["check", "my-study.yaml", "--set", &init, "--set", &format!("network.widths={widths}")]);
    }
    let sentence = guide.split("The activations are ").nth(1).unwrap().split('.').next().unwrap();
    let activations: Vec<&str> = sentence.split('`').skip(1).step_by(2).collect();
    assert_eq!(activations.len(), 9);
    for activation in activations {
        let set = format!("network.activations={activation}");
        succeed(at.path(), &["check", "my-study.yaml", "--set", "init=pytorch", "--set", &set]);
    }
}

/// A column that a page names and no run has would mislead every script.
#[test]
fn the_columns_and_arrays_they_name_are_there() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("my-study.yaml"), my_study()).unwrap();
    succeed(
        at.path(),
        &[
            "run",
            "my-study.yaml",
            "--set",
            "flow.t_end=1",
            "--set",
            "flow.certify=true",
            "--set",
            "flow.preserve={balance: double_double}",
            "--set",
            "measure=[modified_flow, limit, central_flow, {sde: {paths: 2}}, ntk, {hessian: {top: 2}}]",
            "--set",
            "data.synthetic.test=20",
            "--out",
            "run",
        ],
    );
    let run = gramflow::folder::read(&at.path().join("run")).unwrap();
    let python: String = pages().iter().flat_map(|path| blocks_in(&page(path), "python")).collect();
    let mut named: Vec<&str> = python.split("arrays[\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(named.len() > 5, "{named:?}");
    named.extend(["flow/error_loss", "flow/low_W1"]);
    for name in named {
        assert!(run.arrays.contains_key(name), "{name}");
    }
    let plotted = python.split("flow[[").nth(1).unwrap().split("]]").next().unwrap();
    let plotted = plotted.split('"').skip(1).step_by(2).map(str::to_string);
    let names: Vec<String> = first_names(&page("docs/theory.md"), "| columns | are |").into_iter().chain(plotted).collect();
    assert!(names.len() > 15);
    for name in names.iter().filter(|name| !name.starts_with('…')) {
        let stem = name.trim_end_matches('*').trim_end_matches("Wl").trim_end_matches("_l");
        let found =
            run.table.columns.iter().any(|column| column.name == *name || (stem != name && column.name.starts_with(stem)));
        assert!(found, "{name}");
    }
}

//! `gramflow columns`, `observe` and what both say of the table that a run leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gramflow::folder::read;
use gramflow::observe::{Group, NamedArray, Owner, registry};
use gramflow::record::Run;
use gramflow::session::declared_arrays;
use serde_json::Value;

use crate::harness::{gramflow, succeed};

const SCENARIO: &str = "
name: observed
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}, test: 10}}
network: {widths: [4, 5, 3, 2]}
weight_decay: 0.01
flow: {t_end: 2}
record: {linear: {points: 4}}
optimizers: [{gd: {lr: 0.1}}, {adam: {lr: 0.01}}]
";

/// The run of the scenario with more keys, in the folder `name`.
fn run(at: &Path, name: &str, more: &str) -> Run {
    fs::write(at.join("s.yaml"), format!("{SCENARIO}{more}\n")).unwrap();
    succeed(at, &["run", "s.yaml", "--out", name]);
    read(&at.join(name)).unwrap()
}

fn names(run: &Run) -> BTreeSet<String> {
    run.table.columns.iter().map(|column| column.name.clone()).collect()
}

/// With everything on, the table has the columns that observables declare, and no other.
#[test]
fn the_table_has_the_columns_of_the_registry() {
    let at = tempfile::tempdir().unwrap();
    // Errors of models are recorded for the claims that ask for them.
    let measure = "\
measure: [sharpness, preconditioned_sharpness, ledger, modified_flow, limit, central_flow, {sde: {paths: 2}}, ntk, {hessian: {top: 3}}]
claims: [follows-flow, follows-modified-flow, follows-third-order-flow, follows-limit, follows-central-flow, follows-sde]";
    let all = run(at.path(), "all", measure);
    let expected: BTreeSet<String> = registry::columns()
        .flat_map(|(_, column)| {
            // Gaps lie between layers; the first layer's ansatz is that of the network.
            let layers = match column.name {
                "balance_gap_{l}" => 1..=2,
                name if name.starts_with("nfa_") && name.contains("{l}") => 2..=3,
                name if name.contains("{l}") => 1..=3,
                _ => 1..=1,
            };
            layers.map(|l| column.name.replace("{l}", &l.to_string()))
        })
        .collect();
    assert_eq!(names(&all), expected);
    for column in ["ntk_max", "ntk_rank", "ntk_alignment", "ntk_distance"] {
        for process in ["flow", "gd", "adam"] {
            let values = all.table.floats(process, column);
            assert!(values.len() > 3 && values.iter().all(|value| value.is_finite()), "{process} {column}: {values:?}");
        }
    }
}

/// What is recorded of the groups that are asked for is what it is without the key, to the bit.
#[test]
fn groups_that_are_not_observed_are_not_recorded() {
    let at = tempfile::tempdir().unwrap();
    let (all, few) = (run(at.path(), "all", ""), run(at.path(), "few", "observe: [loss, balance]\nclaims: [balance-law]"));
    assert!(names(&few).is_subset(&names(&all)) && names(&few).len() > 10);
    for column in &few.table.columns {
        let group = registry::find(&column.name).unwrap().0;
        assert!(group.is_none_or(|group| ["loss", "balance"].contains(&group.name())), "{}", column.name);
        // Rows are the same, and so are their bits, NaN among them.
        assert_eq!(format!("{:?}", all.table.column(&column.name)), format!("{:?}", Some(&column.values)), "{}", column.name);
    }
    assert!(!few.arrays.contains_key("flow/nfa_curve") && !few.arrays.contains_key("flow/agop"));
    let manifest: Value = serde_json::from_str(&fs::read_to_string(at.path().join("few/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["verdicts"]["balance-law"]["verdict"], "holds");
    assert_eq!(manifest["processes"]["gd"]["gradients_monitoring"], 0);
    let warning = "observe: only loss, balance: pictures of other groups are not drawn; \
                   optimizers are not checked for the edge of stability";
    assert!(manifest["warnings"].as_array().unwrap().iter().any(|own| own == warning), "{}", manifest["warnings"]);
    assert!(at.path().join("few/figures/balance.svg").exists() && !at.path().join("few/figures/nfa.svg").exists());
    succeed(at.path(), &["report", "few"]);
}

#[test]
fn what_needs_a_group_that_is_left_out_is_refused_with_the_group() {
    let at = tempfile::tempdir().unwrap();
    let tanh = "network={widths: [4, 5, 2], activations: tanh}";
    for (more, sets, message) in [
        (
            "observe: [loss]\nclaims: [nfa]",
            &[][..],
            "claims[0]: nfa reads columns that `observe` leaves out: add balance, nfa there",
        ),
        (
            "observe: [loss]\nmeasure: [ntk]",
            &[],
            "measure[0]: ntk is recorded in the group ntk, which `observe` leaves out: add ntk there",
        ),
        ("observe: [loss, ledger]", &[], "observe[1]: ledger is opt-in: add ledger to `measure`"),
        ("observe: [loss, hessian]", &[], "observe[1]: hessian is opt-in: add {hessian: {top: 4}} to `measure`"),
        ("measure: [{hessian: {top: 0}}]", &[], "measure[0].hessian.top: must be between 1 and 64, got 0"),
        ("measure: [{hessian: {top: 2}}, {hessian: {top: 3}}]", &[], "measure[1]: must be named once"),
        (
            "measure: [{hessian: {top: 2, all: true}}]",
            &["network.widths=[4, 600, 2]"],
            "measure[0]: hessian takes `all` eigenvalues of up to 3,000 parameters, and there are 3600",
        ),
        (
            "measure: [{hessian: {top: 2, density: {steps: 40}}}]",
            &[],
            "measure[0].hessian.density.steps: must be between 50 and 1000, got 40",
        ),
        (
            "measure: [saddles]",
            &["flow.integrator={gauss: {stages: 2}}"],
            "measure[0]: saddles looks at the flow after every step, and steps of gauss2 are not visible from outside",
        ),
        (
            "measure: [saddles]",
            &["network={widths: [4, 5, 2], activations: [relu, identity]}"],
            "measure[0]: saddles needs a smooth J, and an activation has a kink",
        ),
        ("observe: [loss, loss]", &[], "observe[1]: must be named once"),
        ("observe: [los]", &[], "did you mean `loss`?"),
        (
            "measure: [ntk]",
            &[tanh, "data.synthetic.inputs.samples=3000"],
            "measure[0]: ntk needs a kernel of 6000 × 6000, and 4096 × 4096 is the limit",
        ),
        (
            "observe: [loss]\nsweep: {seeds: 2}\npictures: [{title: one, panels: [{show: {over_time: {y: nfa_cosine}}}]}]",
            &[],
            "no unit records `nfa_cosine`: it is of the group nfa, which `observe` leaves out",
        ),
    ] {
        fs::write(at.path().join("s.yaml"), format!("{SCENARIO}{more}\n")).unwrap();
        let mut arguments = vec!["check", "s.yaml"];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        let output = gramflow(at.path(), &arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && errors.contains(message), "{more}: {errors}");
    }
}

/// The groups that the refusal of a claim names are all that it reads: with them alone its verdict is the same, value and error.
#[test]
fn claims_read_no_more_groups_than_they_ask_for() {
    let at = tempfile::tempdir().unwrap();
    let claims = [
        "balance-law",
        "decay-rate",
        "nfa-exact",
        "nfa-asymptotic",
        "nfa",
        "exponent",
        "peak",
        "low-rank",
        "nfa-violated",
        "stagnates",
        "converged",
    ];
    let verdicts = |name: &str| -> Value {
        let text = fs::read_to_string(at.path().join(name).join("manifest.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["verdicts"].clone()
    };
    run(at.path(), "all", &format!("claims: [{}]", claims.join(", ")));
    for claim in claims {
        fs::write(at.path().join("s.yaml"), format!("{SCENARIO}observe: []\nclaims: [{claim}]\n")).unwrap();
        let errors = String::from_utf8(gramflow(at.path(), &["check", "s.yaml"]).stderr).unwrap();
        let (_, groups) = errors.split_once("leaves out: add ").unwrap_or_else(|| panic!("{claim}: {errors}"));
        let groups = groups.split(" there").next().unwrap();
        run(at.path(), claim, &format!("observe: [{groups}]\nclaims: [{claim}]"));
        assert_eq!(verdicts(claim)[claim], verdicts("all")[claim], "{claim}: {groups}");
    }
}

/// A linear network goes by its moments: the size of its kernel is free of the samples.
#[test]
fn the_kernel_of_many_samples_is_measured_by_moments() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("s.yaml"), format!("{SCENARIO}measure: [ntk]\n")).unwrap();
    succeed(at.path(), &["check", "s.yaml", "--set", "data.synthetic.inputs.samples=3000"]);
}

/// The size that a declared shape has after so many records of a network with these widths; `l` is of the key's layer.
fn size(shape: &str, records: usize, widths: &[usize], l: usize) -> Vec<usize> {
    let factor = |text: &str| -> usize {
        let one = |text: &str| match text.trim() {
            "T" => records,
            "(L − 1)" => widths.len() - 2,
            "d_0" => widths[0],
            "d_L" => widths[widths.len() - 1],
            "d_l" => widths[l],
            "d_(l−1)" => widths[l - 1],
            // As many as are asked for, of the parameters of a network without biases.
            "k" => 4,
            // At the usual resolution r.
            "(2r + 33)" => 133,
            "P" => widths.windows(2).map(|pair| pair[0] * pair[1]).sum(),
            number => number.parse().unwrap_or_else(|_| panic!("what is {number}?")),
        };
        match text.strip_prefix("min(").and_then(|pair| pair.strip_suffix(')')).and_then(|pair| pair.split_once(", ")) {
            Some((a, b)) => one(a).min(one(b)),
            None => one(text),
        }
    };
    shape.split(" × ").map(factor).collect()
}

/// What runs write to `arrays.npz` is declared, with the shape that is declared; and all that is declared is written.
#[test]
fn the_arrays_of_runs_are_those_that_are_declared() {
    let at = tempfile::tempdir().unwrap();
    let certified = "measure: [sharpness, ledger, modified_flow, limit, central_flow, {sde: {paths: 2}}, ntk, saddles, {hessian: {top: 4, all: true, density: {steps: 60}}}]\nclaims: [balance-law]";
    let preserved = "flow={t_end: 2, certify: true, preserve: {balance: double_double}}";
    let mut written = BTreeSet::new();
    for (name, sets, widths) in [
        ("linear", &[preserved][..], &[4, 5, 3, 2][..]),
        ("one-layer", &["network.widths=[4, 2]", "claims=[]"], &[4, 2]),
        ("tanh", &["network={widths: [4, 5, 2], activations: tanh, bias: true}", "claims=[]", "measure=[ntk]"], &[4, 5, 2]),
        ("few", &["observe=[loss]", "measure=[]", "claims=[]"], &[4, 5, 3, 2]),
    ] {
        fs::write(at.path().join("s.yaml"), format!("{SCENARIO}{certified}\n")).unwrap();
        let mut arguments = vec!["run", "s.yaml", "--out", name];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        succeed(at.path(), &arguments);
        let run = read(&at.path().join(name)).unwrap();
        for (key, array) in &run.arrays {
            let (process, own) = key.split_once('/').unwrap();
            let owner = |array: &NamedArray| match array.owner {
                Owner::EveryProcess => ["flow", "gd", "adam"].contains(&process),
                Owner::Flow => process == "flow",
                Owner::Target => process == "target",
            };
            let declared: Vec<_> = declared_arrays().filter(|(_, array)| owner(array) && array.is_called(own)).collect();
            assert!(declared.len() == 1, "{name}: {key} is declared {} times", declared.len());
            let (group, array_declared) = declared[0];
            assert!(name != "few" || group.is_none_or(|group| group == Group::Loss), "{key}");
            written.insert(array_declared.key());
            let layer = own.rsplit('W').next().and_then(|layer| layer.parse().ok()).unwrap_or(0);
            let expected = size(array_declared.shape, run.table.floats(process, "t").len(), widths, layer);
            // Over samples the Jacobians of a nonlinear network span up to d_0 directions.
            if !(name == "tanh" && own == "sv_product") {
                assert_eq!(array.shape, expected, "{name}: {key}: {}", array_declared.shape);
            }
        }
    }
    let declared: BTreeSet<String> = declared_arrays().map(|(_, array)| array.key()).collect();
    assert_eq!(written, declared);
    assert_eq!(declared.len(), declared_arrays().count(), "no two have one key");
}

#[test]
fn arrays_are_listed_by_name_process_group_and_glob() {
    let at = tempfile::tempdir().unwrap();
    let listed = |pattern: &str| -> Vec<String> {
        let json: Value = serde_json::from_str(&succeed(at.path(), &["columns", "--arrays", "--json", pattern])).unwrap();
        json.as_array().unwrap().iter().map(|array| array["name"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(listed("*").len(), declared_arrays().count());
    assert_eq!(listed("spectra"), ["{process}/sv_W{l}", "{process}/sv_product", "{process}/sv_agop"]);
    assert_eq!(listed("sv_W3"), ["{process}/sv_W{l}"]);
    assert_eq!(listed("gd/nfa_curve"), ["{process}/nfa_curve"]);
    assert_eq!(listed("target/*"), ["target/agop", "target/sv_agop"]);
    let text = succeed(at.path(), &["columns", "--arrays", "agop"]);
    assert!(text.contains("T × d_0") && text.contains("at the end") && text.contains("float64"), "{text}");
    assert!(succeed(at.path(), &["columns"]).contains("gramflow columns --arrays"));
    let output = gramflow(at.path(), &["columns", "--arrays", "nothing"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && errors.contains("no array matches `nothing`"), "{errors}");
}

#[test]
fn columns_are_listed_by_name_group_and_glob() {
    let at = tempfile::tempdir().unwrap();
    let listed = |arguments: &[&str]| -> Vec<String> {
        let text = succeed(at.path(), &[&["columns"], arguments].concat());
        let rows = text.split("\n\n").next().unwrap().lines().skip(1);
        rows.map(|line| line.split_whitespace().next().unwrap().to_string()).collect()
    };
    assert_eq!(listed(&[]).len(), registry::columns().count());
    assert_eq!(listed(&["ntk"]), ["ntk_max", "ntk_rank", "ntk_alignment", "ntk_distance"]);
    assert_eq!(listed(&["*_relative"]).len(), 8);
    assert_eq!(listed(&["balance_gap_12"]), ["balance_gap_{l}"]);
    let text = succeed(at.path(), &["columns", "ntk_rank"]);
    assert!(text.contains("tr K/λ_max(K)") && text.contains("measure: [ntk]"), "{text}");
    let json: Value = serde_json::from_str(&succeed(at.path(), &["columns", "sharpness", "--json"])).unwrap();
    let names: Vec<&str> = json.as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    let plain = ["sharpness", "lr_sharpness", "sharpness_bound"];
    let preconditioned = ["preconditioned_sharpness", "lr_preconditioned_sharpness", "preconditioned_sharpness_bound"];
    assert_eq!(names, [plain, preconditioned].concat());
    assert_eq!((&json[0]["unit"], &json[0]["group"], &json[0]["measure"]), (&"ℒ/θ²".into(), &"sharpness".into(), &Value::Null));
    let output = gramflow(at.path(), &["columns", "nothing"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && errors.contains("no column matches `nothing`"), "{errors}");
}

//! Muon against PyTorch's rule in float64, and against `torch.optim.Muon` as it is. `tests/references/muon.py` made the cases and says how.

use std::path::Path;

use gramflow::npz::{self, Arrays};
use gramflow::scenario;

use crate::optimizers::{error, finish, scenario_of};
use crate::references::{cases, references};

fn arrays() -> Arrays {
    npz::read(&references().join("muon.npz")).unwrap()
}

/// The optimizers called `key` in `muon.json`, as a scenario has them.
fn list(key: &str) -> String {
    let text = std::fs::read_to_string(references().join("muon.json")).unwrap();
    let lists: serde_json::Value = serde_json::from_str(&text).unwrap();
    lists[key].to_string()
}

#[test]
fn muon_steps_as_torch_does() {
    let reference = arrays();
    for (name, case) in cases() {
        let finished = finish(&scenario_of(&name, &case, &list("matrices")));
        for (process, weights) in finished.weights.iter().filter(|(process, _)| process != "flow") {
            // Within 2e-14 as measured.
            let off = error(weights, &reference, &format!("{name}/{process}/"));
            assert!(off <= 1e-12, "{name}: {process} is {off:.1e} from torch");
            // What bfloat16 leaves: 2e-4 to 2e-2.
            let cast = error(weights, &reference, &format!("{name}/{process}/bfloat16/"));
            assert!((1e-4..5e-2).contains(&cast), "{name}: {process} is {cast:.1e} from torch's bfloat16");
        }
    }
}

/// The scenario of the network with biases, whose files are written to `folder`.
fn biased(folder: &Path, optimizers: &str) -> Result<scenario::Scenario, scenario::ScenarioError> {
    let reference = arrays();
    let of =
        |names: &[&str]| names.iter().map(|&name| (name.to_string(), reference[&format!("biased/{name}")].clone())).collect();
    npz::write(&folder.join("data.npz"), &of(&["X", "Y"])).unwrap();
    npz::write(&folder.join("w0.npz"), &of(&["W1", "W2", "b1", "b2"])).unwrap();
    let text = format!(
        "name: biased
data: {{file: {{path: data.npz}}}}
network: {{widths: [6, 5, 4], activations: tanh, bias: true}}
init: {{file: {{path: w0.npz}}}}
weight_decay: 0.01
flow: {{t_end: 0.1}}
record: {{times: [0.0, 0.1]}}
optimizers: {optimizers}
"
    );
    let read = scenario::parse(&text, &folder.join("x.yaml"), &[]);
    read.map(|(scenario, _)| scenario)
}

#[test]
fn biases_follow_the_rule_of_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let end = |optimizers: &str| finish(&biased(folder.path(), optimizers).unwrap());
    let finished = end(&list("biased"));
    let off = error(&finished.weights[1].1, &arrays(), "biased/muon/");
    assert!(off <= 1e-12, "{off:.1e}");
    // The control: another rule for the biases ends elsewhere.
    let other = end(&list("biased").replace("adamw", "adam"));
    assert!(error(&other.weights[1].1, &arrays(), "biased/muon/") > 1e-6);
}

#[test]
fn muon_asks_for_a_rule_of_the_biases() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |optimizers: &str| biased(folder.path(), optimizers).unwrap_err().to_string();
    let missing = refused("[muon: {lr: 0.01}]");
    assert!(missing.contains("optimizers[0].muon.biases") && missing.contains("biases: {adamw: {lr: 0.001}}"), "{missing}");
    let itself = refused("[muon: {lr: 0.01, biases: {muon: {lr: 0.1}}}]");
    assert!(itself.contains("name another optimizer"), "{itself}");
    let batch = refused("[muon: {lr: 0.01, biases: {sgd: {lr: 0.1, batch: 2}}}]");
    assert!(batch.contains("optimizers[0].muon.biases.sgd.batch"), "{batch}");
    let text = "name: x
data: {synthetic: {inputs: {dim: 3, samples: 9}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 2]}
flow: {t_end: 1}
optimizers: [muon: {lr: 0.01, biases: {gd: {lr: 0.1}}}]
";
    let needless = scenario::parse(text, Path::new("x.yaml"), &[]).unwrap_err().to_string();
    assert!(needless.contains("the network has none"), "{needless}");
}

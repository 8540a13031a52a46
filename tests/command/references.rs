//! The command against other people's software: scipy's DOP853 on torch's gradients, and `torch.optim.SGD`.
//!
//! `tests/references/make.py` made the cases and says how. Each is run from its `file:` data and start, and the weights in the run
//! folder are held against the reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use gramflow::npz::{self, Array};
use serde::Deserialize;

/// What `make.py` writes about a case.
#[derive(Deserialize)]
pub struct Case {
    pub widths: Vec<usize>,
    pub decay: f64,
    t_end: f64,
    lr: f64,
    gd_steps: u64,
}

pub fn references() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references")
}

pub fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(&std::fs::read_to_string(references().join("cases.json")).unwrap()).unwrap()
}

/// The final weights of a run of `case` on `data`, keys `process/W1`, ….
fn run(name: &str, case: &Case, data: &str, integrator: &str) -> BTreeMap<String, Array> {
    let Case { widths, decay, t_end, lr, gd_steps } = case;
    let here = references().display().to_string();
    // Three record times, so that the flow lands and starts again on the way.
    let scenario = format!(
        "name: {name}
data: {{file: {{path: '{here}/{data}.npz'}}}}
network: {{widths: {widths:?}}}
init: {{file: {{path: '{here}/{name}-w0.npz'}}}}
weight_decay: {decay:?}
flow: {{t_end: {t_end:?}, integrator: {integrator}, rtol: 1.0e-10, atol: 1.0e-13}}
record: {{times: [0.0, {:?}, {t_end:?}]}}
optimizers: [{{gd: {{lr: {lr:?}, steps: {gd_steps}}}}}]
",
        t_end / 3.0
    );
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("scenario.yaml"), folder.path().join("out"));
    std::fs::write(&path, scenario).unwrap();
    Command::new(env!("CARGO_BIN_EXE_gramflow")).arg("run").arg(path).arg("--out").arg(&out).assert().success();
    npz::read(&out.join("weights.npz")).unwrap()
}

/// ‖W − W_ref‖/‖W_ref‖ over all layers: the weights of `process` in a run against `CASE-REFERENCE.npz`.
fn error(weights: &BTreeMap<String, Array>, process: &str, name: &str, reference: &str) -> f64 {
    let reference = npz::read(&references().join(format!("{name}-{reference}.npz"))).unwrap();
    let (mut off, mut norm) = (0.0, 0.0);
    for (layer, wanted) in &reference {
        let got = &weights[&format!("{process}/{layer}")];
        assert_eq!(got.shape, wanted.shape, "{name}: {process}/{layer}");
        off += got.data.iter().zip(&wanted.data).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        norm += wanted.data.iter().map(|b| b * b).sum::<f64>();
    }
    (off / norm).sqrt()
}

/// Every case within `bound` of the reference flow.
fn assert_flow(integrator: &str, bound: f64) {
    for (name, case) in cases() {
        let error = error(&run(&name, &case, &format!("{name}-data"), integrator), "flow", &name, "flow");
        assert!(error <= bound, "{name}: {integrator} is {error:.1e} from the reference, more than {bound:.0e}");
    }
}

#[test]
fn dopri5_reaches_the_reference_flow() {
    // Within 5e-12 as measured.
    assert_flow("dopri5", 1e-9);
}

#[test]
fn dop853_reaches_the_reference_flow() {
    // Within 4e-11 as measured.
    assert_flow("dop853", 1e-9);
}

#[test]
fn rk4_reaches_the_reference_flow() {
    // Within 2e-9 as measured: of order step⁴, the tolerances do not bear on it.
    assert_flow("{rk4: {step: 0.002}}", 1e-8);
}

#[test]
fn gd_steps_as_torch_does() {
    // Within 6e-16 as measured.
    for (name, case) in cases() {
        let error = error(&run(&name, &case, &format!("{name}-data"), "dopri5"), "gd", &name, "gd");
        assert!(error <= 1e-12, "{name}: gd is {error:.1e} from torch.optim.SGD");
    }
}

/// The control: a decay read as λ‖W‖², or as (λ/4)‖W‖², is far outside the bounds above.
#[test]
fn a_decay_off_by_a_factor_of_two_is_noticed() {
    for (name, mut case) in cases().into_iter().filter(|(_, case)| case.decay > 0.0) {
        let decay = case.decay;
        for factor in [0.5, 2.0] {
            case.decay = factor * decay;
            let weights = run(&name, &case, &format!("{name}-data"), "dop853");
            for process in ["flow", "gd"] {
                let error = error(&weights, process, &name, process);
                assert!(error > 1e-4, "{name}: {process} with {factor} λ is only {error:.1e} away");
            }
        }
    }
}

#[test]
fn data_in_every_form_that_numpy_writes_are_the_same_data() {
    let name = "single-layer";
    let case = &cases()[name];
    let plain = run(name, case, "single-layer-data", "dopri5");
    for form in ["float32", "fortran", "compressed"] {
        assert_eq!(run(name, case, &format!("single-layer-data-{form}"), "dopri5"), plain, "{form}");
    }
}

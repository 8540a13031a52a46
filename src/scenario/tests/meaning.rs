//! What a scenario means once it is read.

use crate::network::*;

use super::*;

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let windows = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(reading(&windows, &[]), reading(SMALL, &[]));
    assert!(complaint(&windows.replace("t_end", "tend"), &[]).starts_with("scenario.yaml:4:8: flow.tend: unknown key"));
}

#[test]
fn aliases_and_merge_keys_work() {
    let text = format!("{SMALL}optimizers:\n  - gd: &one {{name: one, lr: 0.1}}\n  - gd: {{<<: *one, name: two}}\n");
    let scenario = reading(&text, &[]).unwrap();
    assert_eq!(scenario.optimizers[1].lr(), 0.1);
    assert_eq!(scenario.optimizers[1].name(), "two");
}

#[test]
fn a_word_stands_for_a_choice_with_every_setting_at_its_default() {
    for (word, choice) in [
        ("init=balanced", "init={balanced: {scale: 1.0}}"),
        ("record=log", "record={log: {points: 200}}"),
        ("data.synthetic.inputs.distribution=student_t", "data.synthetic.inputs.distribution={student_t: {dof: 5.0}}"),
        ("data.synthetic.inputs.distribution=mixture", "data.synthetic.inputs.distribution={mixture: {separation: 0.9}}"),
    ] {
        assert_eq!(reading(SMALL, &[word]), reading(SMALL, &[choice]));
    }
}

#[test]
fn a_single_activation_leaves_the_output_linear() {
    let network =
        Network { widths: vec![4, 3, 3, 2], activations: OneOrEach::One(Activation::Tanh), bias: OneOrEach::One(true) };
    assert_eq!(network.layer_activations(), [Activation::Tanh, Activation::Tanh, Activation::Identity]);
    assert_eq!(network.layer_biases(), [true; 3]);
    assert_eq!(network.parameters(), 3 * 4 + 3 * 3 + 2 * 3 + 3 + 3 + 2);
}

#[test]
fn paths_are_absolute_and_the_hash_depends_on_contents_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hash_with = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).unwrap();
        let set = format!("init.file.path={name}");
        let (scenario, _) = parse(SMALL, &folder.path().join("s.yaml"), &[set]).unwrap();
        assert_eq!(scenario.init, Init::File { path: folder.path().join(name) });
        scenario.hash().unwrap()
    };
    let hash = hash_with("a.npz", "weights");
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, hash_with("b.npz", "weights"));
    assert_ne!(hash, hash_with("b.npz", "other weights"));
    let missing = reading(SMALL, &["init.file.path=/no/such/file.npz"]).unwrap();
    assert!(matches!(missing.hash(), Err(ScenarioError::Unreadable { .. })));
    assert!(complaint(SMALL, &["init.file.path="]).contains("init.file.path: must be text, got nothing"));
    assert!(complaint(SMALL, &["init.file.path=''"]).contains("init.file.path: must name a file"));
}

#[test]
fn defaults_spelt_out_do_not_change_the_hash() {
    let spelt = [
        "seed=0",
        "init=pytorch",
        "loss=mse",
        "data.synthetic.test=0",
        "flow.rtol=1e-8",
        "record={log: {points: 200, first: 0.01}}",
        "optimizers=[]",
    ];
    assert_eq!(reading(SMALL, &spelt).unwrap().hash().unwrap(), reading(SMALL, &[]).unwrap().hash().unwrap());
    // No record depends on how pictures look.
    let styled = reading(SMALL, &["style={width: 5.5in, title: false}"]).unwrap();
    assert_eq!(styled.hash().unwrap(), reading(SMALL, &[]).unwrap().hash().unwrap());
    assert!(styled.to_json().contains("5.5in") && !reading(SMALL, &[]).unwrap().to_json().contains("style"));
    assert_ne!(reading(SMALL, &["seed=1"]).unwrap().hash().unwrap(), reading(SMALL, &[]).unwrap().hash().unwrap());
}

/// One class per output: a single one is no choice.
#[test]
fn cross_entropy_needs_two_outputs() {
    let one = ["loss=cross_entropy", "data.synthetic.target.low_rank.outputs=1", "network.widths=[4, 3, 1]"];
    assert!(complaint(SMALL, &one).contains("loss: cross_entropy needs a network with one output per class"));
    assert!(reading(SMALL, &["loss=cross_entropy"]).is_ok());
}

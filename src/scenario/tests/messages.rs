//! What the messages say, and where they point.

use super::*;

#[test]
fn messages_say_what_would_be_right() {
    for (set, right) in [
        ("data.synthetic.inputs.dim=0", "data.synthetic.inputs.dim: must be between 1 and 65536, got 0"),
        ("flow.t_end=abc", "flow.t_end: must be a number, got text \"abc\""),
        ("flow.rtol=.nan", "flow.rtol: must be a finite number, got .nan"),
        (
            "flow=3",
            "flow: must be a map with the keys t_end, integrator, rtol, atol, preserve, certify, max_steps, kink, got 3",
        ),
        (
            "flow=[10]",
            "flow: must be a map with the keys t_end, integrator, rtol, atol, preserve, certify, max_steps, kink, got a list",
        ),
        ("flow.rtoll=1", "flow.rtoll: unknown key, did you mean `rtol`? (keys here: t_end, integrator, rtol,"),
        ("init=guassian", "init: unknown word `guassian`, did you mean `gaussian`? (words here: pytorch, identity,"),
        ("init.pytorch=1", "init.pytorch: has no settings: write the word `pytorch` alone"),
        ("init=gaussian", "init.gaussian.std: missing: this key has no default"),
        (
            "init={}",
            "init: one key expected: pytorch, identity, gaussian, orthogonal, kaiming, xavier, balanced, lambda_balanced, layers",
        ),
        ("init={layers: [pytorch]}", "init.layers: must have one entry per layer, 2, got 1"),
        ("init={layers: []}", "init.layers: must have one entry per layer, 2, got 0"),
        ("init={layers: [pytorch, {gaussian: {std: 0}}]}", "init.layers[1].gaussian.std: must be greater than 0, got 0.0"),
        (
            "init={layers: [pytorch, {balanced: {scale: 1}}]}",
            "init.layers[1].balanced: unknown word `balanced` (words here: pytorch, identity, gaussian, orthogonal, kaiming, xavier)",
        ),
        (
            "init={layers: [{layers: [pytorch]}, pytorch]}",
            "init.layers[0].layers: unknown word `layers` (words here: pytorch, identity, gaussian, orthogonal, kaiming, xavier)",
        ),
        (
            "init={layers: [pytorch, balancd]}",
            "init.layers[1]: unknown word `balancd` (words here: pytorch, identity, gaussian,",
        ),
        ("init=layers", "init.layers: must be a list, got nothing"),
        ("network.bias=maybe", "network.bias: must be"),
        ("network.activations=[tanh]", "network.activations: must have one entry per layer, 2 (the output's included), got 1"),
        ("network.widths=[4]", "network.widths: must list d_in, …, d_out: at least 2 widths, got 1"),
        (
            "network.widths=[4, 60000, 60000, 2]",
            "network.widths: must make at most 500000000 parameters (4 GB), got 3600360000",
        ),
        ("network.widths[0]=5", "network.widths[0]: must be the inputs' dim, 4, got 5"),
        ("network.widths[2]=5", "network.widths[2]: must be the target's outputs, 2, got 5"),
        ("record={log: {points: 5}, times: [1]}", "record: one grid of times expected, log, linear or times: keep one of them"),
        ("record=logarithmic", "record: unknown word `logarithmic`"),
        ("record=[1, 2]", "record: must be a map with the keys log, linear, times, weights, got a list"),
        ("record.times=[1, 1]", "record.times[1]: must be greater than the time before it, 1.0, got 1.0"),
        ("name=No", "name: must consist of a-z, 0-9 and -, got \"No\""),
        ("description=\"a\\nb\"", "description: must be one line"),
        ("optimizers=[gd: {lr: 1}, gd: {lr: 2}]", "optimizers[1].gd.name: `gd` is taken by another optimizer"),
        ("optimizers=[gd: {lr: 1, name: flow}]", "optimizers[0].gd.name: `flow` is the gradient flow's own name"),
        (
            "optimizers=[adam: {lr: 1, betas: [0.9]}]",
            "optimizers[0].adam.betas: must be a list of length 2, got one of length 1",
        ),
        ("data.synthetic.inputs={dim: 4, samples: 4, whiten: true}", "data.synthetic.inputs.samples: must be more than dim 4"),
        ("data.synthetic.inputs={dim: 4, samples: 50, whiten: true, condition: 2}", "data.synthetic.inputs.whiten: whitened"),
        (
            "data.synthetic.target.low_rank.singular_values=[1, 2]",
            "data.synthetic.target.low_rank.singular_values: must have one",
        ),
        (
            "data.synthetic.inputs.distribution.student_t.dof=2",
            "data.synthetic.inputs.distribution.student_t.dof: must be greater than 2: with less there is no variance, got 2.0",
        ),
        (
            "data.synthetic.target={teacher: {widths: [5, 2], activation: tanh}}",
            "data.synthetic.target.teacher.widths[0]: must be the inputs' dim, 4, got 5",
        ),
        (
            "data.synthetic.target={teacher: {widths: [4], activation: tanh}}",
            "data.synthetic.target.teacher.widths: must list d_in, …, d_out: at least 2 widths, got 1",
        ),
        (
            "data.synthetic.target={low_rank: {rank: 2, outputs: 1}}",
            "data.synthetic.target.low_rank.rank: must be 1, the smaller of inputs.dim and outputs, got 2",
        ),
        (
            "data.synthetic.target={parity: {k: 5}}",
            "data.synthetic.target.parity.k: must be between 1 and 4, inputs.dim, got 5",
        ),
        ("data.synthetic.target={multi_index: {rank: 2, singular_values: [1]}}", "data.synthetic.target.multi_index.singular"),
        ("data.synthetic.test=600000000", "data.synthetic.test: must be between 0 and 100000000, got 600000000"),
        ("init.balanced.singular_values=[1, 2, 3]", "init.balanced.singular_values: must have 1 to 2 entries"),
        ("data.file.path=x", "data.file: one key expected here, and `synthetic` is it: keep one of them"),
        (
            "optimizers=[sgd: {lr: 1, batch: 51}]",
            "optimizers[0].sgd.batch: must be between 1 and 50, the number of samples, got 51",
        ),
        ("optimizers=[sgd: {lr: 1, nesterov: true}]", "optimizers[0].sgd.nesterov: needs a momentum greater than 0"),
        (
            "optimizers=[sgd: {lr: 1, momentum: 0.5, dampening: 0.5, nesterov: true}]",
            "optimizers[0].sgd.nesterov: needs a dampening of 0",
        ),
        ("optimizers=[sgd: {lr: 1, dampening: 0.5}]", "optimizers[0].sgd.dampening: needs a momentum greater than 0"),
        ("optimizers=[sgd: {lr: 1, replacement: true}]", "optimizers[0].sgd.replacement: needs a batch to draw"),
        (
            "optimizers=[sgd: {lr: 1, label_noise: 0.1}]",
            "optimizers[0].sgd.label_noise: needs a batch whose labels it moves: `batch: 50` takes all samples",
        ),
        (
            "optimizers=[sgd: {lr: 6, momentum: 0.5}]",
            "optimizers[0].sgd.lr: must be at most 5 (t_end over the step's time per lr, 2)",
        ),
        ("optimizers=[gd: {lr: 11}]", "optimizers[0].gd.lr: must be at most t_end, so that at least one step fits, got 11.0"),
        ("optimizers=[gd: {lr: 1e-10}]", "optimizers[0].gd.lr: must be at least 1e-9, or `steps` set"),
        (
            "optimizers=[gd: {lr: 0.1, schedule: {step: {step_size: 20}}}]",
            "optimizers[0].gd.schedule: its rates add up to t = 2.222 and never to t_end 10.0: set `steps`",
        ),
        ("stop={}", "stop: must name what stops a process: loss, grad_norm or accuracy"),
        (
            "stop={loss: 0.1, accuracy: 0.9}",
            "stop.accuracy: needs a classifier, and loss mse has none: set loss to cross_entropy or logistic, or stop at a loss or a",
        ),
        ("1=2", "1: unknown key (keys here: name,"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.starts_with(&format!("--set {set}: {right}")), "{message}");
    }
}

/// The target was changed, but the network is what has to change.
#[test]
fn a_target_that_does_not_fit_the_network_is_reported_at_the_network() {
    let message = complaint(SMALL, &["data.synthetic.target={single_index: {link: sin}}"]);
    assert_eq!(message, "scenario.yaml:3:26: network.widths[2]: must be the target's outputs, 1, got 2");
}

/// There is no imbalance to set: the search for it would never end.
#[test]
fn an_imbalance_that_nothing_conserves_is_refused() {
    for (activation, refused) in [("tanh", true), ("[gelu, tanh]", true), ("[relu, tanh]", false), ("identity", false)] {
        let sets = [&format!("network.activations={activation}"), "init.balanced.imbalance=0.5"];
        match reading(SMALL, &sets) {
            Ok(_) => assert!(!refused, "{activation}"),
            Err(found) => {
                assert!(refused, "{activation}: {found:?}");
                assert_eq!(found[0].path, "init.balanced.imbalance");
                assert!(found[0].message.contains("use identity, relu or leaky_relu"), "{found:?}");
            }
        }
    }
}

#[test]
fn what_is_no_part_of_a_run_is_named() {
    // A sweep is refused by the name of the command that takes it.
    assert!(
        complaint(SMALL, &["sweep={}"]).starts_with("--set sweep={}: sweep: this scenario is a sweep: gramflow sweep plan")
    );
    assert!(complaint(SMALL, &["claims=[nfaa]"]).contains("claims[0]: unknown word `nfaa`, did you mean `nfa`?"));
}

/// A claim about what the scenario does not have is refused, with what it needs.
#[test]
fn claims_ask_for_what_there_is() {
    let tanh = complaint(SMALL, &["network.activations=tanh", "claims=[nfa, decay-rate]"]);
    assert!(tanh.contains("claims[1]: decay-rate needs two layers with identity, relu or leaky_relu between them"), "{tanh}");
    let relu = ["network.activations=relu", "claims=[balance-law, decay-rate, nfa-asymptotic, nfa-exact]"];
    let relu = complaint(SMALL, &relu);
    assert!(relu.lines().count() == 2 && relu.contains("claims[2]: nfa-asymptotic is a theorem about linear"), "{relu}");
    assert!(relu.contains("claims[3]: nfa-exact is a theorem about linear"), "{relu}");
    let file = complaint(SMALL, &["data={file: {path: data.npz}}", "claims=[low-rank]"]);
    assert!(file.contains("claims[0]: low-rank needs a target whose rank is known"), "{file}");
    let single = complaint(SMALL, &["network.widths=[4, 2]", "claims=[balance-law]"]);
    assert!(single.contains("claims[0]: balance-law needs two layers"), "{single}");
}

#[test]
fn all_problems_are_reported_together() {
    let message = complaint(SMALL, &["flow.rtol=2", "weight_decay=-1", "claims=[nfa, nfa]"]);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "--set weight_decay=-1: weight_decay: must be at least 0, got -1.0",
            "--set flow.rtol=2: flow.rtol: must be at least 1e-15 and less than 1, got 2.0",
            "--set claims=[nfa, nfa]: claims[1]: must be made once, got \"nfa\"",
        ]
    );
}

#[test]
fn a_text_that_is_no_map_is_refused_at_its_beginning() {
    for text in ["", "# nothing\n", "- name: x\n", "word", "3"] {
        assert!(complaint(text, &["seed=1"]).starts_with("scenario.yaml:1:1: "), "{text}");
    }
    assert!(complaint("name: x\n\tseed: 1\n", &[]).starts_with("scenario.yaml:2:1: "));
    assert!(complaint("name: x\nseed: [1\n", &[]).starts_with("scenario.yaml:3:1: "));
    assert!(complaint(&format!("{SMALL}1: 2\n"), &[]).starts_with("scenario.yaml:5:1: 1: a key must be text"));
    assert!(complaint(&format!("{SMALL}[a]: 2\n"), &[]).contains("a key must be text, got a list"));
    assert!(complaint(&format!("{SMALL}<<: 2\n"), &[]).starts_with("scenario.yaml:5:1: <<: "));
    let two = complaint("init: {gaussian: {std: 1.0}, identity: }", &[]);
    assert!(two.starts_with("scenario.yaml:1:30: init.identity: one key expected here, and `gaussian` is it"), "{two}");
}
#[test]
fn problems_found_later_are_located_too() {
    let sets = ["network.widths[0]=4".to_string()];
    let (_, source) = parse(SMALL, Path::new(FILE), &sets).unwrap();
    let late = |path| source.diagnostic(path, "late").to_string();
    assert_eq!(late("network.widths[0]"), "--set network.widths[0]=4: network.widths[0]: late");
    assert_eq!(late("network.widths[1]"), "scenario.yaml:3:23: network.widths[1]: late");
    assert_eq!(late("flow.rtol"), "scenario.yaml:4:1: flow.rtol: late");
    assert_eq!(late("weight_decay"), "scenario.yaml:1:1: weight_decay: late");
    assert_eq!(late(""), "scenario.yaml:1:1: late");
}

/// Common slips in YAML are named as such, where they are.
#[test]
fn slips_of_yaml_are_named() {
    let tab = complaint("name: x\n\tseed: 1\n", &[]);
    assert_eq!(tab, "scenario.yaml:2:1: a tab: indent with spaces alone");
    assert_eq!(complaint("flow:\n  \tt_end: 1\n", &[]), "scenario.yaml:2:3: a tab: indent with spaces alone");
    let colon = complaint("name: x\nseed:0\nflow: {t_end: 1}\n", &[]);
    assert_eq!(colon, "scenario.yaml:2:1: a space is missing after the colon: write `seed: 0`");
    let value = complaint(&SMALL.replace("flow: {t_end: 10}", "flow:\n  t_end:10\n"), &[]);
    assert!(
        value.contains("flow: must be a map") && value.ends_with("a space is missing after the colon, write `t_end: 10`"),
        "{value}"
    );
    let braces = complaint(&SMALL.replace("{t_end: 10}", "{t_end:10}"), &[]);
    assert!(braces.contains("a space is missing after the colon, write `t_end: 10`"), "{braces}");
    // An address is a text like any other.
    assert!(reading(&format!("{SMALL}description: 'see https://example.org/a:b'\n"), &[]).is_ok());
}

#[test]
fn words_are_recognised_in_any_case() {
    for (set, right) in [
        ("network.activations=ReLU", "did you mean `relu`?"),
        ("network.activations=LeakyReLU", "did you mean `leaky_relu`?"),
        ("network.activations=leaky-relu", "did you mean `leaky_relu`?"),
        ("loss=CrossEntropy", "did you mean `cross_entropy`?"),
        ("loss=MSE", "did you mean `mse`?"),
        ("claims=[Balance_Law]", "did you mean `balance-law`?"),
        ("flow.RTOL=1", "did you mean `rtol`?"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.contains(right), "{message}");
    }
}

#[test]
fn a_key_that_stands_elsewhere_is_told_its_place() {
    for (set, right) in [
        (
            "flow.weight_decay=1",
            "flow.weight_decay: unknown key here: `weight_decay` belongs at the top level (keys here: t_end,",
        ),
        ("rtol=1", "rtol: unknown key here: `rtol` belongs under flow (keys here: name,"),
        ("network.init=pytorch", "network.init: unknown key here: `init` belongs at the top level"),
        ("data.synthetic.dim=4", "data.synthetic.dim: unknown key here: `dim` belongs under data.synthetic.inputs"),
        ("network.depth=3", "network.depth: unknown key: set `widths` instead, the list d_in, hidden widths, d_out"),
        ("network.layers=[8, 8]", "network.layers: unknown key: set `widths` instead"),
        ("network.activation=tanh", "network.activation: unknown key, did you mean `activations`? (keys here: widths,"),
        ("lambda=0.1", "lambda: unknown key: set `weight_decay` instead, λ of (λ/2)·Σ‖θ‖² (keys here: name,"),
        (
            "lr=0.1",
            "lr: unknown key: set `optimizers` instead, each with a rate of its own, as in `optimizers: [{gd: {lr: 0.01}}]`",
        ),
        ("optimizers=[gd: {lr: 1, momentum: 0.9}]", "optimizers[0].gd.momentum: unknown key: `sgd` has it"),
        ("swep={seeds: 2}", "swep: unknown key, did you mean `sweep`? (keys here: name,"),
        ("picture=[]", "picture: unknown key, did you mean `pictures`?"),
        ("grid={seed: [1]}", "grid: unknown key here: `grid` belongs under sweep"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.starts_with(&format!("--set {set}: {right}")), "{message}");
    }
}

#[test]
fn a_list_in_place_of_a_value_leads_to_the_sweep() {
    for (set, right) in [
        (
            "weight_decay=[0, 1.0e-3, 1.0e-2]",
            "weight_decay: must be a number or a list of one per layer, 2, got 3: to try several numbers, list them under sweep.grid, as `sweep: {grid: {weight_decay: […]}}`",
        ),
        ("seed=[0, 1]", "`sweep: {grid: {seed: […]}}`"),
        ("network.widths=[[4, 2], [4, 3, 2]]", "`sweep: {grid: {network.widths: […]}}`"),
        ("init=[pytorch, identity]", "`sweep: {grid: {init: […]}}`"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.contains(right), "{message}");
    }
}

#[test]
fn many_problems_are_counted() {
    let times = vec!["-1"; 30].join(", ");
    let message = complaint(SMALL, &[&format!("record={{times: [{times}]}}")]);
    assert_eq!((message.lines().count(), message.lines().last()), (21, Some("… and 39 more problems")));
}

/// Lists of layers have their length, and what rests on one rate for all is refused with the reason.
#[test]
fn layers_with_rates_of_their_own_are_told_what_they_lack() {
    for (sets, right) in [
        (&["layer_rates=[1]"][..], "layer_rates: must have one entry per layer, 2, got 1"),
        (&["layer_rates=[1, -1]"], "layer_rates[1]: must be 0, which freezes the layer, or between 1e-12 and"),
        (&["layer_rates=[0, 0]"], "layer_rates: must let at least one layer move"),
        (&["layer_rates=2"], "layer_rates: must be a list, got 2"),
        (&["weight_decay=[1]"], "weight_decay: must be a number or a list of one per layer, 2, got 1"),
        (&["weight_decay=[0, -1]"], "weight_decay[1]: must be at least 0, got -1.0"),
        (&["weight_decay=[0, 1]", "claims=[decay-rate]"], "claims[0]: decay-rate needs D_l(t) = e^(−2ct)D_l(0)"),
        (&["layer_rates=[1, 2]", "weight_decay=0.1", "claims=[nfa, balance-law]"], "claims[1]: balance-law needs D_l(t)"),
        (&["layer_rates=[0, 1]", "claims=[nfa-exact]"], "claims[0]: nfa-exact assumes that all layers move"),
        (&["layer_rates=[0, 1]", "claims=[balance-law]"], "claims[0]: balance-law needs two neighbouring layers that move"),
        (&["weight_decay=[0, 1]", "flow.preserve={balance: float64}"], "flow.preserve: needs D_l(t)"),
        (
            &["layer_rates=[1, 2]", "flow.preserve={balance: float64}"],
            "flow.preserve: projects onto the law of layers with one rate",
        ),
        (&["layer_rates=[1, 2]", "measure=[ledger]"], "measure[0]: ledger assumes one rate"),
        (
            &["layer_rates=[1, 2]", "optimizers=[sgd: {lr: 0.1, temperature: 0.1}]"],
            "optimizers[0].sgd.temperature: needs one rate for all layers",
        ),
        (
            &["data.synthetic.inputs.samples=population", "optimizers=[sgd: {lr: 0.1, label_noise: 0.1}]"],
            "optimizers[0].sgd.label_noise: must be left out",
        ),
        (&["weight_decay=[0, 1]", "measure=[limit]"], "measure[0]: limit assumes one rate"),
    ] {
        let message = complaint(SMALL, sets);
        assert!(message.lines().count() == 1 && message.contains(right), "{sets:?}: {message}");
    }
    for fine in [
        &["layer_rates=[1, 2]", "weight_decay=[0.2, 0.1]", "claims=[balance-law, decay-rate, nfa-exact, nfa-asymptotic]"][..],
        &["layer_rates=[1, 1]", "weight_decay=[0.1, 0.1]", "optimizers=[{gd: {lr: 0.1}}]", "flow.preserve={balance: float64}"],
    ] {
        assert!(reading(SMALL, fine).is_ok(), "{fine:?}");
    }
}

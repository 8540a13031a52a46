//! Every key, misspelt, mistyped, out of range, duplicate or missing, is reported at its place. The keys are taken from the
//! texts, so that a new one is tested once it is added there, and `the_texts_hold_every_key` fails until it is.

use std::collections::BTreeSet;

use crate::settings::*;

use super::*;

#[test]
fn a_misspelt_key_is_reported_where_it_stands() {
    for text in texts() {
        for (path, position) in keys(&text) {
            let end = end(&text, &path, position);
            let misspelt = format!("{}q{}", &text[..end], &text[end..]);
            let message = assert_reported(&misspelt, &format!("{path}q"), &at(position));
            assert!(message.contains(&format!("did you mean `{}`?", key(&path))), "{message}");
        }
    }
}

/// A message about an unknown key lists the keys that are known there: each of them is in a text.
#[test]
fn the_texts_hold_every_key() {
    let texts = texts();
    let written: BTreeSet<String> = texts.iter().flat_map(|text| keys(text)).map(|(path, _)| path).collect();
    for text in texts {
        for (path, position) in keys(&text) {
            let end = end(&text, &path, position);
            let message = assert_reported(&format!("{}q{}", &text[..end], &text[end..]), &format!("{path}q"), &at(position));
            let Some((_, known)) = message.split_once("keys here: ") else { continue };
            for other in known.trim_end_matches(')').split(", ") {
                let other = path::child(path.strip_suffix(key(&path)).unwrap().trim_end_matches('.'), other);
                // Settings of all optimizers, which those of the biases may not have of their own.
                let refused = other.contains(".biases.") && ["name", "steps"].contains(&key(&other));
                // Blocks of a sweep, which a scenario is read without.
                let is_block = ["sweep", "pictures"].contains(&&*other);
                assert!(refused || is_block || written.contains(&other), "no text holds {other}");
            }
        }
    }
}

#[test]
fn a_mistyped_value_is_reported_at_its_key() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths {
            let wrong = if value_at(&mut tree.clone(), &path).is_sequence() { "word" } else { "[]" };
            let text = replaced(&text, &path, wrong);
            assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
        }
    }
}

#[test]
fn non_finite_numbers_and_tags_are_refused_at_their_key() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths {
            let bad: &[&str] =
                if value_at(&mut tree.clone(), &path).is_f64() { &[".nan", ".inf", "-.inf", "!x 1"] } else { &["!x 1"] };
            for bad in bad {
                // A marked parse finds the key; the value is inserted after it.
                let text = replaced(&text, &path, "placeholder").replace("placeholder", bad);
                assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
            }
        }
    }
}

/// Values out of range, by key; items of lists under `[]`.
const OUT_OF_RANGE: &[(&str, &[&str])] = &[
    ("seed", &["-1", "18446744073709551616", "0.5"]),
    ("data.synthetic.inputs.dim", &["0", "-1", "1.5", "65537"]),
    ("data.synthetic.inputs.samples", &["0", "20", "100000001"]),
    ("data.synthetic.inputs.condition", &["0.5", "-1.0"]),
    ("data.synthetic.target.low_rank.rank", &["0", "21"]),
    ("data.synthetic.target.low_rank.outputs", &["0", "65537"]),
    ("data.synthetic.target.low_rank.link.hermite.k", &["-1", "31"]),
    ("data.synthetic.target.low_rank.singular_values[]", &["0.0", "-1.0"]),
    ("data.synthetic.inputs.distribution.student_t.dof", &["2.0", "-1.0"]),
    ("data.synthetic.inputs.distribution.mixture.separation", &["-0.1", "1.1"]),
    ("data.synthetic.target.single_index.link.hermite.k", &["-1", "31"]),
    ("data.synthetic.target.multi_index.rank", &["0", "21"]),
    ("data.synthetic.target.multi_index.link.hermite.k", &["-1", "31"]),
    ("data.synthetic.target.multi_index.singular_values[]", &["0.0", "-1.0"]),
    ("data.synthetic.target.teacher.widths[]", &["0", "65537"]),
    ("data.synthetic.target.parity.k", &["0", "21"]),
    ("data.synthetic.target.counterexample.k", &["0", "21"]),
    ("data.synthetic.noise", &["-0.1"]),
    ("data.synthetic.test", &["-1", "100000001"]),
    ("network.widths[]", &["0", "65537"]),
    ("init.gaussian.std", &["0.0", "-1.0"]),
    ("init.orthogonal.gain", &["0.0", "-1.0"]),
    ("init.layers[].gaussian.std", &["0.0", "-1.0"]),
    ("init.layers[].orthogonal.gain", &["0.0", "-1.0"]),
    ("init.lambda_balanced.scale", &["0.0", "-1.0"]),
    ("init.lambda_balanced.lambda", &["1.0e+101", "-1.0e+101"]),
    ("init.balanced.scale", &["0.0", "-1.0"]),
    ("init.balanced.singular_values[]", &["0.0", "-1.0"]),
    ("init.balanced.imbalance", &["-1.0"]),
    ("weight_decay", &["-1.0e-9"]),
    ("weight_decay[]", &["-1.0e-9"]),
    ("layer_rates[]", &["-1.0", "1.0e-13", "1.0e+13"]),
    ("flow.t_end", &["0.0", "-1.0"]),
    ("flow.integrator.rk4.step", &["0.0", "-1.0", "3000.1"]),
    ("flow.integrator.gauss.stages", &["0", "4"]),
    ("flow.rtol", &["0.0", "9.0e-16", "1.0"]),
    ("flow.atol", &["0.0", "-1.0"]),
    ("flow.max_steps", &["0", "-1"]),
    ("flow.kink", &["-1.0e-9", "0.11"]),
    ("record.log.points", &["1", "1000001"]),
    ("record.log.first", &["0.0", "-1.0", "3000.0"]),
    ("record.linear.points", &["1", "1000001"]),
    ("record.times[]", &["-1.0", "3000.1"]),
    ("optimizers[].gd.lr", &["0.0", "-0.1"]),
    ("optimizers[].gd.steps", &["0", "-1"]),
    ("optimizers[].sgd.lr", &["0.0"]),
    ("optimizers[].sgd.steps", &["0"]),
    ("optimizers[].sgd.batch", &["0", "-1"]),
    ("optimizers[].sgd.momentum", &["-0.1", "1.0"]),
    ("optimizers[].sgd.dampening", &["-0.1", "1.0"]),
    ("optimizers[].sgd.temperature", &["-0.1"]),
    ("optimizers[].sgd.label_noise", &["-0.1"]),
    ("optimizers[].adam.schedule.step.step_size", &["0", "10000000001"]),
    ("optimizers[].adam.schedule.step.gamma", &["0.0", "1.1"]),
    ("optimizers[].adamw.schedule.cosine.t_max", &["0", "10000000001"]),
    ("optimizers[].adamw.schedule.cosine.eta_min", &["-0.1", "1.1e-3"]),
    ("optimizers[].rmsprop.schedule.warmup.total_iters", &["0", "10000000001"]),
    ("optimizers[].rmsprop.schedule.warmup.start_factor", &["0.0", "1.1"]),
    ("optimizers[].rmsprop.schedule.warmup.end_factor", &["-0.1", "1.1"]),
    ("optimizers[].sign.lr", &["0.0"]),
    ("optimizers[].sign.steps", &["0"]),
    ("optimizers[].adam.lr", &["0.0"]),
    ("optimizers[].adam.steps", &["0"]),
    ("optimizers[].adam.betas[]", &["-0.1", "1.0"]),
    ("optimizers[].adam.eps", &["0.0"]),
    ("optimizers[].adamw.lr", &["0.0"]),
    ("optimizers[].adamw.steps", &["0"]),
    ("optimizers[].adamw.betas[]", &["-0.1", "1.0"]),
    ("optimizers[].adamw.eps", &["0.0"]),
    ("optimizers[].rmsprop.lr", &["0.0"]),
    ("optimizers[].rmsprop.steps", &["0"]),
    ("optimizers[].rmsprop.alpha", &["-0.1", "1.0"]),
    ("optimizers[].rmsprop.eps", &["0.0"]),
    ("optimizers[].rmsprop.momentum", &["-0.1", "1.0"]),
    ("optimizers[].muon.lr", &["0.0"]),
    ("optimizers[].muon.steps", &["0"]),
    ("optimizers[].muon.momentum", &["-0.1", "1.0"]),
    ("optimizers[].muon.ns_coefficients[]", &[]),
    ("optimizers[].muon.ns_steps", &["100"]),
    ("optimizers[].muon.eps", &["0.0"]),
    ("optimizers[].muon.biases.adamw.lr", &["0.0"]),
    ("optimizers[].muon.biases.adamw.betas[]", &["-0.1", "1.0"]),
    ("optimizers[].muon.biases.adamw.eps", &["0.0"]),
    ("stop.loss", &["0.0", "-1.0e-6"]),
    ("stop.grad_norm", &["0.0", "-1.0"]),
    ("stop.accuracy", &["0.0", "1.01"]),
    ("measure[].sde.paths", &["1", "10001", "-1"]),
    ("measure[].sde.order", &["0", "3"]),
    ("measure[].hessian.top", &["0", "65"]),
    ("measure[].hessian.density.probes", &["1", "1001"]),
    ("measure[].hessian.density.steps", &["49", "1001"]),
    ("measure[].hessian.density.resolution", &["3", "1001"]),
    ("style.dpi", &["29.0", "-300.0", "1200.1"]),
    ("style.axes[].x.limits[]", &[]),
    ("style.axes[].y.limits[]", &[]),
];

#[test]
fn every_number_has_a_range_and_is_reported_outside_it() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths.into_iter().filter(|path| value_at(&mut tree.clone(), path).is_number()) {
            // `optimizers[0].gd.lr` under `optimizers[].gd.lr`.
            let pattern: String =
                path.split_inclusive('[').map(|part| part.find(']').map_or(part, |end| &part[end..])).collect();
            let range = OUT_OF_RANGE.iter().find(|(key, _)| *key == pattern);
            let (_, bad) = range.unwrap_or_else(|| panic!("no range for {pattern}"));
            for bad in *bad {
                let text = replaced(&text, &path, "placeholder").replace("placeholder", bad);
                let message = assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
                assert!(message.starts_with("must "), "{message}");
            }
        }
    }
}

#[test]
fn a_duplicate_key_is_reported_with_both_positions() {
    for text in texts() {
        for (path, first) in keys(&text) {
            let line_start = byte(&text, Position { column: 1, ..first });
            let start = byte(&text, first);
            let alone = text[line_start..start].chars().all(|c| c == ' ' || c == '-');
            let (between, second) = if alone {
                let position = Position { line: first.line + 1, ..first };
                (format!("\n{:1$}", "", first.column - 1), position)
            } else {
                (", ".to_string(), Position { column: first.column + key(&path).len() + 5, ..first })
            };
            let twice = format!("{}{}: 0{between}{}", &text[..start], key(&path), &text[start..]);
            let message = assert_reported(&twice, &path, &at(second));
            assert_eq!(message, format!("duplicate key, first at {}:{}: keep one", first.line, first.column));
        }
    }
}

#[test]
fn a_missing_key_is_reported_at_the_map_that_lacks_it() {
    for (path, map) in [
        ("name", ""),
        ("data", ""),
        ("network", ""),
        ("flow", ""),
        ("network.widths", "network"),
        ("flow.t_end", "flow"),
        ("flow.integrator.rk4.step", "flow.integrator.rk4"),
        ("data.synthetic.inputs", "data.synthetic"),
        ("data.synthetic.inputs.dim", "data.synthetic.inputs"),
        ("data.synthetic.inputs.samples", "data.synthetic.inputs"),
        ("data.synthetic.target.low_rank.rank", "data.synthetic.target.low_rank"),
        ("data.synthetic.target.low_rank.outputs", "data.synthetic.target.low_rank"),
        ("optimizers[0].gd.lr", "optimizers[0].gd"),
    ] {
        let mut tree: Value = serde_yaml::from_str(EVERYTHING).unwrap();
        let parent = if map.is_empty() { &mut tree } else { value_at(&mut tree, map) };
        parent.as_mapping_mut().unwrap().remove(key(path)).unwrap();
        let text = yaml(&tree);
        let position = Marks::of(&text).get(map).unwrap_or(Position { line: 1, column: 1 });
        assert_reported(&text, path, &at(position));
    }
}

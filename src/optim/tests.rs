//! Laws of all kinds of optimizer.

use super::*;

/// The settings that a scenario would have from `text`, `gd: {lr: 0.1}`.
fn settings(text: &str) -> Optimizer {
    // Through JSON, which has no tags of its own for an enum.
    let tree: serde_json::Value = serde_yaml::from_str(&format!("{{{text}}}")).unwrap();
    serde_json::from_value(tree).unwrap()
}

/// |x| after many steps on (h/2)x² from 1, at `share` of the bound; half of h is decay where it is coupled.
fn end(text: &str, share: f64) -> f64 {
    let settings = settings(text);
    let (lr, half) = (0.1, share * settings.stability_bound().unwrap() / 0.1 / 2.0);
    let mut rule = settings.rule(&Layout::vector(1, half));
    let mut x = [1.0];
    for _ in 0..2000 {
        let gradient = [x[0] * half];
        rule.step(lr, &gradient, &mut x);
    }
    x[0].abs()
}

#[test]
fn every_rule_decays_just_below_its_bound_and_grows_just_above() {
    for text in [
        "gd: {lr: 0.1}",
        "sgd: {lr: 0.1}",
        "sgd: {lr: 0.1, momentum: 0.9}",
        "sgd: {lr: 0.1, momentum: 0.3}",
        "sgd: {lr: 0.1, momentum: 0.8, dampening: 0.4}",
        "sgd: {lr: 0.1, momentum: 0.5, dampening: 0.9}",
        "sgd: {lr: 0.1, momentum: 0.9, nesterov: true}",
        "sgd: {lr: 0.1, momentum: 0.2, nesterov: true}",
    ] {
        let (below, above) = (end(text, 0.98), end(text, 1.02));
        assert!(below < 1e-3 && above > 1e3, "{text}: {below:e} {above:e}");
    }
}

#[test]
fn only_rules_that_descend_along_the_gradient_have_a_bound() {
    for optimizer in Optimizer::every_kind(0.1) {
        assert_eq!(optimizer.stability_bound().is_some(), optimizer.descends(), "{}", optimizer.kind());
    }
}

#[test]
fn every_kind_is_read_back_as_it_was_written() {
    for optimizer in Optimizer::every_kind(0.1) {
        let text = serde_json::to_string(&optimizer).unwrap();
        assert!(text.starts_with(&format!("{{\"{}\":", optimizer.kind())), "{text}");
        assert_eq!(serde_json::from_str::<Optimizer>(&text).unwrap(), optimizer);
    }
}

//! The line under a picture's title: what a reader must know to reproduce it.

use std::collections::BTreeSet;

use crate::data::{Data, Distribution, Link, Synthetic, Target};
use crate::flow::{Integrator, Precision, Preserve};
use crate::network::init::LayerInit;
use crate::network::{Activation, Init};

use super::Scenario;

/// What is trained and from where, without the method: `L = 3, widths 10-10-10-10, rank-2 target, start pytorch, λ = 0.01, seed 0`.
pub fn setting(scenario: &Scenario) -> String {
    format!("{}, seed {}", problem(scenario), scenario.seed)
}

/// What is trained, from where and by which method: `L = 5, widths 20-20-20-20-20-20, rank-3 target, start pytorch, λ = 0.001, auto at rtol
/// 1e-8, seed 0`.
pub fn caption(scenario: &Scenario) -> String {
    format!("{}, {}, seed {}", problem(scenario), method(scenario), scenario.seed)
}

/// What the units of a sweep have in common, and their seeds: `L = 3, n = 500, rank-2 target, start pytorch, auto at rtol 1e-8, seeds 0 to
/// 4`. Facts in which two units differ are left out: pictures state them for what they draw.
pub fn common_caption<'a>(units: impl Iterator<Item = &'a Scenario> + Clone) -> String {
    let mut all = units.clone().map(facts);
    let Some(mut common) = all.next() else { return String::new() };
    for facts in all {
        common.iter_mut().zip(facts).for_each(|(common, fact)| {
            if *common != fact {
                common.clear();
            }
        });
    }
    // Without the ends of the network where all of its widths are given.
    if !common[WIDTHS].is_empty() {
        common[ENDS].clear();
    }
    common.push(seeds(&units.map(|unit| unit.seed).collect()));
    common.retain(|fact| !fact.is_empty());
    common.join(", ")
}

const WIDTHS: usize = 1;
const ENDS: usize = 2;

/// One fact for each thing that a sweep may vary; empty where there is nothing to say.
fn facts(scenario: &Scenario) -> Vec<String> {
    let widths = &scenario.network.widths;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let ends = widths
        .first()
        .zip(widths.last())
        .map(|(&d_in, &d_out)| format!("{}, {}", count(d_in, "input"), count(d_out, "output")));
    let (samples, inputs, target) = match &scenario.data {
        Data::Synthetic(data) => {
            let samples = data.inputs.samples.count();
            (samples.map_or("population".to_string(), |n| format!("n = {n}")), inputs(data), target(data))
        }
        Data::File(file) if file.whiten => (String::new(), String::new(), "whitened data from a file".to_string()),
        Data::File(_) => (String::new(), String::new(), "data from a file".to_string()),
        Data::Sensing(_) => (String::new(), String::new(), "measurements from a file".to_string()),
        Data::Moments(_) => (String::new(), String::new(), "moments from a file".to_string()),
    };
    vec![
        format!("L = {}", scenario.network.layers()),
        format!("widths {}", listed(widths)),
        ends.unwrap_or_default(),
        activations(scenario),
        samples,
        inputs,
        target,
        format!("start {}", start(scenario)),
        decay(scenario),
        method(scenario),
    ]
}

/// `λ = 0.001`; with layer rates `λ = (0.001, 0.0), κ = (1.0, 2.0)`.
fn decay(scenario: &Scenario) -> String {
    let rates = if scenario.layer_rates.is_default() { String::new() } else { format!(", κ = {}", scenario.layer_rates) };
    let decay = scenario.weight_decay.to_string();
    format!("λ = {}{rates}", decay.strip_suffix(".0").unwrap_or(&decay))
}

fn seeds(seeds: &BTreeSet<u64>) -> String {
    let (Some(first), Some(last)) = (seeds.first(), seeds.last()) else { return String::new() };
    match seeds.len() {
        1 => format!("seed {first}"),
        n if last - first == n as u64 - 1 => format!("seeds {first} to {last}"),
        n if n <= 4 => format!("seeds {}", seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        n => format!("{n} seeds"),
    }
}

fn listed(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

fn method(scenario: &Scenario) -> String {
    let flow = &scenario.flow;
    let mut method = match flow.integrator {
        Integrator::Rk4 { step } => format!("rk4 with steps of at most {step:?}"),
        integrator => format!("{} at rtol {:e}", integrator.name(), flow.rtol),
    };
    method.push_str(match flow.preserve {
        Preserve::None => "",
        Preserve::Balance(Precision::Float64) => " on the balance law",
        Preserve::Balance(Precision::DoubleDouble) => " on the balance law in double-double",
    });
    method
}

/// Empty for a network without activations; `relu` where all hidden layers have it.
fn activations(scenario: &Scenario) -> String {
    let layers = scenario.network.layer_activations();
    // An underscore would make a subscript of what follows.
    let name = |activation: &Activation| activation.name().replace('_', "-");
    match layers.split_last() {
        _ if layers.iter().all(|activation| *activation == Activation::Identity) => String::new(),
        Some((Activation::Identity, hidden)) if hidden.iter().all(|activation| *activation == hidden[0]) => name(&hidden[0]),
        _ => layers.iter().map(name).collect::<Vec<_>>().join("-"),
    }
}

fn start(scenario: &Scenario) -> String {
    match &scenario.init {
        Init::Pytorch => layer_start(LayerInit::Pytorch),
        Init::Identity => layer_start(LayerInit::Identity),
        Init::Gaussian { std } => layer_start(LayerInit::Gaussian { std: *std }),
        Init::Orthogonal { gain } => layer_start(LayerInit::Orthogonal { gain: *gain }),
        Init::Kaiming => layer_start(LayerInit::Kaiming),
        Init::Xavier => layer_start(LayerInit::Xavier),
        Init::Balanced { imbalance, .. } if *imbalance > 0.0 => format!("balanced + imbalance {imbalance:?}"),
        Init::Balanced { .. } => "balanced".to_string(),
        Init::LambdaBalanced(settings) => format!("λ-balanced (ς {:?}, scale {:?})", settings.lambda, settings.scale),
        Init::Layers(each) => {
            let runs = each.chunk_by(|a, b| a == b);
            let run = |run: &[LayerInit]| match run.len() {
                1 => layer_start(run[0]),
                count => format!("{} ×{count}", layer_start(run[0])),
            };
            format!("by layer [{}]", runs.map(run).collect::<Vec<_>>().join(", "))
        }
        Init::File { .. } => "from a file".to_string(),
    }
}

fn layer_start(init: LayerInit) -> String {
    match init {
        LayerInit::Gaussian { std } => format!("gaussian (std {std:?})"),
        LayerInit::Orthogonal { gain } => format!("orthogonal (gain {gain:?})"),
        LayerInit::Pytorch | LayerInit::Identity | LayerInit::Kaiming | LayerInit::Xavier => init.name().to_string(),
    }
}

fn problem(scenario: &Scenario) -> String {
    let facts = facts(scenario);
    let of_a_run = [0, WIDTHS, 3, 5, 6, 7, 8].map(|i| facts[i].as_str());
    of_a_run.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Empty for Gaussian inputs, otherwise as `sphere inputs`. Without markup, because captions are also printed.
fn inputs(data: &Synthetic) -> String {
    match data.inputs.distribution {
        Distribution::Gaussian => String::new(),
        Distribution::StudentT { dof } => format!("Student-t inputs (dof {dof:?})"),
        Distribution::Mixture { separation } => format!("mixture inputs (separation {separation:?})"),
        other => format!("{} inputs", other.name()),
    }
}

/// `rank-3 target`, `rank-3 sin target`.
fn target(data: &Synthetic) -> String {
    let link = |link: Link| match link {
        Link::Identity => String::new(),
        Link::Hermite { k } => format!("hermite-{k} "),
        other => format!("{} ", other.name()),
    };
    match &data.target {
        Target::LowRank(target) => format!("rank-{} {}target", target.rank, link(target.link)),
        Target::SingleIndex(target) => format!("single-index {}target", link(target.link)),
        Target::MultiIndex(target) => format!("{}-index {}target", target.rank, link(target.link)),
        Target::Teacher(teacher) => {
            let widths: Vec<String> = teacher.widths.iter().map(usize::to_string).collect();
            // An underscore would make a subscript of what follows.
            format!("{} teacher {}", teacher.activation.name().replace('_', "-"), widths.join("-"))
        }
        Target::Parity(parity) => format!("parity of {}", parity.k),
        Target::Counterexample(sum) => format!("counterexample of {}", sum.k),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::path::Path;

    fn scenario(sets: &[&str]) -> Scenario {
        let text = "
name: tiny
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 2, outputs: 3}}}}
network: {widths: [4, 5, 3]}
flow: {t_end: 5.0}
";
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        parse(text, Path::new("tiny.yaml"), &sets).unwrap().0
    }

    #[test]
    fn a_run_says_all_of_itself() {
        assert_eq!(
            caption(&scenario(&[])),
            "L = 2, widths 4-5-3, rank-2 target, start pytorch, λ = 0, auto at rtol 1e-8, seed 0"
        );
        let nonlinear = scenario(&["network.activations=leaky_relu", "data.synthetic.inputs.distribution=sphere"]);
        let layers = scenario(&["network.widths=[4, 5, 5, 3]", "init={layers: [kaiming, kaiming, {gaussian: {std: 0.1}}]}"]);
        assert!(caption(&layers).contains("start by layer [kaiming ×2, gaussian (std 0.1)], λ"), "{}", caption(&layers));
        assert!(caption(&nonlinear).starts_with("L = 2, widths 4-5-3, leaky-relu, sphere inputs, rank-2 target"));
    }

    #[test]
    fn units_say_what_they_share() {
        let units = [scenario(&["seed=3"]), scenario(&["seed=4", "weight_decay=0.1"])];
        let caption = common_caption(units.iter());
        assert_eq!(caption, "L = 2, widths 4-5-3, n = 50, rank-2 target, start pytorch, auto at rtol 1e-8, seeds 3 to 4");
        let units = [scenario(&[]), scenario(&["network.widths=[4, 9, 9, 3]", "network.activations=relu"])];
        let caption = common_caption(units.iter());
        assert_eq!(caption, "4 inputs, 3 outputs, n = 50, rank-2 target, start pytorch, λ = 0, auto at rtol 1e-8, seed 0");
    }
}

//! The line under a picture's title: what a reader must know to repeat it.

use crate::scenario::{Data, Distribution, Init, Integrator, Link, Precision, Preserve, Scenario, Synthetic, Target};

/// What was trained on what, from where, without the method: `L = 3, widths 10-10-10-10, rank-2 target, start pytorch, λ = 0.01, seed 0`.
pub fn setting(scenario: &Scenario) -> String {
    format!("{}, seed {}", problem(scenario), scenario.seed)
}

/// `L = 5, widths 20-20-20-20-20-20, rank-3 target, start pytorch, λ = 0.001, auto at rtol 1e-8, seed 0`.
pub fn caption(scenario: &Scenario) -> String {
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
    format!("{}, {method}, seed {}", problem(scenario), scenario.seed)
}

fn problem(scenario: &Scenario) -> String {
    let widths: Vec<String> = scenario.network.widths.iter().map(usize::to_string).collect();
    let data = match &scenario.data {
        Data::Synthetic(data) => synthetic(data),
        Data::File(_) => "data from a file".to_string(),
    };
    let start = match &scenario.init {
        Init::Pytorch => "pytorch".to_string(),
        Init::Identity => "identity".to_string(),
        Init::Gaussian { std } => format!("gaussian (std {std:?})"),
        Init::Orthogonal { gain } => format!("orthogonal (gain {gain:?})"),
        Init::Balanced { imbalance, .. } if *imbalance > 0.0 => format!("balanced + imbalance {imbalance:?}"),
        Init::Balanced { .. } => "balanced".to_string(),
        Init::File { .. } => "from a file".to_string(),
    };
    format!("L = {}, widths {}, {data}, start {start}, λ = {:?}", widths.len() - 1, widths.join("-"), scenario.weight_decay)
}

/// `rank-3 target`; with what is not the default, `sphere inputs, rank-3 sin target`. Without markup: captions are printed, too.
fn synthetic(data: &Synthetic) -> String {
    let inputs = match data.inputs.distribution {
        Distribution::Gaussian => String::new(),
        Distribution::StudentT { dof } => format!("Student-t inputs (dof {dof:?}), "),
        Distribution::Mixture { separation } => format!("mixture inputs (separation {separation:?}), "),
        other => format!("{} inputs, ", other.name()),
    };
    let link = |link: Link| match link {
        Link::Identity => String::new(),
        Link::Hermite { k } => format!("hermite-{k} "),
        other => format!("{} ", other.name()),
    };
    let target = match &data.target {
        Target::LowRank(target) => format!("rank-{} {}target", target.rank, link(target.link)),
        Target::SingleIndex(target) => format!("single-index {}target", link(target.link)),
        Target::MultiIndex(target) => format!("{}-index {}target", target.rank, link(target.link)),
        Target::Teacher(teacher) => {
            let widths: Vec<String> = teacher.widths.iter().map(usize::to_string).collect();
            // An underscore would lower what follows it.
            format!("{} teacher {}", teacher.activation.name().replace('_', "-"), widths.join("-"))
        }
        Target::Parity(parity) => format!("parity of {}", parity.k),
        Target::Counterexample(sum) => format!("counterexample of {}", sum.k),
    };
    inputs + &target
}

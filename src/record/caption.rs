//! The line under a picture's title: what a reader must know to repeat it.

use crate::scenario::{Data, Init, Integrator, Precision, Preserve, Scenario, Target};

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
        Data::Synthetic(data) => {
            let Target::LowRank(target) = &data.target;
            format!("rank-{} target", target.rank)
        }
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

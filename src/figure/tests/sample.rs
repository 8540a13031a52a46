//! Real runs of small scenarios, to draw.

use std::path::Path;

use crate::ode::Interrupt;
use crate::record::{Run, Values};
use crate::run::{Problem, run};
use crate::scenario;

fn ran(name: &str, widths: &[usize], settings: &str) -> Run {
    ran_on(widths[0].min(widths[widths.len() - 1]).min(2), name, widths, settings)
}

/// The same on a target of the given rank.
fn ran_on(rank: usize, name: &str, widths: &[usize], settings: &str) -> Run {
    let (d_in, d_out) = (widths[0], widths[widths.len() - 1]);
    let text = format!(
        "name: {name}
data: {{synthetic: {{inputs: {{dim: {d_in}, samples: 60, whiten: true}}, target: {{low_rank: {{rank: {rank}, outputs: {d_out}}}}}}}}}
network: {{widths: {widths:?}}}
{settings}
"
    );
    carried_out(&text)
}

fn carried_out(text: &str) -> Run {
    let (scenario, _) = scenario::parse(text, Path::new("sample.yaml"), &[]).unwrap();
    run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {}).run
}

/// An unbalanced start that decays, with gradient descent of the given names and rates beside the flow: t = 0 and `records` more.
pub(in crate::figure) fn decaying(records: usize, optimizers: &[(&str, f64)]) -> Run {
    let optimizers: Vec<String> = optimizers.iter().map(|(name, lr)| format!("{{gd: {{name: {name}, lr: {lr:?}}}}}")).collect();
    let settings = format!(
        "weight_decay: 0.01\nflow: {{t_end: 400}}\nrecord: {{log: {{points: {records}, first: 0.1}}}}\noptimizers: [{}]\nmeasure: [ledger, sharpness]",
        optimizers.join(", ")
    );
    ran("depth3-decay", &[6, 6, 6, 5], &settings)
}

/// A balanced start.
pub(in crate::figure) fn balanced() -> Run {
    let settings =
        "init: {balanced: {scale: 0.2}}\nflow: {t_end: 100}\nrecord: {log: {points: 40}}\noptimizers: [{gd: {lr: 0.05}}]";
    ran("depth3-balanced", &[4, 4, 4, 4], settings)
}

/// A network of this depth, d_out = 1.
pub(in crate::figure) fn depth(layers: usize) -> Run {
    let mut widths = vec![4; layers];
    widths.push(1);
    let settings = "weight_decay: 0.001\nflow: {t_end: 50}\nrecord: {log: {points: 30}}\noptimizers: [{gd: {lr: 0.1}}]";
    ran(&format!("depth{layers}"), &widths, settings)
}

/// Three layers of width d on a target of this rank.
pub(in crate::figure) fn rank(rank: usize, d: usize) -> Run {
    ran_on(rank, "rank", &[d; 4], "weight_decay: 0.01\nflow: {t_end: 10}\nrecord: {log: {points: 5}}")
}

/// The record `t = 0` alone.
pub(in crate::figure) fn single_record() -> Run {
    let mut run = ran("single", &[4, 4, 3], "weight_decay: 0.01\nflow: {t_end: 1}\nrecord: {linear: {points: 2}}");
    for column in &mut run.table.columns {
        match &mut column.values {
            Values::Text(values) => values.truncate(1),
            Values::Integer(values) => values.to_mut().truncate(1),
            Values::Flag(values) => values.to_mut().truncate(1),
            Values::Float(values) => values.to_mut().truncate(1),
        }
    }
    // The arrays over time: all but the grid of exponents and the matrices at the end.
    for (_, array) in run.arrays.iter_mut().filter(|(_, array)| array.rows() == 2) {
        let half = array.data.len() / 2;
        array.data.to_mut().truncate(half);
        array.shape[0] = 1;
    }
    run
}

/// Two layers, which pass saddles while they learn the singular values 4, 2 and 1 of their target.
pub(in crate::figure) fn passing_saddles() -> Run {
    carried_out(
        "
name: saddles
data: {synthetic: {inputs: {dim: 3, samples: 20, whiten: true}, target: {low_rank: {rank: 3, outputs: 3, singular_values: [4, 2, 1]}}}}
network: {widths: [3, 3, 3]}
init: {gaussian: {std: 1.0e-6}}
flow: {t_end: 25}
record: {linear: {points: 26}}
optimizers: [{gd: {lr: 0.02}}]
measure: [saddles]
",
    )
}

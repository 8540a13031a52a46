//! Whether the tolerance resolves the start of the flow.
//!
//! Near a critical point at the origin a flow grows from its start, and so does what an integrator adds to it. A step may err by
//! atol + rtol·|φ_i| in φ_i = θ_i/√κ: where atol is not small beside the weights of a layer, nothing makes it follow their growth, and it leaves
//! the saddle late or never. With atol at rtol·|φ_i| it leaves on time, at any scale that float64 has. That products of small weights underflow
//! changes nothing: a gradient below 2^−1022 moves no weight by more than 2^−1022·T, which only weights of that size would feel.

use std::ops::Range;

use nalgebra::DVector;

use crate::flow::{Flow, Integrator};
use crate::linalg::norm;
use crate::ode::Tolerance;

use super::warning::VISIBLE;
use super::{Plan, Problem};

/// The share of a layer's gradient that is left at most when the small layers are halved: it comes from them. Where layers multiply it is
/// a half or less, and where something else moves the layer it is all.
const OWN: f64 = 0.75;
/// Tolerances below this are no remedy: a tenth of them, which a second integration takes, might have lost digits.
const LEAST_ATOL: f64 = 1e-300;

/// Weights that the tolerance tells from 0 poorly.
struct Small {
    range: Range<usize>,
    name: String,
    /// √κ.
    root: f64,
    /// The root mean square of φ.
    size: f64,
}

/// A start that grows and is small beside the absolute tolerance.
pub(crate) struct Unresolved {
    /// `the weights of layer 1 start near 1e-30`.
    start: String,
    /// The largest absolute tolerance that resolves it; `None` where it would be no remedy.
    enough: Option<f64>,
    /// The least weights that the tolerance resolves.
    weights: f64,
}

impl Unresolved {
    /// The warning: `tolerance` is too large, so that `who` may be wrong, and what is set as `flow.atol` must be `per` times what resolves.
    pub(crate) fn warning(&self, tolerance: &str, who: &str, per: f64) -> String {
        let Self { start, enough, weights } = self;
        let lower = enough.map_or(String::new(), |enough| format!("set flow.atol to {:.0e} or lower, or ", enough * per));
        format!(
            "flow: {start}, of which {tolerance} lets a step err by more than {} %: {who} may leave a saddle there late or never; {lower}start \
             from weights of {weights:.0e} or larger",
            100.0 * VISIBLE
        )
    }
}

/// The warning about a start that `flow.atol` does not resolve, of a run.
pub(super) fn warning(plan: &Plan, problem: &Problem) -> Option<String> {
    let Flow { rtol, atol, t_end, integrator, .. } = plan.flow;
    if matches!(integrator, Integrator::Rk4 { .. }) {
        return None;
    }
    let found = unresolved(Tolerance { rtol, atol }, t_end, problem)?;
    Some(found.warning(&format!("flow.atol = {atol:e}"), "the flow", 1.0))
}

/// Whether an integration to `t_end` by a `tolerance` of θ resolves the start of its flow.
pub(crate) fn unresolved(tolerance: Tolerance, t_end: f64, problem: &Problem) -> Option<Unresolved> {
    let atol = problem.atol(tolerance.atol);
    let small: Vec<Small> = parts(problem).into_iter().filter(|part| part.size > 0.0 && VISIBLE * part.size < atol).collect();
    if small.is_empty() {
        return None;
    }
    let theta = problem.start.values();
    let mut halved = theta.clone();
    small.iter().for_each(|part| halved.rows_mut(part.range.start, part.range.len()).scale_mut(0.5));
    let [here, there] = [theta, &halved].map(|at| {
        let mut gradient = at.clone();
        problem.objective.gradient(at, &mut gradient);
        gradient
    });
    let grows = |part: &&Small| {
        let [own, less] = [&here, &there].map(|gradient| length(gradient, &part.range));
        // φ̇ = −√κ ∂J/∂θ.
        let moved = part.root * own * t_end;
        less <= OWN * own && moved >= VISIBLE * part.size * (part.range.len() as f64).sqrt()
    };
    let least = small.iter().filter(grows).min_by(|a, b| a.size.total_cmp(&b.size))?;
    // Told of θ, as they are set.
    let enough = tolerance.rtol * least.size * problem.rates.range().1.sqrt();
    Some(Unresolved {
        start: format!("{} near {:.0e}", least.name, least.size * least.root),
        enough: Some(enough).filter(|enough| *enough >= LEAST_ATOL),
        weights: atol / VISIBLE * least.root,
    })
}

/// The layers' weights, and what belongs to no layer, unless it is frozen.
fn parts(problem: &Problem) -> Vec<Small> {
    let (net, phi) = (problem.start.architecture(), problem.rates.scaled(&problem.start));
    let part = |name: String, range: Range<usize>, root: f64| {
        let size = length(phi.values(), &range) / (range.len() as f64).sqrt();
        Small { range, name, root, size }
    };
    let layer = |l: usize| part(format!("the weights of layer {l} start"), net.weight_range(l), problem.rates.layer(l).sqrt());
    // Empty where all parameters belong to layers: its size is NaN.
    let rest = if net.depth() == 0 { 0..net.parameter_count() } else { net.rest_range() };
    (1..=net.depth()).map(layer).chain([part("the parameters start".to_string(), rest, 1.0)]).collect()
}

/// ‖v‖ over a range, even where its square underflows.
fn length(v: &DVector<f64>, range: &Range<usize>) -> f64 {
    norm(&v.rows(range.start, range.len()).into_owned())
}

#[cfg(test)]
mod tests;

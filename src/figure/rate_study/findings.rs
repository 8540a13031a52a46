//! What each picture of a study of learning rates shows, in numbers from its tables: the first sentence is its title, all of them its
//! caption in a report.

use crate::folder::RateStudy;

use super::super::number::{cosine, number};
use super::rows::{Rows, medians};
use super::{Contender, contenders};

/// Up to this many optimizers have their orders told one by one.
const FEW: usize = 3;

/// What the picture `name` shows, sentence by sentence; empty where the tables do not say, or where no picture of a study of learning rates
/// has that name.
pub fn findings(study: &RateStudy, name: &str) -> Vec<String> {
    let all = contenders(study);
    let orders =
        |subjects: &[(&str, &str)]| subjects.iter().filter_map(|(word, what)| order(study, &all, word, what)).collect();
    match name {
        "distance" => orders(&[
            ("flow", "distance to the flow"),
            ("flow_of_mean", "distance from the mean over seeds to the flow"),
            ("mean_of_seeds", "spread over seeds"),
        ]),
        "companions" => orders(&[
            ("modified_flow", "distance to the modified flow"),
            ("third_order_flow", "distance to the third-order flow"),
            ("limit", "distance to the optimizer’s own limit"),
        ]),
        "weak" => orders(&[
            ("sde_1_objective", "weak error of E J of the equation of order 1"),
            ("sde_1_norm_squared", "weak error of E‖θ‖² of the equation of order 1"),
            ("sde_2_objective", "weak error of E J of the equation of order 2"),
            ("sde_2_norm_squared", "weak error of E‖θ‖² of the equation of order 2"),
        ]),
        "alignment" => alignment(study, &all).into_iter().collect(),
        "cost" => cost(study, &all).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// How the distance to `word`, called `what`, grows with η for the contenders that are compared with it; `None` if none is.
fn order(study: &RateStudy, all: &[Contender], word: &str, what: &str) -> Option<String> {
    let fits = Rows::of(&study.fits);
    let of_end = |row: &usize| fits.is("compared_with", *row, word) && fits.is("at", *row, "end");
    let order = |contender: &Contender| {
        let row = fits.of_contender(contender).find(of_end)?;
        Some((contender.called.clone(), fits.float("order", row)))
    };
    let compared: Vec<(String, f64)> = all.iter().filter_map(order).collect();
    let known: Vec<&(String, f64)> = compared.iter().filter(|(_, order)| order.is_finite()).collect();
    let orders = known.iter().map(|(_, order)| *order);
    match known.as_slice() {
        _ if compared.is_empty() => None,
        [] => Some(format!("No power of η fits the {what}.")),
        few if few.len() <= FEW => {
            let each: Vec<String> = few.iter().map(|(name, order)| format!("{order:.2} for {name}")).collect();
            Some(format!("In η, the {what} is of order {}.", each.join(", ")))
        }
        many => {
            let (low, high) = orders.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p), high.max(p)));
            Some(format!(
                "In η, the {what} is of order {low:.2} to {high:.2} for {} of {} optimizers.",
                many.len(),
                compared.len()
            ))
        }
    }
}

/// The alignment at the end, of the flow and of the optimizers.
fn alignment(study: &RateStudy, all: &[Contender]) -> Option<String> {
    let rows = Rows::of(&study.runs);
    let values = all.iter().flat_map(|contender| medians(&rows.by_rate(contender, "nfa_cosine")).0).map(|point| point.1);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    let (from, to) = (cosine(low), cosine(high));
    let range = if from == to { from } else { format!("from {from} to {to}") };
    let flow = study.flow.floats("flow", "nfa_cosine").last().copied().filter(|value| value.is_finite());
    let flow = flow.map_or(String::new(), |flow| format!("{} for the flow and ", cosine(flow)));
    Some(format!("At the end the cosine between W₁ᵀW₁ and the power 1/L of the AGOP is {flow}{range} for the optimizers."))
}

/// The optimizer and the rate that reach the loss in the fewest gradients; where batches differ, with the fewest gradients of a sample.
fn cost(study: &RateStudy, all: &[Contender]) -> Option<String> {
    let rows = Rows::of(&study.runs);
    let batches = all.iter().any(|contender| contender.batch != all[0].batch);
    let of_contender = |contender: &Contender| {
        let (points, _) = medians(&rows.by_rate(contender, "gradients_to_loss"));
        let each = if batches { contender.batch as f64 } else { 1.0 };
        points
            .into_iter()
            .map(|(lr, gradients)| (gradients * each, gradients, lr, contender.called.clone()))
            .collect::<Vec<_>>()
    };
    let (cost, gradients, lr, name) = all.iter().flat_map(of_contender).min_by(|a, b| a.0.total_cmp(&b.0))?;
    let flow = study.flow_to_loss[0];
    let flow = if flow > 0.0 { format!("; the flow takes {flow:.0}") } else { String::new() };
    let (loss, lr) = (number(study.loss, 3), number(lr, 3));
    Some(match batches {
        true => format!("{name} reaches the loss {loss} with the fewest gradients of a sample, {cost:.0} at η = {lr}."),
        false => format!("{name} reaches the loss {loss} in the fewest gradients, {gradients:.0} at η = {lr}{flow}."),
    })
}

/// What scatters the wall times in panel (b): seconds per gradient should not depend on η. `None` where they differ little.
pub(super) fn noise(study: &RateStudy, all: &[Contender]) -> Option<String> {
    /// Times that differ by less than this factor look alike on a log axis.
    const VISIBLE: f64 = 1.5;
    let rows = Rows::of(&study.runs);
    let spread = |contender: &Contender| {
        let per_gradient = |row: usize| rows.float("wall_seconds_to_loss", row) / rows.float("gradients_to_loss", row);
        let speeds = rows.of_contender(contender).map(per_gradient).filter(|speed| *speed > 0.0 && speed.is_finite());
        let (low, high) = speeds.fold((f64::INFINITY, 0.0_f64), |(low, high), speed| (low.min(speed), high.max(speed)));
        (low <= high).then(|| (high / low, contender.called.clone()))
    };
    let (factor, name) = all.iter().filter_map(spread).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (factor > VISIBLE).then(|| {
        format!(
            "Times are noisy: seconds per gradient of {name} differ by a factor of up to {} between runs.",
            number(factor, 2)
        )
    })
}

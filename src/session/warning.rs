//! Warnings: what a reader of the records must know before trusting them.

use std::collections::BTreeSet;

use crate::flow::{Flow, Integrator};
use crate::linalg::FAINT;
use crate::ode::Termination;
use crate::record::Run;

/// An error above this share is visible in the pictures.
pub(super) const VISIBLE: f64 = 1e-2;

/// At looser tolerances the error may be visible; at this and tighter ones there is another cause.
const RELIABLE: f64 = 1e-6;

/// What was not recorded.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Times at which products of the weights overflow.
    pub moments: usize,
    /// Names that user-defined observables have written without declaring them.
    pub undeclared: BTreeSet<String>,
}

/// Warns of early ends, with remedies, of a balance law that the flow visibly breaks, and of what could not be recorded.
pub(super) fn warnings(run: &Run, flow: &Flow, terminations: &[(String, Termination)], missed: &Missed) -> Vec<String> {
    let early = terminations.iter().filter(|(_, termination)| !termination.is_complete());
    let mut warnings: Vec<String> = early.map(|(process, termination)| format!("{process}: {termination}")).collect();
    let off = law_error(run);
    if off > VISIBLE {
        let remedy = match flow.integrator {
            Integrator::Rk4 { .. } => flow.integrator.remedy(),
            _ if flow.rtol > RELIABLE => "lower flow.rtol to 1e-6 or below",
            _ => flow.integrator.remedy(),
        };
        warnings.push(format!(
            "flow: the balance law is violated by {off:.1e} of its size: do not trust this integration; {remedy}"
        ));
    }
    if missed.moments > 0 {
        warnings.push(format!("{} times are not recorded: products of the weights overflowed there", missed.moments));
    }
    let undeclared = missed.undeclared.iter();
    warnings.extend(undeclared.map(|name| format!("`{name}` is not recorded: no observable's columns() declares it")));
    warnings
}

/// Warns of records that are in memory although they are many.
pub(super) fn unspooled(reason: &str) -> String {
    format!(
        "the records were kept in memory, because no temporary file can be written ({reason}): free space in the folder of temporary files, \
         or name another with TMPDIR"
    )
}

/// How far the flow is off D_l(t) = e^{−2λt}D_l(0), which is exact: the largest, over the recorded times, of the relative error of the gap,
/// the residual over ‖θ‖², and the correction ‖δθ‖/‖θ‖ of a projection onto the law. ‖θ‖ counts as no less than at the start: what remains
/// of a network that dies is integration error.
fn law_error(run: &Run) -> f64 {
    let column = |name: &str| run.table.floats("flow", name);
    let ratios = column("balance_gap_over_envelope").into_iter().map(|ratio| (ratio - 1.0).abs());
    let norms: Vec<f64> = column("weight_norm").into_iter().map(|norm| run.law.norm(norm)).collect();
    let start = norms.first().copied().unwrap_or(0.0);
    let size = |norm: f64| norm.max(start);
    // Squares of small weights underflow: nothing is known there.
    let square = |norm: f64| Some(size(norm).powi(2)).filter(|square| *square > FAINT).unwrap_or(f64::NAN);
    let residuals = column("balance_law_residual").into_iter().zip(&norms).map(|(r, &norm)| r / square(norm));
    let corrections = column("balance_correction").into_iter().zip(&norms).map(|(c, &norm)| c * norm / size(norm));
    // `max` ignores NaN: an undefined value is no error.
    ratios.chain(residuals).chain(corrections).fold(0.0, f64::max)
}

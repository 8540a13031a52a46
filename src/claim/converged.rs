//! `converged`: the flow has come to rest at a minimum, not on a plateau or at a saddle, by the test of [`crate::flow::Stationarity`]. The
//! run applies the test at its own times, and at the end of the horizon. A flow at rest where no minimum is shown does not pass.
//!
//! The value is 1 or 0. Its error is the difference between the final objectives of the two integrations, over the objective at the start:
//! if they end in different places, neither proves anything. The test proves rest, and never the opposite: what the first integration leaves
//! open and the second one shows is a matter of their accuracy.

use crate::ode::{EventKind, Reason, short};

use super::{Condition, Evidence, Finding, Measured, Records};

/// Between no (0) and yes (1).
const THRESHOLD: f64 = 0.5;

/// The second integration's value is 1 also where only the first has shown rest; to it comes the relative difference of their final
/// objectives.
pub(super) fn measure(records: &Records, evidence: &Evidence) -> Finding {
    let (flow, first) = (evidence.flow, Records::new(evidence.setup, evidence.run));
    let grad_norm = first.last("grad_norm");
    let found = |reason, kind| flow.termination == reason || flow.events.iter().any(|event| event.kind == kind);
    let converged = found(Reason::Converged, EventKind::Converged);
    let plateau = flow.events.iter().rfind(|event| matches!(event.kind, EventKind::Plateau | EventKind::PlateauEnd));
    let t = short(flow.t_reached, 6);
    let remark = match plateau {
        _ if converged => format!("at t = {t} ‖∇J‖ is {grad_norm:.1e}"),
        _ if found(Reason::AtRest, EventKind::AtRest) => {
            format!("at t = {t} it is at rest, ‖∇J‖ is {grad_norm:.1e}, but not shown to be at a minimum")
        }
        Some(plateau) if plateau.kind == EventKind::Plateau => {
            format!("it has been on a plateau since t = {:.4}: {}", plateau.t, plateau.detail)
        }
        _ if flow.termination == Reason::Reached => {
            format!("it was stopped at t = {t} while it still moved, or could escape: ‖∇J‖ is {grad_norm:.1e}")
        }
        _ => format!("at t = {t} it still moves, or could escape: ‖∇J‖ is {grad_norm:.1e}; set a longer flow.t_end"),
    };
    let start = first.column("objective").first().copied().unwrap_or(f64::NAN);
    let apart = records.last("objective") - first.last("objective");
    let apart = if apart == 0.0 { 0.0 } else { apart / start };
    let again = evidence.second.is_some_and(|second| second.converged && records.are_of(second.run));
    let value = f64::from(u8::from(converged || again)) + apart;
    Ok(Measured { remark, ..Condition::at_least("at rest at a minimum (1) or not (0)", value, THRESHOLD).into() })
}

//! What errors are measured against: a tight integration, and a second one by another method that says how far to trust it.

use crate::folder::StudyReference;
use crate::network::Parameters;
use crate::ode::spectral_radius;
use crate::record::Process;
use crate::session::Flight;

use super::line_up::{Method, method, termination};
use super::setting::{Setting, tolerance};
use super::{StudyError, Task};

/// In the order in which they are tried. Where the flow is not too stiff an explicit method of high order is the best; where it is, rock4,
/// whose cost grows with √(ρT).
const CANDIDATES: [(&str, f64); 5] =
    [("dop853", 1e-13), ("rock4", 1e-12), ("tsit5", 1e-12), ("dopri5", 1e-12), ("gauss3", 1e-12)];

/// Errors up to this many times the distance between the two references may be the reference's own.
const MARGIN: f64 = 10.0;

/// The number of times at which the spectral radius is estimated on the way, log-spaced over four decades to T.
const LOOKS: i32 = 25;

/// θ_ref(T) and what is known of it.
pub(super) struct Reference {
    pub end: Parameters,
    /// ‖θ_ref − θ_check‖/‖θ_ref‖; NaN without a check.
    pub floor: f64,
    /// The largest ρ of ∇²J seen on the way.
    pub spectral_radius: f64,
    /// All that were tried, in order.
    pub attempts: Vec<StudyReference>,
    /// Method and tolerance of the reference, and of its check.
    name: String,
    check: Option<String>,
    /// Why others did not reach T.
    failures: Vec<String>,
}

impl Reference {
    /// Integrates with one candidate after the other until two have reached T. `progress` is told the next.
    pub(super) fn find(task: &Task, mut progress: impl FnMut(&str)) -> Result<Self, StudyError> {
        let (mut attempts, mut failures) = (Vec::new(), Vec::new());
        let mut found: Option<Self> = None;
        for (method, rtol) in CANDIDATES.iter().filter_map(|&(name, rtol)| Some((method(name).ok()?, rtol))) {
            let name = format!("{} at rtol {rtol:e}", method.name);
            progress(&name);
            let (flight, radius) = fly(&method, rtol, task);
            if task.interrupt.is_raised() {
                return Err(StudyError::Interrupted);
            }
            let atol = tolerance(rtol, task.scenario).atol;
            let termination = termination(&flight);
            let process = Process::new(flight.work(), flight.time().as_secs_f64(), termination);
            attempts.push(StudyReference { method: method.name, rtol, atol, process });
            match &mut found {
                _ if !termination.is_complete() => failures.push(format!("{name} {}", termination.said())),
                None => {
                    found = Some(Self {
                        end: flight.parameters().clone(),
                        floor: f64::NAN,
                        spectral_radius: radius,
                        attempts: Vec::new(),
                        name,
                        check: None,
                        failures: Vec::new(),
                    });
                }
                Some(first) => {
                    first.floor = first.distance(flight.parameters());
                    first.check = Some(name);
                    break;
                }
            }
        }
        match found {
            Some(reference) => Ok(Self { attempts, failures, ..reference }),
            None => Err(StudyError::NoReference { t_end: task.scenario.flow.t_end, failures }),
        }
    }

    /// ‖θ − θ_ref‖/‖θ_ref‖.
    pub(super) fn distance(&self, end: &Parameters) -> f64 {
        (end.values() - self.end.values()).norm() / self.end.values().norm()
    }

    /// Whether an error may be the reference's own.
    pub(super) fn limits(&self, error: f64) -> bool {
        error <= MARGIN * self.floor
    }

    /// A sentence for the caption.
    pub(super) fn describe(&self) -> String {
        match &self.check {
            Some(check) => format!("Reference: {}, which differs by {:.1e} from {check}", self.name, self.floor),
            None => format!("Reference: {}, with no second method to check it", self.name),
        }
    }

    /// What did not go as planned.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.failures.iter().map(|failure| format!("reference: {failure}")).collect();
        if self.check.is_none() {
            warnings.push("reference: no second method reaches the end, so it is unknown how far errors can be trusted".into());
        }
        warnings
    }
}

/// The flight of one candidate, and the largest spectral radius on its way.
fn fly<'a>(method: &Method, rtol: f64, task: &'a Task) -> (Flight<'a>, f64) {
    let mut flight = method.flight(Setting::Tolerance(tolerance(rtol, task.scenario)), task);
    let t_end = task.scenario.flow.t_end;
    let looks = (1..LOOKS).map(|k| t_end * 10f64.powf(-4.0 * f64::from(LOOKS - k) / f64::from(LOOKS)));
    // A separate field: the integrated one may slide along kinks, and remembers where.
    let field = task.problem.flow();
    let radius = |flight: &Flight| spectral_radius(&field, flight.t(), flight.state()).unwrap_or(0.0);
    let mut largest = radius(&flight);
    for t in looks {
        if !flight.advance(t) {
            return (flight, largest);
        }
        largest = largest.max(radius(&flight));
    }
    flight.advance(t_end);
    (flight, largest)
}

//! `measure: [saddles]`: the saddles that a process passes.
//!
//! Near a saddle θ* the flow is θ̇ = −H(θ − θ*), H = ∇²J(θ*): ‖∇J‖ falls while the process comes near, is least, and then grows as e^{−λt} with
//! the smallest eigenvalue λ < 0 of H that the process has a part in. Under gradient descent it grows by 1 − ηλ per step, at the rate
//! ln(1 − ηλ)/η.
//!
//! A visit is a time at which ‖∇J‖ is least, from which it doubles, and to which it has fallen by half since the last one; the first may
//! be the start. ‖∇J‖ is looked at after every step. Where it grows although gᵀHg ≥ 0 for g = ∇J, it does not follow the flow, for which
//! d‖g‖²/dt = −2gᵀHg: that is the noise of stiff directions near a minimum, or an oscillation, and no visit.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::flow::{Integrator, critical_point};
use crate::linalg::{Extremes, Line, all_eigenvalues, extreme_eigenvalues, norm};
use crate::objective::Objective;
use crate::ode::{Event, EventKind, short};
use crate::optim::{Optimizer, Schedule};
use crate::record::{Escape, Saddle, SaddlePoint};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// The factor by which ‖∇J‖ falls to a visit and grows from it.
const FACTOR: f64 = 2.0;
/// A ‖∇J‖ below this share of its largest so far is rounding.
const ROUNDING: f64 = 100.0 * f64::EPSILON;
/// Up to so many parameters all eigenvalues are found, beyond only so many at either end.
const FORMED: usize = 2000;
const ENDS: usize = 16;
/// Eigenvalues below minus this share of ‖∇²J‖ count as negative.
const NEGATIVE: f64 = 1e-6;
/// Two points of the escape are at least so far apart, in e-folds.
const APART: f64 = 0.02;
/// The e-folds over which an escape must be exponential.
const STEADY: f64 = 2.0;
/// By how much the rates between its points may differ from the smallest of them: the first that allows such a stretch.
const BANDS: [f64; 3] = [0.02, 0.06, 0.2];

/// Why saddles cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SaddlesError {
    /// Steps are not seen.
    #[error(
        "saddles looks at the flow after every step, and steps of {0} are not visible from outside: set flow.integrator to auto, or leave it out"
    )]
    Steps(&'static str),
    /// ∇²J jumps.
    #[error("saddles needs a smooth J, and an activation has a kink, across which its Hessian jumps: leave it out")]
    Kinks,
}

/// Checks that the saddles of a flow by this method can be looked for, in a network with or without kinks.
///
/// # Errors
/// [`SaddlesError`] for methods whose steps are not seen, and with kinks.
pub(crate) fn check_saddles(method: Integrator, has_kinks: bool) -> Result<(), SaddlesError> {
    use Integrator::{Dop853, Dopri5, Gauss, Rk4};
    match method {
        _ if has_kinks => Err(SaddlesError::Kinks),
        Dopri5 | Dop853 | Gauss { .. } | Rk4 { .. } => Err(SaddlesError::Steps(method.name())),
        _ => Ok(()),
    }
}

/// Whether the Hessian of so many parameters is formed to find all its eigenvalues at a saddle.
pub(crate) fn forms_hessian(parameters: u64) -> bool {
    parameters <= FORMED as u64
}

/// Where ‖∇J‖ is least so far.
#[derive(Serialize, Deserialize)]
struct Least {
    t: f64,
    norm: f64,
    theta: DVector<f64>,
    /// The longer of the steps before and after, once it is `followed` by one.
    resolution: f64,
    followed: bool,
}

/// What is left of a saddle: its visit, while ‖∇J‖ still grows.
#[derive(Serialize, Deserialize)]
struct Leaving {
    saddle: Saddle,
    /// The largest ‖∇J‖ since.
    most: f64,
}

/// Looks for the saddles of one process.
pub(super) struct Saddles {
    /// η of gradient descent; `None` for the flow.
    lr: Option<f64>,
    /// The time of the last look.
    last: Option<f64>,
    /// The largest ‖∇J‖ so far.
    peak: f64,
    least: Option<Least>,
    /// (t, ln‖∇J‖) since then, rising.
    rise: Vec<[f64; 2]>,
    leaving: Option<Leaving>,
    found: Vec<Saddle>,
    gradients: u64,
    gradient: DVector<f64>,
}

impl Saddles {
    /// Of the flow.
    pub(super) fn of_flow() -> Self {
        Self::new(None)
    }

    /// Of an optimizer that is gradient descent at one rate; otherwise why they are not looked for.
    pub(super) fn of_descent(settings: &Optimizer) -> Result<Self, &'static str> {
        match settings {
            Optimizer::Gd(gd) if gd.schedule == Schedule::Constant => Ok(Self::new(Some(gd.lr))),
            _ => Err("its saddles are not looked for: saddles is about the flow and about gd at a constant rate"),
        }
    }

    fn new(lr: Option<f64>) -> Self {
        let (rise, found, gradient) = (Vec::new(), Vec::new(), DVector::zeros(0));
        Self { lr, last: None, peak: 0.0, least: None, rise, leaving: None, found, gradients: 0, gradient }
    }

    /// Looks at the process after a step, at time `t`, where it is at `theta` on its way down J. Times increase; one that is looked at again is passed over.
    pub(super) fn look(&mut self, objective: &dyn Objective, t: f64, theta: &DVector<f64>) {
        if self.last == Some(t) {
            return;
        }
        let step = t - self.last.replace(t).unwrap_or(t);
        let mut gradient = std::mem::take(&mut self.gradient);
        gradient.resize_vertically_mut(theta.len(), 0.0);
        objective.gradient(theta, &mut gradient);
        self.gradients += 1;
        let norm = norm(&gradient);
        if norm.is_finite() {
            self.peak = self.peak.max(norm);
            self.take(objective, [t, step, norm], theta, &gradient);
        }
        self.gradient = gradient;
    }

    fn take(&mut self, objective: &dyn Objective, [t, step, norm]: [f64; 3], theta: &DVector<f64>, gradient: &DVector<f64>) {
        let Some(least) = self.least.as_mut().filter(|least| self.leaving.is_some() || norm >= least.norm) else {
            return self.begin([t, step, norm], theta);
        };
        if !std::mem::replace(&mut least.followed, true) {
            least.resolution = least.resolution.max(step);
        }
        rise_to(&mut self.rise, t, norm);
        if let Some(leaving) = &mut self.leaving {
            leaving.most = leaving.most.max(norm);
            if FACTOR * norm <= leaving.most {
                self.conclude();
                self.begin([t, step, norm], theta);
            }
        } else if norm > FACTOR * least.norm && norm > ROUNDING * self.peak {
            // Of length 1, for gᵀHg of a small g would underflow.
            let (direction, mut image) = (gradient / norm, gradient.clone());
            objective.hessian_vector(theta, &direction, &mut image);
            self.gradients += 2;
            if image.dot(&direction) < 0.0 {
                let saddle = visit(objective, least, self.lr, &mut self.gradients);
                self.leaving = Some(Leaving { saddle, most: norm });
            } else {
                self.begin([t, step, norm], theta);
            }
        }
    }

    /// ‖∇J‖ is least here.
    fn begin(&mut self, [t, step, norm]: [f64; 3], theta: &DVector<f64>) {
        self.rise.clear();
        rise_to(&mut self.rise, t, norm);
        match &mut self.least {
            Some(least) => {
                least.theta.copy_from(theta);
                (least.t, least.norm, least.resolution, least.followed) = (t, norm, step, false);
            }
            None => self.least = Some(Least { t, norm, theta: theta.clone(), resolution: step, followed: false }),
        }
    }

    /// The process has left the saddle.
    fn conclude(&mut self) {
        if let Some(Leaving { saddle, .. }) = self.leaving.take() {
            self.found.push(Saddle { escape: escape(&self.rise), ..saddle });
        }
    }

    /// Gradients spent so far, a product with the Hessian counting 2.
    pub(super) fn gradients(&self) -> u64 {
        self.gradients
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.last)?;
        archive.item(&mut self.peak)?;
        archive.item(&mut self.least)?;
        archive.item(&mut self.rise)?;
        archive.item(&mut self.leaving)?;
        archive.item(&mut self.found)?;
        archive.item(&mut self.gradients)
    }

    /// The saddles that it has left, and an event for each. One that `diverged` may grow for good: what it was leaving then is dropped.
    pub(super) fn ended(mut self, diverged: bool) -> (Vec<Saddle>, Vec<Event>) {
        if !diverged {
            self.conclude();
        }
        let events = self.found.iter().map(event).collect();
        (self.found, events)
    }
}

/// Adds a point to the rise if ‖∇J‖ has grown enough since the last one. ‖∇J‖ = 0, by symmetry or by underflow, has no logarithm.
fn rise_to(rise: &mut Vec<[f64; 2]>, t: f64, norm: f64) {
    if norm > 0.0 && rise.last().is_none_or(|[_, last]| norm.ln() >= last + APART) {
        rise.push([t, norm.ln()]);
    }
}

/// What is known of a saddle when the process has left where it was nearest.
fn visit(objective: &dyn Objective, least: &Least, lr: Option<f64>, gradients: &mut u64) -> Saddle {
    let Least { t, norm, ref theta, resolution, .. } = *least;
    let loss = objective.loss(theta);
    Saddle {
        t,
        resolution,
        loss,
        objective: loss + objective.penalty(theta),
        grad_norm: norm,
        point: point(objective, theta, lr, gradients),
        escape: None,
    }
}

/// The critical point near θ.
fn point(objective: &dyn Objective, theta: &DVector<f64>, lr: Option<f64>, gradients: &mut u64) -> Option<SaddlePoint> {
    let critical = critical_point(objective, theta, gradients)?;
    let n = theta.len();
    let mut products = 0;
    let product = |v: &DVector<f64>, out: &mut DVector<f64>| {
        products += 1;
        objective.hessian_vector(&critical.theta, v, out);
    };
    let found = if forms_hessian(n as u64) {
        Some(Extremes::of_all(&all_eigenvalues(n, product)?, n))
    } else {
        // A fixed stream: a measurement must not depend on the seed of the training.
        let mut rng = stream(2, Purpose::Hessian);
        extreme_eigenvalues(n, ENDS, || gaussian_matrix(n, 1, &mut rng).column(0).into_owned(), product)
    };
    *gradients += 2 * products;
    let found = found?;
    let least = found.smallest.first()?;
    let tolerance = (NEGATIVE * found.size).max(2.0 * critical.drift);
    let negative = found.smallest.iter().take_while(|known| known.value < -tolerance).count();
    let is_known = found.complete && (negative < found.smallest.len() || found.smallest.len() == n);
    let predicted = |rate: f64| lr.map_or(rate, |lr| (lr * rate).ln_1p() / lr);
    Some(SaddlePoint {
        distance: critical.distance,
        loss: objective.loss(&critical.theta),
        index: is_known.then_some(negative),
        least_eigenvalue: least.value,
        residual: least.residual,
        tolerance,
        hessian_change: critical.change,
        predicted_rate: Some(-least.value).filter(|rate| *rate > tolerance.max(critical.change)).map(predicted),
    })
}

/// The longest stretch of rising (t, ln‖∇J‖) between whose points the rate is steady, in the narrowest band that has one.
fn escape(rise: &[[f64; 2]]) -> Option<Escape> {
    BANDS.iter().find_map(|band| steady(rise, *band))
}

fn steady(rise: &[[f64; 2]], band: f64) -> Option<Escape> {
    let rates: Vec<f64> = rise.windows(2).map(|pair| (pair[1][1] - pair[0][1]) / (pair[1][0] - pair[0][0])).collect();
    let mut best: Option<(f64, [usize; 2])> = None;
    for first in 0..rates.len() {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for (last, rate) in rates.iter().enumerate().skip(first) {
            (least, most) = (least.min(*rate), most.max(*rate));
            if most > (1.0 + band) * least {
                break;
            }
            let gained = rise[last + 1][1] - rise[first][1];
            if gained >= STEADY && best.is_none_or(|(before, _)| gained > before) {
                best = Some((gained, [first, last + 1]));
            }
        }
    }
    let (_, [first, last]) = best?;
    let [times, heights] = [0, 1].map(|at| rise[first..=last].iter().map(|point| point[at]).collect::<Vec<f64>>());
    let rate = Line::through(&times, &heights)?.slope;
    let rate_error = rates[first..last].iter().fold(0.0_f64, |error, own| error.max((own - rate).abs()));
    Some(Escape { rate, rate_error, from: rise[first][0], to: rise[last][0] })
}

/// A visit as an event: of a saddle only if there is negative curvature.
fn event(visit: &Saddle) -> Event {
    let kind = if visit.is_saddle() { EventKind::Saddle } else { EventKind::LeastGradient };
    Event { t: visit.t, kind, detail: told(visit) }
}

/// In words, with numbers.
fn told(saddle: &Saddle) -> String {
    let Saddle { objective, grad_norm, point, escape, .. } = saddle;
    let place = match point {
        None => "no critical point is found from there".to_string(),
        Some(SaddlePoint { distance, tolerance, .. }) if !saddle.is_saddle() => {
            format!("near a critical point without negative curvature beyond {tolerance:.1e}, at a distance of {distance:.1e}")
        }
        Some(SaddlePoint { index, distance, predicted_rate, hessian_change, .. }) => {
            let index = index.map_or_else(|| "unknown index".to_string(), |index| format!("index {index}"));
            let rate = match predicted_rate {
                Some(rate) => format!("left at a predicted rate of {}", short(*rate, 4)),
                None => format!("too far for a rate, because ∇²J changes by {hessian_change:.1e} on the way"),
            };
            format!("a saddle of {index} at a distance of {distance:.1e}, {rate}")
        }
    };
    let left = match escape {
        Some(Escape { rate, rate_error, .. }) => format!("‖∇J‖ grows at a rate of {} ± {rate_error:.1e}", short(*rate, 4)),
        None => "‖∇J‖ grows at no steady rate".to_string(),
    };
    format!("objective {objective:.6e}, ‖∇J‖ {grad_norm:.1e}: {place}; {left}")
}

#[cfg(test)]
mod tests;

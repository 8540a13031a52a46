//! The plateaus of one flow, from checks at the monitor's times.
//!
//! On a logarithmic clock every flow is flat before it begins to move, and a flow that settles is flat as well. A plateau is caused by a
//! saddle: a stretch over which J is flat while t at least doubles, and from which J falls at a speed that has grown again. A stretch, and
//! with it its plateau, ends once J has fallen visibly; then the next may begin. The last stretch of a flow that does not leave it is a
//! plateau if it is known to be no minimum.

use serde::{Deserialize, Serialize};

use crate::flow::{Motion, Reading};
use crate::ode::{Event, EventKind, short};

/// The factor by which the time must grow on a plateau.
const LASTING: f64 = 2.0;
/// The share of J − min ℒ that J must lose at the end of a plateau: ten times what it may lose on it while t grows e-fold.
const FALL: f64 = 1e-2;
/// The factor by which ‖∇J‖ must have grown from its minimum on the plateau.
const FASTER: f64 = 3.0;

/// A stretch over which J is flat.
#[derive(Serialize, Deserialize)]
struct Stretch {
    begin: f64,
    /// The time of the check before, after which it began.
    after: f64,
    /// J where it begins, and by how much J exceeds the least loss there.
    value: f64,
    above: f64,
    grad_norm: f64,
    /// The smallest ‖∇J‖ on it.
    slowest: f64,
    /// When J was last seen to be flat.
    flat_until: f64,
}

impl Stretch {
    fn lasts(&self) -> bool {
        self.flat_until >= LASTING * self.after
    }

    fn event(&self) -> Event {
        let detail = format!("objective {:.6e}, ‖∇J‖ {:.1e}", self.value, self.grad_norm);
        Event { t: self.begin, kind: EventKind::Plateau, detail }
    }
}

/// The plateaus so far.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Plateaus {
    /// Time and J of the previous check.
    before: Option<(f64, f64)>,
    stretch: Option<Stretch>,
    /// The reading of the last check.
    last: Option<Reading>,
    events: Vec<Event>,
}

impl Plateaus {
    /// Takes the reading of a check at time `t`, later than the ones before.
    pub(super) fn look(&mut self, t: f64, look: &Reading) {
        let first = self.before.is_none();
        let (t_before, value_before) = self.before.replace((t, look.value)).unwrap_or((0.0, look.value));
        self.last = Some(*look);
        if let Some(stretch) = &mut self.stretch {
            if stretch.value - look.value > FALL * stretch.above {
                // The fall may be over by now: then its mean speed decides, −dJ/dt = ‖∇J‖².
                let mean = ((value_before - look.value).max(0.0) / (t - t_before)).sqrt();
                let faster = look.grad_norm.max(mean) >= FASTER * stretch.slowest;
                if t >= LASTING * stretch.after && faster {
                    let detail = format!(
                        "begun at t = {}: objective {:.6e}, ‖∇J‖ {:.1e}",
                        short(stretch.begin, 6),
                        look.value,
                        look.grad_norm
                    );
                    self.events.extend([stretch.event(), Event { t, kind: EventKind::PlateauEnd, detail }]);
                }
                self.stretch = None;
            } else {
                stretch.slowest = stretch.slowest.min(look.grad_norm);
                stretch.flat_until = if look.flat { t } else { stretch.flat_until };
            }
        }
        if self.stretch.is_none() && look.flat {
            // J that is flat at the first check has been so from the start.
            let begin = if first { 0.0 } else { t };
            let &Reading { value, above, grad_norm, .. } = look;
            self.stretch = Some(Stretch { begin, after: t_before, value, above, grad_norm, slowest: grad_norm, flat_until: t });
        }
    }

    /// All of them, once the flow has ended.
    pub(super) fn into_events(mut self) -> Vec<Event> {
        let on_a_plateau = |look: &Reading| look.motion == Motion::Plateau;
        if let Some(stretch) = self.stretch.filter(|stretch| stretch.lasts() && self.last.as_ref().is_some_and(on_a_plateau)) {
            self.events.push(stretch.event());
        }
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a J over log-spaced times, with ‖∇J‖² = −dJ/dt.
    fn events(value: impl Fn(f64) -> f64, last: Motion) -> Vec<(f64, EventKind)> {
        let mut plateaus = Plateaus::default();
        let times: Vec<f64> = (0..=120).map(|i| 10f64.powf(f64::from(i) / 20.0 - 3.0)).collect();
        for (i, &t) in times.iter().enumerate() {
            let slope = (value(t * 0.9999) - value(t * 1.0001)) / (2e-4 * t);
            let motion = if i == 120 { last } else { Motion::Moving };
            let flat = t * slope <= 1e-3 * value(t);
            let look = Reading { motion, grad_norm: slope.max(0.0).sqrt(), value: value(t), above: value(t), flat };
            plateaus.look(t, &look);
        }
        plateaus.into_events().into_iter().map(|event| (event.t, event.kind)).collect()
    }

    /// A sigmoid in t: a mode that escapes at time `at` with rate `rate` lowers J by `size`.
    fn falls(t: f64, size: f64, at: f64, rate: f64) -> f64 {
        size / (1.0 + (rate * (t - at)).exp())
    }

    #[test]
    fn each_saddle_has_its_plateau() {
        let found = events(|t| falls(t, 4.0, 10.0, 2.0) + falls(t, 1.0, 100.0, 0.5) + 0.1, Motion::Converged);
        let kinds: Vec<EventKind> = found.iter().map(|event| event.1).collect();
        let expected = [EventKind::Plateau, EventKind::PlateauEnd, EventKind::Plateau, EventKind::PlateauEnd];
        assert_eq!(kinds, expected, "{found:?}");
        let near = |k: usize, t: f64| (found[k].0 / t - 1.0).abs() < 0.5;
        assert!(found[0].0 == 0.0 && near(1, 10.0) && near(2, 15.0) && near(3, 100.0), "{found:?}");
    }

    /// Exponential decay, a power law, and a flow that settles in two steps: flat before they begin and after they end.
    #[test]
    fn what_only_slows_down_has_none() {
        assert_eq!(events(|t| (-t).exp() + 0.1, Motion::Converged), []);
        assert_eq!(events(|t| 1.0 / (1.0 + t), Motion::Moving), []);
        assert_eq!(events(|t| (-10.0 * t).exp() + 0.2 * (-t / 100.0).exp() + 0.1, Motion::Moving), []);
    }

    /// The end of a flow does not end a plateau.
    #[test]
    fn a_plateau_that_is_not_left_has_no_end() {
        let found = events(|t| 1.0 + falls(t, 1.0, 1e9, 1e-8), Motion::Plateau);
        assert_eq!(found, [(0.0, EventKind::Plateau)]);
        // Not known to be a plateau.
        assert_eq!(events(|t| 1.0 + falls(t, 1.0, 1e9, 1e-8), Motion::Moving), []);
    }
}

//! Which samples are held: taken up where both sides of a kink point at it, let go where they no longer do.

use std::collections::BTreeSet;

use nalgebra::DVector;

use super::{Entry, Kinks, Place, Velocity};
use crate::archive::{Archive, ArchiveError};
use crate::objective::mlp::MlpObjective;
use crate::ode::{Retrial, Switching};

/// κh: in a step z decays by the factor e^{−κh}.
const DECAY: f64 = 1.0;
/// A step that crosses more kinks than there are samples, and than this number, is too long for other reasons.
const MOST_CROSSED: usize = 32;
/// A held sample is let go if it would not come back to the kink within so many steps.
const AWAY: f64 = 2.0;

/// A sample at whose kink both sides point.
struct Attracted {
    place: Place,
    /// The slope of the side on which it lies.
    slope: f64,
    /// |z|/‖∇z‖: how far θ is from the kink.
    distance: f64,
    /// −z/ż: in what time it would be there.
    arrival: f64,
}

impl Switching for MlpObjective {
    fn settle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Option<f64> {
        let kinks = self.kinks.as_ref()?;
        let mut kinks = kinks.borrow_mut();
        let kinks = &mut *kinks;
        // What waits, and what crossed in two steps in a row, or back and forth in one.
        let flips: BTreeSet<Place> = kinks.flips.iter().copied().collect();
        let stepped = kinks.theta == theta.as_slice();
        let holds: BTreeSet<Place> = kinks.held.iter().map(|(place, _)| *place).collect();
        let candidates: Vec<Place> = kinks
            .crossed
            .iter()
            .filter(|place| kinks.before.contains(place) || !flips.contains(place))
            .chain(&kinks.awaited)
            .filter(|place| !holds.contains(place))
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        match &mut kinks.watch.sides {
            Some(sides) if stepped => {
                for flip in std::mem::take(&mut kinks.flips) {
                    let Entry { block, layer, index } = self.locate(flip);
                    let right = &mut sides[block][layer - 1][index];
                    *right = !*right;
                }
            }
            sides => *sides = Some(self.sides(theta.as_slice())),
        }
        kinks.flips.clear();
        kinks.before = std::mem::take(&mut kinks.crossed);
        let mut gradient = -&*dtheta - self.weight_decay.times(&self.net, theta);
        if !stepped && !kinks.held.is_empty() {
            // The slopes are those of an evaluation elsewhere.
            self.pass(theta, &mut gradient, &kinks.watch);
            kinks.passes += self.samples as u64;
        }
        let within = if stepped && candidates.len() <= self.most_crossed() {
            let attracted = self.attracted(kinks, &candidates, theta, &gradient);
            self.take_up(kinks, attracted, AWAY * h, near)
        } else {
            None
        };
        kinks.rate = DECAY / h;
        if let Some(velocity) = self.slide(kinks, theta.as_slice(), &mut gradient) {
            self.let_go(kinks, &velocity, &(&gradient + self.weight_decay.times(&self.net, theta)), h);
        }
        kinks.settled = kinks.held.clone();
        *dtheta = -(gradient + self.weight_decay.times(&self.net, theta));
        within
    }

    fn give_up(&self) {
        let Some(kinks) = &self.kinks else { return };
        let mut kinks = kinks.borrow_mut();
        self.return_to_start(&mut kinks);
    }

    fn resettle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Retrial {
        let Some(kinks) = &self.kinks else { return Retrial::Shorter };
        let mut kinks = kinks.borrow_mut();
        let kinks = &mut *kinks;
        let crossed = self.return_to_start(kinks);
        let holds: BTreeSet<Place> = kinks.held.iter().map(|(place, _)| *place).collect();
        let candidates: Vec<Place> = crossed.into_iter().filter(|place| !holds.contains(place)).collect();
        if candidates.is_empty() || candidates.len() > self.most_crossed() {
            return Retrial::Shorter;
        }
        let mut gradient = -&*dtheta - self.weight_decay.times(&self.net, theta);
        let attracted = self.attracted(kinks, &candidates, theta, &gradient);
        let before = kinks.held.len();
        let within = self.take_up(kinks, attracted, h, near);
        if kinks.held.len() == before {
            return within.map_or(Retrial::Shorter, Retrial::Within);
        }
        kinks.rate = DECAY / h;
        self.slide(kinks, theta.as_slice(), &mut gradient);
        kinks.settled = kinks.held.clone();
        *dtheta = -(gradient + self.weight_decay.times(&self.net, theta));
        Retrial::Again
    }

    fn spent(&self) -> u64 {
        let Some(kinks) = &self.kinks else { return 0 };
        let mut kinks = kinks.borrow_mut();
        let gradients = kinks.passes / self.samples as u64;
        kinks.passes %= self.samples as u64;
        gradients
    }

    fn remember(&self) -> Box<dyn FnOnce() + '_> {
        let Some(kinks) = &self.kinks else { return Box::new(|| ()) };
        let now = kinks.borrow().clone();
        Box::new(move || drop(kinks.replace(now)))
    }

    fn archive(&self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.kinks.as_ref().map_or(Ok(()), |kinks| archive.item(&mut *kinks.borrow_mut()))
    }
}

impl MlpObjective {
    fn most_crossed(&self) -> usize {
        self.samples.max(MOST_CROSSED)
    }

    /// Holds again what was held at the beginning of the step. Returns what the step crossed.
    fn return_to_start(&self, kinks: &mut Kinks) -> BTreeSet<Place> {
        self.set_held(kinks, kinks.settled.clone());
        std::mem::take(&mut kinks.crossed)
    }

    /// Lets go of the samples that nothing holds any longer, where ∇J(θ) = `gradient`.
    fn let_go(&self, kinks: &mut Kinks, velocity: &Velocity, gradient: &DVector<f64>, h: f64) {
        let speeds = -velocity.dots(gradient.as_slice());
        let stays = |j: usize| {
            let ((place, slope), z) = (velocity.held[j], velocity.z(j));
            let free = slope == self.side(place, z);
            // It may still be on its way to the kink.
            let comes = z + AWAY * h * speeds[j];
            !free || (velocity.pull(j) > 0.0 && z * comes < 0.0)
        };
        let kept = (0..velocity.held.len()).filter(|&j| stays(j)).map(|j| velocity.held[j]).collect();
        self.set_held(kinks, kept);
    }

    /// Those of `places`, none of which is held, at which both sides point at the kink from θ, where ∇ℒ is `gradient`.
    fn attracted(&self, kinks: &mut Kinks, places: &[Place], theta: &DVector<f64>, gradient: &DVector<f64>) -> Vec<Attracted> {
        if places.is_empty() {
            return Vec::new();
        }
        let velocity = Velocity::with_sides(self, theta.as_slice(), kinks.held.clone(), places);
        kinks.passes += velocity.spent;
        let speeds = -velocity.dots((gradient + self.weight_decay.times(&self.net, theta)).as_slice());
        let norms = velocity.norms();
        let attracted = |j: usize| {
            let ((place, slope), z, speed) = (velocity.held[j], velocity.z(j), speeds[j]);
            let at = |s: f64| speed - (s - slope) * velocity.pull(j) * norms[j];
            let points = velocity.pull(j) > 0.0 && at(self.left(place)) > 0.0 && at(1.0) < 0.0;
            points.then(|| Attracted { place, slope, distance: z.abs() / norms[j].sqrt(), arrival: -z / speed })
        };
        let wanted: BTreeSet<Place> = places.iter().copied().collect();
        (0..velocity.held.len()).filter(|&j| wanted.contains(&velocity.held[j].0)).filter_map(attracted).collect()
    }

    /// Holds those that are near enough to their kinks, and waits for those that arrive within `horizon`. Returns when the first of these arrives.
    fn take_up(&self, kinks: &mut Kinks, attracted: Vec<Attracted>, horizon: f64, near: f64) -> Option<f64> {
        kinks.awaited.clear();
        let mut held = std::mem::take(&mut kinks.held);
        let (most, mut first) = (self.most_held(), None::<f64>);
        for Attracted { place, slope, distance, arrival } in attracted {
            if distance <= near {
                if held.len() < most {
                    held.push((place, slope));
                }
            } else if arrival < horizon {
                kinks.awaited.insert(place);
                first = Some(first.map_or(arrival, |first| first.min(arrival)));
            }
        }
        held.sort_unstable_by_key(|(place, _)| *place);
        self.set_held(kinks, held);
        first
    }
}

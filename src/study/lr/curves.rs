//! Distances against the learning rate: one curve for every optimizer, batch size and thing compared with, at the end and at the largest on
//! the way; and the order with which each tends to 0.

use super::fit::{Fit, NoOrder, Sample, fit, unfitted};
use super::line_up::Contender;
use super::outcome::Measured;
use super::seeds::{Estimate, mean_and_spread, root_mean_square};
use super::weak::WeakErrors;

/// Distances up to this many times the distance between two integrations of the flow may be integration error.
const MARGIN: f64 = 10.0;
/// A mean that is no further from the flow than this many of its standard errors may be there by chance, …
const STANDARD_ERRORS: f64 = 3.0;
/// … and one that is no further than this many times s/√S, in whatever direction, is known too poorly: the means that pass would be those
/// that chance has put further away, and the order would be too small.
const CHANCE: f64 = 2.0;

/// What a distance measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// One of [`super::outcome::DISTANCES`], by its index: over seeds the root mean square.
    Distance(usize),
    /// The distance of the mean over seeds from the flow.
    Mean,
    /// The distance of seeds from their mean.
    Spread,
    /// |E φ(X) − E φ(θ)| over ensembles of the equation of this order and of seeds, φ one of [`super::weak::OBSERVABLES`] by its index.
    Weak { order: usize, phi: usize },
}

impl Quantity {
    /// All, in the order of tables and pictures.
    pub const ALL: [Self; 10] = [
        Self::Distance(0),
        Self::Distance(1),
        Self::Distance(2),
        Self::Distance(3),
        Self::Mean,
        Self::Spread,
        Self::Weak { order: 1, phi: 0 },
        Self::Weak { order: 1, phi: 1 },
        Self::Weak { order: 2, phi: 0 },
        Self::Weak { order: 2, phi: 1 },
    ];

    /// The index in [`Self::ALL`] of the first weak error.
    const FIRST_WEAK: usize = 6;

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Distance(0) => "flow",
            Self::Distance(1) => "modified_flow",
            Self::Distance(2) => "third_order_flow",
            Self::Distance(_) => "limit",
            Self::Mean => "flow_of_mean",
            Self::Spread => "mean_of_seeds",
            Self::Weak { order: 1, phi: 0 } => "sde_1_objective",
            Self::Weak { order: 1, .. } => "sde_1_norm_squared",
            Self::Weak { phi: 0, .. } => "sde_2_objective",
            Self::Weak { .. } => "sde_2_norm_squared",
        }
    }

    /// The order of `contender`'s distance by theory, if there is one; `largest`: of its largest on the way.
    pub fn expected(self, contender: &Contender, largest: bool) -> Option<f64> {
        match self {
            Self::Distance(0..=2) if !contender.follows_the_flow() => None,
            // A single seed is as far from the flow as from the mean over seeds. With replacement there is no modified flow, and without it
            // epochs cancel their noise: the distance of a seed depends on its place in an epoch.
            Self::Distance(0) if contender.random => contender.replaces().then_some(0.5),
            Self::Distance(1..=2) if contender.random => None,
            // With momentum the modified flow starts where the built-up velocity will lead, ηβ/(1 − β)²·∇J away.
            Self::Distance(1) if largest && contender.has_momentum() => Some(1.0),
            Self::Distance(3) => contender.has_regular_limit().then_some(1.0),
            Self::Distance(index) => Some(index as f64 + 1.0),
            Self::Mean => contender.follows_the_flow().then_some(1.0),
            Self::Weak { order, .. } => Some(order as f64),
            Self::Spread => (contender.follows_the_flow() && contender.replaces()).then_some(0.5),
        }
    }
}

/// Why a point is in a fit, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The order is fitted through it.
    Fitted,
    /// Beyond the asymptotic range.
    Beyond,
    /// So small that it may be integration error or sampling noise.
    Floor,
    /// η·λ_max passed the bound of stability.
    Gate,
    /// What it is compared with ended before the optimizer did.
    Undefined,
    /// The optimizer diverged, in this step.
    Diverged(u64),
}

impl State {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::Beyond => "beyond",
            Self::Floor => "floor",
            Self::Gate => "gate",
            Self::Undefined => "undefined",
            Self::Diverged(_) => "diverged",
        }
    }
}

/// A distance at one rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub lr: f64,
    /// NaN if there is none, or if it is within sampling noise.
    pub distance: f64,
    /// Its standard error, relative to the distance.
    pub error: f64,
    /// The distance to expect if the true one is 0.
    pub floor: f64,
    pub state: State,
}

/// A distance at every rate at which it is defined, and its order.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub contender: usize,
    pub quantity: Quantity,
    /// Whether it is the largest on the way rather than that at the end.
    pub largest: bool,
    pub points: Vec<Point>,
    pub fit: Option<Fit>,
    /// Its order, or why it has none.
    pub order: Result<f64, NoOrder>,
}

/// The distances of one contender at one rate.
pub(super) struct AtRate {
    lr: f64,
    /// The first step in which one of its seeds diverged.
    diverged: Option<u64>,
    arrived: bool,
    past_gate: bool,
    /// By index in [`Quantity::ALL`], at the end and at the largest.
    estimates: [[Option<Estimate>; 2]; Quantity::ALL.len()],
    /// The step in which the first member of the ensembles that diverged did, by the order of the equation less 1.
    lost: [Option<u64>; 2],
}

impl AtRate {
    /// The distances of all seeds of `contender` at `lr`. `floors`: the error of the flow's integration at the end, and the largest.
    pub fn new(contender: &Contender, lr: f64, outcomes: &[Measured], floors: [f64; 2]) -> Self {
        let mut estimates = [[None; 2]; Quantity::ALL.len()];
        let arrived = !outcomes.is_empty() && outcomes.iter().all(Measured::arrived);
        if arrived {
            for (index, places) in estimates.iter_mut().take(4).enumerate() {
                for (at, place) in places.iter_mut().enumerate() {
                    let distances: Vec<f64> = outcomes.iter().map(|outcome| outcome.distances[index][at]).collect();
                    let estimate = root_mean_square(&distances);
                    let of_reference = floors[at] / estimate.distance;
                    let known = Estimate { error: estimate.error.hypot(of_reference), floor: floors[at], ..estimate };
                    *place = Some(known).filter(|estimate| estimate.distance.is_finite());
                }
            }
            let weights: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.weights.as_ref()).collect();
            if let (true, Some([_, flow])) = (contender.random, weights.first()) {
                let thetas: Vec<_> = weights.iter().map(|[theta, _]| theta).collect();
                let found = mean_and_spread(&thetas, flow);
                (estimates[4][0], estimates[5][0]) = (found.map(|[mean, _]| mean), found.map(|[_, spread]| spread));
            }
        }
        let sharpest = outcomes.iter().map(|outcome| outcome.lr_sharpness).fold(f64::NAN, f64::max);
        Self {
            lr,
            diverged: outcomes.iter().filter_map(Measured::diverged_at).min(),
            arrived,
            past_gate: contender.rule.stability_bound().is_some_and(|bound| sharpest > bound),
            estimates,
            lost: [None; 2],
        }
    }

    /// With the weak errors there.
    pub fn with(mut self, WeakErrors { errors, diverged }: WeakErrors) -> Self {
        for (place, error) in self.estimates[Quantity::FIRST_WEAK..].iter_mut().zip(errors.as_flattened()) {
            place[0] = *error;
        }
        self.lost = diverged;
        self
    }

    fn point(&self, quantity: usize, at: usize) -> Option<Point> {
        let lr = self.lr;
        let none = |state| Some(Point { lr, distance: f64::NAN, error: f64::NAN, floor: f64::NAN, state });
        let diverged = match Quantity::ALL[quantity] {
            Quantity::Weak { order, .. } => self.diverged.or(self.lost[order - 1]),
            _ => self.diverged,
        };
        let Estimate { distance, error, floor } = match (diverged, self.estimates[quantity][at]) {
            (Some(step), _) => return none(State::Diverged(step)),
            (None, Some(estimate)) => estimate,
            (None, None) if self.arrived => return none(State::Undefined),
            // A unit that could not be run says nothing.
            (None, None) => return None,
        };
        let sunk = match Quantity::ALL[quantity] {
            Quantity::Distance(_) => distance <= MARGIN * floor,
            // NaN counts as sunk.
            Quantity::Mean | Quantity::Weak { .. } => {
                distance.is_nan() || error.is_nan() || error >= 1.0 / STANDARD_ERRORS || distance <= CHANCE * floor
            }
            Quantity::Spread => distance <= 0.0,
        };
        let state = match () {
            () if sunk => State::Floor,
            () if self.past_gate => State::Gate,
            () => State::Beyond,
        };
        Some(Point { lr, distance, error, floor, state })
    }
}

/// The number of points that cannot be fitted, by the word for the reason.
fn lost(points: &[Point]) -> Vec<(&'static str, usize)> {
    let mut lost: Vec<(&'static str, usize)> = Vec::new();
    for word in points.iter().map(|point| point.state).filter(|state| *state != State::Beyond).map(State::word) {
        match lost.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => lost.push((word, 1)),
        }
    }
    lost
}

/// The curves of a contender from its distances at all rates, rising. A curve without a distance at any rate is left out.
pub(super) fn curves(contender: usize, rates: &[AtRate]) -> Vec<Curve> {
    let all = (0..Quantity::ALL.len()).flat_map(|quantity| [(quantity, 0), (quantity, 1)]);
    let curve = |(quantity, at): (usize, usize)| {
        let mut points: Vec<Point> = rates.iter().filter_map(|rate| rate.point(quantity, at)).collect();
        // If all diverged, the curve of the flow is kept, to show it.
        let shown = points.iter().any(|point| point.distance.is_finite()) || (quantity == 0 && !points.is_empty());
        let usable: Vec<usize> = (0..points.len()).filter(|&index| points[index].state == State::Beyond).collect();
        let sample = |&index: &usize| {
            let Point { lr, distance, error, .. } = points[index];
            Sample { lr, distance, error }
        };
        let found = fit(&usable.iter().map(sample).collect::<Vec<_>>());
        let order = match &found {
            Some(fit) => fit.order(),
            None => Err(unfitted(usable.len(), rates.len(), lost(&points))),
        };
        if let Some(fit) = found {
            usable[..fit.points].iter().for_each(|&index| points[index].state = State::Fitted);
        }
        shown.then_some(Curve { contender, quantity: Quantity::ALL[quantity], largest: at == 1, points, fit: found, order })
    };
    all.filter_map(curve).collect()
}

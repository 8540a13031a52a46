//! `auto`: which method suits the flow at its tolerance, and when to change over.
//!
//! A gradient flow is quick for a short while and then follows a slow manifold for most of its horizon: the step that accuracy allows
//! grows by orders of magnitude, and with it the work that stability costs. The evaluations per unit of time, at spectral radius ρ and
//! natural step h:
//!
//! - `tsit5` 6/min(h, 3/ρ): the cheapest where accuracy limits the step;
//! - `dp8` 12/min(h, 5/ρ) with a larger h, the more so the tighter the tolerance, and three more evaluations for every step in which states
//!   are asked for: instead of `tsit5` if the field favours high order and has no low-rank form, which `tsit5` exploits. Where stability
//!   limits both, it takes as many evaluations for a hundredth of the error;
//! - `rock4` s/h with s ≈ √(hρ/0.35) ≥ 5: cheaper than tsit5 at its cap as soon as hρ > 2.5;
//! - `rk6` 10/h up to hρ = 13 and 12/h up to 21, with steps some 1.7 times as long as those of `rock4`: if the field favours high order, and
//!   unless steps are so long that `rock4` costs less. At equal tolerance it takes 0.8 to 1.2 times as many evaluations as `rock4`, for a fifth to
//!   a thirtieth of the error;
//! - `rkc` s/h with s ≈ √(1.54·hρ) and a larger h: at tolerances of 1e-5 and looser, where hρ is large. At order 2 its errors are about
//!   rtol^{2/3}, and a flow that leaves a saddle amplifies them: there it is not used.
//!
//! The scheme is ours; its thresholds were measured on the five cases of `tests/references/stiff`, and those of `dp8` and `rk6` on the smooth
//! flows of `benches/peers/nonlinear.py`.

use serde::{Deserialize, Serialize};

use super::dp8::Dp8;
use super::method::Method;
use super::rk6::Rk6;
use super::rkc::Rkc;
use super::rock4::Rock4;
use super::tsit5::Tsit5;

/// rkc is used at this rtol and above.
const LOOSE: f64 = 1e-5;
/// tsit5 is used below this rtol: above it rock4 needs fewer evaluations even where nothing is stiff.
const TIGHT: f64 = 1e-6;
/// dp8 is used up to this rtol: from there on its errors are below 1e-8, which rk6 reaches with more gradients.
const TIGHT_AT_HIGH_ORDER: f64 = 1e-6;
/// A horizon of fewer than this many 1/ρ is not stiff.
const STIFF_HORIZON: f64 = 600.0;
/// At its cap dp8 takes 2.4 evaluations for each 1/ρ: over this many rk6 saves as much as a change costs.
const STIFF_HORIZON_OF_DP8: f64 = 150.0;
/// A horizon of this many 1/ρ is so long that its slow part decides: rkc may begin at once.
const LONG_HORIZON: f64 = 3000.0;
/// hρ below which tsit5, even at its cap, costs less than rock4 with its five stages: 5/h > 6·ρ/3. For dp8 it is 2.1.
const ROCK4_IDLE: f64 = 2.5;
/// hρ below which dp8, even at its cap, costs less than rk6 with its ten stages: 10/h > 12·ρ/5.
const RK6_IDLE: f64 = 4.0;
/// hρ of rock4 below which rk6, whose steps are longer, is within its stability interval and costs hardly more.
const ROCK4_LIGHT: f64 = 10.0;
/// hρ above which rock4, with 10 stages, costs more than rkc at a loose tolerance.
const ROCK4_LABOURS: f64 = 30.0;
/// A step of at least this fraction of its cap is limited by stability.
const AT_CAP: f64 = 0.9;
/// A flow whose speed has grown by this factor between two looks is leaving a saddle.
const ACCELERATING: f64 = 1.2;
/// The number of looks in a row that must agree before a change.
const LOOKS: u32 = 2;

/// The methods between which `auto` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Choice {
    Tsit5,
    Dp8,
    Rk6,
    Rock4,
    Rkc,
}

impl Choice {
    const ALL: [Self; 5] = [Self::Tsit5, Self::Dp8, Self::Rk6, Self::Rock4, Self::Rkc];
    /// Their names in a scenario.
    pub(super) const NAMES: [&str; 5] = ["tsit5", "dp8", "rk6", "rock4", "rkc"];

    /// The one of this name.
    pub(super) fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }

    /// The name in a scenario.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub(super) fn method(self) -> Box<dyn Method> {
        match self {
            Self::Tsit5 => Box::new(Tsit5::new()),
            Self::Dp8 => Box::new(Dp8::new()),
            Self::Rk6 => Box::new(Rk6::new()),
            Self::Rock4 => Box::new(Rock4::new()),
            Self::Rkc => Box::new(Rkc::new()),
        }
    }
}

/// What is known of the flow after each estimate of its spectral radius.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The natural step.
    pub step: f64,
    /// The longest stable step of the present method.
    pub longest: f64,
    /// ρ.
    pub rho: f64,
    /// ‖F‖.
    pub speed: f64,
    /// The time.
    pub t: f64,
    /// How much time is left.
    pub horizon: f64,
}

/// What is known of a flow before its first step.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Given {
    pub rtol: f64,
    /// Whether the field favours a method of high order, and is not of low rank.
    pub high_order: bool,
}

impl Given {
    /// The method for flows that are not stiff, if the tolerance is tight enough for it.
    fn explicit(&self) -> Option<Choice> {
        if self.high_order {
            (self.rtol <= TIGHT_AT_HIGH_ORDER).then_some(Choice::Dp8)
        } else {
            (self.rtol < TIGHT).then_some(Choice::Tsit5)
        }
    }

    /// The method for flows that are too stiff for that, or at looser tolerances, unless they are stiffer still.
    fn moderate(&self) -> Choice {
        if self.high_order { Choice::Rk6 } else { Choice::Rock4 }
    }

    /// The method to begin with before the first estimate of ρ, and why; `None` at loose tolerances. At tight ones the first steps are
    /// short, whatever the flow, and these methods feel when the stability limit comes near.
    pub(super) fn unseen(&self) -> Option<(Choice, &'static str)> {
        let reason = "not stiff so far: no step has felt the fastest time scale";
        self.explicit().map(|choice| (choice, reason))
    }

    /// Whether the first choice depends on whether the flow accelerates.
    pub(super) fn minds_saddles(&self, look: &Reading) -> bool {
        self.rtol >= LOOSE && look.rho * look.horizon >= LONG_HORIZON
    }
}

/// Chooses, and remembers what it needs for the next choice.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Auto {
    given: Given,
    choice: Choice,
    last_speed: f64,
    /// Looks in a row at which another method seemed better.
    doubts: u32,
    /// Looks that must agree: doubled with every change, so that a flow at a threshold does not switch back and forth for ever.
    patience: u32,
    /// A horizon that ends between these times would have led to the same choices.
    ends: [f64; 2],
}

impl Auto {
    /// The method that suits the flow at the first look, and why. `accelerates`: whether FᵀJF > 0, so that the speed grows, as when the
    /// flow leaves a saddle.
    pub(super) fn begin(given: Given, look: &Reading, accelerates: bool) -> (Self, String) {
        // An endless horizon of a field without curvature is not stiff.
        let span = if look.rho > 0.0 { look.rho * look.horizon } else { 0.0 };
        let rtol = given.rtol;
        let (choice, reason) = if let Some(explicit) = given.explicit().filter(|_| span < STIFF_HORIZON) {
            (explicit, format!("not stiff: the horizon is {span:.1e} times the fastest time scale"))
        } else if rtol >= LOOSE && span >= LONG_HORIZON && !accelerates {
            (Choice::Rkc, format!("a loose rtol over {span:.1e} times the fastest time scale"))
        } else {
            (given.moderate(), format!("rtol {rtol:e} over {span:.1e} times the fastest time scale"))
        };
        let mut auto = Self {
            given,
            choice,
            last_speed: look.speed,
            doubts: 0,
            patience: LOOKS,
            ends: [f64::NEG_INFINITY, f64::INFINITY],
        };
        if given.explicit().is_some() {
            auto.rests_on(look, STIFF_HORIZON);
        } else if rtol >= LOOSE && !accelerates {
            auto.rests_on(look, LONG_HORIZON);
        }
        (auto, reason)
    }

    /// Notes a choice that rests on whether the horizon is as long as this many 1/ρ.
    fn rests_on(&mut self, look: &Reading, span: f64) {
        if look.rho <= 0.0 {
            return;
        }
        let [earliest, latest] = &mut self.ends;
        let end = look.t + span / look.rho;
        if look.rho * look.horizon >= span {
            *earliest = earliest.max(end);
        } else {
            *latest = latest.min(end);
        }
    }

    /// Whether a horizon that ends at `t_end` would have led to the same choices so far.
    pub(super) fn chooses_alike(&self, t_end: f64) -> bool {
        let [earliest, latest] = self.ends;
        earliest < t_end && t_end < latest
    }

    pub(super) fn choice(&self) -> Choice {
        self.choice
    }

    /// Another method and why it suits better from here on, if one does.
    pub(super) fn review(&mut self, look: &Reading) -> Option<(Choice, String)> {
        let accelerates = look.speed > ACCELERATING * self.last_speed;
        self.last_speed = look.speed;
        let (reach, explicit) = (look.step * look.rho, self.given.explicit());
        let at_cap = look.step >= AT_CAP * look.longest;
        let capped = matches!(self.choice, Choice::Tsit5 | Choice::Dp8 | Choice::Rk6) && at_cap;
        let (stiffer, stiff) = match self.choice {
            Choice::Dp8 => (self.given.moderate(), STIFF_HORIZON_OF_DP8),
            _ => (Choice::Rock4, STIFF_HORIZON),
        };
        if capped {
            self.rests_on(look, stiff);
        }
        let relaxed = |choice: Choice| (choice, format!("no longer stiff: accuracy limits the step to {reach:.1}/ρ"));
        let better = match self.choice {
            _ if capped => (look.rho * look.horizon >= stiff)
                .then(|| (stiffer, format!("stiff: stability, not accuracy, limits the step to {:.1e}", look.longest))),
            Choice::Tsit5 | Choice::Dp8 => None,
            Choice::Rk6 => explicit.filter(|_| reach < RK6_IDLE).map(relaxed),
            Choice::Rock4 if explicit.is_some() && reach < ROCK4_IDLE => explicit.map(relaxed),
            Choice::Rock4 if self.given.high_order && reach < ROCK4_LIGHT => {
                Some((Choice::Rk6, format!("moderately stiff: accuracy limits the step to {reach:.1}/ρ")))
            }
            Choice::Rock4 if self.given.rtol >= LOOSE && !accelerates => {
                (reach > ROCK4_LABOURS).then(|| (Choice::Rkc, format!("stiff: steps of {reach:.0}/ρ at a loose rtol")))
            }
            Choice::Rkc => accelerates.then(|| (Choice::Rock4, "the flow accelerates: it leaves a saddle".to_string())),
            Choice::Rock4 => None,
        };
        let Some((choice, reason)) = better else {
            self.doubts = 0;
            return None;
        };
        self.doubts += 1;
        // Near a saddle errors grow from the first moment: rkc is left at once.
        if self.doubts < self.patience && self.choice != Choice::Rkc {
            return None;
        }
        self.doubts = 0;
        self.patience *= 2;
        self.choice = choice;
        Some((choice, reason))
    }
}

#[cfg(test)]
mod tests;

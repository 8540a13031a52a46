//! `auto`: which method suits the flow at its tolerance, and when to change over.
//!
//! A gradient flow is quick for a short while and then follows a slow manifold for most of its horizon: the step that accuracy allows
//! grows by orders of magnitude, and with it the work that stability costs. What a unit of time costs in evaluations, at spectral radius
//! ρ and natural step h:
//!
//! - `tsit5` 6/min(h, 3/ρ): the cheapest where accuracy limits the step;
//! - `rock4` s/h with s ≈ √(hρ/0.35) ≥ 5: cheaper than tsit5 at its cap as soon as hρ > 2.5;
//! - `rkc` s/h with s ≈ √(1.54·hρ) and a larger h: at tolerances of 1e-5 and looser, where hρ is large. Its order 2 carries errors of the
//!   size rtol^{2/3}, and a flow that leaves a saddle amplifies them: not there.
//!
//! The thresholds were measured on the five cases of `tests/references/stiff`; the rest of the scheme is ours.

use super::method::Method;
use super::rkc::Rkc;
use super::rock4::Rock4;
use super::tsit5::Tsit5;

/// rkc serves from this tolerance on.
const LOOSE: f64 = 1e-5;
/// tsit5 serves below this tolerance: above it rock4 needs fewer evaluations even where nothing is stiff.
const TIGHT: f64 = 1e-6;
/// A horizon of fewer than as many 1/ρ is not stiff.
const STIFF_HORIZON: f64 = 600.0;
/// A horizon of as many 1/ρ is so long that its slow part decides: rkc may begin at once.
const LONG_HORIZON: f64 = 3000.0;
/// hρ below which tsit5, even at its cap, costs less than rock4 with its five stages: 5/h > 6·ρ/3.
const ROCK4_IDLE: f64 = 2.5;
/// hρ above which rock4, with 10 stages, costs more than rkc at a loose tolerance.
const ROCK4_LABOURS: f64 = 30.0;
/// A step of at least this share of its cap is held by stability.
const AT_CAP: f64 = 0.9;
/// A flow whose speed has grown by this factor between two looks is leaving a saddle.
const ACCELERATING: f64 = 1.2;
/// As many looks in a row must agree before a change.
const LOOKS: u32 = 2;

/// The methods between which `auto` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Tsit5,
    Rock4,
    Rkc,
}

impl Choice {
    /// As a scenario calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tsit5 => "tsit5",
            Self::Rock4 => "rock4",
            Self::Rkc => "rkc",
        }
    }

    pub(super) fn method(self) -> Box<dyn Method> {
        match self {
            Self::Tsit5 => Box::new(Tsit5::new()),
            Self::Rock4 => Box::new(Rock4::new()),
            Self::Rkc => Box::new(Rkc::new()),
        }
    }
}

/// What is known of the flow whenever its spectral radius has been estimated anew.
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
    /// How much time is left.
    pub horizon: f64,
}

/// Chooses, and remembers what it needs for the next choice.
#[derive(Debug)]
pub(super) struct Auto {
    rtol: f64,
    choice: Choice,
    last_speed: f64,
    /// Looks in a row at which another method seemed better.
    doubts: u32,
    /// Looks that must agree: doubled with every change, so that a flow on the border does not swing for ever.
    patience: u32,
}

impl Auto {
    /// The method to begin with before the flow has been looked at, and why, where one will do: at tight tolerance the first steps are
    /// short, whatever the flow, and tsit5 feels when stability comes near.
    pub(super) fn unseen(rtol: f64) -> Option<(Choice, &'static str)> {
        (rtol < TIGHT).then_some((Choice::Tsit5, "not stiff so far: no step has felt the fastest time scale"))
    }

    /// Whether the choice depends on whether the flow accelerates.
    pub(super) fn minds_saddles(rtol: f64) -> bool {
        rtol >= LOOSE
    }

    /// The method that suits at the first look, and why; `accelerates` where FᵀJF > 0, so that the speed grows, as where the flow leaves a
    /// saddle.
    pub(super) fn begin(rtol: f64, look: &Reading, accelerates: bool) -> (Self, String) {
        // An endless horizon of a field without curvature is not stiff.
        let span = if look.rho > 0.0 { look.rho * look.horizon } else { 0.0 };
        let (choice, reason) = if rtol < TIGHT && span < STIFF_HORIZON {
            (Choice::Tsit5, format!("not stiff: the horizon is {span:.1e} times the fastest time scale"))
        } else if rtol >= LOOSE && span >= LONG_HORIZON && !accelerates {
            (Choice::Rkc, format!("a loose rtol over {span:.1e} times the fastest time scale"))
        } else {
            (Choice::Rock4, format!("rtol {rtol:e} over {span:.1e} times the fastest time scale"))
        };
        (Self { rtol, choice, last_speed: look.speed, doubts: 0, patience: LOOKS }, reason)
    }

    pub(super) fn choice(&self) -> Choice {
        self.choice
    }

    /// Another method and why it suits better from here on, if one does.
    pub(super) fn review(&mut self, look: &Reading) -> Option<(Choice, String)> {
        let accelerates = look.speed > ACCELERATING * self.last_speed;
        self.last_speed = look.speed;
        let reach = look.step * look.rho;
        let better = match self.choice {
            Choice::Tsit5 => (look.step >= AT_CAP * look.longest && look.rho * look.horizon >= STIFF_HORIZON)
                .then(|| (Choice::Rock4, format!("stiff: stability, not accuracy, holds the step to {:.1e}", look.longest))),
            Choice::Rock4 if self.rtol < TIGHT => (reach < ROCK4_IDLE)
                .then(|| (Choice::Tsit5, format!("no longer stiff: accuracy holds the step to {reach:.1}/ρ"))),
            Choice::Rock4 if self.rtol >= LOOSE && !accelerates => {
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
        // A saddle amplifies errors from its first moment.
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

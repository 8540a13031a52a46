//! How accurately a method is asked to integrate.

use std::fmt;

use crate::ode::Tolerance;
use crate::scenario::Scenario;

/// How accurately a method integrates.
#[derive(Debug, Clone, Copy)]
pub enum Setting {
    /// By this tolerance.
    Tolerance(Tolerance),
    /// At a fixed step.
    Step(f64),
}

/// `rtol`, and the absolute tolerance in the scenario's proportion to it.
pub(super) fn tolerance(rtol: f64, scenario: &Scenario) -> Tolerance {
    let atol = rtol * (scenario.flow.atol / scenario.flow.rtol);
    // Above 0: the error of a weight that is 0 would be 0/0.
    Tolerance { rtol, atol: atol.max(f64::MIN_POSITIVE) }
}

impl Setting {
    /// NaN at a fixed step.
    pub fn rtol(self) -> f64 {
        if let Self::Tolerance(tolerance) = self { tolerance.rtol } else { f64::NAN }
    }

    /// NaN at a fixed step.
    pub fn atol(self) -> f64 {
        if let Self::Tolerance(tolerance) = self { tolerance.atol } else { f64::NAN }
    }

    /// NaN under a tolerance.
    pub fn step(self) -> f64 {
        if let Self::Step(step) = self { step } else { f64::NAN }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tolerance(tolerance) => write!(f, "rtol {:e}", tolerance.rtol),
            Self::Step(step) => write!(f, "step {step:.3e}"),
        }
    }
}

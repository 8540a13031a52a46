//! Why a process stopped. Stopping is part of a result, not a failure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};

/// Why a flow or an optimizer stopped, and where.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum Termination {
    /// It reached the end of the horizon.
    #[error("reached t = {}", Time(*.t))]
    TEnd {
        /// The end of the horizon.
        t: f64,
    },
    /// An optimizer took the number of steps it was given.
    #[error("took its {steps} steps, to t = {}", Time(*.t))]
    Steps {
        /// The time at which the last of them stands.
        t: f64,
        /// The number of steps k.
        steps: u64,
    },
    /// The integrator spent its budget of steps, rejected ones included.
    #[error("stopped at t = {} after {steps} steps: raise flow.max_steps, or shorten flow.t_end", Time(*.t))]
    MaxSteps {
        /// The time reached.
        t: f64,
        /// Steps tried, rejected ones included.
        steps: u64,
    },
    /// The same, so near the start that no budget would suffice: at this pace the horizon takes 10¹² steps or more.
    #[error(
        "stopped at t = {} after {steps} steps, {:.0e} of its horizon: more steps will not bring it there. Scale the data to moderate size, \
         start from smaller weights, or raise flow.rtol and flow.atol",
        Time(*.t), *.t / *.t_end
    )]
    Stuck {
        /// The time reached.
        t: f64,
        /// Steps tried, rejected ones included.
        steps: u64,
        /// The end of the horizon.
        t_end: f64,
    },
    /// The step size fell below rounding, to at most `step`, although state and field stayed of moderate size.
    #[error("stiff at t = {} (step {step:.1e}): use flow.integrator rkc, or raise flow.rtol", Time(*.t))]
    Stiff {
        /// The time reached.
        t: f64,
        /// 10·ε·t, the step size at which the integrator gives up.
        step: f64,
    },
    /// It stays at a minimum: the distance left to move is within the tolerance.
    #[error(
        "converged at t = {} (there ‖∇J‖ is {grad_norm:.1e}): it stays there, and later times are not recorded",
        Time(*.t)
    )]
    Converged {
        /// The time at which it was found.
        t: f64,
        /// ‖∇J‖ there.
        grad_norm: f64,
    },
    /// It stays: until the end of its horizon, and at least for as long again as it has run, the state would change by less than the
    /// tolerance. The point is not shown to be a minimum; where the gradient is 0 in float64, exactly or by underflow, it may be a saddle
    /// that the flow never leaves.
    #[error(
        "at rest at t = {} ({}), not known to be a minimum: {}, and later times are not recorded",
        Time(*.t),
        if *.grad_norm == 0.0 { "there ∇J is 0 in float64".to_string() } else { format!("there ‖∇J‖ is {grad_norm:.1e}") },
        if *.grad_norm == 0.0 { "no step leads away, even if this is a saddle or ∇J has only underflowed" } else { "within its horizon it would move by less than its tolerance" }
    )]
    AtRest {
        /// The time at which it was found.
        t: f64,
        /// ‖∇J‖ there.
        grad_norm: f64,
    },
    /// A quantity reached the value at which the user wants the process to stop.
    #[error(
        "reached {quantity} {} {} at t = {} (there it is {value:.3e}): it stops there as asked, and later times are not recorded",
        if *.at_least { "≥" } else { "≤" }, Number(*.threshold), Time(*.t)
    )]
    Reached {
        /// The time at which it stopped: there the condition holds.
        t: f64,
        /// The quantity's name. It is not serialized: a name of the program cannot be read back.
        #[serde(skip)]
        quantity: &'static str,
        /// Its value at `t`.
        value: f64,
        /// The value that was to be reached.
        threshold: f64,
        /// Whether it was reached from below rather than from above.
        at_least: bool,
    },
    /// The user interrupted it.
    #[error("interrupted at t = {}: what was recorded until then is kept", Time(*.t))]
    Interrupted {
        /// The time reached.
        t: f64,
    },
    /// State or field became infinite or NaN, or the state blew up ([`super::has_blown_up`]). `t` is the last good time.
    #[error(
        "diverged after t = {} (there ‖θ‖ is still {norm:.1e}): lower the step or learning rate, or start from smaller weights",
        Time(*.t)
    )]
    Diverged {
        /// The last good time.
        t: f64,
        /// ‖θ‖ at `t`.
        norm: f64,
    },
}

impl Termination {
    /// The time at which it stopped.
    pub fn t(&self) -> f64 {
        match *self {
            Self::TEnd { t }
            | Self::Steps { t, .. }
            | Self::MaxSteps { t, .. }
            | Self::Stuck { t, .. }
            | Self::Stiff { t, .. }
            | Self::Converged { t, .. }
            | Self::AtRest { t, .. }
            | Self::Reached { t, .. }
            | Self::Interrupted { t }
            | Self::Diverged { t, .. } => t,
        }
    }

    /// The kind of termination.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TEnd { .. } => Reason::TEnd,
            Self::Steps { .. } => Reason::Steps,
            // The budget is spent, whatever the advice.
            Self::MaxSteps { .. } | Self::Stuck { .. } => Reason::MaxSteps,
            Self::Stiff { .. } => Reason::Stiff,
            Self::Converged { .. } => Reason::Converged,
            Self::AtRest { .. } => Reason::AtRest,
            Self::Reached { .. } => Reason::Reached,
            Self::Interrupted { .. } => Reason::Interrupted,
            Self::Diverged { .. } => Reason::Diverged,
        }
    }

    /// Takes or replaces how something ended, if it has; `quantities` are those that may be reached. What was merely paused has not ended.
    pub(crate) fn archive(
        stop: &mut Option<Self>,
        quantities: &[&'static str],
        archive: &mut Archive,
    ) -> Result<(), ArchiveError> {
        let mut ended = stop.filter(|stop| !matches!(stop, Self::Interrupted { .. }));
        archive.item(&mut ended)?;
        if let Some(Self::Reached { quantity, .. }) = &mut ended {
            if let (false, Some(Self::Reached { quantity: named, .. })) = (archive.is_read(), stop.as_ref()) {
                *quantity = named;
            }
            archive.word(quantity, quantities)?;
        }
        if archive.is_read() {
            *stop = ended;
        }
        Ok(())
    }

    /// The message as what a sentence says of its subject: "was interrupted at t = 3".
    pub(crate) fn said(&self) -> String {
        self.reason().said(&self.to_string())
    }

    /// Whether the process did all that the scenario asked of it.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::TEnd { .. } | Self::Steps { .. } | Self::Reached { .. }) || self.stays()
    }

    /// Whether it stopped because the state stays as it is.
    pub fn stays(&self) -> bool {
        self.reason().stays()
    }
}

/// The kind of termination of a process, as in `manifest.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It reached the end of the horizon.
    TEnd,
    /// It took all its steps.
    Steps,
    /// It spent its budget of steps.
    MaxSteps,
    /// No step was short enough.
    Stiff,
    /// It stays at a minimum.
    Converged,
    /// It stays at a point not shown to be a minimum.
    AtRest,
    /// A quantity reached the user's value.
    Reached,
    /// The user interrupted it.
    Interrupted,
    /// State or field became infinite or NaN, or the state blew up.
    Diverged,
}

impl Reason {
    /// The word in `manifest.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TEnd => "t_end",
            Self::Steps => "steps",
            Self::MaxSteps => "max_steps",
            Self::Stiff => "stiff",
            Self::Converged => "converged",
            Self::AtRest => "at_rest",
            Self::Reached => "reached",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
        }
    }

    /// Whether a flow that ended so got where it was to go: to its horizon, to rest, or to its stopping condition.
    pub fn ends_a_flow(self) -> bool {
        matches!(self, Self::TEnd | Self::Converged | Self::AtRest | Self::Reached)
    }

    /// Whether the state stays as it is.
    pub fn stays(self) -> bool {
        matches!(self, Self::Converged | Self::AtRest)
    }

    /// `detail`, the message of such a termination, as what a sentence says of its subject: "was interrupted at t = 3".
    pub(crate) fn said(self, detail: &str) -> String {
        match self {
            Self::Interrupted => format!("was {detail}"),
            Self::Stiff | Self::AtRest => format!("is {detail}"),
            _ => detail.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A time in a message, to six digits; `t_reached` has all of them.
struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(self.0, 6))
    }
}

/// A number in a message: with an exponent where it would have many zeros.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || (1e-5..1e16).contains(&self.0.abs()) { write!(f, "{}", self.0) } else { write!(f, "{:e}", self.0) }
    }
}

/// `value` to at most this many significant digits: 233.7 for 233.70000000000002.
pub(crate) fn short(value: f64, digits: usize) -> String {
    // Rounds the decimal digits: multiplying by a power of ten and back would round again.
    let rounded = format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value);
    Number(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_six_digits_of_a_time_and_all_that_was_typed_of_a_threshold() {
        let ended = Termination::TEnd { t: 233.70000000000002 };
        assert_eq!(ended.to_string(), "reached t = 233.7");
        let t = 0.20704002240018549;
        let reached = Termination::Reached { t, quantity: "loss", value: 1e-7, threshold: 1.234567890123e-6, at_least: false };
        let text = reached.to_string();
        assert!(text.contains("loss ≤ 1.234567890123e-6 at t = 0.20704 "), "{text}");
        assert_eq!(short(3e300, 6), "3e300");
    }
}

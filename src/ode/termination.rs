//! Why a process stopped. Stopping is part of a result, not a failure.

/// The reason for which a flow or an optimizer stopped, and where.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Termination {
    /// It reached the end of the horizon.
    #[error("reached t = {t}")]
    TEnd {
        /// The end of the horizon.
        t: f64,
    },
    /// An optimizer took the number of steps it was given.
    #[error("took its {steps} steps, to t = {t}")]
    Steps {
        /// The time at which the last of them stands.
        t: f64,
        /// The number of steps k.
        steps: u64,
    },
    /// The integrator spent its budget of steps, rejected ones included.
    #[error("stopped at t = {t} after {steps} steps: raise flow.max_steps, or shorten flow.t_end")]
    MaxSteps {
        /// The time reached.
        t: f64,
        /// Steps tried, rejected ones included.
        steps: u64,
    },
    /// The step size fell below rounding, to at most `step`, although state and field stayed of moderate size.
    #[error("stiff at t = {t} (step {step:.1e}): use flow.integrator rkc, or raise flow.rtol")]
    Stiff {
        /// The time reached.
        t: f64,
        /// 10·ε·t, the step size at which the integrator gives up.
        step: f64,
    },
    /// Nothing moves any more: over the rest of the horizon the state would change by less than its tolerance.
    #[error("converged at t = {t} (there ‖∇J‖ is {grad_norm:.1e}): it stays there, and later times are not recorded")]
    Converged {
        /// The time at which it was found.
        t: f64,
        /// ‖∇J‖ there.
        grad_norm: f64,
    },
    /// The user asked for it.
    #[error("interrupted at t = {t}: what was recorded until then is kept")]
    Interrupted {
        /// The time reached.
        t: f64,
    },
    /// State or field became infinite or NaN, or the state blew up ([`super::has_blown_up`]). `t` is the last good time.
    #[error(
        "diverged after t = {t} (there ‖θ‖ is still {norm:.1e}): lower the step or learning rate, or start from smaller weights"
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
            | Self::Stiff { t, .. }
            | Self::Converged { t, .. }
            | Self::Interrupted { t }
            | Self::Diverged { t, .. } => t,
        }
    }

    /// Its name in `manifest.json`: `t_end`, `steps`, `max_steps`, `stiff`, `converged`, `interrupted` or `diverged`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TEnd { .. } => "t_end",
            Self::Steps { .. } => "steps",
            Self::MaxSteps { .. } => "max_steps",
            Self::Stiff { .. } => "stiff",
            Self::Converged { .. } => "converged",
            Self::Interrupted { .. } => "interrupted",
            Self::Diverged { .. } => "diverged",
        }
    }

    /// Whether the process did all that the scenario asked of it.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::TEnd { .. } | Self::Steps { .. } | Self::Converged { .. })
    }
}

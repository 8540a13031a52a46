//! `flow`: how the gradient flow θ̇ = −∇(ℒ + (λ/2)‖θ‖²) is integrated.

use serde::{Deserialize, Serialize};

use crate::settings::Findings;

/// The integration from t = 0 to `t_end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The time at which the flow ends. Time is learning rate × steps, as for the optimizers.
    pub t_end: f64,
    /// The method of integration.
    #[serde(default)]
    pub integrator: Integrator,
    /// The relative tolerance of the error of a step.
    #[serde(default = "rtol")]
    pub rtol: f64,
    /// The absolute tolerance of the error of a step.
    #[serde(default = "atol")]
    pub atol: f64,
    /// The law that the flow is projected back onto at every recorded time. For linear networks without biases.
    #[serde(default)]
    pub preserve: Preserve,
    /// Integrate a second time, at a tenth of the tolerance, and report the error of every column.
    #[serde(default)]
    pub certify: bool,
    /// The integration stops after this many steps.
    #[serde(default = "max_steps")]
    pub max_steps: u64,
    /// How close to the kink of a `relu` or `leaky_relu` a sample counts as lying on it, so that the flow slides along the kink: a fraction of
    /// the root mean square of the layer's outputs. With 0 the flow never slides, but crosses kinks in ever shorter steps.
    #[serde(default = "kink")]
    pub kink: f64,
}

impl Flow {
    /// To `t_end` by `auto` at rtol 1e-8, with the defaults of a scenario.
    pub fn new(t_end: f64) -> Self {
        Self {
            t_end,
            integrator: Integrator::Auto,
            rtol: rtol(),
            atol: atol(),
            preserve: Preserve::None,
            certify: false,
            max_steps: max_steps(),
            kink: kink(),
        }
    }

    /// The same flow at this relative tolerance, with an absolute tolerance of a thousandth of it.
    pub fn rtol(self, rtol: f64) -> Self {
        Self { rtol, atol: 1e-3 * rtol, ..self }
    }

    /// The same flow by this method.
    pub fn integrator(self, integrator: Integrator) -> Self {
        Self { integrator, ..self }
    }
}

fn rtol() -> f64 {
    1e-8
}

fn atol() -> f64 {
    1e-11
}

fn max_steps() -> u64 {
    10_000_000
}

fn kink() -> f64 {
    1e-6
}

/// The method of integration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Integrator {
    /// `tsit5`, `dp8`, `rk6`, `rkc` or `rock4`, whichever suits the problem.
    #[default]
    Auto,
    /// Dormand–Prince 5(4), from the crate `ode_solvers`.
    Dopri5,
    /// Dormand–Prince 8(5,3), from the crate `ode_solvers`.
    Dop853,
    /// The classical Runge–Kutta method of order 4, at a fixed step.
    Rk4 {
        /// The step, in units of time.
        step: f64,
    },
    /// Tsitouras 5(4), for problems that are not stiff.
    Tsit5,
    /// Dormand–Prince 8(5,3) with dense output, for smooth problems that are not stiff, at tight tolerances.
    Dp8,
    /// A pair of order 6(5) of our own with a long stability interval, for smooth problems that are moderately stiff.
    Rk6,
    /// Runge–Kutta–Chebyshev of order 2, for stiff problems at loose tolerances.
    Rkc,
    /// Orthogonal Runge–Kutta–Chebyshev of order 4, for stiff problems.
    Rock4,
    /// Implicit Gauss collocation, which keeps the balance law exactly.
    Gauss {
        /// From 1 to 3; the order is twice this.
        stages: usize,
    },
}

impl Integrator {
    /// What makes an integration by it more accurate, as messages advise.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Rk4 { .. } => "lower the step of rk4",
            Self::Auto => "lower flow.rtol and flow.atol",
            _ => "lower flow.rtol and flow.atol, or use integrator auto",
        }
    }

    /// The name in tables and captions, without settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dopri5 => "dopri5",
            Self::Dop853 => "dop853",
            Self::Rk4 { .. } => "rk4",
            Self::Tsit5 => "tsit5",
            Self::Dp8 => "dp8",
            Self::Rk6 => "rk6",
            Self::Rkc => "rkc",
            Self::Rock4 => "rock4",
            Self::Gauss { stages: 1 } => "gauss1",
            Self::Gauss { stages: 2 } => "gauss2",
            // A validated scenario has at most 3 stages.
            Self::Gauss { .. } => "gauss3",
        }
    }

    /// Whether it can slide along the kinks of a network.
    pub fn slides(self) -> bool {
        matches!(self, Self::Auto | Self::Tsit5 | Self::Dp8 | Self::Rk6 | Self::Rkc | Self::Rock4)
    }
}

/// What the integration keeps exactly, by projection at every recorded time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preserve {
    /// No law: the flow stays as it was integrated.
    #[default]
    None,
    /// The balance law D_l(t) = e^{−2λt}D_l(0), with D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ.
    Balance(Precision),
}

/// The arithmetic of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Ordinary double precision: 53 bits.
    Float64,
    /// Pairs of doubles: 106 bits.
    DoubleDouble,
}

impl Flow {
    pub(crate) fn validate(&self, found: &mut Findings) {
        found.positive("flow.t_end", self.t_end);
        match self.integrator {
            Integrator::Rk4 { step } => {
                let t_end = self.t_end;
                let holds = 0.0 < step && step <= t_end;
                found.require(holds, "flow.integrator.rk4.step", &format!("greater than 0 and at most t_end {t_end:?}"), step);
            }
            Integrator::Gauss { stages } => found.between("flow.integrator.gauss.stages", stages, 1, 3),
            _ => {}
        }
        found.require((1e-15..1.0).contains(&self.rtol), "flow.rtol", "at least 1e-15 and less than 1", self.rtol);
        found.positive("flow.atol", self.atol);
        found.require(self.max_steps >= 1, "flow.max_steps", "at least 1", self.max_steps);
        found.require((0.0..=0.1).contains(&self.kink), "flow.kink", "at least 0 and at most 0.1", self.kink);
    }
}

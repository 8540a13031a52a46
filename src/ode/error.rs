//! Why an integration cannot begin or continue: a mistake of the caller. The reason for stopping short is a
//! [`Termination`](super::Termination).

/// A mistake in what an integrator was given.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum OdeError {
    /// The field has no components.
    #[error("a field of dimension 0 has nothing to integrate")]
    NoComponents,
    /// No step can meet this tolerance.
    #[error("rtol {rtol:e} with atol {atol:e} is not a valid tolerance: both must be finite, rtol at least 0 and atol above 0")]
    Tolerance {
        /// The relative tolerance.
        rtol: f64,
        /// The absolute tolerance.
        atol: f64,
    },
    /// The longest step allowed is not positive.
    #[error("max_step is {max_step}: it must be above 0, or infinite for no cap")]
    MaxStep {
        /// The longest step.
        max_step: f64,
    },
    /// The end of the horizon is not a number.
    #[error("t_end is not a number: give a time, or infinity for no end")]
    EndTime,
    /// The fixed step of `rk4` is not positive and finite.
    #[error("the step of rk4 is {step}: it must be above 0 and finite")]
    Step {
        /// The step.
        step: f64,
    },
    /// `gauss` has no such number of stages.
    #[error("gauss has 1, 2 or 3 stages, not {stages}")]
    Stages {
        /// The number of stages.
        stages: usize,
    },
    /// The coefficients are not those of an explicit method with an error estimate.
    #[error(
        "the tableau `{name}` is not an explicit method with an error estimate: stage i has at most i − 1 coefficients, weights add up to 1, \
         errors to 0 but not all are 0, and some step on a decay must be stable"
    )]
    Tableau {
        /// The tableau's name.
        name: &'static str,
    },
    /// The field declares a low-rank form of another size than its own.
    #[error("the field has {dim} components, but its low-rank form has {blocks}")]
    LowRank {
        /// The dimension of the field.
        dim: usize,
        /// The number of entries in all blocks of the layout.
        blocks: usize,
    },
    /// A state is not of the field's dimension.
    #[error("the state has {found} components, and the field has {wanted}")]
    StateLength {
        /// The length of the state.
        found: usize,
        /// The dimension of the field.
        wanted: usize,
    },
    /// A segment has a time that is not finite, or ends before it begins.
    #[error("cannot integrate from t = {t0} to t = {t1}: both must be finite, and the second not before the first")]
    Times {
        /// Where the segment begins.
        t0: f64,
        /// Where it ends.
        t1: f64,
    },
    /// Products with the Jacobian are infinite or NaN.
    #[error("products with the Jacobian at t = {t} are not finite: start from a smaller state")]
    JacobianNotFinite {
        /// The time.
        t: f64,
    },
}

//! Integrators for any field θ̇ = F(t, θ), autonomous or not; nothing here knows of networks.
//!
//! An [`Integrator`] is bound to its field, advances a state from one time to the next and keeps its step size for the next call. If it
//! stops short, the reason is part of its [`Segment`], not an error.
//!
//! ```
//! use gramflow::ode::{field, tsit5, Limits, Tolerance};
//! use nalgebra::DVector;
//!
//! // θ̇ = −θ.
//! let decay = field(1, |_t, theta: &DVector<f64>, dtheta: &mut DVector<f64>| dtheta[0] = -theta[0]);
//! let mut integrator = tsit5(decay, Tolerance { rtol: 1e-8, atol: 1e-11 }, Limits::default())?;
//! let mut theta = DVector::from_element(1, 1.0);
//! let segment = integrator.advance(0.0, 2.0, &mut theta)?;
//! assert!(segment.stop.is_none() && (theta[0] - (-2f64).exp()).abs() < 1e-7);
//! # Ok::<(), gramflow::ode::OdeError>(())
//! ```

mod adaptive;
mod auto;
mod controller;
mod dop853;
mod dopri5;
mod dp8;
mod driver;
mod embedded;
mod error;
mod event;
mod field;
mod gauss;
mod initial_step;
mod integrator;
mod limits;
mod low_rank;
mod method;
mod rhs;
mod rk4;
mod rk6;
mod rkc;
mod rock4;
mod spectral_radius;
mod stability;
mod switching;
mod termination;
mod tolerance;
mod tsit5;

pub use dop853::dop853;
pub use dopri5::dopri5;
pub use embedded::{Tableau, embedded};
pub use error::OdeError;
pub use event::{Event, EventKind};
pub use field::{Field, FieldWithJacobian, JacobianProducts, VectorField, field};
pub use integrator::Integrator;
pub use limits::{Interrupt, Limits};
pub use low_rank::LowRank;
pub use rk4::rk4;
pub use spectral_radius::spectral_radius;
pub(crate) use switching::undisturbed;
pub use switching::{Retrial, Switching};
pub(crate) use termination::short;
pub use termination::{Reason, Termination};
pub use tolerance::Tolerance;

use driver::Driver;
use method::Method;
use serde::{Deserialize, Serialize};

/// A change of method by `auto`.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The time from which the method is used.
    pub t: f64,
    /// The method's name in a scenario.
    pub method: &'static str,
    /// Why the method suits the flow.
    pub reason: String,
}

/// Whether ‖θ‖ exceeds 1e12·max(1, ‖θ(0)‖) or is NaN: no training gets there, and products of such weights soon overflow. The 1 is for
/// small starts, which may grow by any factor.
pub fn has_blown_up(norm: f64, start_norm: f64) -> bool {
    norm.is_nan() || norm > 1e12 * start_norm.max(1.0)
}

/// The integrator `auto`: [`tsit5`], [`dp8`], [`rk6`], [`rock4`] or [`rkc`], whichever suits the flow at this tolerance; it changes the method
/// when the flow changes. It needs `limits.t_end` to judge whether the horizon is long.
///
/// # Errors
/// If the tolerance or a limit is out of range, or the field has no components or a low-rank form of another size.
pub fn auto<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    let tolerance = tolerance.check()?;
    Integrator::bind(field, &limits.clone(), || Box::new(Driver::auto(tolerance, limits)))
}

/// The integrator `tsit5`: Tsitouras 5(4), for flows that are not stiff. Steps are capped at 3/ρ, ρ the spectral radius of the Jacobian.
///
/// # Errors
/// As for [`auto`].
pub fn tsit5<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    driven(field, || Box::new(tsit5::Tsit5::new()), tolerance, limits)
}

/// The integrator `dp8`: Dormand & Prince 8(5,3), for smooth flows that are not stiff, at tight tolerances. Steps are capped at 5/ρ.
///
/// # Errors
/// As for [`auto`].
pub fn dp8<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    driven(field, || Box::new(dp8::Dp8::new()), tolerance, limits)
}

/// The integrator `rk6`: a pair of order 6(5) of our own, for smooth flows that are not stiff or moderately so. Steps are capped at 21/ρ, the
/// end of its stability interval with twelve stages.
///
/// # Errors
/// As for [`auto`].
pub fn rk6<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    driven(field, || Box::new(rk6::Rk6::new()), tolerance, limits)
}

/// The integrator `rkc`: Runge–Kutta–Chebyshev of order 2, for stiff flows at loose tolerances.
///
/// # Errors
/// As for [`auto`].
pub fn rkc<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    driven(field, || Box::new(rkc::Rkc::new()), tolerance, limits)
}

/// The integrator `rock4`: orthogonal Runge–Kutta–Chebyshev of order 4, for stiff flows at moderate and tight tolerances.
///
/// # Errors
/// As for [`auto`].
pub fn rock4<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    driven(field, || Box::new(rock4::Rock4::new()), tolerance, limits)
}

/// The integrator `gauss`: Gauss collocation of 1, 2 or 3 stages, of order 2·stages, which keeps quadratic invariants of e^{λt}θ, λ the
/// field's decay.
///
/// # Errors
/// As for [`auto`], and for any other number of stages.
pub fn gauss<'f>(
    field: impl VectorField + 'f,
    stages: usize,
    tolerance: Tolerance,
    limits: Limits,
) -> Result<Integrator<'f>, OdeError> {
    if !(1..=3).contains(&stages) {
        return Err(OdeError::Stages { stages });
    }
    driven(field, || Box::new(gauss::Gauss::new(stages)), tolerance, limits)
}

/// One of our methods on `field`.
fn driven<'f>(
    field: impl VectorField + 'f,
    method: impl FnOnce() -> Box<dyn Method>,
    tolerance: Tolerance,
    limits: Limits,
) -> Result<Integrator<'f>, OdeError> {
    let tolerance = tolerance.check()?;
    Integrator::bind(field, &limits.clone(), || Box::new(Driver::new(method(), tolerance, limits)))
}

/// What one call of [`Integrator::advance`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The time reached.
    pub t: f64,
    /// The work it took.
    pub work: Work,
    /// Why the integrator stopped before the end, if it did.
    pub stop: Option<Termination>,
}

/// Counts of work done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Steps taken.
    pub accepted: u64,
    /// Steps tried and thrown away because their error estimate was too large.
    pub rejected: u64,
    /// Gradients taken: the cost of evaluations of the field and of products with its Jacobian, as the field states it; 1 and 2 for a
    /// gradient flow.
    pub evaluations: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.evaluations += other.evaluations;
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

//! What a driver knows of the spectral radius ρ, and when it needs a new estimate.
//!
//! An estimate costs products with the Jacobian, the first one six to twenty: as much as a tenth of a short integration. A method that feels ρ
//! in its own stages does without until what it has felt says that the stability limit may be near.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};

use super::method::Method;
use super::rhs::{Base, NotFinite, Rhs};
use super::spectral_radius::SpectralRadius;

/// Accepted steps between two estimates, at least and at most: ρ changes with the state.
const STEPS_PER_ESTIMATE: f64 = 10.0;
const STEPS_AT_EASE: f64 = 40.0;
/// hρ at which our methods with the fewest stages meet their stability limits. The number of steps between estimates grows as the square of
/// its ratio to the present hρ.
const NEAR: f64 = 3.0;
/// While h times what was felt is less than this fraction of the cap on hρ, no estimate is needed: on the flows of `benches/integrators.rs`
/// the largest lower bound was never below 0.42 ρ.
const UNFELT: f64 = 0.4;
/// An estimate is due after this many steps in any case: a component without part in the motion is not felt before a step is unstable.
const STEPS_UNFELT: u32 = 100;
/// ρ is felt once in this many accepted steps, while h times what was felt is less than half of that bound.
const STEPS_PER_TOUCH: u32 = 4;

/// ρ as far as it is known.
pub(super) struct Stability {
    radius: SpectralRadius,
    /// Accepted steps since the last estimate; `None` if a new one is due.
    age: Option<u32>,
    /// What steps have felt, instead of a first estimate, with a method that feels ρ.
    felt: Option<Felt>,
}

/// What steps have felt of ρ.
#[derive(Serialize, Deserialize)]
struct Felt {
    /// The largest lower bound of ρ.
    rho: f64,
    /// Accepted steps.
    steps: u32,
    /// The bound on h times `rho` below which no estimate is needed.
    unfelt: f64,
}

impl Stability {
    /// For steps of `method`.
    pub(super) fn new(method: &dyn Method) -> Self {
        let felt = Felt { rho: 0.0, steps: 0, unfelt: UNFELT * method.longest_step(1.0) };
        Self { radius: SpectralRadius::new(), age: None, felt: method.feels().then_some(felt) }
    }

    /// ρ with a safety margin of 5 %; 0 before the first estimate.
    pub(super) fn rho(&self) -> f64 {
        self.radius.value()
    }

    /// Whether ρ is felt by the steps instead of estimated.
    pub(super) fn listens(&self) -> bool {
        self.felt.is_some()
    }

    /// Whether ρ must be estimated before a step of length `h`.
    pub(super) fn is_due(&self, h: f64) -> bool {
        if let Some(felt) = &self.felt {
            return h * felt.rho >= felt.unfelt || felt.steps >= STEPS_UNFELT;
        }
        let room = (NEAR / (h * self.rho())).powi(2);
        let interval = (STEPS_PER_ESTIMATE * room).clamp(STEPS_PER_ESTIMATE, STEPS_AT_EASE);
        self.age.is_none_or(|age| f64::from(age) >= interval)
    }

    /// Estimates ρ at the base of a step.
    pub(super) fn estimate(&mut self, rhs: &Rhs<'_>, base: &Base<'_>) -> Result<(), NotFinite> {
        // Steps feel ρ only along their way, in which the fastest components may have no part.
        self.felt = None;
        self.radius.update(rhs, base)?;
        self.age = Some(0);
        Ok(())
    }

    /// Takes note of what a method has felt in its last step of length h, from `base` to `next`.
    pub(super) fn feel(&mut self, method: &dyn Method, base: &Base<'_>, h: f64, next: &DVector<f64>, dnext: &DVector<f64>) {
        let Some(felt) = &mut self.felt else { return };
        // ρ changes slowly with the state: far below the bound not every step needs to be felt.
        if felt.steps % STEPS_PER_TOUCH != 0 && h * felt.rho < 0.5 * felt.unfelt {
            return;
        }
        felt.rho = felt.rho.max(method.felt(base, next, dnext));
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.radius.archive(archive)?;
        archive.item(&mut self.age)?;
        archive.item(&mut self.felt)
    }

    pub(super) fn accepted(&mut self) {
        self.age = self.age.map(|age| age + 1);
        if let Some(felt) = &mut self.felt {
            felt.steps += 1;
        }
    }

    /// The step may have been unstable: a new estimate of ρ is due, unless the last was made at this state.
    pub(super) fn rejected(&mut self) {
        self.age = self.age.filter(|&age| age == 0);
    }

    /// A stage was not finite: what was felt is of no use.
    pub(super) fn lost(&mut self) {
        self.rejected();
        self.felt = None;
    }
}

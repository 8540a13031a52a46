//! What a driver knows of the spectral radius ρ, and when it must know more.
//!
//! An estimate costs Hessian–vector products, the first one some dozen: as much as a tenth of a short integration. A method that feels ρ
//! in its own stages goes without until what it has felt says that stability may come near.

use nalgebra::DVector;

use super::method::{Base, Method};
use super::rhs::{NotFinite, Rhs};
use super::spectral_radius::SpectralRadius;

/// Accepted steps between two estimates, at least and at most: ρ changes with the state.
const STEPS_PER_ESTIMATE: f64 = 10.0;
const STEPS_AT_EASE: f64 = 40.0;
/// hρ at which the methods of ours that need the fewest stages meet their bounds of stability. The number of steps between estimates grows
/// with the square of what hρ falls short of it.
const NEAR: f64 = 3.0;
/// While h times what was felt is less than this share of the hρ that the method's steps keep to, no estimate is needed: on the flows of
/// `benches/integrators.rs` the largest lower bound was never below 0.42 ρ.
const UNFELT: f64 = 0.4;
/// Nor for more steps than this: a component that has no part in the motion is not felt before a step was unstable.
const STEPS_UNFELT: u32 = 100;
/// Accepted steps from one at which ρ is felt to the next, while h times what was felt is less than half of that.
const STEPS_PER_TOUCH: u32 = 4;

/// ρ as far as it is known.
pub(super) struct Stability {
    radius: SpectralRadius,
    /// Accepted steps since the last estimate; none if there must be another.
    age: Option<u32>,
    /// Instead of the first estimate, with a method that feels.
    felt: Option<Felt>,
}

/// What steps have felt.
struct Felt {
    /// The largest lower bound of ρ.
    rho: f64,
    /// Accepted steps.
    steps: u32,
    /// h times the largest lower bound up to which no estimate is needed.
    unfelt: f64,
}

impl Stability {
    /// For steps of `method`.
    pub(super) fn new(method: &dyn Method) -> Self {
        let felt = Felt { rho: 0.0, steps: 0, unfelt: UNFELT * method.longest_step(1.0) };
        Self { radius: SpectralRadius::new(), age: None, felt: method.feels().then_some(felt) }
    }

    /// ρ, a twentieth on the safe side; 0 before the first estimate.
    pub(super) fn rho(&self) -> f64 {
        self.radius.value()
    }

    /// Whether steps are to say what they feel.
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

    /// Estimates ρ at (t, θ).
    pub(super) fn estimate(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>) -> Result<(), NotFinite> {
        // Where steps have felt it is where they went: the fastest components may have no part in that.
        self.felt = None;
        self.radius.update(rhs, t, theta)?;
        self.age = Some(0);
        Ok(())
    }

    /// Takes note of what a method has felt in its last step of length h, from `base` to `next`.
    pub(super) fn feel(&mut self, method: &dyn Method, base: &Base<'_>, h: f64, next: &DVector<f64>, dnext: &DVector<f64>) {
        let Some(felt) = &mut self.felt else { return };
        // ρ changes with the state, and the step is known.
        if felt.steps % STEPS_PER_TOUCH != 0 && h * felt.rho < 0.5 * felt.unfelt {
            return;
        }
        felt.rho = felt.rho.max(method.felt(base, next, dnext));
    }

    pub(super) fn accepted(&mut self) {
        self.age = self.age.map(|age| age + 1);
        if let Some(felt) = &mut self.felt {
            felt.steps += 1;
        }
    }

    /// The step may have been unstable: ρ has grown since it was estimated, unless that was just here.
    pub(super) fn rejected(&mut self) {
        self.age = self.age.filter(|&age| age == 0);
    }

    /// A stage was no number: nothing that was felt is of use.
    pub(super) fn lost(&mut self) {
        self.rejected();
        self.felt = None;
    }
}

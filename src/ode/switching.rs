//! Fields that jump across surfaces, and states that are held on them.
//!
//! Where F points at a surface from both of its sides, θ̇ = F(θ) has no classical solution: its solution in the sense of Filippov
//! (*Differential Equations with Discontinuous Righthand Sides*, 1988, §4) stays on the surface. A method that steps across it without
//! knowing takes steps as short as its tolerance. A field that knows its surfaces is asked before every step, and after every step that
//! failed, which of them hold the state; from then on it gives the velocity along them.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

/// What to do after a step that has failed its error test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Retrial {
    /// Surfaces have nothing to do with it: take a shorter step.
    Shorter,
    /// Surfaces that the step crossed now hold the state: try the same step again.
    Again,
    /// The step meets a surface that will hold the state: take a step of this length, which ends about there.
    Within(f64),
}

/// The surfaces of a field. Calls follow the steps of one integration, in their order.
pub trait Switching {
    /// Before steps from θ of length about `h`: takes up the surfaces that hold the state and drops those that release it. `dtheta` is F(θ)
    /// for the surfaces that held before, and becomes F(θ) for those that hold now. A surface takes hold if θ is no further from it than
    /// `near`, the error that the tolerance allows. Returns the length of a step that ends about where the next surface takes hold, if that
    /// is near.
    fn settle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Option<f64>;

    /// A step has failed, whatever it crossed: the surfaces that held where it began hold again.
    fn give_up(&self);

    /// A step of length `h` from θ, where F(θ) = `dtheta`, has failed its error test. Surfaces that it crossed and that F points at from
    /// both sides hold the state if they are near; `dtheta` becomes F(θ) for them.
    fn resettle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Retrial;

    /// The cost of these calls and of velocities along surfaces since the last call, in gradients, without the one of each evaluation.
    fn spent(&self) -> u64;

    /// For evaluations that are no part of a step: what brings back all that is known of the surfaces now, once they are done.
    fn remember(&self) -> Box<dyn FnOnce() + '_>;

    /// Takes or replaces what it knows of its surfaces ([`Integrator::archive`](super::Integrator::archive)).
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged; unless implemented, that it is not saved.
    fn archive(&self, _archive: &mut Archive) -> Result<(), ArchiveError> {
        Err(ArchiveError::Unsaved { what: "a field with surfaces".into(), method: "Switching::archive" })
    }
}

/// Calls `look`, whose evaluations of a field with these surfaces are no part of a step: steps go on as if it had not looked.
pub(crate) fn undisturbed<R>(switching: Option<&dyn Switching>, look: impl FnOnce() -> R) -> R {
    let restore = switching.map(Switching::remember);
    let seen = look();
    restore.into_iter().for_each(|restore| restore());
    seen
}

//! Fields that jump across surfaces, and states that are held on them.
//!
//! Where F points at a surface from both of its sides, θ̇ = F(θ) has no classical solution: its solution in the sense of Filippov
//! (*Differential Equations with Discontinuous Righthand Sides*, 1988, §4) stays on the surface. A method that steps across it without
//! knowing takes steps as short as its tolerance. A field that knows its surfaces is asked before every step, and after every step that
//! failed, which of them hold the state; from then on it gives the velocity along them.

use nalgebra::DVector;

/// What comes of a step that has failed its error test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Retrial {
    /// Surfaces have nothing to do with it: a shorter step it must be.
    Shorter,
    /// Surfaces that it crossed hold the state now: the same step is worth another trial.
    Again,
    /// It meets a surface that will hold the state: a step of this length ends about there.
    Within(f64),
}

/// A field with surfaces of its own. Its steps are those of one integration, in their order.
pub trait Switching {
    /// Before steps from θ of length about `h`: takes up the surfaces that hold the state and drops those that let it go. `dtheta` is F(θ)
    /// by what held before, and becomes F(θ) by what holds now. A surface takes hold where θ is no further from it than `near`, what the
    /// tolerance allows as an error. Returns the length of a step that ends about where the next one will, if that is near.
    fn settle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Option<f64>;

    /// A step has failed, whatever it crossed: what holds is what held where it began.
    fn give_up(&self);

    /// A step of length `h` from θ, where F(θ) = `dtheta`, has failed its error test. Surfaces which it crossed and at which both sides
    /// point hold the state if they are near; `dtheta` becomes F(θ) by them.
    fn resettle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64, near: f64) -> Retrial;

    /// What this and the velocities along surfaces have cost since the last call, in gradients, beside one for each evaluation.
    fn spent(&self) -> u64;
}

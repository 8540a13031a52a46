//! Discrete optimizers, stepped beside the flow from the same start, on its clock. One update rule per file, PyTorch's to rounding.
//!
//! A rule knows neither where its gradient comes from (all samples, or one of [`Batches`]) nor the time: the clock
//! t_k = Σ_{j<k} η_j, over 1 − β with momentum β, and the rates η_j are the scenario's
//! ([`time`](crate::settings::Optimizer::time), [`rate`](crate::settings::Optimizer::rate)).

mod adam;
mod adamw;
mod batches;
mod gd;
mod rmsprop;
mod sgd;
mod sign;
mod stability;
#[cfg(test)]
mod testing;

pub use adam::Adam;
pub use adamw::AdamW;
pub use batches::Batches;
pub use gd::Gd;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use sign::Sign;
pub use stability::stability_bound;

use nalgebra::DVector;

use crate::settings;

/// A rule that turns θ_k into θ_{k+1}.
pub trait Optimizer {
    /// θ ← the next iterate, at learning rate `lr` = η_k. `gradient` is ∇ℒ(θ_k) or a batch's, without decay: a rule adds its own.
    /// Does not allocate.
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>);
}

/// The rule that a scenario's settings choose, for θ of length `dim` under decay λ.
pub fn optimizer(settings: &settings::Optimizer, weight_decay: f64, dim: usize) -> Box<dyn Optimizer> {
    match settings {
        settings::Optimizer::Gd(_) => Box::new(Gd::new(weight_decay)),
        settings::Optimizer::Sgd(settings) => Box::new(Sgd::new(settings, weight_decay, dim)),
        settings::Optimizer::Adam(settings) => Box::new(Adam::new(settings, weight_decay, dim)),
        settings::Optimizer::Adamw(settings) => Box::new(AdamW::new(settings, weight_decay, dim)),
        settings::Optimizer::Rmsprop(settings) => Box::new(RmsProp::new(settings, weight_decay, dim)),
        settings::Optimizer::Sign(_) => Box::new(Sign::new(weight_decay)),
    }
}

/// a + w(b − a), from the end that is closer, as `torch.lerp` does.
fn lerp(a: f64, b: f64, w: f64) -> f64 {
    if w < 0.5 { a + w * (b - a) } else { b - (b - a) * (1.0 - w) }
}

//! Discrete optimizers, stepped beside the flow from the same start, on its clock.
//!
//! One kind per file: its update rule, which agrees with PyTorch's to rounding; its settings with defaults and ranges; the learning rate up
//! to which it is stable; and the flow that it follows ([`Follows`]). A rule knows neither the source of its gradient (all samples, or a
//! batch of [`BatchStream`]) nor the time: the clock t_k = Σ_{j<k} η_j, times (1 − τ)/(1 − β) with momentum β and dampening τ, is
//! [`Optimizer::time`].

mod adam;
mod adamw;
mod batches;
mod by_layer;
mod central_flow;
mod clock;
mod custom;
mod decay;
mod follows;
mod formula;
mod gd;
mod layout;
mod modified_flow;
mod muon;
mod noise;
mod normalised_flow;
mod optimizer;
mod parts;
mod rmsprop;
mod running_square;
mod schedule;
mod sde;
mod settings;
mod sgd;
mod sign;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod third_order_flow;

use crate::archive::{Archive, ArchiveError};

pub use adam::{Adam, AdamLimit};
pub use adamw::AdamW;
pub use batches::BatchStream;
pub use central_flow::{CentralFlow, CentralFlowError};
pub use custom::Custom;
pub use decay::Decay;
pub use follows::Follows;
pub use gd::Gd;
pub use layout::{Block, Layout};
pub use modified_flow::ModifiedFlow;
pub use muon::{AdjustLr, Muon, MuonLimit};
pub use noise::{Noise, NoiseStream};
pub use normalised_flow::NormalisedFlow;
pub use optimizer::Optimizer;
pub use rmsprop::{Rmsprop, RmspropLimit};
pub use schedule::Schedule;
pub use sde::{PathDiverged, Sde, SdeSettings, SgdEquation, WeakOrder};
pub use settings::Batching;
pub use sgd::Sgd;
pub use sign::Sign;
pub use third_order_flow::ThirdOrderFlow;

pub(crate) use optimizer::validate;
pub(crate) use sde::{Kick, MEASURE_SDE, NoEquation, SdeWalker};
pub(crate) use settings::{About, Ground};

/// A rule that turns θ_k into θ_{k+1}.
pub trait Rule {
    /// θ ← the next iterate, at learning rate `lr` = η_k. `gradient` is ∇ℒ(θ_k) or a batch's, without decay: a rule adds its own.
    /// Does not allocate.
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]);

    /// Writes to `factors` those by which its last step θ ← θ − η·D·m has multiplied an average m of gradients, entry by entry. Returns
    /// whether it has such factors, and has taken a step; otherwise nothing is written.
    fn preconditioner(&self, _factors: &mut [f64]) -> bool {
        false
    }

    /// Takes or replaces what it remembers of earlier steps, for a checkpoint.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged; unless implemented, that it is not saved. Then the run cannot have checkpoints.
    fn archive(&mut self, _archive: &mut Archive) -> Result<(), ArchiveError> {
        Err(ArchiveError::Unsaved { what: "an optimizer's rule".into(), method: "Rule::archive" })
    }
}

/// a + w(b − a), from the end that is closer, as `torch.lerp` does.
fn lerp(a: f64, b: f64, w: f64) -> f64 {
    if w < 0.5 { a + w * (b - a) } else { b - (b - a) * (1.0 - w) }
}

/// PyTorch's default for the ε that keeps quotients finite.
fn default_eps() -> f64 {
    1e-8
}

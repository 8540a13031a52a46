//! Fields that are, at every state, of low rank beside their decay: methods need not form their stages.

use crate::linalg::{Factors, LowRankLayout, LowRankSum};

/// The part G of a field F(θ) = −λθ + G(θ), autonomous, that is block by block a product of thin matrices, G(θ) = U_bV_bᵀ.
///
/// A stage θ + h Σ_j a_j k_j of a Runge–Kutta method is then θ and a sum of such products, and a step needs one pass over the blocks where
/// it would need one for every stage.
pub trait LowRank {
    /// Where the blocks lie, and the rank of G.
    fn layout(&self) -> &LowRankLayout;

    /// `out` ← U_1, V_1, … of G at θ = `state`. Does not allocate after its first call.
    fn factors(&self, state: &LowRankSum<'_>, out: &mut Factors);
}

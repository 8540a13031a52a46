//! Fields that are of low rank at every state, apart from their decay: methods need not form their stages.

use crate::linalg::{Factors, LowRankLayout, LowRankSum};

/// The part G of an autonomous field F(θ) = −λθ + G(θ) that is, block by block, a product of thin matrices, G(θ)_b = U_bV_bᵀ.
///
/// A Runge–Kutta stage θ + h Σ_j a_j k_j is then a multiple of θ plus a sum of such products, and a step needs one pass over the blocks
/// instead of one per stage.
pub trait LowRank {
    /// Where the blocks lie, and the rank of G.
    fn layout(&self) -> &LowRankLayout;

    /// `out` ← U_1, V_1, … of G at θ = `state`. Does not allocate after its first call.
    fn factors(&self, state: &LowRankSum<'_>, out: &mut Factors);
}

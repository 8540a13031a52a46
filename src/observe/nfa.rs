//! The Neural Feature Ansatz for linear networks: W_1ᵀW_1 against A_f^{1/L}, A_f = PᵀP, and layer by layer.
//!
//! Tansley, Massart & Cartis 2025, theorem 3.1: from a balanced start A_f = (W_1ᵀW_1)^L for all time. With
//! J_l = W_L⋯W_l the same argument gives W_lᵀW_l = (J_lᵀJ_l)^{1/(L−l+1)} for every layer.

use nalgebra::DMatrix;

use crate::linalg::{GramPower, centred_cosine, cosine};

use super::{Observable, Row, Snapshot};

/// Columns:
/// - `nfa_residual`: ‖A_f − (W_1ᵀW_1)^L‖_F, and `nfa_residual_relative`: the same over max(‖A_f‖_F, ‖(W_1ᵀW_1)^L‖_F);
/// - `nfa_cosine`, `nfa_cosine_centred`: of W_1ᵀW_1 with A_f^{1/L}; centred: each minus its mean eigenvalue times I;
/// - `nfa_alignment_residual`: min_c ‖W_1ᵀW_1 − c·A_f^{1/L}‖_F / ‖W_1ᵀW_1‖_F, the sine of that angle without cancellation;
/// - `nfa_cosine_Wl`, `nfa_residual_relative_Wl` for l = 2, …, L: the cosine of W_lᵀW_l with B = (J_lᵀJ_l)^{1/(L−l+1)}, and
///   ‖W_lᵀW_l − B‖_F over the larger of their norms.
///
/// Undefined where one of the two matrices is zero.
pub struct FeatureAnsatz;

impl Observable for FeatureAnsatz {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let depth = snapshot.depth();
        let agop = GramPower::new(snapshot.jacobian(1), 1.0).matrix();
        let gram_to_the_depth = GramPower::new(snapshot.weight(1), depth as f64).matrix();
        row.float("nfa_residual", (&agop - &gram_to_the_depth).norm());
        row.float("nfa_residual_relative", relative_difference(&agop, &gram_to_the_depth));

        let (gram, power) = (snapshot.gram(1), layer_power(snapshot, 1));
        row.float("nfa_cosine", cosine(&gram, &power));
        row.float("nfa_cosine_centred", centred_cosine(&gram, &power));
        row.float("nfa_alignment_residual", alignment_residual(&gram, &power));

        for l in 2..=depth {
            let (gram, power) = (snapshot.gram(l), layer_power(snapshot, l));
            row.float(format!("nfa_cosine_W{l}"), cosine(&gram, &power));
            row.float(format!("nfa_residual_relative_W{l}"), relative_difference(&gram, &power));
        }
    }
}

/// (J_lᵀJ_l)^{1/(L−l+1)}.
fn layer_power(snapshot: &Snapshot, l: usize) -> DMatrix<f64> {
    GramPower::new(snapshot.jacobian(l), 1.0 / (snapshot.depth() - l + 1) as f64).matrix()
}

/// ‖A − B‖ / max(‖A‖, ‖B‖): between 0 and √2 for positive semidefinite matrices, whichever of the two vanishes.
fn relative_difference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).norm() / a.norm().max(b.norm())
}

/// min_c ‖G − cB‖ / ‖G‖, the difference taken before the norm: √(1 − cos²) would stop at 1e-8.
fn alignment_residual(gram: &DMatrix<f64>, power: &DMatrix<f64>) -> f64 {
    let c = gram.dot(power) / power.norm_squared();
    (gram - power * c).norm() / gram.norm()
}

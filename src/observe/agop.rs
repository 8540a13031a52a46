//! The average gradient outer product (AGOP) compared with the target's, and the feature ansatz with centred Jacobians.

use nalgebra::DMatrix;

use crate::linalg::{GramPower, RightSvd, SvdError, cosine};

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Agop,
    &[
        Column::new(
            "agop_target_cosine",
            "cos(A_f, A_f*), A_f* the target's; null where it is not known",
            "1",
            "cosine of A_f and the target’s A_{f*}",
        ),
        Column::new(
            "nfa_cosine_jacobian_centred",
            "cos(W_1ᵀW_1, A_c^(1/L)), A_c from the Jacobians minus their mean; null for linear networks",
            "1",
            "cosine of W_1^TW_1 and A_c^{ 1/L}, Jacobians centred",
        ),
    ],
);

/// Columns:
/// - `agop_target_cosine`: cos(A_f, A_{f*}), 1 where the network depends on every direction in the same proportion as the target. Undefined
///   where the target is not known, as with data from a file;
/// - `nfa_cosine_jacobian_centred`: cos(W_1ᵀW_1, A_c^{1/L}), A_c = (1/n) Σ (J_i − J̄)ᵀ(J_i − J̄), each Jacobian minus its mean over the
///   samples. Undefined where the Jacobian does not depend on x, as in a linear network.
pub struct Agop {
    /// A_{f*}.
    target: Option<DMatrix<f64>>,
}

impl Agop {
    /// `target` is a factor R of the target's AGOP, RᵀR = A_{f*} ∈ ℝ^{d_0 × d_0}; `None` where the target is not known.
    pub fn new(target: Option<&DMatrix<f64>>) -> Self {
        Self { target: target.map(|factor| factor.transpose() * factor) }
    }
}

impl Observable for Agop {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let agop = &snapshot.agop().matrix;
        row.float("agop_target_cosine", self.target.as_ref().map_or(f64::NAN, |target| cosine(agop, target)));
        row.float("nfa_cosine_jacobian_centred", centred(snapshot).unwrap_or(f64::NAN));
    }
}

/// cos(W_1ᵀW_1, A_c^{1/L}); NaN where the Jacobian does not depend on x.
fn centred(snapshot: &Snapshot) -> Result<f64, SvdError> {
    let Some(centred) = snapshot.centred_jacobian() else { return Ok(f64::NAN) };
    let power = GramPower::new(&RightSvd::new(centred.as_view())?, 1.0 / snapshot.depth() as f64).matrix();
    Ok(cosine(&snapshot.gram(1).matrix, &power))
}

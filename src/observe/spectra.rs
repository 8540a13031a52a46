//! Singular values of the layers, of the network and of the AGOP, and the ranks they amount to.

use crate::linalg::{effective_rank, entropy_rank, stable_rank};

use super::{Observable, Row, Snapshot};

/// Arrays `sv_Wl` (l = 1, …, L), `sv_product` of P = W_L⋯W_1 and `sv_agop` of A_f = PᵀP (all d_0 of them, σ(A_f) = σ(P)²); columns
/// `effective_rank_*`, `stable_rank_*`, `entropy_rank_*` of the same matrices.
pub struct Spectra;

impl Observable for Spectra {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let product = &snapshot.jacobian(1).values;
        let input_dim = snapshot.parameters.architecture().input_dim();
        let mut agop: Vec<f64> = product.iter().map(|s| s * s).collect();
        agop.resize(input_dim, 0.0);
        let layers = (1..=snapshot.depth()).map(|l| (format!("W{l}"), snapshot.singular_values(l).to_vec()));
        for (name, values) in layers.chain([("product".to_string(), product.clone()), ("agop".to_string(), agop)]) {
            row.float(format!("effective_rank_{name}"), effective_rank(&values));
            row.float(format!("stable_rank_{name}"), stable_rank(&values));
            row.float(format!("entropy_rank_{name}"), entropy_rank(&values));
            row.vector(format!("sv_{name}"), values);
        }
    }
}

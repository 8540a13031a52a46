//! Singular values of the layers, of the network and of the AGOP, and ranks derived from them.

use crate::linalg::{effective_rank, entropy_rank, scale, stable_rank};

use super::{Column, Columns, Group, NamedArray, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Spectra,
    &[
        Column::new(
            "effective_rank_W{l}",
            "exp of the entropy of σ (Roy & Vetterli 2007), σ of W_l, l = 1, …, L",
            "1",
            "effective rank of W_{{l}}",
        ),
        Column::new(
            "effective_rank_product",
            "exp of the entropy of σ (Roy & Vetterli 2007), σ of W_L⋯W_1 (nonlinear networks: of A_f^½)",
            "1",
            "effective rank of W_L⋯W_1",
        ),
        Column::new(
            "effective_rank_agop",
            "exp of the entropy of σ (Roy & Vetterli 2007), σ of A_f",
            "1",
            "effective rank of A_f",
        ),
        Column::new(
            "stable_rank_W{l}",
            "Σσ²/σ_1² (Rudelson & Vershynin 2007), σ of W_l, l = 1, …, L",
            "1",
            "stable rank of W_{{l}}",
        ),
        Column::new(
            "stable_rank_product",
            "Σσ²/σ_1² (Rudelson & Vershynin 2007), σ of W_L⋯W_1 (nonlinear networks: of A_f^½)",
            "1",
            "stable rank of W_L⋯W_1",
        ),
        Column::new("stable_rank_agop", "Σσ²/σ_1² (Rudelson & Vershynin 2007), σ of A_f", "1", "stable rank of A_f"),
        Column::new("entropy_rank_W{l}", "exp of the entropy of σ², σ of W_l, l = 1, …, L", "1", "entropy rank of W_{{l}}"),
        Column::new(
            "entropy_rank_product",
            "exp of the entropy of σ², σ of W_L⋯W_1 (nonlinear networks: of A_f^½)",
            "1",
            "entropy rank of W_L⋯W_1",
        ),
        Column::new("entropy_rank_agop", "exp of the entropy of σ², σ of A_f", "1", "entropy rank of A_f"),
    ],
)
.arrays(&[
    NamedArray::new("sv_W{l}", "T × min(d_l, d_(l−1))", "θ", "singular values of W_l, largest first, l = 1, …, L")
        .labelled("singular values of W_{{l}}"),
    NamedArray::new(
        "sv_product",
        "T × min(d_L, d_0)",
        "f/x",
        "singular values of W_L⋯W_1, largest first (nonlinear networks: of A_f^½, up to d_0 of them)",
    )
    .labelled("singular values of W_L⋯W_1"),
    NamedArray::new("sv_agop", "T × d_0", "f²/x²", "singular values of A_f, largest first").labelled("singular values of A_f"),
]);

/// Arrays `sv_Wl` (l = 1, …, L), `sv_product` of P = W_L⋯W_1 and `sv_agop` of A_f = PᵀP (d_0 values, σ(A_f) = σ(P)² and zeros); columns
/// `effective_rank_*`, `stable_rank_*`, `entropy_rank_*` of the same matrices. In a nonlinear network P stands for A_f^{1/2}.
pub struct Spectra;

impl Observable for Spectra {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let (product, unit) = (&snapshot.first_jacobian().svd.values, snapshot.first_jacobian().exponent);
        let input_dim = snapshot.parameters.architecture().input_dim();
        let mut agop: Vec<f64> = product.iter().map(|s| s * s).collect();
        agop.resize(input_dim, 0.0);
        let layers = (1..=snapshot.depth()).map(|l| (format!("W{l}"), snapshot.singular_values(l).to_vec(), 0));
        let of_jacobian = [("product".to_string(), product.clone(), unit), ("agop".to_string(), agop, 2 * unit)];
        // Ranks do not depend on units.
        for (name, values, unit) in layers.chain(of_jacobian) {
            row.float(format!("effective_rank_{name}"), effective_rank(&values));
            row.float(format!("stable_rank_{name}"), stable_rank(&values));
            row.float(format!("entropy_rank_{name}"), entropy_rank(&values));
            row.vector(format!("sv_{name}"), values.into_iter().map(|s| scale(s, unit)).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::{measure, row};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::SymmetricEigen;

    /// d_0 = 5, d_L = 2: the AGOP has two eigenvalues and three zeros.
    #[test]
    fn the_agop_has_the_eigenvalues_of_its_matrix() {
        let rng = &mut stream(1, Purpose::Init);
        let weights = [gaussian_matrix(4, 5, rng), gaussian_matrix(2, 4, rng)];
        let product = &weights[1] * &weights[0];
        let parameters = Parameters::from_weights(&Architecture::new(&[5, 4, 2]), &weights);
        let mut eigenvalues: Vec<f64> =
            SymmetricEigen::new(product.transpose() * &product).eigenvalues.iter().copied().collect();
        eigenvalues.sort_by(|a, b| b.total_cmp(a));
        let vectors = row(&Spectra, &parameters, 0.0).vectors;
        let vector = |name: &str| &vectors.iter().find(|(own, _)| own == name).unwrap().1;
        assert_eq!((vector("sv_agop").len(), vector("sv_W1").len(), vector("sv_product").len()), (5, 4, 2));
        for (measured, expected) in vector("sv_agop").iter().zip(&eigenvalues) {
            assert!((measured - expected).abs() < 1e-13 * eigenvalues[0]);
        }
        let ranks = measure(&Spectra, &parameters, 0.0);
        let trace_over_top = product.norm_squared() / eigenvalues[0];
        assert!((ranks["stable_rank_product"] - trace_over_top).abs() < 1e-13);
    }
}

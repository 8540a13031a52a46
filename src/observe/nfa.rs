//! The Neural Feature Ansatz: W_1ᵀW_1 against A_f^{1/L}, and likewise for every layer. In a linear network A_f = PᵀP; in other networks the
//! ansatz is no law, and a run measures the distance to it.
//!
//! Tansley, Massart & Cartis 2025, theorem 3.1: from a balanced start A_f = (W_1ᵀW_1)^L for all time. With
//! J_l = W_L⋯W_l the same argument gives W_lᵀW_l = (J_lᵀJ_l)^{1/(L−l+1)} for every layer.
//!
//! With layer rates κ_l and a start that is balanced in their sense, J_lᵀJ_l = C_l(W_lᵀW_l)^{L−l+1} with C_l = Π_{k>l}(κ_k/κ_l), because
//! φ_l = W_l/√κ_l is balanced and W_L⋯W_l = Π_{k≥l}√κ_k·φ_L⋯φ_l. Residuals therefore compare with C_1(W_1ᵀW_1)^L and
//! (J_lᵀJ_l/C_l)^{1/(L−l+1)}; cosines and exponents do not depend on scale.

use nalgebra::DMatrix;

use crate::linalg::{Scaled, centred_cosine, cosine, cosine_baseline, normalised};
use crate::network::LayerRates;

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Nfa,
    &[
        Column::new(
            "nfa_residual",
            "‖A_f − (W_1ᵀW_1)^L‖_F, A_f the average gradient outer product",
            "f²/x²",
            "residual ‖A_f − (W_1^TW_1)^L‖_F",
        ),
        Column::new(
            "nfa_residual_relative",
            "‖A_f − (W_1ᵀW_1)^L‖_F over the larger of the two norms",
            "1",
            "‖A_f − (W_1^TW_1)^L‖_F / larger of the two norms",
        ),
        Column::new("nfa_cosine", "cos(W_1ᵀW_1, A_f^(1/L))", "1", "cosine of W_1^TW_1 and A_f^{ 1/L}"),
        Column::new(
            "nfa_cosine_centred",
            "cos(W_1ᵀW_1, A_f^(1/L)), each matrix minus its mean eigenvalue times I",
            "1",
            "centred cosine of W_1^TW_1 and A_f^{ 1/L}",
        ),
        Column::new(
            "nfa_cosine_baseline",
            "tr A·tr B/(d‖A‖_F‖B‖_F): nfa_cosine averaged over rotations of one matrix against the other",
            "1",
            "baseline of the cosine of W_1^TW_1 and A_f^{ 1/L}",
        ),
        Column::new(
            "nfa_alignment_residual",
            "min_c ‖W_1ᵀW_1 − cA_f^(1/L)‖_F/‖W_1ᵀW_1‖_F",
            "1",
            "min_c ‖W_1^TW_1 − cA_f^{ 1/L}‖_F / ‖W_1^TW_1‖_F",
        ),
        Column::new(
            "nfa_cosine_W{l}",
            "cos(W_lᵀW_l, (J_lᵀJ_l)^(1/(L−l+1))), J_l = ∂f/∂h_(l−1), l = 2, …, L",
            "1",
            "cosine of W_{{l}}^TW_{{l}} and its ansatz",
        ),
        Column::new(
            "nfa_residual_relative_W{l}",
            "‖W_lᵀW_l − (J_lᵀJ_l)^(1/(L−l+1))‖_F over the larger of the two norms, l = 2, …, L; with layer_rates the power is times (Π_(m>l) κ_m/κ_l)^(−1/(L−l+1))",
            "1",
            "relative residual of the ansatz of W_{{l}}",
        ),
    ],
);

/// Columns:
/// - `nfa_residual`: ‖A_f − C_1(W_1ᵀW_1)^L‖_F, C_1 = 1 without layer rates, and `nfa_residual_relative`: the same over the larger of the
///   two norms;
/// - `nfa_cosine`: cos(W_1ᵀW_1, A_f^{1/L}), and `nfa_cosine_centred`: the same with each matrix minus its mean eigenvalue times I;
/// - `nfa_cosine_baseline`: the mean of `nfa_cosine` over all rotations of one matrix against the other, the value for unrelated
///   eigenvectors. It is far above 0 where neither matrix is near rank one;
/// - `nfa_alignment_residual`: min_c ‖W_1ᵀW_1 − c·A_f^{1/L}‖_F / ‖W_1ᵀW_1‖_F, the sine of the angle between the two, computed without
///   cancellation;
/// - `nfa_cosine_Wl`, `nfa_residual_relative_Wl` for l = 2, …, L: the cosine of W_lᵀW_l with B = (J_lᵀJ_l/C_l)^{1/(L−l+1)}, and ‖W_lᵀW_l −
///   B‖_F over the larger of their norms.
///
/// Undefined where one of the two matrices is zero. Residuals depend on C_l: they are also undefined where one of the layers l, …, L is
/// frozen.
#[derive(Default)]
pub struct FeatureAnsatz(pub LayerRates);

impl Observable for FeatureAnsatz {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let depth = snapshot.depth();
        let agop = snapshot.agop();
        let gram_to_the_depth = times(snapshot.gram(1).power(depth), self.0.ansatz_constant(1, depth));
        row.float("nfa_residual", (agop.value() - gram_to_the_depth.value()).norm());
        row.float("nfa_residual_relative", agop.relative_difference(&gram_to_the_depth));

        // Angles do not depend on units.
        let (gram, power) = (&snapshot.gram(1).matrix, &snapshot.ansatz(1).matrix);
        row.float("nfa_cosine", cosine(gram, power));
        row.float("nfa_cosine_centred", centred_cosine(gram, power));
        row.float("nfa_cosine_baseline", cosine_baseline(gram, power));
        row.float("nfa_alignment_residual", alignment_residual(gram, power));

        for l in 2..=depth {
            let constant = self.0.ansatz_constant(l, depth).powf(-1.0 / (depth - l + 1) as f64);
            let (gram, power) = (snapshot.gram(l), snapshot.ansatz(l));
            row.float(format!("nfa_cosine_W{l}"), cosine(&gram.matrix, &power.matrix));
            row.float(format!("nfa_residual_relative_W{l}"), gram.relative_difference(&times(power.clone(), constant)));
        }
    }
}

/// `nfa_alignment_residual`.
pub(super) fn misalignment(snapshot: &Snapshot) -> f64 {
    alignment_residual(&snapshot.gram(1).matrix, &snapshot.ansatz(1).matrix)
}

/// c·M.
fn times(of: Scaled, c: f64) -> Scaled {
    if c == 1.0 { of } else { Scaled { matrix: of.matrix * c, ..of } }
}

/// min_c ‖G − cB‖ / ‖G‖, from the difference itself: √(1 − cos²) would not resolve values below 1e-8.
fn alignment_residual(gram: &DMatrix<f64>, power: &DMatrix<f64>) -> f64 {
    let (gram, power) = (normalised(gram), normalised(power));
    let c = gram.dot(&power) / power.norm_squared();
    (&*gram - &*power * c).norm() / gram.norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{GramPower, RightSvd};
    use crate::network::init::{Balanced, balanced, identity, pytorch};
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::{measure, with_snapshot};
    use crate::rng::{Purpose, gaussian_matrix, stream};

    fn value(parameters: &Parameters, name: &str) -> f64 {
        measure(&FeatureAnsatz::default(), parameters, 0.0)[name]
    }

    fn rectangular_balanced() -> Parameters {
        let settings = Balanced { scale: 1.0, singular_values: Some(&[2.0, 0.9, 0.3]), imbalance: 0.0 };
        let (mut rng, mut direction) = (stream(3, Purpose::Init), stream(3, Purpose::Imbalance));
        balanced(&Architecture::new(&[7, 5, 9, 3, 6]), settings, &mut rng, &mut direction)
    }

    #[test]
    fn balanced_weights_satisfy_the_ansatz_in_every_layer() {
        let parameters = rectangular_balanced();
        for name in ["nfa_residual", "nfa_residual_relative", "nfa_alignment_residual"] {
            assert!(value(&parameters, name) < 1e-13, "{name}");
        }
        for l in 2..=4 {
            assert!(value(&parameters, &format!("nfa_residual_relative_W{l}")) < 1e-13);
            assert!((value(&parameters, &format!("nfa_cosine_W{l}")) - 1.0).abs() < 1e-14);
        }
        assert!((value(&parameters, "nfa_cosine") - 1.0).abs() < 1e-14);
        assert!((value(&parameters, "nfa_cosine_centred") - 1.0).abs() < 1e-13);
    }

    /// Control: 1/L in place of 1/(L − l + 1) fails, although its cosine may still be near 1.
    #[test]
    fn a_wrong_exponent_fails() {
        let parameters = rectangular_balanced();
        with_snapshot(&parameters, 0.0, |snapshot| {
            let gram = snapshot.gram(2);
            let svd = RightSvd::new(snapshot.jacobian(2).matrix.as_view()).unwrap();
            let wrong = GramPower::scaled(&svd, 0, 0.25);
            assert!(gram.relative_difference(&wrong) > 0.05);
            assert!(cosine(&gram.matrix, &wrong.matrix) > 0.95);
        });
    }

    /// Without balance nothing makes the ansatz hold: a PyTorch start violates it, and so does one with W_2 = 0.
    #[test]
    fn unbalanced_weights_violate_the_ansatz() {
        let architecture = Architecture::new(&[6, 6, 6]);
        let start = pytorch(&architecture, &mut stream(0, Purpose::Init));
        assert!(value(&start, "nfa_residual_relative") > 0.1);
        let dead = Parameters::from_weights(&architecture, &[start.weight(1).into_owned(), DMatrix::zeros(6, 6)]);
        assert!(dead.imbalance(1).norm() > 0.1);
        // A constant function has an AGOP of rank 0: the residual is all of (W₁ᵀW₁)², the cosine is not defined.
        assert_eq!(value(&dead, "nfa_residual_relative"), 1.0);
        assert!(value(&dead, "nfa_cosine").is_nan());
    }

    /// The alignment residual is the sine of the angle whose cosine is `nfa_cosine`.
    #[test]
    fn residual_and_cosine_are_of_one_angle() {
        let mut rng = stream(9, Purpose::Init);
        let architecture = Architecture::new(&[4, 5, 3]);
        let weights = [gaussian_matrix(5, 4, &mut rng), gaussian_matrix(3, 5, &mut rng)];
        let parameters = Parameters::from_weights(&architecture, &weights);
        let (cosine, sine) = (value(&parameters, "nfa_cosine"), value(&parameters, "nfa_alignment_residual"));
        assert!((cosine * cosine + sine * sine - 1.0).abs() < 1e-14);
        // At the identity both matrices are multiples of I: the angle is defined, the centred one is not.
        assert!(value(&identity(&Architecture::new(&[3, 3, 3])), "nfa_cosine_centred").is_nan());
    }
}

//! Features at convergence (FACT): what W_lᵀW_l must equal at a stationary point with weight decay, for any network.

use nalgebra::DMatrix;

use crate::linalg::{FAINT, Scaled, cosine};

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Fact,
    &[
        Column::new(
            "fact_cosine_W{l}",
            "cos(W_lᵀW_l, F_l), F_l = −W_lᵀ∇_(W_l)ℒ/λ, l = 1, …, L; null for λ = 0",
            "1",
            "cosine of W_{{l}}^TW_{{l}} and FACT",
        ),
        Column::new(
            "fact_residual_relative_W{l}",
            "‖W_lᵀW_l − F_l‖_F over the larger of the two norms, l = 1, …, L",
            "1",
            "relative residual of FACT of W_{{l}}",
        ),
    ],
);

/// With F_l = −W_lᵀ∇_{W_l}ℒ/λ_l = −(1/(nλ_l)) Σ_i ∇_{h_{l−1}}ℓ_i h_{l−1,i}ᵀ ∈ ℝ^{d_{l−1} × d_{l−1}}, columns for l = 1, …, L:
/// - `fact_cosine_Wl`: cos(W_lᵀW_l, F_l);
/// - `fact_residual_relative_Wl`: ‖W_lᵀW_l − F_l‖_F over the larger of their norms.
///
/// Where ∇_{W_l}J = 0 and λ_l > 0 the two are equal (Boix-Adserà, Mallinar, Simon & Belkin, *FACT*, 2025). Undefined for λ_l = 0.
pub struct FeaturesAtConvergence;

impl Observable for FeaturesAtConvergence {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let net = snapshot.parameters.architecture();
        let (mut theta, mut gradient) = (snapshot.parameters.values().clone(), snapshot.loss_gradient().clone());
        // Each layer in units of its own, so that no product of a weight and its gradient underflows; λ_l likewise.
        let mut units = Vec::with_capacity(net.depth());
        for l in 1..=net.depth() {
            let weight = Scaled::new(net.weight(theta.as_slice(), l).into_owned());
            let slope = Scaled::new(net.weight(gradient.as_slice(), l).into_owned());
            let faint = (slope.value().amax() < FAINT) && slope.matrix.amax() > 0.0;
            net.weight_mut(theta.as_mut_slice(), l).copy_from(&weight.matrix);
            net.weight_mut(gradient.as_mut_slice(), l).copy_from(&slope.matrix);
            units.push((weight.exponent + slope.exponent, faint));
        }
        let features = snapshot.objective.layers().map_or_else(Vec::new, |layers| layers.feature_gradients(&theta, &gradient));
        for ((l, feature), (unit, faint)) in (1..).zip(features).zip(units) {
            let gram = snapshot.gram(l);
            let decay = Scaled::new(DMatrix::from_element(1, 1, snapshot.objective.weight_decay().layer(l)));
            let feature = Scaled { matrix: feature / -decay.matrix[(0, 0)], exponent: unit - decay.exponent };
            let defined = decay.matrix[(0, 0)] > 0.0 && !faint;
            let off = gram.relative_difference(&feature);
            row.float(format!("fact_cosine_W{l}"), if defined { cosine(&gram.matrix, &feature.matrix) } else { f64::NAN });
            row.float(format!("fact_residual_relative_W{l}"), if defined { off } else { f64::NAN });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::measure;

    /// w_1, w_2 on x = 1, y = 0 with λ = 0.1: ∇_{w_1}ℒ = w_2²w_1, so that F_1 = −10 w_1²w_2² has the wrong sign and is far off.
    #[test]
    fn it_is_minus_weight_times_gradient_over_decay() {
        let weight = |w| DMatrix::from_element(1, 1, w);
        let row = measure(
            &FeaturesAtConvergence,
            &Parameters::from_weights(&Architecture::new(&[1, 1, 1]), &[weight(2.0), weight(0.5)]),
            0.0,
        );
        assert_eq!(row["fact_cosine_W1"], -1.0);
        // (4 + 10)/10.
        assert!((row["fact_residual_relative_W1"] - 1.4).abs() < 1e-14);
    }
}

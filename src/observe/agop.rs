//! The average gradient outer product (AGOP) compared with the target's, and the feature ansatz with centred Jacobians.

use nalgebra::DMatrix;

use crate::linalg::{GramPower, RightSvd, SvdError, cosine};

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Agop,
    &[
        Column::new(
            "agop_target_cosine",
            "cos(A_f, A_f*), A_f* = E[J*ᵀJ*] of the target over the law of the inputs where it has a closed form, otherwise over the training samples; null where there is neither",
            "1",
            "cosine of A_f and the target’s A_{f*}",
        ),
        Column::new(
            "nfa_cosine_jacobian_centred",
            "cos(W_1ᵀW_1, A_c^(1/L)), A_c from the Jacobians minus their mean; null where the Jacobian is the same at every sample to rounding, as in linear networks",
            "1",
            "cosine of W_1^TW_1 and A_c^{ 1/L}, Jacobians centred",
        ),
    ],
);

/// Columns:
/// - `agop_target_cosine`: cos(A_f, A_{f*}), 1 where the network depends on every direction in the same proportion as the target. A_{f*} is the
///   expectation over the law of the inputs where that has a closed form, and the mean over the training samples otherwise. Undefined
///   where the target is not known, as with data from a file;
/// - `nfa_cosine_jacobian_centred`: cos(W_1ᵀW_1, A_c^{1/L}), A_c = (1/n) Σ (J_i − J̄)ᵀ(J_i − J̄), each Jacobian minus its mean over the
///   samples. Undefined where the Jacobian does not depend on x, as in a linear network, or a ReLU network whose neurons are active on all
///   samples.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use nalgebra::DVector;

    use crate::data::Dataset;
    use crate::loss::Loss;
    use crate::network::{Activation, Architecture, Parameters};
    use crate::objective::MlpObjective;
    use crate::observe::Scalar;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// `widths` with these activations and a bias in every layer.
    fn network(widths: &[usize], activation: impl Fn(usize) -> Activation) -> Architecture {
        let depth = widths.len() - 1;
        let activations: Vec<_> = (1..=depth).map(activation).collect();
        Architecture::with_layers(widths, &activations, &vec![true; depth])
    }

    fn drawn(net: &Architecture, seed: u64) -> Parameters {
        let theta = gaussian_matrix(net.parameter_count(), 1, &mut stream(seed, Purpose::Init));
        Parameters::from_values(net, DVector::from_column_slice(theta.as_slice()))
    }

    /// `nfa_cosine_jacobian_centred` over the samples x.
    fn centred_cosine(parameters: &Parameters, x: DMatrix<f64>) -> f64 {
        let net = parameters.architecture();
        let y = DMatrix::zeros(x.nrows(), net.output_dim());
        let objective = MlpObjective::new(net.clone(), Arc::new(Dataset { x, y }), Loss::Mse, 0.0);
        let mut row = Row::default();
        Agop::new(None).measure(&Snapshot::new(0.0, parameters, &objective, None).unwrap(), &mut row);
        match row.scalars.iter().find(|(name, _)| name == "nfa_cosine_jacobian_centred") {
            Some((_, Scalar::Float(value))) => *value,
            other => panic!("{other:?}"),
        }
    }

    fn inputs(samples: usize, dim: usize) -> DMatrix<f64> {
        gaussian_matrix(samples, dim, &mut stream(1, Purpose::Inputs))
    }

    #[test]
    fn rounding_of_a_constant_jacobian_has_no_direction() {
        for widths in [&[5, 3][..], &[5, 6, 3], &[5, 6, 2, 3], &[5, 40, 30, 20, 3]] {
            for (samples, seed) in [(1, 1), (23, 2), (700, 3), (2500, 4)] {
                let linear = network(widths, |_| Activation::Identity);
                assert!(centred_cosine(&drawn(&linear, seed), inputs(samples, 5)).is_nan(), "{widths:?} {samples}");
                // Biases so large that every neuron is active on all samples.
                let relu = network(widths, |l| if l + 1 < widths.len() { Activation::Relu } else { Activation::Identity });
                let mut active = drawn(&relu, seed).values().clone();
                (1..=relu.depth()).for_each(|l| relu.bias_mut(active.as_mut_slice(), l).unwrap().fill(1e5));
                let active = Parameters::from_values(&relu, active);
                assert!(centred_cosine(&active, inputs(samples, 5)).is_nan(), "relu {widths:?} {samples}");
            }
        }
    }

    /// One sample of 2500 on the other side of one neuron: J_i − J̄ has the rows of a multiple of a_kw_kᵀ.
    #[test]
    fn one_sample_on_the_other_side_counts() {
        let net = network(&[5, 4, 3], |l| if l == 1 { Activation::Relu } else { Activation::Identity });
        let mut theta = drawn(&net, 5).values().clone();
        net.bias_mut(theta.as_mut_slice(), 1).unwrap().fill(100.0);
        let parameters = Parameters::from_values(&net, theta);
        let w = parameters.weight(1).row(2).transpose();
        let mut x = inputs(2500, 5);
        x.set_row(1234, &(&w * (-200.0 / w.norm_squared())).transpose());
        // Other neurons may be on either side at that sample: each direction then counts with its own output weights.
        let active = |k: usize| parameters.weight(1).row(k).dot(&x.row(1234)) + 100.0 > 0.0;
        let off = DMatrix::from_fn(4, 4, |i, k| if i == k && !active(k) { 1.0 } else { 0.0 });
        assert!(!active(2));
        let lost = parameters.weight(2) * off * parameters.weight(1);
        let expected = against(&parameters, &lost);
        assert!((centred_cosine(&parameters, x) - expected).abs() < 1e-10, "{expected}");
    }

    /// tanh′ = 1 − tanh²: at inputs of 1e-3 the Jacobian varies by a share of 1e-6, whose digits are kept.
    #[test]
    fn small_variations_have_their_direction() {
        let net = network(&[5, 4, 3], |l| if l == 1 { Activation::Tanh } else { Activation::Identity });
        let mut theta = drawn(&net, 6).values().clone();
        net.bias_mut(theta.as_mut_slice(), 1).unwrap().fill(0.0);
        let parameters = Parameters::from_values(&net, theta);
        let x = inputs(40, 5) * 1e-3;
        let squares = (&x * parameters.weight(1).transpose()).map(|z| z.tanh().powi(2));
        let mean = squares.row_mean();
        let mut all = DMatrix::zeros(40 * 3, 5);
        for (i, slopes) in squares.row_iter().enumerate() {
            let deviation = DMatrix::from_diagonal(&(&mean - slopes).transpose());
            all.rows_mut(3 * i, 3).copy_from(&(parameters.weight(2) * deviation * parameters.weight(1)));
        }
        let expected = against(&parameters, &all);
        assert!((centred_cosine(&parameters, x) - expected).abs() < 1e-6, "{expected}");
    }

    /// cos(W_1ᵀW_1, (CᵀC)^{1/L}) of rows C, in any unit.
    fn against(parameters: &Parameters, rows: &DMatrix<f64>) -> f64 {
        let depth = parameters.architecture().depth();
        let power = GramPower::new(&RightSvd::new(rows.as_view()).unwrap(), 1.0 / depth as f64).matrix();
        cosine(&(parameters.weight(1).transpose() * parameters.weight(1)), &power)
    }
}

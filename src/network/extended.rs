//! Weights of 106 bits: W = high + low.
//!
//! An imbalance that decays as e^{−2λt} sinks below ε·‖W‖², the rounding of float64 weights, while the weights themselves stay large.
//! There D_l is known only if W is held, and its products are summed, in more than float64.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::linalg::{DoubleDouble, gram_double_double};

use super::{Parameters, largest_norm};

/// θ = high + low ∈ ℝ^P, with `high` the weights rounded to float64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtendedParameters {
    high: Parameters,
    low: DVector<f64>,
}

impl From<Parameters> for ExtendedParameters {
    fn from(high: Parameters) -> Self {
        let low = DVector::zeros(high.values().len());
        Self { high, low }
    }
}

impl ExtendedParameters {
    /// θ rounded to float64.
    pub fn high(&self) -> &Parameters {
        &self.high
    }

    /// What the rounding left, of length P.
    pub fn low(&self) -> &DVector<f64> {
        &self.low
    }

    /// θ rounded to float64, without the rest.
    pub fn into_high(self) -> Parameters {
        self.high
    }

    /// θ ← θ + δ, in double-double; δ of length P.
    pub fn add(&mut self, delta: &DVector<f64>) {
        for ((high, low), delta) in self.high.values_mut().iter_mut().zip(self.low.iter_mut()).zip(delta.iter()) {
            let sum = DoubleDouble { high: *high, low: *low } + *delta;
            (*high, *low) = (sum.high, sum.low);
        }
    }

    /// θ ← θ rounded to float64.
    pub fn round(&mut self) {
        self.low.fill(0.0);
    }

    /// D_l as of [`Parameters::imbalance`], for l = 1, …, L − 1, symmetric to the bit and right to 2^{−90}·‖θ‖² or better.
    pub fn imbalance_double_double(&self, l: usize) -> DMatrix<DoubleDouble> {
        let net = self.high.architecture();
        let (high, low) = (self.high.values().as_slice(), self.low.as_slice());
        let outgoing = gram_double_double(&net.weight(high, l + 1).into_owned(), &net.weight(low, l + 1).into_owned());
        let incoming = gram_double_double(&net.incoming(high, l).transpose(), &net.incoming(low, l).transpose());
        net.conserved(l).part(outgoing.zip_map(&incoming, |a, b| a - b))
    }

    /// D_l of [`ExtendedParameters::imbalance_double_double`], rounded to float64 only now.
    pub fn imbalance(&self, l: usize) -> DMatrix<f64> {
        self.imbalance_double_double(l).map(|x| x.high)
    }

    /// D_1, …, D_{L−1}, rounded to float64 only now; none for a single layer.
    pub fn imbalances(&self) -> Vec<DMatrix<f64>> {
        (1..self.high.architecture().depth()).map(|l| self.imbalance(l)).collect()
    }

    /// The balance gap max_l ‖D_l‖_F; 0 for a single layer, NaN or infinite where a gap is.
    pub fn balance_gap(&self) -> f64 {
        largest_norm(&self.imbalances())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// w_2 = w_1 + δ: D = 2w_1δ + δ², of which float64 weights see nothing.
    #[test]
    fn a_gap_far_below_rounding_is_seen() {
        let (w, delta) = (0.3, 1e-22);
        let weights = [DMatrix::from_element(1, 1, w), DMatrix::from_element(1, 1, w)];
        let mut pair = ExtendedParameters::from(Parameters::from_weights(&Architecture::new(&[1, 1, 1]), &weights));
        pair.add(&DVector::from_column_slice(&[0.0, delta]));
        assert!((pair.imbalance(1)[(0, 0)] / (2.0 * w * delta) - 1.0).abs() < 1e-6);
        assert_eq!(pair.high().imbalance(1)[(0, 0)], 0.0);
        pair.round();
        assert_eq!(pair.imbalance(1)[(0, 0)], 0.0);
    }

    #[test]
    fn it_agrees_with_float64_to_rounding_on_rectangular_layers() {
        let architecture = Architecture::new(&[3, 7, 2, 5]);
        let rng = &mut stream(0, Purpose::Init);
        let parameters = Parameters::from_shapes(&architecture, |rows, columns| gaussian_matrix(rows, columns, rng));
        let extended = ExtendedParameters::from(parameters.clone());
        for (plain, exact) in parameters.imbalances().iter().zip(extended.imbalances()) {
            let off = (plain - &exact).norm() / plain.norm();
            assert!(off < 1e-15 && exact.transpose() == exact, "{off:e}");
        }
    }
}

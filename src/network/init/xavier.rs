//! `torch.nn.init.xavier_normal_(W_l)`, with its default gain 1: normal entries whose variance lies between those that keep the size of the
//! signal and of its gradient (Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010). The
//! distribution is PyTorch's, the random numbers are ours.

use nalgebra::DMatrix;
use rand::Rng;

use crate::network::{Architecture, Parameters};
use crate::rng::gaussian_matrix;

/// W_l with independent entries N(0, 2/(d_{l−1} + d_l)), whatever the activation; biases 0.
pub fn xavier(architecture: &Architecture, rng: &mut impl Rng) -> Parameters {
    Parameters::from_shapes(architecture, |rows, columns| weight(rows, columns, rng))
}

pub(super) fn weight(rows: usize, columns: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    gaussian_matrix(rows, columns, rng) * (2.0 / (rows + columns) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;
    use crate::rng::{Purpose, stream};

    #[test]
    fn entries_have_the_variance_of_both_widths() {
        let net = Architecture::with_layers(&[100, 300, 50], &[Activation::Relu; 2], &[true; 2]);
        let start = xavier(&net, &mut stream(0, Purpose::Init));
        for (l, variance) in [(1, 2.0 / 400.0), (2, 2.0 / 350.0)] {
            let n = start.weight(l).len() as f64;
            // In standard errors: Σw²/n of normal entries has a standard deviation of √(2/n) of its mean.
            let off = |variance: f64| (start.weight(l).norm_squared() / n / variance - 1.0).abs() / (2.0 / n).sqrt();
            assert!(off(variance) < 5.0, "{}", off(variance));
            // A control: the gain of a relu.
            assert!(off(2.0 * variance) > 25.0);
            assert!(start.bias(l).unwrap().iter().all(|&b| b == 0.0));
        }
    }
}

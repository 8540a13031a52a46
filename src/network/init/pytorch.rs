//! `torch.nn.Linear`'s default: entries of W_l and b_l uniform in ±1/√d_{l−1}.
//!
//! PyTorch writes it as `kaiming_uniform_(weight, a=sqrt(5))`, which comes to this bound, and gives biases the same one
//! (torch/nn/modules/linear.py). The distribution is PyTorch's, the random numbers are ours.

use nalgebra::DVector;
use rand::{Rng, RngExt};

use crate::network::{Architecture, Parameters};

/// W_l and b_l with independent entries, uniform in [−1/√d_{l−1}, 1/√d_{l−1}), drawn in the order W_1, b_1, W_2, …, each column by
/// column: without biases the draws are those of the weights alone.
pub fn pytorch(architecture: &Architecture, rng: &mut impl Rng) -> Parameters {
    let mut values = DVector::zeros(architecture.parameter_count());
    for l in 1..=architecture.depth() {
        fill(architecture, l, values.as_mut_slice(), rng);
    }
    Parameters::from_values(architecture, values)
}

/// Draws W_l and b_l into θ.
pub(super) fn fill(architecture: &Architecture, l: usize, theta: &mut [f64], rng: &mut impl Rng) {
    let bound = 1.0 / (architecture.shape(l).1 as f64).sqrt();
    let layer = architecture.weight_range(l).start..architecture.bias_range(l).end;
    theta[layer].fill_with(|| bound * (2.0 * rng.random::<f64>() - 1.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;
    use crate::rng::{Purpose, stream};

    #[test]
    fn entries_fill_the_bound_of_nn_linear() {
        let start = pytorch(&Architecture::new(&[25, 400, 3]), &mut stream(0, Purpose::Init));
        for (l, fan_in) in [(1, 25.0), (2, 400.0)] {
            let (weight, bound) = (start.weight(l), 1.0 / f64::sqrt(fan_in));
            let n = weight.len() as f64;
            assert!(weight.amax() <= bound && weight.amax() > bound * (1.0 - 20.0 / n));
            // Var = bound²/3; the sample variance of a uniform has standard deviation √(4/5n) of it.
            let ratio = weight.norm_squared() / n / (bound * bound / 3.0);
            assert!((ratio - 1.0).abs() < 5.0 * (0.8 / n).sqrt(), "{ratio}");
        }
    }

    #[test]
    fn biases_have_the_bound_of_their_weights() {
        let net = Architecture::with_layers(&[25, 400, 3], &[Activation::Relu; 2], &[true; 2]);
        let start = pytorch(&net, &mut stream(0, Purpose::Init));
        let largest = start.bias(1).unwrap().iter().fold(0.0f64, |most, b| most.max(b.abs()));
        assert!(largest <= 0.2 && largest > 0.2 * (1.0 - 20.0 / 400.0));
        // The weights of the first layer come before any bias.
        assert_eq!(start.weight(1), pytorch(&Architecture::new(&[25, 400, 3]), &mut stream(0, Purpose::Init)).weight(1));
    }
}

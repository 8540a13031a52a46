//! `torch.nn.Linear`'s default: entries of W_l uniform in ±1/√d_{l−1}.
//!
//! PyTorch writes it as `kaiming_uniform_(weight, a=sqrt(5))`, which comes to this bound (torch/nn/modules/linear.py). The
//! distribution is PyTorch's, the random numbers are ours.

use nalgebra::DMatrix;
use rand::{Rng, RngExt};

use crate::network::{Architecture, Parameters};

/// W_l with independent entries, uniform in [−1/√d_{l−1}, 1/√d_{l−1}).
pub fn pytorch(architecture: &Architecture, rng: &mut impl Rng) -> Parameters {
    Parameters::from_shapes(architecture, |rows, columns| {
        let bound = 1.0 / (columns as f64).sqrt();
        DMatrix::from_fn(rows, columns, |_, _| bound * (2.0 * rng.random::<f64>() - 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
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
}

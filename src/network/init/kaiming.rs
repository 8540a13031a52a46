//! `torch.nn.init.kaiming_normal_(W_l, mode='fan_in', nonlinearity=σ_l)`: normal entries whose variance keeps the size of the signal from layer to
//! layer (He, Zhang, Ren & Sun, "Delving deep into rectifiers", ICCV 2015). The distribution is PyTorch's, the random numbers are ours.

use nalgebra::DMatrix;
use rand::Rng;

use crate::network::{Activation, Architecture, Parameters};
use crate::rng::gaussian_matrix;

/// W_l with independent entries N(0, gain²/d_{l−1}), the gain that of σ_l, the activation after layer l; biases 0.
pub fn kaiming(architecture: &Architecture, rng: &mut impl Rng) -> Parameters {
    let weights: Vec<_> = (1..=architecture.depth()).map(|l| layer(architecture, l, rng)).collect();
    Parameters::from_weights(architecture, &weights)
}

pub(super) fn layer(architecture: &Architecture, l: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    let (rows, columns) = architecture.shape(l);
    gaussian_matrix(rows, columns, rng) * (gain(architecture.activation(l)) / (columns as f64).sqrt())
}

/// `torch.nn.init.calculate_gain`: √(2/(1 + a²)) with a the slope below 0 of `relu` and `leaky_relu`, 5/3 for `tanh`, and 1 for `identity` and
/// `sigmoid`. PyTorch has none for `gelu`, `softplus`, `erf`, `quadratic` and `swish`: 1.
fn gain(activation: Activation) -> f64 {
    match (activation, activation.kink()) {
        (_, Some(below)) => (2.0 / (1.0 + below * below)).sqrt(),
        (Activation::Tanh, _) => 5.0 / 3.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// How many standard errors the sample variance of a layer is from `variance`: Σw²/n of normal entries has a standard deviation of √(2/n) of
    /// its mean.
    fn off(weight: &DMatrix<f64>, variance: f64) -> f64 {
        let n = weight.len() as f64;
        (weight.norm_squared() / n / variance - 1.0).abs() / (2.0 / n).sqrt()
    }

    #[test]
    fn entries_have_the_variance_of_their_layers_activation() {
        let gains = [1.0, 2f64.sqrt(), (2.0 / 1.0001f64).sqrt(), 5.0 / 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        for (seed, (sigma, gain)) in Activation::ALL.into_iter().zip(gains).enumerate() {
            let net = Architecture::with_layers(&[200, 300, 250], &[sigma, Activation::Identity], &[true, false]);
            let start = kaiming(&net, &mut stream(seed as u64, Purpose::Init));
            let (first, last) = (start.weight(1).into_owned(), start.weight(2).into_owned());
            assert!(off(&first, gain * gain / 200.0) < 5.0, "{sigma:?}");
            // The output has an activation of its own.
            assert!(off(&last, 1.0 / 300.0) < 5.0, "{sigma:?}");
            assert!(start.bias(1).unwrap().iter().all(|&b| b == 0.0));
            // A control: with another gain, or the width on the other side, the test would fail.
            let wrong = if gain == 1.0 { 5.0 / 3.0 } else { 1.0 };
            assert!(off(&first, wrong * wrong / 200.0) > 50.0 && off(&first, gain * gain / 300.0) > 50.0, "{sigma:?}");
        }
    }
}

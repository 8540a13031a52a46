//! The activations of a teacher network, σ and σ′ at one point, to some 1e-16 absolutely: what labels need.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use crate::scenario::Activation;

/// σ(z).
pub(super) fn value(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Identity => z,
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu => z.max(0.01 * z),
        Activation::Tanh => z.tanh(),
        Activation::Sigmoid => sigmoid(z),
        Activation::Gelu => z * normal(z),
        Activation::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        Activation::Erf => erf(z),
        Activation::Quadratic => z * z,
        Activation::Swish => z * sigmoid(z),
    }
}

/// σ′(z); at the kinks of `relu` and `leaky_relu` that of z < 0, as PyTorch has it.
pub(super) fn slope(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu => f64::from(z > 0.0),
        Activation::LeakyRelu => {
            if z > 0.0 {
                1.0
            } else {
                0.01
            }
        }
        Activation::Tanh => 1.0 - z.tanh().powi(2),
        Activation::Sigmoid => sigmoid(z) * sigmoid(-z),
        Activation::Gelu => normal(z) + z * (-0.5 * z * z).exp() / (2.0 * PI).sqrt(),
        Activation::Softplus => sigmoid(z),
        Activation::Erf => FRAC_2_SQRT_PI * (-z * z).exp(),
        Activation::Quadratic => 2.0 * z,
        Activation::Swish => sigmoid(z) * (1.0 + z * sigmoid(-z)),
    }
}

/// 1/(1 + e^{−z}).
fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// Φ(z), the standard normal distribution function.
fn normal(z: f64) -> f64 {
    0.5 * (1.0 + erf(z * FRAC_1_SQRT_2))
}

/// erf z = (2/√π) e^{−z²} Σ_n 2ⁿz^{2n+1}/(2n + 1)!! (DLMF 7.6.2), whose terms have one sign; from |z| = 6 on it is ±1 to rounding.
fn erf(z: f64) -> f64 {
    if z.is_nan() || z.abs() >= 6.0 {
        return z.signum();
    }
    let (mut term, mut sum, mut n) = (z, z, 0.0);
    while term.abs() > f64::EPSILON * sum.abs() / 8.0 {
        n += 1.0;
        term *= 2.0 * z * z / (2.0 * n + 1.0);
        sum += term;
    }
    FRAC_2_SQRT_PI * (-z * z).exp() * sum
}

#[cfg(test)]
pub(super) const ALL: [Activation; 10] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Gelu,
    Activation::Softplus,
    Activation::Erf,
    Activation::Quadratic,
    Activation::Swish,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Abramowitz & Stegun, table 7.1, and erf(−z) = −erf(z).
    #[test]
    fn erf_is_that_of_the_tables() {
        for (z, expected) in [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((erf(z) - expected).abs() < 1e-10);
            assert_eq!(erf(-z), -erf(z));
        }
        assert!((erf(5.99) - 1.0).abs() < 1e-14 && erf(f64::INFINITY) == 1.0 && erf(f64::NAN).is_nan());
    }

    #[test]
    fn slopes_are_derivatives() {
        for activation in ALL {
            for z in [-4.1, -1.3, -0.2, 0.4, 1.7, 5.2] {
                let h = 1e-3;
                let difference = |h: f64| (value(activation, z + h) - value(activation, z - h)) / (2.0 * h);
                let numeric = (4.0 * difference(h / 2.0) - difference(h)) / 3.0;
                assert!((slope(activation, z) - numeric).abs() < 1e-10, "{activation:?} at {z}");
            }
        }
    }
}

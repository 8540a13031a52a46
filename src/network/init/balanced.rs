//! Balanced starts: D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ = 0 for l = 1, …, L − 1.
//!
//! Arora, Cohen, Golowich & Hu, "A convergence analysis of gradient descent for deep linear neural networks", ICLR 2019,
//! procedure 1: W_l = Q_l S^{1/L} Q_{l−1}ᵀ, where every Q_l ∈ ℝ^{d_l × r} has orthonormal columns and S holds the r ≤ min_l d_l
//! singular values of the product W_L ⋯ W_1 = Q_L S Q_0ᵀ. Such Q_l exist for any widths, d_L = 1 included.

use nalgebra::{DMatrix, DVector};
use rand::Rng;

use crate::network::{Architecture, Conserved, Parameters};
use crate::rng::orthonormal_columns;

use super::gaussian;

/// The settings of a balanced start.
#[derive(Debug, Clone, Copy)]
pub struct Balanced<'a> {
    /// Factor of the product's singular values.
    pub scale: f64,
    /// The product's singular values before scaling; without them, min_l d_l ones.
    pub singular_values: Option<&'a [f64]>,
    /// max_l ‖D_l(0)‖_F; 0 for a balanced start.
    pub imbalance: f64,
}

/// A start with D_l = 0 to rounding, or, with `imbalance` > 0, that start moved along one Gaussian direction E just so far that
/// max_l ‖D_l‖_F = `imbalance`: W_l ← W_l + εE_l. Biases are 0. A network that conserves nothing of any D_l has no imbalance and is left as it is.
pub fn balanced(architecture: &Architecture, settings: Balanced, rng: &mut impl Rng, direction: &mut impl Rng) -> Parameters {
    let widths = architecture.widths();
    let narrowest = widths.iter().copied().min().unwrap_or(0);
    let singular_values: Vec<f64> = settings.singular_values.map_or(vec![1.0; narrowest], <[f64]>::to_vec);
    let depth = architecture.depth();
    let root: Vec<f64> = singular_values.iter().map(|s| (settings.scale * s).powf(1.0 / depth as f64)).collect();
    let root = DMatrix::from_diagonal(&DVector::from_vec(root));
    let frames: Vec<_> = widths.iter().map(|&d| orthonormal_columns(d, root.nrows(), rng)).collect();
    let weights: Vec<_> = (1..=depth).map(|l| &frames[l] * &root * frames[l - 1].transpose()).collect();
    let start = Parameters::from_weights(architecture, &weights);
    let movable = (1..depth).any(|l| architecture.conserved(l) != Conserved::Nothing);
    if settings.imbalance > 0.0 && movable { unbalance(&start, settings.imbalance, direction) } else { start }
}

/// The start moved along a Gaussian direction until its largest gap is `imbalance` > 0.
fn unbalance(start: &Parameters, imbalance: f64, rng: &mut impl Rng) -> Parameters {
    let architecture = start.architecture();
    let direction = gaussian(architecture, 1.0, rng);
    let moved = |epsilon: f64| Parameters::from_values(architecture, start.values() + direction.values() * epsilon);
    // The gap is continuous in ε, 0 at 0 and unbounded: double ε until it is passed, then bisect to the last bit. (A gap that
    // overflows is no number, and passes.)
    let (mut low, mut high) = (0.0, f64::MIN_POSITIVE.max(imbalance * 1e-3));
    while moved(high).balance_gap() < imbalance {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return moved(high);
        }
        if moved(middle).balance_gap() < imbalance {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::network::Activation;
    use crate::rng::{Purpose, stream};
    use proptest::prelude::*;

    fn draw(widths: &[usize], settings: Balanced, seed: u64) -> Parameters {
        let (mut rng, mut direction) = (stream(seed, Purpose::Init), stream(seed, Purpose::Imbalance));
        balanced(&Architecture::new(widths), settings, &mut rng, &mut direction)
    }

    proptest! {
        #[test]
        fn any_widths_are_balanced_with_the_spectrum_asked_for(
            widths in prop::collection::vec(1usize..9, 2..7), scale in 0.01f64..10.0, seed in 0u64..1000,
        ) {
            let start = draw(&widths, Balanced { scale, singular_values: None, imbalance: 0.0 }, seed);
            let depth = widths.len() - 1;
            let layer_size = scale.powf(2.0 / depth as f64) * (widths.iter().copied().max().unwrap() as f64);
            prop_assert!(start.balance_gap() <= 1e-14 * layer_size);
            let product = (1..=depth).fold(DMatrix::identity(widths[0], widths[0]), |p, l| start.weight(l) * p);
            let rank = widths.iter().copied().min().unwrap();
            for (i, s) in singular_values(product.as_view()).unwrap().into_iter().enumerate() {
                let expected = if i < rank { scale } else { 0.0 };
                prop_assert!((s - expected).abs() <= 1e-13 * scale, "{s} at {i}");
            }
        }

        #[test]
        fn the_imbalance_is_the_one_asked_for(imbalance in 1e-6f64..10.0, seed in 0u64..100) {
            let start = draw(&[4, 6, 3, 5], Balanced { scale: 1.0, singular_values: None, imbalance }, seed);
            // Rounding of the gap itself: ε·‖W‖² with ‖W‖² of order 10.
            prop_assert!((start.balance_gap() - imbalance).abs() <= 1e-14 * (10.0 + imbalance));
        }
    }

    /// There is no gap to double until it is large enough.
    #[test]
    fn without_a_conserved_imbalance_the_start_stays() {
        let settings = |imbalance| Balanced { scale: 1.0, singular_values: None, imbalance };
        assert_eq!(draw(&[3, 2], settings(0.5), 1).values(), draw(&[3, 2], settings(0.0), 1).values());
        let tanh = Architecture::with_layers(&[3, 2, 1], &[Activation::Tanh, Activation::Identity], &[false, false]);
        let start =
            |imbalance| balanced(&tanh, settings(imbalance), &mut stream(1, Purpose::Init), &mut stream(1, Purpose::Imbalance));
        assert_eq!(start(0.5).values(), start(0.0).values());
    }

    #[test]
    fn given_singular_values_are_those_of_the_product() {
        let start = draw(&[5, 4, 1], Balanced { scale: 2.0, singular_values: Some(&[0.7]), imbalance: 0.0 }, 1);
        let product = start.weight(2) * start.weight(1);
        assert!((singular_values(product.as_view()).unwrap()[0] - 1.4).abs() < 1e-14);
    }
}

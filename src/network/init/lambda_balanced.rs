//! λ-balanced starts: W_{l+1}ᵀW_{l+1} − W_lW_lᵀ = ςI for l = 1, …, L − 1. ς = 0 is a balanced start, where features are learned; with |ς| large
//! one end of the network hardly moves, and the other learns as a linear model does (Dominé, Anguita, Proca, Braun, Kunin, Mediano & Saxe, "From
//! lazy to rich: exact learning dynamics in deep linear networks", ICLR 2025; Braun et al., NeurIPS 2022).
//!
//! W_l = U_l S_l U_{l−1}ᵀ with uniform orthogonal U_l ∈ ℝ^{d_l × d_l}. For ς ≥ 0 the squares of the i-th singular values of W_1, …, W_L are x, x +
//! ς, …, x + (L − 1)ς, x ≥ 0 such that their product is that of the end-to-end matrix, `scale`²; a direction that begins at the hidden layer l has
//! ς, 2ς, … from W_{l+1} on. So every hidden layer must be no wider than the next, and for ς < 0, where all is reversed, than the one before.

use nalgebra::DMatrix;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::network::{Architecture, Parameters};
use crate::rng::orthonormal_columns;
use crate::settings::{Findings, path};

/// The settings of a λ-balanced start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LambdaBalanced {
    /// The multiple ς of the identity. If it is greater than 0, no hidden layer may be wider than the next; if it is less, than the one before.
    pub lambda: f64,
    /// The singular values of the product W_L ⋯ W_1.
    #[serde(default = "one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

impl LambdaBalanced {
    /// For a network of these widths, d_0, …, d_L; at the path `at`.
    pub(super) fn validate(self, at: &str, widths: &[usize], found: &mut Findings) {
        let Self { lambda, scale } = self;
        found.positive(&format!("{at}.scale"), scale);
        let key = format!("{at}.lambda");
        found.require(lambda.abs() <= 1e100, &key, "at most 1e100 in size: beyond, its square overflows", lambda);
        if lambda != 0.0 && widths.len() == 2 {
            found.add(&key, format!("must be 0 with a single layer, which has no neighbour to balance, got {lambda:?}"));
        }
        let hidden = 1..widths.len().saturating_sub(1);
        let neighbour = |l: usize| if lambda > 0.0 { l + 1 } else { l - 1 };
        if let Some(l) = hidden.into_iter().find(|&l| lambda != 0.0 && widths[neighbour(l)] < widths[l]) {
            let (width, other) = (widths[l], widths[neighbour(l)]);
            let side = if lambda > 0.0 { "next" } else { "one before" };
            let message = format!(
                "must be at most that of the {side}, {other}, for init.lambda_balanced with lambda {lambda:?}, got {width}"
            );
            found.add(&path::item("network.widths", l), message);
        }
    }

    /// A start with D_l = ςI to rounding. Biases are 0.
    ///
    /// Where a hidden layer is too wide for that, the directions that find no room in its neighbour are left out of it.
    pub fn draw(self, architecture: &Architecture, rng: &mut impl Rng) -> Parameters {
        let (widths, depth) = (architecture.widths(), architecture.depth());
        let frames: Vec<DMatrix<f64>> = widths.iter().map(|&d| orthonormal_columns(d, d, rng)).collect();
        let squares = self.squares(widths);
        let weights: Vec<DMatrix<f64>> = (1..=depth)
            .map(|l| {
                let core =
                    DMatrix::from_fn(widths[l], widths[l - 1], |i, j| if i == j { squares[l - 1][i].sqrt() } else { 0.0 });
                &frames[l] * core * frames[l - 1].transpose()
            })
            .collect();
        Parameters::from_weights(architecture, &weights)
    }

    /// The squared singular values of W_1, …, W_L, as many each as W_l has rows or columns, whichever are fewer.
    fn squares(self, widths: &[usize]) -> Vec<Vec<f64>> {
        if self.lambda < 0.0 {
            let reversed: Vec<usize> = widths.iter().rev().copied().collect();
            let mut squares = Self { lambda: -self.lambda, ..self }.squares(&reversed);
            squares.reverse();
            return squares;
        }
        let depth = widths.len() - 1;
        let through = widths.iter().copied().min().unwrap_or(0);
        let least = least_square(self.scale, self.lambda, depth);
        let square = |l: usize, i: usize| {
            if i < through {
                return least + (l - 1) as f64 * self.lambda;
            }
            let begins = (1..l).find(|&hidden| widths[hidden] > i);
            begins.map_or(0.0, |hidden| (l - hidden) as f64 * self.lambda)
        };
        (1..=depth).map(|l| (0..widths[l].min(widths[l - 1])).map(|i| square(l, i)).collect()).collect()
    }
}

/// x ≥ 0 with x(x + ς) ⋯ (x + (L − 1)ς) = `scale`², for ς ≥ 0: by bisection, to the last bit.
fn least_square(scale: f64, lambda: f64, depth: usize) -> f64 {
    let root = scale.powf(2.0 / depth as f64);
    if lambda == 0.0 {
        return root;
    }
    // The product over scale², each factor by itself: it may overflow, and is then too large.
    let share = |x: f64| (0..depth).map(|k| (x + k as f64 * lambda) / root).product::<f64>();
    let (mut low, mut high) = (0.0, root);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if share(middle) < 1.0 {
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
    use crate::rng::{Purpose, stream};
    use proptest::prelude::*;

    proptest! {
        /// D_l = ςI, and the end-to-end matrix has the singular values that are asked for.
        #[test]
        fn the_imbalance_is_a_multiple_of_the_identity(
            first in 1usize..7, mut others in prop::collection::vec(1usize..7, 1..5), lambda in -4.0..4.0f64, scale in 0.01..10.0f64,
            seed in 0u64..1000,
        ) {
            others.sort_unstable();
            let mut widths = vec![first];
            widths.extend(others);
            if lambda < 0.0 {
                widths.reverse();
            }
            let settings = LambdaBalanced { lambda: if widths.len() == 2 { 0.0 } else { lambda }, scale };
            let mut found = Findings::default();
            settings.validate("init.lambda_balanced", &widths, &mut found);
            prop_assert!(found.0.is_empty(), "{found:?}");
            let start = settings.draw(&Architecture::new(&widths), &mut stream(seed, Purpose::Init));
            let size = start.values().norm_squared();
            for imbalance in start.imbalances() {
                let off = (&imbalance - DMatrix::identity(imbalance.nrows(), imbalance.nrows()) * settings.lambda).norm();
                prop_assert!(off <= 1e-14 * size, "{off:e} of {widths:?}");
            }
            let product = (1..widths.len()).fold(DMatrix::identity(widths[0], widths[0]), |p, l| start.weight(l) * p);
            let rank = widths.iter().copied().min().unwrap();
            let largest = (1..widths.len()).map(|l| start.weight(l).norm()).product::<f64>();
            for (i, s) in singular_values(product.as_view()).unwrap().into_iter().enumerate() {
                prop_assert!((s - if i < rank { scale } else { 0.0 }).abs() <= 1e-14 * largest, "{s} at {i} of {widths:?}");
            }
        }
    }

    #[test]
    fn widths_that_leave_no_room_are_refused() {
        for (widths, lambda, named) in [
            (&[4, 5, 3][..], 2.0, "network.widths[1]"),
            (&[4, 5, 3], -2.0, "network.widths[1]"),
            (&[4, 3, 5, 2], 1.0, "network.widths[2]"),
            (&[4, 3], 1.0, "init.lambda_balanced.lambda"),
        ] {
            let mut found = Findings::default();
            LambdaBalanced { lambda, scale: 1.0 }.validate("init.lambda_balanced", widths, &mut found);
            assert_eq!(found.0.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), [named], "{widths:?}");
        }
    }
}

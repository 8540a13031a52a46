//! Real-valued ranks of a spectrum σ₁ ≥ … ≥ σ_r ≥ 0: three common ones, by the names they have in the literature.
//!
//! All are 1 for a rank-1 matrix, r for r equal singular values, unchanged by scaling, and NaN for the zero matrix.

use super::scale::{exponent, scale};

/// exp(H(p)) with p_i = σ_i / Σσ: the *effective rank* of Roy & Vetterli, "The effective rank", EUSIPCO 2007.
pub fn effective_rank(singular_values: &[f64]) -> f64 {
    // Scaled, without rounding: the sum may overflow, and shares of subnormal numbers have few digits.
    let e = exponent(singular_values);
    exp_entropy(singular_values.iter().map(|&s| scale(s, -e)))
}

/// Σσ² / σ₁² = ‖M‖_F² / ‖M‖₂²: the *stable rank* of Rudelson & Vershynin, J. ACM 54(4), 2007.
pub fn stable_rank(singular_values: &[f64]) -> f64 {
    let top = singular_values.iter().copied().fold(0.0, f64::max);
    // Scaled first: σ² underflows below 1e-154.
    singular_values.iter().map(|s| (s / top).powi(2)).sum()
}

/// exp(H(p)) with p_i = σ_i² / Σσ²: the exponential of the von Neumann entropy of MᵀM / tr MᵀM.
pub fn entropy_rank(singular_values: &[f64]) -> f64 {
    let top = singular_values.iter().copied().fold(0.0, f64::max);
    exp_entropy(singular_values.iter().map(|s| (s / top).powi(2)))
}

/// exp(−Σ p log p) of the weights w, p = w/Σw, with 0·log 0 = 0.
fn exp_entropy(weights: impl Iterator<Item = f64> + Clone) -> f64 {
    let total: f64 = weights.clone().sum();
    // A zero spectrum divides to NaN here, which passes the filter's negation of p = 0 on to the result.
    weights.map(|w| w / total).filter(|&p| p != 0.0).map(|p| -p * p.ln()).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANKS: [fn(&[f64]) -> f64; 3] = [effective_rank, stable_rank, entropy_rank];

    #[test]
    fn equal_values_have_full_rank_and_one_value_has_rank_1() {
        for rank in RANKS {
            assert!((rank(&[0.3; 7]) - 7.0).abs() < 1e-12);
            assert!((rank(&[5.0, 0.0, 0.0]) - 1.0).abs() < 1e-12);
            assert!(rank(&[0.0, 0.0]).is_nan());
        }
    }

    #[test]
    fn they_are_three_different_ranks() {
        // p = (2/3, 1/3), (4/5, 1/5): H = 0.63651, 0.50040.
        assert!((effective_rank(&[2.0, 1.0]) - 1.88988).abs() < 1e-5);
        assert!((stable_rank(&[2.0, 1.0]) - 1.25).abs() < 1e-12);
        assert!((entropy_rank(&[2.0, 1.0]) - 1.64938).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn between_1_and_the_count_and_scale_free(mut s in prop::collection::vec(1e-6f64..1.0, 1..20), scale in 1e-100f64..1e100) {
            s.sort_by(|a, b| b.total_cmp(a));
            let scaled: Vec<f64> = s.iter().map(|x| x * scale).collect();
            for rank in RANKS {
                let r = rank(&s);
                prop_assert!((1.0 - 1e-12..=s.len() as f64 + 1e-9).contains(&r));
                prop_assert!((rank(&scaled) - r).abs() < 1e-9 * r);
            }
        }
    }
}

//! Alignment against the exponent: cos(W_1ᵀW_1, A_f^{α̃/L}) as a function of α̃. The ansatz puts its peak at α̃ = 1.

use crate::linalg::GramPower;

use super::{Column, Columns, Group, NamedArray, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Alignment,
    &[
        Column::new(
            "nfa_peak",
            "the α̃ in [¼, 3] where cos(W_1ᵀW_1, A_f^(α̃/L)) is largest; null at the border",
            "1",
            "best exponent α̃ = αL",
        ),
        Column::new(
            "nfa_peak_cosine",
            "cos(W_1ᵀW_1, A_f^(α̃/L)) at the α̃ of nfa_peak",
            "1",
            "cosine of W_1^TW_1 and A_f^{ α̃/L} at the best α̃",
        ),
    ],
)
.arrays(&[
    NamedArray::new("nfa_curve", "T × 56", "1", "cos(W_1ᵀW_1, A_f^(α̃/L)) at each α̃ of nfa_alpha_tilde")
        .labelled("cosine of W_1^TW_1 and A_f^{ α̃/L}"),
    NamedArray::new("nfa_alpha_tilde", "56", "1", "α̃ = 0.25, 0.30, …, 3.00").labelled("exponent α̃ = αL").written("at the end"),
]);

/// Array `nfa_curve`: the cosine at each of [`alpha_tildes`]. Columns `nfa_peak` and `nfa_peak_cosine`: the α̃ in [¼, 3] at which the
/// cosine is largest, and that cosine. Both are undefined where the cosine is largest at an end of the interval, and where the curve varies
/// by less than 1e-9, as it does for a rank-1 network.
pub struct Alignment;

/// α̃ = 0.25, 0.30, …, 3.00: the grid of `nfa_curve`, exact at ¼, ½, ¾, 1, 5/4, 3/2, 2 and 3.
pub fn alpha_tildes() -> Vec<f64> {
    (5..=60).map(|k| f64::from(k) / 20.0).collect()
}

impl Observable for Alignment {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let (gram, jacobian) = (&snapshot.gram(1).matrix, &snapshot.first_jacobian().svd);
        let (norm, q) = (gram.norm(), GramPower::quadratic_form(jacobian, gram));
        let cosine = |alpha_tilde: f64| {
            let alpha = alpha_tilde / snapshot.depth() as f64;
            GramPower::new(jacobian, alpha).cosine(&q, norm)
        };
        let grid = alpha_tildes();
        let curve: Vec<f64> = grid.iter().map(|&a| cosine(a)).collect();
        let peak = peak(&grid, &curve, cosine);
        row.float("nfa_peak", peak);
        row.float("nfa_peak_cosine", cosine(peak));
        row.vector("nfa_curve", curve);
    }
}

/// The maximizer of f, whose values on `grid` are `curve`: golden-section search between the neighbours of the largest grid value (Kiefer
/// 1953). NaN where that value is at an end of the grid or the curve is flat.
fn peak(grid: &[f64], curve: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (low, high) = curve.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &c| (l.min(c), h.max(c)));
    // A curve of NaN has no peak either: its range is −∞.
    let has_shape = high - low > 1e-9;
    let inside = |top: &usize| has_shape && (1..grid.len() - 1).contains(top);
    let Some(top) = curve.iter().position(|&c| c == high).filter(inside) else { return f64::NAN };
    let (mut a, mut b) = (grid[top - 1], grid[top + 1]);
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    // 0.1 · 0.618⁴⁰ = 4e-10; rounding of the cosine limits the accuracy of its maximizer to about 1e-7.
    for _ in 0..40 {
        let (c, d) = (b - golden * (b - a), a + golden * (b - a));
        if f(c) >= f(d) { b = d } else { a = c }
    }
    0.5 * (a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cosine;
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::{row, with_snapshot};
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn the_curve_is_the_cosine_of_the_matrices_at_every_exponent() {
        let rng = &mut stream(2, Purpose::Init);
        let weights = [gaussian_matrix(4, 6, rng), gaussian_matrix(3, 4, rng)];
        let parameters = Parameters::from_weights(&Architecture::new(&[6, 4, 3]), &weights);
        let curve = &row(&Alignment, &parameters, 0.0).vectors[0].1;
        with_snapshot(&parameters, 0.0, |snapshot| {
            for (alpha_tilde, measured) in alpha_tildes().iter().zip(curve) {
                let power = snapshot.first_jacobian().gram_power(alpha_tilde / 2.0).matrix;
                assert!((measured - cosine(&snapshot.gram(1).matrix, &power)).abs() < 1e-14);
            }
        });
    }

    #[test]
    fn the_grid_holds_the_exponents_people_quote() {
        let grid = alpha_tildes();
        for quoted in [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0] {
            assert!(grid.contains(&quoted), "{quoted}");
        }
    }

    #[test]
    fn a_peak_between_grid_points_is_found_and_a_flat_or_rising_curve_has_none() {
        let peak_of = |f: &dyn Fn(f64) -> f64| {
            let grid = alpha_tildes();
            let curve: Vec<f64> = grid.iter().map(|&a| f(a)).collect();
            peak(&grid, &curve, f)
        };
        assert!((peak_of(&|a| 1.0 - 0.1 * (a - 1.0234).powi(2)) - 1.0234).abs() < 1e-7);
        assert!(peak_of(&|a| -a).is_nan() && peak_of(&|a| a).is_nan());
        assert!(peak_of(&|_| 1.0).is_nan());
        assert!(peak_of(&|_| f64::NAN).is_nan());
    }
}

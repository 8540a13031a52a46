//! The measured exponent of the ansatz: α̂, the slope of log λ_i(W_1ᵀW_1) on log λ_i(A_f). A wrong exponent can still score a cosine of
//! 0.99; the slope reveals it.

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Exponent,
    &[
        Column::new(
            "nfa_exponent",
            "α̂, the slope of log λ_i(W_1ᵀW_1) on log λ_i(A_f); null where it is not identifiable",
            "1",
            "fitted exponent α̂",
        ),
        Column::new(
            "nfa_exponent_modes",
            "number of modes in the fit: those with λ_i(A_f) > 1e-8 λ_1(A_f)",
            "1",
            "modes of the fitted exponent",
        ),
        Column::new(
            "nfa_exponent_identifiable",
            "whether two modes of the fit differ by more than a factor e^0.1",
            "-",
            "whether the exponent is identifiable",
        ),
    ],
);

/// Columns:
/// - `nfa_exponent`: α̂, by least squares over the modes in use, eigenvalues paired by size; 1/L under the ansatz;
/// - `nfa_exponent_modes`: the number of modes in use;
/// - `nfa_exponent_identifiable`: whether the AGOP eigenvalues of two of these modes differ by more than a factor e^{0.1}. If not,
///   `nfa_exponent` is undefined.
///
/// A mode is in use if its AGOP eigenvalue exceeds 1e-8 of the largest, that is, if the network's gain along it exceeds 1e-4 of the largest
/// gain. The network ignores weaker modes, and W_1 keeps there what is left of its start.
pub struct Exponent;

/// Smallest λ_i(A_f)/λ_1(A_f) of a mode in use.
const NOISE: f64 = 1e-8;

/// Smallest range of log λ_i(A_f) over which a slope is meaningful.
const SEPARATION: f64 = 0.1;

impl Observable for Exponent {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        // A slope does not depend on units.
        let (weight, product) = (snapshot.singular_values(1), &snapshot.first_jacobian().svd.values);
        let fit = fit(weight, product);
        row.float("nfa_exponent", fit.slope);
        row.count("nfa_exponent_modes", fit.modes);
        row.flag("nfa_exponent_identifiable", fit.slope.is_finite());
    }
}

struct Fit {
    /// NaN where it is not identifiable.
    slope: f64,
    modes: usize,
}

/// The slope over the modes with these singular values of W_1 and P. Eigenvalues are their squares, which does not change the slope.
fn fit(weight: &[f64], product: &[f64]) -> Fit {
    let top = product.first().copied().unwrap_or(0.0);
    // Strictly positive: the logarithm of zero is not finite.
    let used = |&(w, p): &(&f64, &f64)| *p > NOISE.sqrt() * top && *w > 0.0;
    let points: Vec<(f64, f64)> = weight.iter().zip(product).filter(used).map(|(w, p)| (2.0 * p.ln(), 2.0 * w.ln())).collect();
    let modes = points.len();
    let n = modes as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let variance: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let covariance: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
    Fit { slope: if high - low > SEPARATION { covariance / variance } else { f64::NAN }, modes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_has_its_exponent() {
        let weight: [f64; 4] = [3.0, 2.0, 1.2, 0.4];
        let product = weight.map(|w| 0.7 * w.powi(5));
        assert!((fit(&weight, &product).slope - 0.2).abs() < 1e-13);
        // The weakest mode is 4e-5 of the top: not in use.
        assert_eq!(fit(&weight, &product).modes, 3);
    }

    #[test]
    fn equal_modes_or_one_mode_have_no_exponent() {
        assert!(fit(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0]).slope.is_nan());
        assert!(fit(&[1.0, 0.5], &[2.0, 1e-12]).slope.is_nan());
        assert!(fit(&[0.0, 0.0], &[0.0, 0.0]).slope.is_nan());
    }
}

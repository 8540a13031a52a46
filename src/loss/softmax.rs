//! The probabilities of classes, of one sample or of many at once.

use nalgebra::{DMatrixView, DMatrixViewMut};

use crate::linalg::elementary::exp_less;
use crate::linalg::elementary::one::exp;

/// The probabilities e^{f_k}/Σ_j e^{f_j}, from the largest output.
pub(super) struct Softmax {
    pub(super) likeliest: usize,
    pub(super) largest: f64,
    /// Σ_{k ≠ likeliest} e^{f_k − largest}: Σ_j e^{f_j} = e^largest·(1 + rest).
    pub(super) rest: f64,
}

impl Softmax {
    pub(super) fn new(outputs: impl Iterator<Item = f64> + Clone) -> Self {
        let (mut likeliest, mut largest) = (0, f64::NEG_INFINITY);
        for (k, f) in outputs.clone().enumerate() {
            // A NaN becomes the largest, and all that follows NaN.
            if f > largest || f.is_nan() {
                (likeliest, largest) = (k, f);
            }
        }
        let rest = outputs.enumerate().filter(|(k, _)| *k != likeliest).map(|(_, f)| exp(f - largest)).sum();
        Self { likeliest, largest, rest }
    }

    pub(super) fn probability(&self, k: usize, output: f64) -> f64 {
        let odds = if k == self.likeliest { 1.0 } else { exp(output - self.largest) };
        odds / (1.0 + self.rest)
    }
}

/// Samples whose probabilities are formed at once.
const TOGETHER: usize = 64;

/// `outputs` ← share·(p − y), p the probabilities of [`Softmax`], to the same bits.
pub(super) fn misses(share: f64, mut outputs: DMatrixViewMut<f64>, labels: DMatrixView<f64>) {
    for first in (0..outputs.nrows()).step_by(TOGETHER) {
        let count = TOGETHER.min(outputs.nrows() - first);
        some_misses(share, outputs.rows_mut(first, count), labels.rows(first, count));
    }
}

/// The same of at most [`TOGETHER`] rows.
fn some_misses(share: f64, mut outputs: DMatrixViewMut<f64>, labels: DMatrixView<f64>) {
    let (rows, classes) = outputs.shape();
    let (mut likeliest, mut largest, mut rest) = ([0; TOGETHER], [f64::NEG_INFINITY; TOGETHER], [0.0; TOGETHER]);
    for (k, column) in outputs.column_iter().enumerate() {
        for ((f, likeliest), largest) in column.iter().zip(&mut likeliest).zip(&mut largest) {
            // As in `Softmax`.
            if *f > *largest || f.is_nan() {
                (*likeliest, *largest) = (k, *f);
            }
        }
    }
    for (k, mut column) in outputs.column_iter_mut().enumerate() {
        exp_less(column.as_mut_slice(), &largest[..rows]);
        for ((odds, likeliest), rest) in column.iter().zip(&likeliest).zip(&mut rest) {
            *rest += if *likeliest == k { 0.0 } else { *odds };
        }
    }
    for k in 0..classes {
        for i in 0..rows {
            let (others, y) = (1.0 + rest[i], labels[(i, k)]);
            // p − y, with 1 − p of the likeliest class from the others' sum.
            let [p, other] = if likeliest[i] == k {
                [1.0 / others, rest[i] / others]
            } else {
                let p = outputs[(i, k)] / others;
                [p, 1.0 - p]
            };
            outputs[(i, k)] = share * (p * (1.0 - y) - y * other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// Many samples at once have the probabilities of each by itself, to the bit, with ties, a NaN and an output of one class.
    #[test]
    fn samples_together_are_samples_one_by_one() {
        for (rows, classes) in [(1, 1), (63, 4), (64, 2), (2 * TOGETHER + 3, 5)] {
            let rng = &mut stream(1, Purpose::Target);
            let (mut outputs, labels) = (gaussian_matrix(rows, classes, rng) * 2.0, gaussian_matrix(rows, classes, rng));
            outputs.row_mut(0).fill(1.5);
            if rows > 1 {
                outputs[(1, 0)] = f64::NAN;
            }
            let mut together = outputs.clone();
            misses(0.3, together.as_view_mut(), labels.as_view());
            for i in 0..rows {
                let softmax = Softmax::new(outputs.row(i).iter().copied());
                for k in 0..classes {
                    let (p, y) = (softmax.probability(k, outputs[(i, k)]), labels[(i, k)]);
                    let other = if k == softmax.likeliest { softmax.rest / (1.0 + softmax.rest) } else { 1.0 - p };
                    let alone: f64 = 0.3 * (p * (1.0 - y) - y * other);
                    assert!(together[(i, k)] == alone || (alone.is_nan() && together[(i, k)].is_nan()), "{i} {k}");
                }
            }
        }
    }
}

//! Losses ℓ(f, y) of one sample's outputs f ∈ ℝ^{d_L}, with gradients and curvatures; ℒ is their mean over the samples:
//!
//! - mean squared: ½‖f − y‖²;
//! - logistic: Σ_k log(1 + e^{f_k}) − y_k f_k with labels y_k ∈ [0, 1], one question with two answers per output: PyTorch's
//!   `binary_cross_entropy_with_logits`, summed over outputs. For labels ±1, log(1 + e^{−yf}) is this with (y + 1)/2;
//! - cross-entropy: −Σ_k y_k log(e^{f_k}/Σ_j e^{f_j}) with labels y_k ≥ 0, Σ_k y_k = 1: one-hot, or probabilities.
//!
//! The first two are sums over the outputs k. A label that was not observed (NaN, [`Dataset::y`](crate::data::Dataset::y)) has no term there:
//! with M_ik = 1 where one was and 0 elsewhere, ℒ = 1/(2n) Σ_i Σ_k M_ik(f_k(x_i) − y_ik)², n still the number of all samples. Cross-entropy
//! ties the outputs of a sample together and needs all of its labels.

mod softmax;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVectorView};
use serde::{Deserialize, Serialize};

use crate::linalg::elementary::one::{sides, sigmoid, softplus};

use softmax::Softmax;

/// ℒ(θ), a mean over the n samples. Classifiers use the labels of a file as they are, classes or probabilities, and refuse all others; of a
/// drawn target they take the class, and a warning says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The mean squared error, 1/(2n) Σ‖f(x_i) − y_i‖².
    #[default]
    Mse,
    /// The logistic loss, one yes-or-no question per output: 1/n Σ_i Σ_j log(1 + e^{f_j(x_i)}) − y_ij f_j(x_i). Labels of a file are from 0 to
    /// 1, or ±1; a drawn target counts as 1 where it is positive and as 0 elsewhere.
    Logistic,
    /// Cross-entropy with one class per output: 1/n Σ_i (log Σ_j e^{f_j(x_i)} − ⟨y_i, f(x_i)⟩). Labels of a file are one-hot, probabilities, or
    /// a single column of classes counted from 0; a drawn target's class is its largest entry (the first of equal ones).
    CrossEntropy,
}

/// Why labels are not of the kind that a loss wants.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LabelKindError {
    /// A label is no probability.
    #[error("Y[{row}, {column}] is {value}, but this loss needs labels from 0 to 1: for labels ±1 use (Y + 1)/2")]
    Range {
        /// The sample, from 0.
        row: usize,
        /// The output, from 0.
        column: usize,
        /// The label.
        value: f64,
    },
    /// The labels of a sample are no distribution over the classes.
    #[error(
        "row {row} of Y sums to {sum}, but cross-entropy needs rows that sum to 1: one-hot, or the probability of each class"
    )]
    Sum {
        /// The sample, from 0.
        row: usize,
        /// Σ_k y_k.
        sum: f64,
    },
}

impl Loss {
    /// Whether the labels, one sample a row, are of the kind that this loss wants.
    pub fn check(self, labels: &DMatrix<f64>) -> Result<(), LabelKindError> {
        if self == Self::Mse {
            return Ok(());
        }
        for (row, sample) in labels.row_iter().enumerate() {
            if let Some((column, &value)) = sample.iter().enumerate().find(|(_, y)| !(0.0..=1.0).contains(*y)) {
                return Err(LabelKindError::Range { row, column, value });
            }
            // Probabilities that were divided by their sum sum to 1 within a rounding each.
            let sum: f64 = sample.iter().sum();
            if self == Self::CrossEntropy && (sum - 1.0).abs() > 4.0 * f64::EPSILON * sample.len() as f64 {
                return Err(LabelKindError::Sum { row, sum });
            }
        }
        Ok(())
    }

    /// ℒ of the best constant function: ½ Σ_k var y_k for the mean squared loss, Σ_k H(ȳ_k) with H(p) = −p log p − (1 − p) log(1 − p) for
    /// the logistic one, −Σ_k ȳ_k log ȳ_k for cross-entropy. What a network loses of it is what it has learned of the inputs. Labels, one
    /// sample a row, are of the kind that [`Loss::check`] wants.
    pub fn of_the_best_constant(self, labels: &DMatrix<f64>) -> f64 {
        let entropy = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        let of = |column: DVectorView<f64>| match (self, column.mean()) {
            (Self::Mse, mean) => 0.5 * column.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / column.len() as f64,
            (Self::Logistic, mean) => entropy(mean) + entropy(1.0 - mean),
            (Self::CrossEntropy, mean) => entropy(mean),
        };
        let of_observed = |column: DVectorView<f64>| {
            if column.iter().all(|y| !y.is_nan()) {
                return of(column);
            }
            let observed: Vec<f64> = column.iter().copied().filter(|y| !y.is_nan()).collect();
            let share = observed.len() as f64 / column.len() as f64;
            if observed.is_empty() { 0.0 } else { share * of(DVectorView::from_slice(&observed, observed.len())) }
        };
        labels.column_iter().map(of_observed).sum()
    }

    /// Σ_i ℓ(f_i, y_i) over the rows of `outputs` and `labels`.
    pub(super) fn sum(self, outputs: DMatrixView<f64>, labels: DMatrixView<f64>) -> f64 {
        match self {
            Self::Mse => 0.5 * outputs.iter().zip(labels.iter()).map(|(&f, &y)| miss(f, y) * miss(f, y)).sum::<f64>(),
            // Of two terms that are both small where the answer is right, so that a small loss keeps its digits.
            Self::Logistic => {
                let of = |(&f, &y): (&f64, &f64)| (if f > 0.0 { (1.0 - y) * f } else { -y * f }) + softplus(-f.abs());
                outputs.iter().zip(labels.iter()).filter(|(_, y)| !y.is_nan()).map(of).sum()
            }
            Self::CrossEntropy => (0..outputs.nrows())
                .map(|i| {
                    let softmax = Softmax::new(outputs.row(i).iter().copied());
                    let misses =
                        outputs.row(i).iter().zip(labels.row(i).iter()).map(|(f, y)| y * (softmax.largest - f)).sum::<f64>();
                    misses + softmax.rest.ln_1p()
                })
                .sum(),
        }
    }

    /// How many answers are right. Cross-entropy asks for the class of each row, the one of the largest label; the answer is right where its
    /// output is larger than all others. The logistic loss asks each output whether its label is above ½; the answer is right where the output
    /// is above or below 0 likewise. An output on the border answers nothing, and a label that was not observed asks nothing. NaN of the mean
    /// squared loss, and where a label has no class: two largest ones, or ½.
    pub fn right(self, outputs: DMatrixView<f64>, labels: DMatrixView<f64>) -> f64 {
        let count = |answers: &mut dyn Iterator<Item = f64>| answers.sum();
        match self {
            Self::Mse => f64::NAN,
            Self::Logistic => count(&mut outputs.iter().zip(labels.iter()).filter(|(_, y)| !y.is_nan()).map(|(f, y)| {
                let side = y - 0.5;
                if side == 0.0 { f64::NAN } else { f64::from(u8::from(f * side.signum() > 0.0)) }
            })),
            Self::CrossEntropy => count(&mut outputs.row_iter().zip(labels.row_iter()).map(|(outputs, labels)| {
                let (class, label) = labels
                    .iter()
                    .copied()
                    .enumerate()
                    .fold((0, f64::NEG_INFINITY), |best, (k, y)| if y > best.1 { (k, y) } else { best });
                let others = |k: &usize| *k != class;
                if (0..labels.len()).filter(others).any(|k| labels[k] == label) {
                    return f64::NAN;
                }
                f64::from(u8::from((0..outputs.len()).filter(others).all(|k| outputs[k] < outputs[class])))
            })),
        }
    }

    /// The answers that [`Loss::right`] counts among: one for each label that was observed, or one for each sample.
    pub(super) fn questions(self, labels: DMatrixView<f64>) -> f64 {
        match self {
            Self::Logistic => labels.iter().filter(|y| !y.is_nan()).count() as f64,
            Self::Mse | Self::CrossEntropy => labels.nrows() as f64,
        }
    }

    /// `outputs` ← share·∂ℓ/∂f, row by row.
    pub(super) fn gradient(self, share: f64, mut outputs: DMatrixViewMut<f64>, labels: DMatrixView<f64>) {
        match self {
            Self::Mse => outputs.zip_apply(&labels, |f, y| *f = share * miss(*f, y)),
            // s(f) − y without cancellation: s(−f) = 1 − s(f).
            Self::Logistic => outputs.zip_apply(&labels, |f, y| {
                let (positive, negative) = sides(*f);
                *f = if y.is_nan() { 0.0 } else { share * ((1.0 - y) * positive - y * negative) };
            }),
            Self::CrossEntropy => {
                softmax::misses(share, outputs, labels);
            }
        }
    }

    /// `along` ← share·∂²ℓ/∂f²·`along`, row by row, at `outputs`. None of the three depends on y, but for whether it was observed.
    pub(super) fn curve(self, share: f64, outputs: DMatrixView<f64>, labels: DMatrixView<f64>, mut along: DMatrixViewMut<f64>) {
        match self {
            Self::Mse => along.zip_apply(&labels, |dot, y| *dot *= if y.is_nan() { 0.0 } else { share }),
            Self::Logistic => along.zip_zip_apply(&outputs, &labels, |dot, f, y| {
                *dot *= if y.is_nan() { 0.0 } else { share * sigmoid(f).1 };
            }),
            Self::CrossEntropy => {
                for i in 0..outputs.nrows() {
                    let softmax = Softmax::new(outputs.row(i).iter().copied());
                    let probability = |k: usize| softmax.probability(k, outputs[(i, k)]);
                    let mean: f64 = (0..outputs.ncols()).map(|k| probability(k) * along[(i, k)]).sum();
                    for k in 0..outputs.ncols() {
                        along[(i, k)] = share * probability(k) * (along[(i, k)] - mean);
                    }
                }
            }
        }
    }
}

impl Loss {
    /// `out` ← `out` + share·∂³ℓ/∂f³\[a, b], row by row, at `outputs`: nothing for the mean squared loss, p(1 − p)(1 − 2p)ab for the logistic
    /// one, and p_k((a_k − ā)(b_k − b̄) − cov(a, b)) for cross-entropy, means and covariance under the probabilities p of the row.
    pub(super) fn twist(
        self,
        share: f64,
        outputs: DMatrixView<f64>,
        labels: DMatrixView<f64>,
        [a, b]: [DMatrixView<f64>; 2],
        mut out: DMatrixViewMut<f64>,
    ) {
        match self {
            Self::Mse => {}
            Self::Logistic => {
                for k in 0..outputs.ncols() {
                    for i in 0..outputs.nrows() {
                        if !labels[(i, k)].is_nan() {
                            let (p, slope) = sigmoid(outputs[(i, k)]);
                            out[(i, k)] += share * slope * (1.0 - 2.0 * p) * a[(i, k)] * b[(i, k)];
                        }
                    }
                }
            }
            Self::CrossEntropy => {
                for i in 0..outputs.nrows() {
                    let softmax = Softmax::new(outputs.row(i).iter().copied());
                    let mean = |of: &dyn Fn(usize) -> f64| -> f64 {
                        (0..outputs.ncols()).map(|k| softmax.probability(k, outputs[(i, k)]) * of(k)).sum()
                    };
                    let (mean_a, mean_b) = (mean(&|k| a[(i, k)]), mean(&|k| b[(i, k)]));
                    let product = |k: usize| (a[(i, k)] - mean_a) * (b[(i, k)] - mean_b);
                    let covariance = mean(&product);
                    for k in 0..outputs.ncols() {
                        out[(i, k)] += share * softmax.probability(k, outputs[(i, k)]) * (product(k) - covariance);
                    }
                }
            }
        }
    }
}

/// f − y, or nothing where y was not observed.
fn miss(f: f64, y: f64) -> f64 {
    if y.is_nan() { 0.0 } else { f - y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    const ALL: [Loss; 3] = [Loss::Mse, Loss::Logistic, Loss::CrossEntropy];

    /// Outputs, and labels that are rows of probabilities.
    fn sample(rows: usize, classes: usize) -> (DMatrix<f64>, DMatrix<f64>) {
        let rng = &mut stream(1, Purpose::Target);
        let outputs = gaussian_matrix(rows, classes, rng) * 2.0;
        let mut labels = gaussian_matrix(rows, classes, rng).map(f64::abs);
        for mut row in labels.row_iter_mut() {
            row /= row.sum();
        }
        (outputs, labels)
    }

    #[test]
    fn gradient_curvature_and_twist_are_derivatives() {
        let (outputs, labels) = sample(5, 4);
        let rng = &mut stream(2, Purpose::Target);
        let (along, other) = (gaussian_matrix(5, 4, rng), gaussian_matrix(5, 4, rng));
        for loss in ALL {
            let at = |k: f64| &outputs + &along * (k * 1e-3);
            let gradient = |k: f64| {
                let mut out = at(k);
                loss.gradient(0.25, out.as_view_mut(), labels.as_view());
                out
            };
            let sum = |k: f64| loss.sum(at(k).as_view(), labels.as_view());
            let slope = (8.0 * (sum(1.0) - sum(-1.0)) - (sum(2.0) - sum(-2.0))) / 12e-3;
            assert!((0.25 * slope - gradient(0.0).dot(&along)).abs() < 1e-10, "{loss:?}");
            let bend = ((gradient(1.0) - gradient(-1.0)) * 8.0 - (gradient(2.0) - gradient(-2.0))) / 12e-3;
            let mut curved = along.clone();
            loss.curve(0.25, outputs.as_view(), labels.as_view(), curved.as_view_mut());
            assert!((bend - curved).norm() < 1e-10, "{loss:?}");
            let curve = |k: f64| {
                let mut out = other.clone();
                loss.curve(0.25, at(k).as_view(), labels.as_view(), out.as_view_mut());
                out
            };
            let turned = ((curve(1.0) - curve(-1.0)) * 8.0 - (curve(2.0) - curve(-2.0))) / 12e-3;
            let mut twisted = DMatrix::from_element(5, 4, 1.0);
            let directions = [along.as_view(), other.as_view()];
            loss.twist(0.25, outputs.as_view(), labels.as_view(), directions, twisted.as_view_mut());
            assert!((turned - twisted.add_scalar(-1.0)).norm() < 1e-10, "{loss:?}");
        }
    }

    /// Two classes are one question, f_2 − f_1.
    #[test]
    fn cross_entropy_of_two_classes_is_the_logistic_loss_of_their_difference() {
        for (f, y) in [(0.3, 0.2), (-60.0, 0.0), (60.0, 1.0), (800.0, 1.0), (800.0, 0.0)] {
            let row = |a, b| DMatrix::from_row_slice(1, 2, &[a, b]);
            let one = |a| DMatrix::from_element(1, 1, a);
            let two = Loss::CrossEntropy.sum(row(1.0, 1.0 + f).as_view(), row(1.0 - y, y).as_view());
            let single = Loss::Logistic.sum(one(f).as_view(), one(y).as_view());
            assert!((two - single).abs() <= 1e-14 * single, "{two} {single}");
            let (mut a, mut b) = (row(1.0, 1.0 + f), one(f));
            Loss::CrossEntropy.gradient(1.0, a.as_view_mut(), row(1.0 - y, y).as_view());
            Loss::Logistic.gradient(1.0, b.as_view_mut(), one(y).as_view());
            // A small gradient keeps its digits: e^{−60} here, where 1 − p is 0 in float64.
            assert!(
                (a[(0, 1)] - b[(0, 0)]).abs() <= 1e-14 * b[(0, 0)].abs() && (a[(0, 0)] + a[(0, 1)]).abs() <= 1e-14,
                "{a} {b}"
            );
        }
    }

    /// The loss is convex in the constant c, so that it is best where its gradient vanishes: at ȳ, or at the outputs of those probabilities.
    #[test]
    fn the_best_constant_has_no_gradient_and_the_loss_that_is_said() {
        let (_, labels) = sample(7, 4);
        for loss in ALL {
            let best = |y: f64| match loss {
                Loss::Mse => y,
                Loss::Logistic => (y / (1.0 - y)).ln(),
                Loss::CrossEntropy => y.ln(),
            };
            let constant = DMatrix::from_fn(7, 4, |_, k| best(labels.column(k).mean()));
            let mean = loss.sum(constant.as_view(), labels.as_view()) / 7.0;
            assert!((loss.of_the_best_constant(&labels) - mean).abs() < 1e-14, "{loss:?}");
            let mut gradient = constant;
            loss.gradient(1.0, gradient.as_view_mut(), labels.as_view());
            assert!(gradient.row_sum().norm() < 1e-14, "{loss:?}");
        }
        assert_eq!(Loss::Logistic.of_the_best_constant(&DMatrix::from_element(3, 1, 1.0)), 0.0);
    }

    #[test]
    fn right_answers_are_those_on_the_side_of_the_label_or_of_the_largest() {
        let rows = |columns: usize, entries: &[f64]| DMatrix::from_row_slice(entries.len() / columns, columns, entries);
        let right = |loss: Loss, outputs: &DMatrix<f64>, labels: &DMatrix<f64>| loss.right(outputs.as_view(), labels.as_view());
        let outputs = rows(2, &[3.0, -1.0, 0.0, 0.0, -2.0, 5.0]);
        assert_eq!(right(Loss::Logistic, &outputs, &rows(2, &[1.0, 0.0, 1.0, 0.0, 0.7, 0.8])), 3.0);
        assert!(right(Loss::Logistic, &outputs, &rows(2, &[1.0, 0.0, 1.0, 0.0, 0.7, 0.5])).is_nan());
        assert_eq!(right(Loss::CrossEntropy, &outputs, &rows(2, &[1.0, 0.0, 1.0, 0.0, 0.3, 0.7])), 2.0);
        assert!(right(Loss::CrossEntropy, &outputs, &rows(2, &[1.0, 0.0, 0.5, 0.5, 0.3, 0.7])).is_nan());
        assert!(right(Loss::Mse, &outputs, &outputs).is_nan());
        let lost = rows(2, &[f64::NAN, 1.0]);
        assert_eq!(right(Loss::CrossEntropy, &lost, &rows(2, &[0.0, 1.0])), 0.0);
    }

    /// Whatever the outputs are there: nothing of them is left in value, gradient, curvature and answers.
    #[test]
    fn labels_that_were_not_observed_count_nothing() {
        let (outputs, mut labels) = sample(5, 4);
        labels.apply(|y| *y = f64::from(u8::from(*y > 0.25)));
        let hidden = [(0, 1), (3, 2), (4, 2), (4, 0)];
        let mut masked = labels.clone();
        hidden.iter().for_each(|&place| masked[place] = f64::NAN);
        for loss in [Loss::Mse, Loss::Logistic] {
            let one = |y: &DMatrix<f64>, (i, k): (usize, usize)| loss.sum(outputs.view((i, k), (1, 1)), y.view((i, k), (1, 1)));
            let (all, observed) =
                (loss.sum(outputs.as_view(), labels.as_view()), loss.sum(outputs.as_view(), masked.as_view()));
            let dropped: f64 = hidden.iter().map(|&place| one(&labels, place)).sum();
            assert!((all - dropped - observed).abs() < 1e-14 * all && hidden.iter().all(|&place| one(&masked, place) == 0.0));
            let (mut full, mut part) = (outputs.clone(), outputs.clone());
            loss.gradient(0.25, full.as_view_mut(), labels.as_view());
            loss.gradient(0.25, part.as_view_mut(), masked.as_view());
            let (mut bent, mut part_bent) = (labels.clone(), labels.clone());
            loss.curve(0.25, outputs.as_view(), labels.as_view(), bent.as_view_mut());
            loss.curve(0.25, outputs.as_view(), masked.as_view(), part_bent.as_view_mut());
            let (mut twisted, mut part_twisted) = (labels.clone() * 0.0, labels.clone() * 0.0);
            let directions = [outputs.as_view(), labels.as_view()];
            loss.twist(0.25, outputs.as_view(), labels.as_view(), directions, twisted.as_view_mut());
            loss.twist(0.25, outputs.as_view(), masked.as_view(), directions, part_twisted.as_view_mut());
            for place in (0..5).flat_map(|i| (0..4).map(move |k| (i, k))) {
                let of = |full: f64| if hidden.contains(&place) { 0.0 } else { full };
                assert!(part[place] == of(full[place]) && part_bent[place] == of(bent[place]), "{loss:?} {place:?}");
                assert_eq!(part_twisted[place], of(twisted[place]), "{loss:?} {place:?}");
            }
        }
        assert_eq!(Loss::Logistic.questions(masked.as_view()), 16.0);
        let right = |y: &DMatrix<f64>| Loss::Logistic.right(y.map(|y| y - 0.5).as_view(), y.as_view());
        assert_eq!((right(&labels), right(&masked)), (20.0, 16.0));
        // The best constant of each column over what was observed of it.
        let column = |entries: &[f64]| DMatrix::from_column_slice(entries.len(), 1, entries);
        let three = Loss::Mse.of_the_best_constant(&column(&[1.0, 2.0, 6.0]));
        assert_eq!(Loss::Mse.of_the_best_constant(&column(&[1.0, f64::NAN, 2.0, 6.0])), 0.75 * three);
        assert_eq!(Loss::Mse.of_the_best_constant(&column(&[f64::NAN; 3])), 0.0);
    }

    #[test]
    fn labels_are_checked_with_the_remedy() {
        let labels = |entries: &[f64]| DMatrix::from_row_slice(1, entries.len(), entries);
        assert_eq!(Loss::Mse.check(&labels(&[-3.0])), Ok(()));
        let error = Loss::Logistic.check(&labels(&[0.5, -1.0])).unwrap_err();
        assert_eq!(error, LabelKindError::Range { row: 0, column: 1, value: -1.0 });
        assert!(error.to_string().contains("(Y + 1)/2"));
        assert_eq!(Loss::Logistic.check(&labels(&[1.0, 1.0])), Ok(()));
        assert!(matches!(Loss::CrossEntropy.check(&labels(&[1.0, 1.0])), Err(LabelKindError::Sum { row: 0, .. })));
        assert_eq!(Loss::CrossEntropy.check(&labels(&[0.1, 0.2, 0.7])), Ok(()));
        assert!(Loss::Logistic.check(&labels(&[f64::NAN])).is_err());
    }
}

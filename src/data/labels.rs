//! Labels in the form that a loss needs: of a file as they are, of a drawn target by its sign or its largest entry.

use nalgebra::DMatrix;

use crate::loss::Loss;

/// The sum of a row of probabilities may be this far from 1, as that of float32 numbers is; the row is then divided by it.
const ROUNDED: f64 = 1e-6;

/// Why labels do not suit a loss. Rows and columns count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// A column of classes holds something else.
    #[error("{array}[{row}] is {value:?}: with one column, cross_entropy wants whole numbers from 0 to {last}, the class of each sample", last = classes - 1)]
    NoClass {
        /// `Y` or `Y_test`.
        array: &'static str,
        /// The sample.
        row: usize,
        /// Its label.
        value: f64,
        /// d_L.
        classes: usize,
    },
    /// An entry is neither a class nor a probability.
    #[error("{array}[{row}, {column}] is {value:?}: {} wants 0 and 1, -1 and 1, or probabilities from 0 to 1; {remedy}", word(*loss))]
    NoProbability {
        /// `Y` or `Y_test`.
        array: &'static str,
        /// The sample.
        row: usize,
        /// The output.
        column: usize,
        /// Its label.
        value: f64,
        /// What wants it.
        loss: Loss,
        /// What would do.
        remedy: &'static str,
    },
    /// Some labels are −1, and this one is neither −1 nor 1.
    #[error("{array}[{row}, {column}] is {value:?}, and other labels are -1: use -1 and 1 throughout, or 0 and 1")]
    NoSign {
        /// `Y` or `Y_test`.
        array: &'static str,
        /// The sample.
        row: usize,
        /// The output.
        column: usize,
        /// Its label.
        value: f64,
    },
    /// Some labels were not observed.
    #[error(
        "M hides labels, and cross_entropy needs all labels of a sample, because the classes share one probability: leave out the samples that \
         have none, or use mse or logistic"
    )]
    Masked,
    /// The labels of a sample are no distribution over the classes.
    #[error("row {row} of {array} sums to {sum}: cross_entropy wants one 1 in every row, or probabilities that sum to 1")]
    Sum {
        /// `Y` or `Y_test`.
        array: &'static str,
        /// The sample.
        row: usize,
        /// Σ_k y_k.
        sum: f64,
    },
}

fn word(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "mse",
        Loss::Logistic => "logistic",
        Loss::CrossEntropy => "cross_entropy",
    }
}

/// The labels Y ∈ ℝ^{n × k} of a file for a network of `outputs` outputs:
/// - `mse`: as they are;
/// - `logistic`: as they are where all lie from 0 to 1, classes or probabilities; (Y + 1)/2 where all are −1 or 1;
/// - `cross_entropy`: rows of probabilities as they are, one-hot ones among them; likewise (Y + 1)/2 of −1 and 1. A single column for several
///   outputs holds the classes themselves, counted from 0, and becomes one-hot.
///
/// Anything else is an error. NaN, a label that was not observed, stays; `cross_entropy` refuses it.
///
/// `test` are the labels Y_test, of which the same is true: −1 in either makes −1 and 1 the classes of both.
pub(super) fn of_file(
    y: DMatrix<f64>,
    test: Option<DMatrix<f64>>,
    loss: Loss,
    outputs: usize,
) -> Result<(DMatrix<f64>, Option<DMatrix<f64>>), LabelError> {
    let signs = y.iter().chain(test.iter().flatten()).any(|&value| value == -1.0);
    let y = of_array("Y", y, signs, loss, outputs)?;
    Ok((y, test.map(|test| of_array("Y_test", test, signs, loss, outputs)).transpose()?))
}

fn of_array(array: &'static str, y: DMatrix<f64>, signs: bool, loss: Loss, outputs: usize) -> Result<DMatrix<f64>, LabelError> {
    match loss {
        Loss::Mse => Ok(y),
        Loss::CrossEntropy if y.iter().any(|y| y.is_nan()) => Err(LabelError::Masked),
        Loss::CrossEntropy if y.ncols() == 1 && outputs > 1 => classes(array, &y, outputs),
        Loss::Logistic => probabilities(array, y, signs, loss),
        Loss::CrossEntropy => {
            let mut y = probabilities(array, y, signs, loss)?;
            for (row, mut sample) in y.row_iter_mut().enumerate() {
                let sum = sample.sum();
                if (sum - 1.0).abs() > ROUNDED {
                    return Err(LabelError::Sum { array, row, sum });
                }
                // A rounding of each entry is no reason to touch them.
                if (sum - 1.0).abs() > 4.0 * f64::EPSILON * sample.len() as f64 {
                    sample /= sum;
                }
            }
            Ok(y)
        }
    }
}

/// The labels of a drawn target for a classifier, and whether its values had to be changed for that: for `logistic` 1 where an entry
/// is greater than 0 and 0 elsewhere, for `cross_entropy` 1 at the largest entry of a row (the first of equal ones) and 0 elsewhere.
pub(super) fn of_target(y: DMatrix<f64>, loss: Loss) -> (DMatrix<f64>, bool) {
    let labels = match loss {
        Loss::Mse => return (y, false),
        Loss::Logistic => y.map(|y| f64::from(u8::from(y > 0.0))),
        Loss::CrossEntropy => {
            let largest: Vec<usize> = y.row_iter().map(|row| largest(row.iter())).collect();
            one_hot(&largest, y.ncols())
        }
    };
    let changed = labels != y && labels.map(|class| 2.0 * class - 1.0) != y;
    (labels, changed)
}

fn probabilities(array: &'static str, y: DMatrix<f64>, signs: bool, loss: Loss) -> Result<DMatrix<f64>, LabelError> {
    for (row, sample) in y.row_iter().enumerate() {
        for (column, &value) in sample.iter().enumerate().filter(|(_, y)| !y.is_nan()) {
            if signs && value.abs() != 1.0 {
                return Err(LabelError::NoSign { array, row, column, value });
            }
            if !signs && !(0.0..=1.0).contains(&value) {
                return Err(LabelError::NoProbability { array, row, column, value, loss, remedy: remedy(&y, loss) });
            }
        }
    }
    Ok(if signs { y.map(|value| 0.5 * (value + 1.0)) } else { y })
}

/// What to do about labels that are no probabilities.
fn remedy(y: &DMatrix<f64>, loss: Loss) -> &'static str {
    let mut observed = y.iter().filter(|y| !y.is_nan());
    let whole = observed.clone().all(|value| value.fract() == 0.0);
    match loss {
        Loss::Logistic if whole && observed.all(|value| [1.0, 2.0].contains(value)) => "of classes 1 and 2 store Y - 1",
        Loss::Logistic if whole => "of several classes store one column of 0 and 1 per class, or use cross_entropy",
        _ => "for real values use mse",
    }
}

fn classes(array: &'static str, y: &DMatrix<f64>, outputs: usize) -> Result<DMatrix<f64>, LabelError> {
    let class = |(row, &value): (usize, &f64)| {
        let is_class = value >= 0.0 && value.fract() == 0.0 && value < outputs as f64;
        if is_class { Ok(value as usize) } else { Err(LabelError::NoClass { array, row, value, classes: outputs }) }
    };
    let classes = y.iter().enumerate().map(class).collect::<Result<Vec<_>, _>>()?;
    Ok(one_hot(&classes, outputs))
}

fn one_hot(classes: &[usize], outputs: usize) -> DMatrix<f64> {
    DMatrix::from_fn(classes.len(), outputs, |i, j| f64::from(classes[i] == j))
}

/// The index of the first largest entry.
fn largest<'a>(row: impl Iterator<Item = &'a f64>) -> usize {
    let larger = |best: (usize, f64), (j, &value): (usize, &f64)| if value > best.1 { (j, value) } else { best };
    row.enumerate().fold((0, f64::NEG_INFINITY), larger).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(y: DMatrix<f64>, loss: Loss, outputs: usize) -> Result<DMatrix<f64>, LabelError> {
        super::of_file(y, None, loss, outputs).map(|(y, _)| y)
    }

    fn rows(columns: usize, entries: &[f64]) -> DMatrix<f64> {
        DMatrix::from_row_slice(entries.len() / columns, columns, entries)
    }

    #[test]
    fn probabilities_are_used_as_they_are() {
        let y = rows(1, &[0.3, 0.7, 0.0, 1.0]);
        assert_eq!(of_file(y.clone(), Loss::Logistic, 1), Ok(y));
        let third = 1.0 / 3.0;
        let y = rows(3, &[0.5, 0.3, 0.2, third, third, third, 0.0, 0.1, 0.9, 0.0, 1.0, 0.0]);
        assert_eq!(of_file(y.clone(), Loss::CrossEntropy, 3), Ok(y));
        // As float32 has them.
        let y = rows(2, &[f64::from(0.3_f32), f64::from(0.7_f32)]);
        let of_file = of_file(y.clone(), Loss::CrossEntropy, 2).unwrap();
        assert!(of_file.sum() == 1.0 && (of_file - y).norm() < 1e-7);
    }

    #[test]
    fn signs_are_classes() {
        let y = rows(2, &[-1.0, 1.0, 1.0, 1.0]);
        assert_eq!(of_file(y.clone(), Loss::Logistic, 2), Ok(rows(2, &[0.0, 1.0, 1.0, 1.0])));
        assert_eq!(of_file(y, Loss::CrossEntropy, 2), Err(LabelError::Sum { array: "Y", row: 1, sum: 2.0 }));
        assert_eq!(of_file(rows(2, &[-1.0, 1.0]), Loss::CrossEntropy, 2), Ok(rows(2, &[0.0, 1.0])));
        for value in [0.0, 0.5, 2.0] {
            let error = of_file(rows(1, &[-1.0, value]), Loss::Logistic, 1);
            assert_eq!(error, Err(LabelError::NoSign { array: "Y", row: 1, column: 0, value }));
        }
    }

    #[test]
    fn labels_that_were_not_observed_stay_so() {
        let nan = f64::NAN;
        let same = |a: &DMatrix<f64>, b: &[f64]| a.transpose().iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        let signs = of_file(rows(2, &[-1.0, nan, 1.0, 1.0]), Loss::Logistic, 2).unwrap();
        assert!(same(&signs, &[0.0, nan, 1.0, 1.0]));
        let probabilities = of_file(rows(2, &[0.5, nan, 1.0, 0.0]), Loss::Logistic, 2).unwrap();
        assert!(same(&probabilities, &[0.5, nan, 1.0, 0.0]));
        let twos = of_file(rows(1, &[1.0, nan, 2.0]), Loss::Logistic, 1).unwrap_err().to_string();
        assert!(twos.contains("Y[2, 0] is 2.0") && twos.contains("store Y - 1"), "{twos}");
        assert_eq!(of_file(rows(2, &[1.0, 0.0, nan, 1.0]), Loss::CrossEntropy, 2), Err(LabelError::Masked));
    }

    #[test]
    fn one_column_holds_classes() {
        let y = rows(1, &[2.0, 0.0]);
        assert_eq!(of_file(y.clone(), Loss::CrossEntropy, 3), Ok(rows(3, &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0])));
        for (bad, value) in [(rows(1, &[0.0, 3.0]), 3.0), (rows(1, &[1.0, 0.5]), 0.5), (rows(1, &[2.0, -1.0]), -1.0)] {
            assert_eq!(of_file(bad, Loss::CrossEntropy, 3), Err(LabelError::NoClass { array: "Y", row: 1, value, classes: 3 }));
        }
    }

    #[test]
    fn what_is_neither_class_nor_probability_is_refused_with_row_value_and_remedy() {
        let message = |y: DMatrix<f64>, loss, outputs| of_file(y, loss, outputs).unwrap_err().to_string();
        let twos = message(rows(1, &[1.0, 2.0]), Loss::Logistic, 1);
        assert_eq!(
            twos,
            "Y[1, 0] is 2.0: logistic wants 0 and 1, -1 and 1, or probabilities from 0 to 1; of classes 1 and 2 store Y - 1"
        );
        assert!(message(rows(1, &[0.0, 3.0]), Loss::Logistic, 1).contains("use cross_entropy"));
        assert!(message(rows(2, &[0.2, -0.3]), Loss::Logistic, 2).contains("Y[0, 1] is -0.3"));
        assert!(message(rows(2, &[0.2, 1.3]), Loss::CrossEntropy, 2).contains("for real values use mse"));
        assert_eq!(
            message(rows(2, &[1.0, 0.0, 1.0, 1.0]), Loss::CrossEntropy, 2),
            "row 1 of Y sums to 2: cross_entropy wants one 1 in every row, or probabilities that sum to 1"
        );
        assert!(message(rows(2, &[0.0, 0.0]), Loss::CrossEntropy, 2).contains("sums to 0"));
    }

    #[test]
    fn labels_of_test_samples_are_read_as_those_of_the_others() {
        let both = |y: &[f64], test: &[f64]| super::of_file(rows(1, y), Some(rows(1, test)), Loss::Logistic, 1);
        // Without a −1 of its own.
        assert_eq!(both(&[-1.0, 1.0], &[1.0, 1.0]), Ok((rows(1, &[0.0, 1.0]), Some(rows(1, &[1.0, 1.0])))));
        let zero = both(&[-1.0, 1.0], &[1.0, 0.0]).unwrap_err();
        assert_eq!(zero, LabelError::NoSign { array: "Y_test", row: 1, column: 0, value: 0.0 });
        let two = both(&[0.0, 1.0], &[0.5, 2.0]).unwrap_err().to_string();
        assert!(two.starts_with("Y_test[1, 0] is 2.0: logistic wants"), "{two}");
        let classes = super::of_file(rows(1, &[0.0, 2.0]), Some(rows(1, &[1.0])), Loss::CrossEntropy, 3).unwrap();
        assert_eq!(classes.1, Some(rows(3, &[0.0, 1.0, 0.0])));
    }

    #[test]
    fn a_drawn_target_gives_its_sign_or_its_largest_entry_and_says_whether_it_was_changed() {
        let y = rows(3, &[0.5, -2.0, 0.5, 0.0, 1.0, 7.0]);
        assert_eq!(of_target(y.clone(), Loss::Mse), (y.clone(), false));
        assert_eq!(of_target(y.clone(), Loss::Logistic), (rows(3, &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]), true));
        assert_eq!(of_target(y, Loss::CrossEntropy), (rows(3, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]), true));
        assert_eq!(of_target(rows(1, &[-1.0, 1.0]), Loss::Logistic), (rows(1, &[0.0, 1.0]), false));
        assert_eq!(of_target(rows(1, &[0.0, 1.0]), Loss::Logistic), (rows(1, &[0.0, 1.0]), false));
    }
}

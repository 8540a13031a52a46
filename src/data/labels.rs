//! Labels in the form that a loss needs, from numbers of any kind.

use nalgebra::DMatrix;

use crate::scenario::Loss;

/// Why labels do not suit a loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelError {
    /// A column of classes holds something else.
    #[error("label {row} is {value:?}: with one column, cross_entropy wants whole numbers from 0 to {last}, the class of each sample", last = classes - 1)]
    NoClass {
        /// Which sample, counted from 0.
        row: usize,
        /// Its label.
        value: f64,
        /// d_L.
        classes: usize,
    },
}

/// The labels Y ∈ ℝ^{n × k} for a network of `outputs` outputs:
/// - `mse`: as they are;
/// - `logistic`: 1 where an entry is greater than 0, 0 elsewhere, so that 0 and 1, −1 and 1, and any real numbers will do;
/// - `cross_entropy`: 1 at the largest entry of a row (the first of equal ones), 0 elsewhere. A single column for several outputs holds the
///   classes themselves, counted from 0.
pub(super) fn labels(y: DMatrix<f64>, loss: Loss, outputs: usize) -> Result<DMatrix<f64>, LabelError> {
    match loss {
        Loss::Mse => Ok(y),
        Loss::Logistic => Ok(y.map(|y| f64::from(u8::from(y > 0.0)))),
        Loss::CrossEntropy if y.ncols() == 1 && outputs > 1 => {
            let class = |(row, &value): (usize, &f64)| {
                let is_class = value >= 0.0 && value.fract() == 0.0 && value < outputs as f64;
                if is_class { Ok(value as usize) } else { Err(LabelError::NoClass { row, value, classes: outputs }) }
            };
            let classes = y.iter().enumerate().map(class).collect::<Result<Vec<_>, _>>()?;
            Ok(one_hot(&classes, outputs))
        }
        Loss::CrossEntropy => {
            let classes: Vec<usize> = y.row_iter().map(|row| largest(row.iter())).collect();
            Ok(one_hot(&classes, y.ncols()))
        }
    }
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

    fn rows(columns: usize, entries: &[f64]) -> DMatrix<f64> {
        DMatrix::from_row_slice(entries.len() / columns, columns, entries)
    }

    #[test]
    fn each_loss_gets_the_labels_it_needs() {
        let y = rows(3, &[0.5, -2.0, 0.5, 0.0, 1.0, 7.0]);
        assert_eq!(labels(y.clone(), Loss::Mse, 3), Ok(y.clone()));
        assert_eq!(labels(y.clone(), Loss::Logistic, 3), Ok(rows(3, &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0])));
        assert_eq!(labels(y, Loss::CrossEntropy, 3), Ok(rows(3, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0])));
    }

    /// Labels that have the form already keep it.
    #[test]
    fn they_are_made_once() {
        for loss in [Loss::Logistic, Loss::CrossEntropy] {
            let once = labels(rows(2, &[0.3, -0.2, -1.0, 4.0]), loss, 2).unwrap();
            assert_eq!(labels(once.clone(), loss, 2), Ok(once));
        }
    }

    #[test]
    fn one_column_holds_classes() {
        let y = rows(1, &[2.0, 0.0]);
        assert_eq!(labels(y.clone(), Loss::CrossEntropy, 3), Ok(rows(3, &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0])));
        for (bad, value) in [(rows(1, &[0.0, 3.0]), 3.0), (rows(1, &[1.0, 0.5]), 0.5), (rows(1, &[2.0, -1.0]), -1.0)] {
            assert_eq!(labels(bad, Loss::CrossEntropy, 3), Err(LabelError::NoClass { row: 1, value, classes: 3 }));
        }
    }
}

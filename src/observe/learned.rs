//! The unexplained share of the labels' variation: ℒ(θ) over ℒ of the best constant function.

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Loss,
    &[Column::new(
        "loss_over_constant",
        "ℒ divided by the ℒ of the best constant function; for mse 1 − R²",
        "1",
        "loss ℒ over the best constant function’s",
    )],
);

/// Column `loss_over_constant`: 1 where the network does no better than the best constant, 0 at a perfect fit, above 1 where it does worse
/// than the constant; 1 − R² for the mean squared loss. Labels that are probabilities have an entropy, which bounds the loss from below:
/// the column then stays above 0 however good the fit. NaN where a constant fits all labels.
pub struct Learned {
    /// ℒ of the best constant: [`crate::loss::Loss::of_the_best_constant`].
    pub constant: f64,
}

impl Observable for Learned {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let loss = snapshot.loss();
        row.float("loss_over_constant", if self.constant > 0.0 { loss / self.constant } else { f64::NAN });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::measure;
    use nalgebra::DMatrix;

    /// f(x) = w·x on x = 1, y = 0: ℒ = w²/2.
    #[test]
    fn the_loss_is_divided_by_that_of_the_constant() {
        let at = Parameters::from_weights(&Architecture::new(&[1, 1]), &[DMatrix::from_element(1, 1, 3.0)]);
        assert_eq!(measure(&Learned { constant: 9.0 }, &at, 0.0)["loss_over_constant"], 0.5);
        assert!(measure(&Learned { constant: 0.0 }, &at, 0.0)["loss_over_constant"].is_nan());
    }
}

//! ℒ(θ) and accuracy on the test samples, on which no process is trained.

use crate::objective::Objective;

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Loss,
    &[
        Column::new(
            "test_loss",
            "ℒ on the test samples, of data.synthetic.test or of X_test and Y_test in data.file",
            "ℒ",
            "loss ℒ on test samples",
        ),
        Column::new(
            "test_accuracy",
            "accuracy on the test samples, of data.synthetic.test or of X_test and Y_test in data.file",
            "1",
            "accuracy on test samples",
        ),
    ],
);

/// Columns `test_loss` and `test_accuracy`: loss and accuracy of this objective, whose samples are the test samples.
pub struct TestLoss(pub Box<dyn Objective>);

impl Observable for TestLoss {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        row.float("test_loss", self.0.loss(snapshot.parameters.values()));
        row.float("test_accuracy", self.0.accuracy(snapshot.parameters.values()));
    }
}

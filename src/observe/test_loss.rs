//! ℒ(θ) and accuracy on samples of the same law that no process is trained on.

use crate::objective::Objective;

use super::{Observable, Row, Snapshot};

/// Columns `test_loss` and `test_accuracy`: those of this objective, whose samples are the test samples.
pub struct TestLoss(pub Box<dyn Objective>);

impl Observable for TestLoss {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        row.float("test_loss", self.0.loss(snapshot.parameters.values()));
        row.float("test_accuracy", self.0.accuracy(snapshot.parameters.values()));
    }
}

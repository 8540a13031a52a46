//! How often a classifier is right.

use super::{Observable, Row, Snapshot};

/// Column `accuracy`: the share of samples whose class has the largest output (`cross_entropy`), or of samples and outputs on whose side of 0
/// the output is (`logistic`): [`Loss::right`](crate::objective::Loss::right). Undefined for `mse`, and where a label has no class.
pub struct Accuracy;

impl Observable for Accuracy {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        row.float("accuracy", snapshot.objective.accuracy(snapshot.parameters.values()));
    }
}

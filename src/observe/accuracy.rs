//! How often a classifier is right.

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Loss,
    &[Column::new(
        "accuracy",
        "share of the samples that are classified correctly (logistic: of all outputs of all samples); null for mse",
        "1",
        "accuracy",
    )],
);

/// Column `accuracy`: the share of samples whose true class has the largest output (`cross_entropy`), or of pairs of sample and output
/// whose output lies on the correct side of 0 (`logistic`): [`Loss::right`](crate::loss::Loss::right). Undefined for `mse`, and where a
/// label has no class.
pub struct Accuracy;

impl Observable for Accuracy {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        row.float("accuracy", snapshot.objective.accuracy(snapshot.parameters.values()));
    }
}

//! What is measured at every recorded time: one quantity per file, each an [`Observable`] of a [`Snapshot`].
//!
//! An observable knows nothing of integrators or optimizers: it sees weights, the objective they are trained on and the time.

mod accuracy;
mod agop;
mod alignment;
mod array;
mod balance;
mod column;
mod companion;
mod distance;
mod exponent;
mod fact;
mod learned;
mod ledger;
mod loss;
mod measure;
mod nfa;
mod ntk;
pub mod registry;
mod row;
mod sharpness;
mod snapshot;
mod spectra;
mod test_loss;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use accuracy::Accuracy;
pub use agop::Agop;
pub use alignment::{Alignment, alpha_tildes};
pub use array::{NamedArray, Owner};
pub use balance::Balance;
pub use column::{Column, Columns, Group};
pub use companion::{CompanionDistance, CompanionKind};
pub use distance::Distance;
pub use exponent::Exponent;
pub use fact::FeaturesAtConvergence;
pub use learned::Learned;
pub use ledger::{Entry, Imbalance};
pub use loss::TrainLoss;
pub use measure::Measure;
pub use nfa::FeatureAnsatz;
pub use ntk::{KernelTooLarge, Ntk, check_kernel, kernel_rows};
pub use row::{Row, Scalar};
pub use sharpness::{Curvature, Sharpness};
pub use snapshot::{Decomposed, Preserved, Snapshot};
pub use spectra::Spectra;
pub use test_loss::TestLoss;

use nalgebra::DMatrix;

use crate::network::Parameters;
use crate::theory::balance::BalanceLaw;

/// A quantity, or a few that belong together, of one moment of one process. One of one's own is of [`Group::Own`].
pub trait Observable {
    /// What it writes, columns and arrays; one line of [`registry`] collects it.
    fn columns(&self) -> Columns;

    /// Writes its values to `row` under the names that it declares, NaN where a value is not defined.
    fn measure(&self, snapshot: &Snapshot, row: &mut Row);
}

impl Observable for std::sync::Arc<dyn Observable + Send + Sync> {
    fn columns(&self) -> Columns {
        (**self).columns()
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        (**self).measure(snapshot, row);
    }
}

/// All observables of a network that starts at `start` and trains under this law of the balance, on a target with this factor of its AGOP.
pub fn all(start: &Parameters, law: impl Into<BalanceLaw>, target: Option<&DMatrix<f64>>) -> Vec<Box<dyn Observable>> {
    let law = law.into();
    vec![
        Box::new(TrainLoss(law.rates().clone())),
        Box::new(Balance::new(start, law.clone())),
        Box::new(FeatureAnsatz(law.rates().clone())),
        Box::new(Alignment),
        Box::new(Agop::new(target)),
        Box::new(FeaturesAtConvergence),
        Box::new(Exponent),
        Box::new(Spectra),
        Box::new(Distance),
        Box::new(Sharpness),
        Box::new(Imbalance),
    ]
}

/// What can be observed of an objective without layers.
pub fn without_layers() -> Vec<Box<dyn Observable>> {
    vec![Box::new(TrainLoss::default()), Box::new(Distance), Box::new(Sharpness)]
}

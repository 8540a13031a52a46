//! What is measured at every recorded time: one quantity per file, each an [`Observable`] of a [`Snapshot`].
//!
//! An observable knows nothing of integrators or optimizers: it sees weights, the objective they are trained on and the time.

mod accuracy;
mod agop;
mod alignment;
mod array;
mod balance;
mod central_flow;
mod column;
mod companion;
mod distance;
mod exponent;
mod fact;
mod hessian;
mod learned;
mod ledger;
mod loss;
mod measure;
mod model_error;
mod nfa;
mod ntk;
mod preconditioned;
pub mod registry;
mod row;
mod sde;
mod sharpness;
mod snapshot;
mod spectra;
mod spectral_density;
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
pub use central_flow::{EdgePrediction, Prediction};
pub use column::{Column, Columns, Group};
pub use companion::{CompanionDistance, CompanionKind};
pub use distance::Distance;
pub use exponent::Exponent;
pub use fact::FeaturesAtConvergence;
pub use hessian::{HessianEnds, HessianError, HessianSpectrum};
pub use learned::Learned;
pub use ledger::{Entry, Imbalance};
pub use loss::TrainLoss;
pub use measure::Measure;
pub use model_error::ModelErrors;
pub use nfa::FeatureAnsatz;
pub use ntk::{KernelTooLarge, Ntk, check_kernel, kernel_rows};
pub use preconditioned::PreconditionedSharpness;
pub use row::{Row, Scalar};
pub use sde::{SdeLaw, SdePaths, SdePathsError, SdePrediction};
pub use sharpness::{Curvature, Sharpness};
pub use snapshot::{Decomposed, Preserved, Snapshot};
pub use spectra::Spectra;
pub use spectral_density::{SpectralDensity, SpectralDensityError};
pub use test_loss::TestLoss;

use nalgebra::DMatrix;

use crate::network::Parameters;
use crate::theory::balance::BalanceLaw;

/// A quantity of one process at one time, or a few that belong together. User-defined observables are in [`Group::Own`].
pub trait Observable {
    /// The columns and arrays that it writes; one line of [`registry`] collects them.
    fn columns(&self) -> Columns;

    /// Writes its values to `row` under the names that it declares, NaN where a value is undefined.
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

/// All observables of a network that starts at `start` and whose balance obeys `law`. `target` is a factor R of the target's AGOP, RᵀR =
/// A_{f*}.
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
        Box::new(Distance { start: start.values().clone() }),
        Box::new(Sharpness),
        Box::new(Imbalance),
    ]
}

/// The observables of an objective without layers, of processes that start at θ(0) = `start`.
pub fn without_layers(start: &Parameters) -> Vec<Box<dyn Observable>> {
    vec![Box::new(TrainLoss::default()), Box::new(Distance { start: start.values().clone() }), Box::new(Sharpness)]
}

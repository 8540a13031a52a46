//! Starts: how θ(0) is chosen, one scheme per file.

mod balanced;
mod file;
mod gaussian;
mod identity;
mod kaiming;
mod lambda_balanced;
mod layers;
mod orthogonal;
mod pytorch;
mod settings;
mod xavier;

pub use balanced::{Balanced, balanced};
pub use file::{FileError, file};
pub use gaussian::gaussian;
pub use identity::identity;
pub use kaiming::kaiming;
pub use lambda_balanced::LambdaBalanced;
pub use layers::{LayerInit, layers};
pub use orthogonal::orthogonal;
pub use pytorch::pytorch;
pub use settings::Init;
pub use xavier::xavier;

use crate::rng::{Purpose, stream};

use super::{Architecture, LayerRates, Parameters};

/// The start that a scenario asks for; `balanced` and `lambda_balanced` are so under these rates of the layers, of which frozen ones count as 1.
/// Only `file` can fail.
pub fn start(scheme: &Init, architecture: &Architecture, rates: &LayerRates, seed: u64) -> Result<Parameters, FileError> {
    // The product's singular values are those asked for.
    let shrunk = |scale: f64| scale / rates.root_product();
    let rng = &mut stream(seed, Purpose::Init);
    Ok(match scheme {
        Init::Pytorch => pytorch(architecture, rng),
        Init::Gaussian { std } => gaussian(architecture, *std, rng),
        Init::Orthogonal { gain } => orthogonal(architecture, *gain, rng),
        Init::Identity => identity(architecture),
        Init::Kaiming => kaiming(architecture, rng),
        Init::Xavier => xavier(architecture, rng),
        Init::Layers(each) => layers(architecture, each, rng),
        Init::LambdaBalanced(settings) => {
            rates.balanced(&LambdaBalanced { scale: shrunk(settings.scale), ..*settings }.draw(architecture, rng))
        }
        Init::Balanced { scale, singular_values, imbalance } => {
            let settings =
                Balanced { scale: shrunk(*scale), singular_values: singular_values.as_deref(), imbalance: *imbalance };
            rates.balanced(&balanced(architecture, settings, rng, &mut stream(seed, Purpose::Imbalance)))
        }
        Init::File { path } => file(architecture, path)?,
    })
}

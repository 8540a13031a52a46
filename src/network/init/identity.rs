//! The identity, cut or padded with zeros to each layer's shape.

use nalgebra::DMatrix;

use crate::network::{Architecture, Parameters};

/// (W_l)_{ij} = 1 where i = j, else 0. Balanced where no width exceeds a later one and an earlier one alike.
pub fn identity(architecture: &Architecture) -> Parameters {
    let weights: Vec<_> = (1..=architecture.depth())
        .map(|l| {
            let (rows, columns) = architecture.shape(l);
            DMatrix::identity(rows, columns)
        })
        .collect();
    Parameters::from_weights(architecture, &weights)
}

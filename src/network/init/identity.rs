//! The identity, cut or padded with zeros to each layer's shape.

use nalgebra::DMatrix;

use crate::network::{Architecture, Parameters};

/// (W_l)_{ij} = 1 where i = j, else 0; biases 0. Balanced if and only if min(d_l, d_{l−1}) is the same for every l.
pub fn identity(architecture: &Architecture) -> Parameters {
    Parameters::from_shapes(architecture, DMatrix::identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_balanced_where_all_layers_have_one_rank(widths in prop::collection::vec(1usize..5, 3..6)) {
            let ranks: Vec<usize> = widths.windows(2).map(|pair| pair[0].min(pair[1])).collect();
            let gap = identity(&Architecture::new(&widths)).balance_gap();
            prop_assert_eq!(gap == 0.0, ranks.iter().all(|rank| *rank == ranks[0]));
        }
    }
}

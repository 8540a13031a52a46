//! The weights of a network, θ, with views of each layer.

use nalgebra::{DMatrix, DMatrixView, DVector};

use crate::npz::{Array, Arrays};

use super::Architecture;

/// θ = (W_1, …, W_L) of one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    architecture: Architecture,
    values: DVector<f64>,
}

/// Why arrays are not the weights of a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// There is no array for W_l.
    #[error("there is no array `W{layer}`: a network of {depth} layers needs W1 to W{depth}")]
    Missing {
        /// The layer l.
        layer: usize,
        /// The depth L.
        depth: usize,
    },
    /// W_l has the wrong shape.
    #[error("`W{layer}` has shape {found:?}, and network.widths want ({}, {})", wanted.0, wanted.1)]
    Shape {
        /// The layer l.
        layer: usize,
        /// The shape of the array.
        found: Vec<usize>,
        /// (d_l, d_{l−1}).
        wanted: (usize, usize),
    },
    /// An entry of W_l is NaN or infinite.
    #[error("`W{layer}` has an entry that is NaN or infinite")]
    NotFinite {
        /// The layer l.
        layer: usize,
    },
    /// There is an array besides W_1, …, W_L: a bias, or a layer too many.
    #[error("`{name}` is not a weight of this network: it needs W1 to W{depth} and nothing else")]
    Unknown {
        /// The name of the array.
        name: String,
        /// The depth L.
        depth: usize,
    },
}

impl Parameters {
    /// The weights W_1, …, W_L, each of the shape that the architecture gives it.
    pub fn from_weights(architecture: &Architecture, weights: &[DMatrix<f64>]) -> Self {
        let mut values = DVector::zeros(architecture.parameter_count());
        for (index, weight) in weights.iter().enumerate() {
            architecture.weight_mut(values.as_mut_slice(), index + 1).copy_from(weight);
        }
        Self { architecture: architecture.clone(), values }
    }

    /// The weights W_l = `layer`(d_l, d_{l−1}), for l = 1, …, L in this order.
    pub fn from_shapes(architecture: &Architecture, mut layer: impl FnMut(usize, usize) -> DMatrix<f64>) -> Self {
        let shapes = (1..=architecture.depth()).map(|l| architecture.shape(l));
        let weights: Vec<_> = shapes.map(|(rows, columns)| layer(rows, columns)).collect();
        Self::from_weights(architecture, &weights)
    }

    /// θ itself, of length P.
    pub fn from_values(architecture: &Architecture, values: DVector<f64>) -> Self {
        assert_eq!(values.len(), architecture.parameter_count(), "θ has one entry per parameter");
        Self { architecture: architecture.clone(), values }
    }

    /// The arrays W1, …, WL of shapes (d_l, d_{l−1}), as PyTorch has them.
    pub fn from_arrays(architecture: &Architecture, arrays: &Arrays) -> Result<Self, WeightsError> {
        let depth = architecture.depth();
        let mut weights = Vec::with_capacity(depth);
        for layer in 1..=depth {
            let array = arrays.get(&format!("W{layer}")).ok_or(WeightsError::Missing { layer, depth })?;
            let wanted = architecture.shape(layer);
            if array.shape != [wanted.0, wanted.1] {
                return Err(WeightsError::Shape { layer, found: array.shape.clone(), wanted });
            }
            if !array.data.iter().all(|x| x.is_finite()) {
                return Err(WeightsError::NotFinite { layer });
            }
            weights.push(DMatrix::from_row_slice(wanted.0, wanted.1, &array.data));
        }
        // A bias, or a layer too many, would otherwise be dropped in silence.
        if let Some(name) = arrays.keys().find(|name| !(1..=depth).any(|layer| **name == format!("W{layer}"))) {
            return Err(WeightsError::Unknown { name: name.clone(), depth });
        }
        Ok(Self::from_weights(architecture, &weights))
    }

    /// The arrays W1, …, WL of shapes (d_l, d_{l−1}).
    pub fn to_arrays(&self) -> Arrays {
        (1..=self.architecture.depth()).map(|l| (format!("W{l}"), Array::matrix(self.weight(l)))).collect()
    }

    /// The shapes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// W_l, for l = 1, …, L.
    pub fn weight(&self, l: usize) -> DMatrixView<'_, f64> {
        self.architecture.weight(self.values.as_slice(), l)
    }

    /// The imbalance D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ ∈ ℝ^{d_l × d_l} of layers l and l + 1, for l = 1, …, L − 1.
    pub fn imbalance(&self, l: usize) -> DMatrix<f64> {
        let (below, above) = (self.weight(l), self.weight(l + 1));
        above.transpose() * above - below * below.transpose()
    }

    /// D_1, …, D_{L−1}; none for a single layer.
    pub fn imbalances(&self) -> Vec<DMatrix<f64>> {
        (1..self.architecture.depth()).map(|l| self.imbalance(l)).collect()
    }

    /// The balance gap max_l ‖D_l‖_F; 0 for a single layer, NaN or infinite where a gap is.
    pub fn balance_gap(&self) -> f64 {
        largest_norm(&self.imbalances())
    }

    /// θ as a vector.
    pub fn values(&self) -> &DVector<f64> {
        &self.values
    }

    /// θ as a vector, to write to.
    pub fn values_mut(&mut self) -> &mut DVector<f64> {
        &mut self.values
    }
}

/// max ‖M‖_F over some matrices, 0 of none. A NaN among the norms is the result: `f64::max` would drop it.
pub fn largest_norm(matrices: &[DMatrix<f64>]) -> f64 {
    matrices.iter().map(DMatrix::norm).fold(0.0, |largest, norm| if norm > largest || norm.is_nan() { norm } else { largest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    fn rectangular() -> Parameters {
        let architecture = Architecture::new(&[3, 4, 2]);
        let rng = &mut stream(0, Purpose::Init);
        Parameters::from_weights(&architecture, &[gaussian_matrix(4, 3, rng), gaussian_matrix(2, 4, rng)])
    }

    #[test]
    fn arrays_are_row_major_and_come_back_as_the_same_weights() {
        let parameters = rectangular();
        let arrays = parameters.to_arrays();
        assert_eq!(arrays["W1"].shape, [4, 3]);
        assert_eq!(arrays["W1"].row(2)[1], parameters.weight(1)[(2, 1)]);
        assert_eq!(Parameters::from_arrays(parameters.architecture(), &arrays), Ok(parameters));
    }

    #[test]
    fn wrong_arrays_are_refused_by_name() {
        let parameters = rectangular();
        let architecture = parameters.architecture();
        let change = |edit: fn(&mut Arrays)| {
            let mut arrays = parameters.to_arrays();
            edit(&mut arrays);
            Parameters::from_arrays(architecture, &arrays).unwrap_err().to_string()
        };
        assert!(change(|a| drop(a.remove("W2"))).contains("no array `W2`"));
        assert!(change(|a| a.get_mut("W1").unwrap().shape = vec![3, 4]).contains("[3, 4]"));
        assert!(change(|a| a.get_mut("W2").unwrap().data[0] = f64::NAN).contains("NaN"));
        assert!(change(|a| drop(a.insert("b1".into(), Array::vector(vec![0.0; 4])))).contains("`b1`"));
    }
}

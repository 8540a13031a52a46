//! The weights and biases of a network, θ, with views of each layer.

use nalgebra::{DMatrix, DMatrixView, DVector};
use serde::{Deserialize, Serialize};

use crate::linalg::{gram_matrix, row_gram_matrix};
use crate::npz::{Array, Arrays};

use super::Architecture;

/// θ = (W_1, b_1, …, W_L, b_L) of one architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    architecture: Architecture,
    values: DVector<f64>,
}

/// Why arrays are not the weights and biases of a network.
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
    /// There is no array for b_l.
    #[error("there is no array `b{layer}`: network.bias gives layer {layer} one; store it, or set network.bias: false")]
    MissingBias {
        /// The layer l.
        layer: usize,
    },
    /// W_l has the wrong shape.
    #[error("`W{layer}` has shape {found:?}, but by network.widths it must have ({}, {})", wanted.0, wanted.1)]
    Shape {
        /// The layer l.
        layer: usize,
        /// The shape of the array.
        found: Vec<usize>,
        /// (d_l, d_{l−1}).
        wanted: (usize, usize),
    },
    /// b_l has the wrong shape.
    #[error("`b{layer}` has shape {found:?}, but by network.widths it must have ({wanted},)")]
    BiasShape {
        /// The layer l.
        layer: usize,
        /// The shape of the array.
        found: Vec<usize>,
        /// d_l.
        wanted: usize,
    },
    /// An entry of W_l or b_l is NaN or infinite.
    #[error("`{name}` has an entry that is NaN or infinite: all must be finite")]
    NotFinite {
        /// The name of the array.
        name: String,
    },
    /// There is an array besides those of the layers: a bias of a layer without one, or a layer too many.
    #[error("`{name}` is not a weight of this network: it needs {needed} and nothing else")]
    Unknown {
        /// The name of the array.
        name: String,
        /// The names of those that it has.
        needed: String,
    },
}

impl Parameters {
    /// The weights W_1, …, W_L, each of the shape that the architecture gives it. Biases, where there are any, are 0.
    pub fn from_weights(architecture: &Architecture, weights: &[DMatrix<f64>]) -> Self {
        let mut values = DVector::zeros(architecture.parameter_count());
        for (index, weight) in weights.iter().enumerate() {
            architecture.weight_mut(values.as_mut_slice(), index + 1).copy_from(weight);
        }
        Self { architecture: architecture.clone(), values }
    }

    /// The weights W_l = `layer`(d_l, d_{l−1}), for l = 1, …, L in this order. Biases, where there are any, are 0.
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

    /// The arrays W1, …, WL of shapes (d_l, d_{l−1}), and b1, … of shapes (d_l,) of the layers that have a bias, as PyTorch has them: all of θ
    /// of an architecture that has nothing but layers.
    pub fn from_arrays(architecture: &Architecture, arrays: &Arrays) -> Result<Self, WeightsError> {
        let depth = architecture.depth();
        let finite = |name: &str, array: &Array| {
            let all = array.data.iter().all(|x| x.is_finite());
            if all { Ok(()) } else { Err(WeightsError::NotFinite { name: name.to_string() }) }
        };
        let mut values = DVector::zeros(architecture.parameter_count());
        for layer in 1..=depth {
            let name = format!("W{layer}");
            let array = arrays.get(&name).ok_or(WeightsError::Missing { layer, depth })?;
            let wanted = architecture.shape(layer);
            if array.shape != [wanted.0, wanted.1] {
                return Err(WeightsError::Shape { layer, found: array.shape.clone(), wanted });
            }
            finite(&name, array)?;
            let weight = DMatrix::from_row_slice(wanted.0, wanted.1, &array.data);
            architecture.weight_mut(values.as_mut_slice(), layer).copy_from(&weight);
            if let Some(bias) = architecture.bias_mut(values.as_mut_slice(), layer) {
                let name = format!("b{layer}");
                let array = arrays.get(&name).ok_or(WeightsError::MissingBias { layer })?;
                if array.shape != [bias.len()] {
                    return Err(WeightsError::BiasShape { layer, found: array.shape.clone(), wanted: bias.len() });
                }
                finite(&name, array)?;
                bias.copy_from_slice(&array.data);
            }
        }
        // A bias that has no place, or a layer too many, would otherwise be dropped in silence.
        let known = names(architecture);
        if let Some(name) = arrays.keys().find(|name| !known.contains(name)) {
            return Err(WeightsError::Unknown { name: name.clone(), needed: listed(architecture) });
        }
        Ok(Self { architecture: architecture.clone(), values })
    }

    /// The arrays W1, …, WL of shapes (d_l, d_{l−1}), b1, … of shapes (d_l,) of the layers that have a bias, and `rest` of the parameters that
    /// belong to no layer; without layers `theta`.
    pub fn to_arrays(&self) -> Arrays {
        if self.architecture.depth() == 0 {
            return [("theta".to_string(), Array::vector(self.values.as_slice().to_vec()))].into();
        }
        let layers = 1..=self.architecture.depth();
        let weights = layers.clone().map(|l| (format!("W{l}"), Array::matrix(self.weight(l))));
        let biases = layers.filter_map(|l| Some((format!("b{l}"), Array::vector(self.bias(l)?.to_vec()))));
        let rest = self.values.as_slice()[self.architecture.rest_range()].to_vec();
        let rest = (!rest.is_empty()).then(|| ("rest".to_string(), Array::vector(rest)));
        weights.chain(biases).chain(rest).collect()
    }

    /// The shapes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// W_l, for l = 1, …, L.
    pub fn weight(&self, l: usize) -> DMatrixView<'_, f64> {
        self.architecture.weight(self.values.as_slice(), l)
    }

    /// b_l, for l = 1, …, L; `None` where layer l has none.
    pub fn bias(&self, l: usize) -> Option<&[f64]> {
        self.architecture.bias(self.values.as_slice(), l)
    }

    /// b_l to write to, for l = 1, …, L; `None` where layer l has none.
    pub fn bias_mut(&mut self, l: usize) -> Option<&mut [f64]> {
        self.architecture.bias_mut(self.values.as_mut_slice(), l)
    }

    /// The imbalance D_l = W_{l+1}ᵀW_{l+1} − V_lV_lᵀ ∈ ℝ^{d_l × d_l}, V_l = [W_l, b_l], of layers l and l + 1, for l = 1, …, L − 1: the
    /// part of it that [`Architecture::conserved`] names, zero elsewhere; empty where nothing is conserved.
    pub fn imbalance(&self, l: usize) -> DMatrix<f64> {
        let (below, above) = (self.architecture.incoming(self.values.as_slice(), l), self.weight(l + 1));
        self.architecture.conserved(l).part(gram_matrix(above) - row_gram_matrix(below))
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

/// The names of the arrays of a network.
fn names(architecture: &Architecture) -> Vec<String> {
    let of = |l: usize| [Some(format!("W{l}")), architecture.has_bias(l).then(|| format!("b{l}"))];
    (1..=architecture.depth()).flat_map(of).flatten().collect()
}

/// The same as a phrase: `W1 to W3`, `W1 to W3, b1 and b3`.
fn listed(architecture: &Architecture) -> String {
    let depth = architecture.depth();
    let biases: Vec<String> = (1..=depth).filter(|&l| architecture.has_bias(l)).map(|l| format!("b{l}")).collect();
    let weights = format!("W1 to W{depth}");
    match &biases[..] {
        [] => weights,
        [bias] => format!("{weights} and {bias}"),
        [some @ .., last] => format!("{weights}, {} and {last}", some.join(", ")),
    }
}

/// max ‖M‖_F over some matrices, 0 if there are none. A NaN among the norms is the result: `f64::max` would drop it.
pub fn largest_norm(matrices: &[DMatrix<f64>]) -> f64 {
    matrices.iter().map(DMatrix::norm).fold(0.0, |largest, norm| if norm > largest || norm.is_nan() { norm } else { largest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;
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

    #[test]
    fn biases_go_through_arrays_and_wrong_ones_are_refused() {
        let net = Architecture::with_layers(&[3, 4, 2, 2], &[Activation::Relu; 3], &[true, false, true]);
        let values = gaussian_matrix(net.parameter_count(), 1, &mut stream(0, Purpose::Init)).column(0).into_owned();
        let parameters = Parameters::from_values(&net, values);
        let arrays = parameters.to_arrays();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["W1", "W2", "W3", "b1", "b3"]);
        assert_eq!(arrays["b1"].data, parameters.bias(1).unwrap());
        let change = |edit: fn(&mut Arrays)| {
            let mut arrays = parameters.to_arrays();
            edit(&mut arrays);
            Parameters::from_arrays(&net, &arrays).unwrap_err().to_string()
        };
        assert!(change(|a| drop(a.remove("b3"))).contains("no array `b3`"));
        assert!(
            change(|a| a.get_mut("b1").unwrap().shape = vec![4, 1]).contains("[4, 1], but by network.widths it must have (4,)")
        );
        assert!(change(|a| a.get_mut("b3").unwrap().data[1] = f64::INFINITY).contains("`b3` has an entry"));
        assert!(
            change(|a| drop(a.insert("b2".into(), Array::vector(vec![0.0; 2])))).contains("it needs W1 to W3, b1 and b3 and")
        );
        assert_eq!(Parameters::from_arrays(&net, &arrays), Ok(parameters));
    }
}

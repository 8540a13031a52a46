//! f(x) of a network at given inputs.

use nalgebra::DMatrix;

use crate::linalg::{Write, gemm_nt};

use super::Parameters;

impl Parameters {
    /// f(x_i) for inputs as rows: n × d_0 in, n × d_L out.
    pub fn outputs(&self, inputs: &DMatrix<f64>) -> DMatrix<f64> {
        let net = self.architecture();
        let mut state = inputs.clone();
        for l in 1..=net.depth() {
            let mut next = DMatrix::zeros(state.nrows(), net.widths()[l]);
            for (mut column, b) in next.column_iter_mut().zip(self.bias(l).unwrap_or_default()) {
                column.fill(*b);
            }
            gemm_nt(Write::Add, state.as_view(), self.weight(l), next.as_view_mut());
            net.activation(l).value(next.as_mut_slice());
            state = next;
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Architecture};

    /// The counterexample of Tansley et al. 2025: Σ_{i ≤ k} [x_i]_+, with W = I and a = 1.
    #[test]
    fn a_layer_of_relu_under_ones_sums_the_positive_parts() {
        let net = Architecture::with_layers(&[2, 2, 1], &[Activation::Relu, Activation::Identity], &[false, true]);
        let mut parameters = Parameters::from_weights(&net, &[DMatrix::identity(2, 2), DMatrix::from_element(1, 2, 1.0)]);
        parameters.bias_mut(2).unwrap()[0] = 0.5;
        let inputs = DMatrix::from_row_slice(3, 2, &[1.0, 2.0, -1.0, 3.0, -4.0, -5.0]);
        assert_eq!(parameters.outputs(&inputs).as_slice(), [3.5, 3.5, 0.5]);
    }
}

//! The shapes of a network and where each weight lies in the flat vector θ.

use std::ops::Range;

use nalgebra::{DMatrixView, DMatrixViewMut};

/// Widths d_0, …, d_L of a linear network of depth L: layer l = 1, …, L maps ℝ^{d_{l−1}} to ℝ^{d_l}.
///
/// θ = (W_1, …, W_L), each W_l ∈ ℝ^{d_l × d_{l−1}} column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    widths: Vec<usize>,
    /// W_l occupies `offsets[l − 1]..offsets[l]`.
    offsets: Vec<usize>,
}

impl Architecture {
    /// The network of these widths; at least two, all positive (as a validated scenario has them).
    pub fn new(widths: &[usize]) -> Self {
        let mut offsets = vec![0];
        for pair in widths.windows(2) {
            offsets.push(offsets[offsets.len() - 1] + pair[0] * pair[1]);
        }
        Self { widths: widths.to_vec(), offsets }
    }

    /// d_0, …, d_L.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// d_0.
    pub fn input_dim(&self) -> usize {
        self.widths[0]
    }

    /// d_L.
    pub fn output_dim(&self) -> usize {
        self.widths[self.depth()]
    }

    /// P, the length of θ.
    pub fn parameter_count(&self) -> usize {
        self.offsets[self.depth()]
    }

    /// (d_l, d_{l−1}), the shape of W_l, for l = 1, …, L.
    pub fn shape(&self, l: usize) -> (usize, usize) {
        (self.widths[l], self.widths[l - 1])
    }

    fn range(&self, l: usize) -> Range<usize> {
        self.offsets[l - 1]..self.offsets[l]
    }

    /// W_l inside θ, for l = 1, …, L.
    pub fn weight<'a>(&self, theta: &'a [f64], l: usize) -> DMatrixView<'a, f64> {
        let (rows, columns) = self.shape(l);
        DMatrixView::from_slice(&theta[self.range(l)], rows, columns)
    }

    /// W_l inside θ, to write to, for l = 1, …, L.
    pub fn weight_mut<'a>(&self, theta: &'a mut [f64], l: usize) -> DMatrixViewMut<'a, f64> {
        let (rows, columns) = self.shape(l);
        DMatrixViewMut::from_slice(&mut theta[self.range(l)], rows, columns)
    }
}

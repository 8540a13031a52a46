//! A flat vector of matrices W_1, W_2, … plus matrices of low rank, W_b + Σ_j c_j U_{j,b}V_{j,b}ᵀ, without forming them.
//!
//! A product with such a matrix costs one with W_b and, for each term, two with thin matrices.

use std::ops::Range;

use nalgebra::{DMatrixView, DMatrixViewMut};
use serde::{Deserialize, Serialize};

use super::small::{AT_ONCE, Onto, OuterProduct, add_outer_products};
use super::{Write, add_scaled, gemm_nn, gemm_tn, sum_over, vectorised};

/// Where the blocks W_b, d_b × e_b column by column, one after the other, lie in a flat vector, and their factors U_b (d_b × r) and V_b
/// (e_b × r) in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowRankLayout {
    blocks: Vec<Block>,
    rank: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    rows: usize,
    columns: usize,
    /// Of W_b.
    range: Range<usize>,
    /// Of U_b and V_b.
    factors: [Range<usize>; 2],
}

/// Neighbouring columns of one block.
#[derive(Debug, Clone)]
pub(crate) struct Strip {
    block: usize,
    /// The first, among the columns of its block.
    first: usize,
    /// Where they lie in the flat vector.
    pub(crate) range: Range<usize>,
}

/// U_1, V_1, U_2, V_2, … of one [`LowRankLayout`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Factors(Vec<f64>);

/// The vector scale·W + Σ_j c_j U_jV_jᵀ, block by block.
#[derive(Clone, Copy)]
pub struct LowRankSum<'a> {
    /// Where the blocks lie.
    pub layout: &'a LowRankLayout,
    /// W.
    pub base: &'a [f64],
    /// The factor of W.
    pub scale: f64,
    /// c_1, c_2, ….
    pub weights: &'a [f64],
    /// U_j and V_j; as many as weights.
    pub terms: &'a [Factors],
}

impl LowRankLayout {
    /// Blocks of these shapes (d_b, e_b), with factors of rank r ≥ 1.
    pub fn new(shapes: impl IntoIterator<Item = (usize, usize)>, rank: usize) -> Self {
        let (mut end, mut factor_end) = (0, 0);
        let take = |end: &mut usize, length: usize| {
            *end += length;
            *end - length..*end
        };
        let blocks = shapes
            .into_iter()
            .map(|(rows, columns)| Block {
                rows,
                columns,
                range: take(&mut end, rows * columns),
                factors: [take(&mut factor_end, rows * rank), take(&mut factor_end, columns * rank)],
            })
            .collect();
        Self { blocks, rank }
    }

    /// Entries of all blocks.
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.range.end)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries in their order, in panels of columns with at most [`LowRankLayout::longest_panel`] entries.
    #[inline(always)]
    pub(crate) fn for_each_panel(&self, mut f: impl FnMut(&Strip)) {
        for (block, Block { rows, range, .. }) in self.blocks.iter().enumerate() {
            let length = panel_columns(*rows) * rows;
            let mut start = range.start;
            while start < range.end {
                let end = range.end.min(start + length);
                f(&Strip { block, first: (start - range.start) / rows, range: start..end });
                start = end;
            }
        }
    }

    /// Entries of the longest panel.
    pub fn longest_panel(&self) -> usize {
        self.blocks.iter().map(|block| panel_columns(block.rows) * block.rows).max().unwrap_or(0)
    }

    /// Room for factors.
    pub fn factors(&self) -> Factors {
        Factors(vec![0.0; self.blocks.last().map_or(0, |block| block.factors[1].end)])
    }

    /// U_b.
    pub fn u<'a>(&self, factors: &'a Factors, b: usize) -> DMatrixView<'a, f64> {
        let Block { rows, factors: [range, _], .. } = &self.blocks[b];
        DMatrixView::from_slice(&factors.0[range.clone()], *rows, self.rank)
    }

    /// V_b.
    pub fn v<'a>(&self, factors: &'a Factors, b: usize) -> DMatrixView<'a, f64> {
        let Block { columns, factors: [_, range], .. } = &self.blocks[b];
        DMatrixView::from_slice(&factors.0[range.clone()], *columns, self.rank)
    }

    /// U_b, to be written.
    pub fn u_mut<'a>(&self, factors: &'a mut Factors, b: usize) -> DMatrixViewMut<'a, f64> {
        let Block { rows, factors: [range, _], .. } = &self.blocks[b];
        DMatrixViewMut::from_slice(&mut factors.0[range.clone()], *rows, self.rank)
    }

    /// V_b, to be written.
    pub fn v_mut<'a>(&self, factors: &'a mut Factors, b: usize) -> DMatrixViewMut<'a, f64> {
        let Block { columns, factors: [_, range], .. } = &self.blocks[b];
        DMatrixViewMut::from_slice(&mut factors.0[range.clone()], *columns, self.rank)
    }

    /// U_from, to be read, and U_to, to be written, of another block.
    pub fn u_pair<'a>(
        &self,
        factors: &'a mut Factors,
        from: usize,
        to: usize,
    ) -> (DMatrixView<'a, f64>, DMatrixViewMut<'a, f64>) {
        self.pair(factors, [from, to], 0, |block| block.rows)
    }

    /// V_from, to be read, and V_to, to be written, of another block.
    pub fn v_pair<'a>(
        &self,
        factors: &'a mut Factors,
        from: usize,
        to: usize,
    ) -> (DMatrixView<'a, f64>, DMatrixViewMut<'a, f64>) {
        self.pair(factors, [from, to], 1, |block| block.columns)
    }

    fn pair<'a>(
        &self,
        factors: &'a mut Factors,
        [from, to]: [usize; 2],
        side: usize,
        height: impl Fn(&Block) -> usize,
    ) -> (DMatrixView<'a, f64>, DMatrixViewMut<'a, f64>) {
        let range = |b: usize| self.blocks[b].factors[side].clone();
        let (read, written) = if from < to {
            let (low, high) = factors.0.split_at_mut(range(to).start);
            (&low[range(from)], &mut high[..range(to).len()])
        } else {
            let (low, high) = factors.0.split_at_mut(range(from).start);
            (&high[..range(from).len()], &mut low[range(to)])
        };
        let height = |b: usize| height(&self.blocks[b]);
        (DMatrixView::from_slice(read, height(from), self.rank), DMatrixViewMut::from_slice(written, height(to), self.rank))
    }
}

impl Factors {
    /// The sum of squares of all entries: infinite or NaN if one of them is.
    pub fn norm_squared(&self) -> f64 {
        self.0.iter().map(|x| x * x).sum()
    }
}

impl<'a> LowRankSum<'a> {
    /// `y` ← M_b x, x of e_b rows.
    pub fn apply(&self, b: usize, x: DMatrixView<f64>, mut y: DMatrixViewMut<f64>) {
        gemm_nn(Write::Replace, self.block(b), x, y.as_view_mut());
        self.add_terms(x, y, |factors| [self.layout.u(factors, b), self.layout.v(factors, b)]);
    }

    /// `y` ← M_bᵀ x, x of d_b rows.
    pub fn apply_transposed(&self, b: usize, x: DMatrixView<f64>, mut y: DMatrixViewMut<f64>) {
        gemm_tn(Write::Replace, self.block(b), x, y.as_view_mut());
        self.add_terms(x, y, |factors| [self.layout.v(factors, b), self.layout.u(factors, b)]);
    }

    fn block(&self, b: usize) -> DMatrixView<'a, f64> {
        let Block { rows, columns, range, .. } = &self.layout.blocks[b];
        DMatrixView::from_slice(&self.base[range.clone()], *rows, *columns)
    }

    /// y ← scale·y + Σ_j c_j L_j(R_jᵀx) for the factors (L, R) that `sides` takes out.
    fn add_terms(
        &self,
        x: DMatrixView<f64>,
        mut y: DMatrixViewMut<f64>,
        sides: impl Fn(&'a Factors) -> [DMatrixView<'a, f64>; 2],
    ) {
        if self.scale != 1.0 {
            y *= self.scale;
        }
        for (weight, factors) in self.weights.iter().zip(self.terms) {
            let [left, right] = sides(factors);
            for (x, mut y) in x.column_iter().zip(y.column_iter_mut()) {
                for (left, right) in left.column_iter().zip(right.column_iter()) {
                    add_along(y.as_mut_slice(), *weight, left.as_slice(), right.as_slice(), x.as_slice());
                }
            }
        }
    }

    /// `out` ← the vector itself.
    pub fn form(&self, out: &mut [f64]) {
        form(self, out);
    }

    /// The sum of its squares.
    pub fn norm_squared(&self) -> f64 {
        norm_squared(self, &mut vec![0.0; self.layout.longest_panel()])
    }

    /// `out` ← some columns of it.
    pub(crate) fn panel(&self, panel: &Strip, out: &mut [f64]) {
        let Block { rows, columns, factors: [u, v], .. } = &self.layout.blocks[panel.block];
        let (rows, columns, rank) = (*rows, *columns, self.layout.rank);
        let first = panel.first..panel.first + out.len() / rows;
        let mut onto =
            if self.scale == 0.0 { Onto::Nothing } else { Onto::Scaled(self.scale, &self.base[panel.range.clone()]) };
        let mut outer = [OuterProduct { weight: 0.0, u: &[], v: &[] }; AT_ONCE];
        let mut count = 0;
        for (weight, Factors(factors)) in self.weights.iter().zip(self.terms) {
            for q in 0..rank {
                if count == AT_ONCE {
                    add_outer_products(out, rows, onto, &outer);
                    (onto, count) = (Onto::Itself, 0);
                }
                let (u, v) = (&factors[u.start + q * rows..][..rows], &factors[v.start + q * columns..][first.clone()]);
                outer[count] = OuterProduct { weight: *weight, u, v };
                count += 1;
            }
        }
        add_outer_products(out, rows, onto, &outer[..count]);
    }
}

/// How many columns of this height a panel has: long enough for wide vectors, short enough to stay in the first cache.
fn panel_columns(rows: usize) -> usize {
    (512 / rows.max(1)).max(1)
}

vectorised! {
    fn form(sum: &LowRankSum<'_>, out: &mut [f64]) {
        sum.layout.for_each_panel(
            #[inline(always)]
            |panel| sum.panel(panel, &mut out[panel.range.clone()]),
        );
    }

    fn norm_squared(sum: &LowRankSum<'_>, entries: &mut [f64]) -> f64 {
        let mut squares = 0.0;
        sum.layout.for_each_panel(
            #[inline(always)]
            |panel| {
                let entries = &mut entries[..panel.range.len()];
                sum.panel(panel, entries);
                squares += sum_over(entries, entries, #[inline(always)] |a, b| a * b);
            },
        );
        squares
    }

    /// y ← y + weight·left·(rightᵀx).
    fn add_along(y: &mut [f64], weight: f64, left: &[f64], right: &[f64], x: &[f64]) {
        let along = weight * sum_over(right, x, #[inline(always)] |a, b| a * b);
        add_scaled(y, along, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    proptest! {
        /// Products, the vector itself and its norm, against the matrices formed by nalgebra; two blocks, up to nine terms.
        #[test]
        fn a_sum_is_what_its_matrices_make(
            shapes in prop::collection::vec((1usize..20, 1usize..20), 1..4), rank in 1usize..4, terms in 0usize..9, seed in 0u64..1000,
        ) {
            let rng = &mut stream(seed, Purpose::Init);
            let layout = LowRankLayout::new(shapes.clone(), rank);
            let base = gaussian_matrix(shapes.iter().map(|(rows, columns)| rows * columns).sum(), 1, rng);
            let factors: Vec<Factors> = (0..terms)
                .map(|_| {
                    let mut factors = layout.factors();
                    factors.0.iter_mut().for_each(|entry| *entry = gaussian_matrix(1, 1, rng)[0]);
                    factors
                })
                .collect();
            let weights: Vec<f64> = gaussian_matrix(terms.max(1), 1, rng).iter().copied().take(terms).collect();
            let sum = LowRankSum { layout: &layout, base: base.as_slice(), scale: 0.7, weights: &weights, terms: &factors };
            let mut formed = vec![0.0; base.len()];
            sum.form(&mut formed);
            let mut squares = 0.0;
            for (b, &(rows, columns)) in shapes.iter().enumerate() {
                let expected = weights.iter().zip(&factors).fold(sum.block(b) * 0.7, |m, (weight, factors)| {
                    m + layout.u(factors, b) * layout.v(factors, b).transpose() * *weight
                });
                squares += expected.norm_squared();
                let close = |a: &DMatrix<f64>, b: &DMatrix<f64>| (a - b).norm() <= 1e-13 * (1.0 + b.norm());
                let range = layout.blocks[b].range.clone();
                prop_assert!(close(&DMatrix::from_column_slice(rows, columns, &formed[range]), &expected));
                let (x, y) = (gaussian_matrix(columns, rank, rng), gaussian_matrix(rows, rank, rng));
                let (mut mx, mut mty) = (y.clone(), x.clone());
                sum.apply(b, x.as_view(), mx.as_view_mut());
                sum.apply_transposed(b, y.as_view(), mty.as_view_mut());
                // Terms of size 5 and more cancel.
                let scale = 1.0 + terms as f64 * 20.0;
                prop_assert!((&mx - &expected * &x).norm() <= 1e-13 * scale * (1.0 + mx.norm()));
                prop_assert!((&mty - expected.transpose() * &y).norm() <= 1e-13 * scale * (1.0 + mty.norm()));
            }
            prop_assert!((sum.norm_squared() - squares).abs() <= 1e-13 * (1.0 + squares));
        }
    }
}

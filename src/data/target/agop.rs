//! A_{f*} = E[J*(x)ᵀJ*(x)], the AGOP of the target: in closed form where there is one, otherwise the mean over samples.
//!
//! Held as a factor R, RᵀR = A_{f*}: its powers go through the singular values of R, as those of a network's AGOP through its Jacobian's.

use nalgebra::DMatrix;

use crate::data::Synthetic;
use crate::linalg::triangular_factor;

use super::super::inputs::{Law, SampleSize};
use super::super::population::unwhitened;
use super::{TargetFunction, target};

/// The AGOP of a target, by a factor.
#[derive(Debug, Clone)]
pub struct TargetAgop {
    /// R of d columns, RᵀR = A_{f*}.
    pub factor: DMatrix<f64>,
    /// Whether it is the expectation over the law of the inputs; otherwise the mean over the samples that were given.
    pub closed: bool,
}

/// The AGOP of the target of a scenario's synthetic data: in closed form where there is one, otherwise the mean over the rows of
/// `x` ∈ ℝ^{n × d}, the samples of the same scenario.
pub fn target_agop(data: &Synthetic, seed: u64, x: &DMatrix<f64>) -> TargetAgop {
    let target = target(&data.target, data.inputs.dim, seed);
    // Of whitened samples closed forms do not speak, of a population they do.
    let inputs = match data.inputs.samples {
        SampleSize::Population => unwhitened(&data.inputs),
        SampleSize::Count(_) => data.inputs.clone(),
    };
    match target.agop_factor(&Law::new(&inputs, seed)) {
        Some(factor) => TargetAgop { factor, closed: true },
        None => TargetAgop { factor: sampled_factor(&*target, x), closed: false },
    }
}

/// R with RᵀR = (1/n) Σ J*(x_i)ᵀJ*(x_i), of at most d rows: the triangular factor of the stacked Jacobians over √n, block by block, so that
/// nothing is squared and no more than a block is held.
pub(super) fn sampled_factor(target: &dyn TargetFunction, x: &DMatrix<f64>) -> DMatrix<f64> {
    let (n, d) = x.shape();
    let scale = 1.0 / (n as f64).sqrt();
    // Blocks of some 4d rows: a factorisation then costs little more than that of all rows at once.
    let block = 4 * d.max(16);
    let mut factor = DMatrix::zeros(0, d);
    let mut pending: Vec<DMatrix<f64>> = Vec::new();
    let mut rows = 0;
    let mut point = vec![0.0; d];
    for i in 0..n {
        point.iter_mut().zip(x.row(i).iter()).for_each(|(to, from)| *to = *from);
        let jacobian = target.jacobian(&point) * scale;
        rows += jacobian.nrows();
        pending.push(jacobian);
        if rows >= block || i + 1 == n {
            factor = triangular(&factor, &pending, rows);
            pending.clear();
            rows = 0;
        }
    }
    factor
}

/// The triangular factor of R stacked on `blocks` of `rows` rows in all.
fn triangular(factor: &DMatrix<f64>, blocks: &[DMatrix<f64>], rows: usize) -> DMatrix<f64> {
    let mut stacked = DMatrix::zeros(factor.nrows() + rows, factor.ncols());
    let mut begin = 0;
    for part in std::iter::once(factor).chain(blocks) {
        stacked.rows_mut(begin, part.nrows()).copy_from(part);
        begin += part.nrows();
    }
    triangular_factor(stacked.as_view())
}

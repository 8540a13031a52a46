//! What tests of several modules share.

use nalgebra::DMatrix;

/// A matrix with these blocks on its diagonal.
pub(crate) fn of_blocks(blocks: &[DMatrix<f64>]) -> DMatrix<f64> {
    let n = blocks.iter().map(DMatrix::nrows).sum();
    let mut a = DMatrix::zeros(n, n);
    let mut at = 0;
    for block in blocks {
        a.view_mut((at, at), block.shape()).copy_from(block);
        at += block.nrows();
    }
    a
}

//! z = √d·g/‖g‖ with g ~ N(0, I_d): uniform on the sphere of radius √d. E[zzᵀ] = I, since by symmetry E[z_i z_j] = 0 and E[z_i²] is the
//! same for all i, with sum d. Entries are uncorrelated and not independent: E[z_i²z_j²] = d/(d + 2).

use nalgebra::DMatrix;
use rand::Rng;

use crate::rng::gaussian_matrix;

pub(super) fn draw(samples: usize, dim: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    let mut z = gaussian_matrix(samples, dim, rng);
    let radius = (dim as f64).sqrt();
    for mut row in z.row_iter_mut() {
        let norm = row.norm();
        row *= radius / norm;
    }
    z
}

//! Dense linear algebra on nalgebra's matrices: products into given storage, singular values and eigenvalues, powers of Gram matrices;
//! elementary functions over slices; and the line through points.
//!
//! Large products and all decompositions are faer's, but for singular values without vectors, which take our own sweeps half as long; small and thin products have kernels of their own, at whose sizes a library's
//! planning costs more than its work. nalgebra's own product allocates on every call, and its SVD is silently wrong on low-rank matrices
//! (`ones(5, 5)` has σ₁ = 5.73 there), which ours are by design.

mod angle;
mod bidiagonal;
mod bounded;
mod cholesky;
mod density;
mod difference;
mod double_double;
mod eigen;
pub mod elementary;
mod extremes;
mod gram;
mod gram_double_double;
mod lanczos;
mod largest;
mod line;
mod loops;
mod low_rank;
mod parallel;
mod product;
mod qr;
mod rank;
mod scale;
mod small;
mod svd;
mod symmetric;
mod team;
#[cfg(test)]
pub(crate) mod testing;
mod turned;
mod vectorised;

pub(crate) use bounded::bounded_minimum;
pub(crate) use cholesky::Cholesky;
pub(crate) use lanczos::{orthogonalise, vectors_that_fit};
pub(crate) use loops::{add_scaled, sum_along, sum_over};
#[cfg(test)]
pub(crate) use product::FLOPS;
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_imports, reason = "the macro asks for it on x86 only"))]
pub(crate) use vectorised::Width;
pub(crate) use vectorised::vectorised;

pub use angle::{centred_cosine, cosine, cosine_baseline};
pub use density::{Density, Quadrature};
pub use difference::{difference, difference_step, one_sided_difference};
pub use double_double::DoubleDouble;
pub use eigen::Eigen;
pub(crate) use extremes::from_products;
pub use extremes::{Eigenvalue, Extremes, all_eigenvalues, extreme_eigenvalues};
pub use gram::GramPower;
pub use gram_double_double::gram_double_double;
pub use lanczos::{End, Foremost, Lanczos, stages};
pub use largest::{Largest, largest_eigenvalue};
pub use line::{Line, slope_weights};
pub use low_rank::{Factors, LowRankLayout, LowRankSum};
pub use parallel::{at_most_threads, each_on_threads, on_threads, threads_granted};
pub use product::{Write, gemm_nn, gemm_nn_onto, gemm_nt, gemm_tn};
pub use qr::triangular_factor;
pub use rank::{effective_rank, entropy_rank, stable_rank};
pub use scale::{FAINT, Scaled, norm, normalised, scale};
pub use svd::{RightSvd, Svd, SvdError, check_finite, singular_values};
pub use symmetric::{gram_matrix, row_gram_matrix};

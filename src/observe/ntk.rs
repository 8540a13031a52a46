//! The empirical neural tangent kernel on the training samples, K = (1/n) J Jᵀ, J = ∂f/∂θ ∈ ℝ^{n·d_L × P} the Jacobian of all outputs at
//! all samples ([`TangentKernel`](crate::objective::TangentKernel)).
//!
//! K carries the 1/n of ℒ, so that its nonzero eigenvalues are those of the Gauss–Newton matrix (1/n) JᵀJ, and the outputs of a flow of the
//! squared loss without decay obey ḟ = −K(f − y). Training is lazy where K stays constant, and learns features where K turns towards the
//! labels.

use nalgebra::{DMatrix, DVector};

use crate::linalg::{FAINT, Scaled, largest_eigenvalue, norm, scale};
use crate::network::Parameters;
use crate::objective::{Labels, Objective};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::{Column, Columns, Group, Measure, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Ntk,
    &[
        Column::new(
            "ntk_max",
            "λ_max(K), K = (1/n) JJᵀ, J = ∂f/∂θ over all samples and outputs",
            "f²/θ²",
            "λ_{max} of the tangent kernel",
        )
        .by(Measure::Ntk),
        Column::new("ntk_rank", "tr K/λ_max(K), from 1 to n·d_L: the stable rank of J", "1", "stable rank of ∂f/∂θ")
            .by(Measure::Ntk),
        Column::new(
            "ntk_alignment",
            "yᵀKy/(‖K‖_F‖y‖²), from 0 to 1, uncentred (Cristianini et al. 2001)",
            "1",
            "alignment of the tangent kernel with the labels",
        )
        .by(Measure::Ntk),
        Column::new("ntk_distance", "‖K(t) − K(0)‖_F/‖K(0)‖_F", "1", "change of the tangent kernel ‖K(t) − K(0)‖_F / ‖K(0)‖_F")
            .by(Measure::Ntk),
    ],
);

/// The most rows and columns of a kernel that is measured: 134 MB in float64.
const MOST_ROWS: u64 = 4096;

/// Relative tolerance of λ_max, which may exceed the recorded value by this share; mostly the value is exact to rounding.
const TOLERANCE: f64 = 1e-9;

/// Columns, undefined where K underflows or overflows:
/// - `ntk_max`: λ_max(K) ≥ 0;
/// - `ntk_rank`: tr K/λ_max, from 1 to n·d_L: the stable rank of J (Rudelson & Vershynin 2007), the intrinsic dimension of K (Tropp, *An
///   Introduction to Matrix Concentration Inequalities*, 2015, §7.1). Undefined for K = 0;
/// - `ntk_alignment`: yᵀKy/(‖K‖_F‖y‖²), from 0 to 1: the alignment of K with the labels' kernel yyᵀ, uncentred (Cristianini, Shawe-Taylor,
///   Elisseeff & Kandola, *On Kernel-Target Alignment*, 2001), where y ∈ ℝ^{n·d_L} are the labels as the loss takes them. Undefined for K =
///   0 and for y = 0;
/// - `ntk_distance`: ‖K(t) − K(0)‖_F/‖K(0)‖_F ≥ 0. Undefined for K(0) = 0.
pub struct Ntk {
    /// K(0); `None` where the objective has no kernel.
    start: Option<Scaled>,
    labels: Option<Labels>,
}

impl Ntk {
    /// Compares with the kernel K(0) at `start`.
    pub fn new(objective: &dyn Objective, start: &Parameters) -> Self {
        let kernel = objective.tangent_kernel();
        Self { start: kernel.map(|of| Scaled::new(of.kernel(start.values()))), labels: kernel.map(|of| of.labels()) }
    }
}

/// A kernel that is too large to be measured at every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "ntk needs a kernel of {rows} × {rows}, and {MOST_ROWS} × {MOST_ROWS} is the limit: use fewer samples or outputs; for a linear network under \
     mse, whose kernel depends on the moments alone, fewer inputs or outputs"
)]
pub struct KernelTooLarge {
    /// Rows and columns of the kernel.
    pub rows: u64,
}

/// Rows of the kernel: d_L·d_0 for a network that needs only the moments of the data, n·d_L for others.
pub fn kernel_rows(by_moments: bool, inputs: u64, outputs: u64, samples: u64) -> u64 {
    outputs.saturating_mul(if by_moments { inputs } else { samples })
}

/// Checks that a kernel of this many rows can be measured.
///
/// # Errors
/// [`KernelTooLarge`] above 4096 rows.
pub fn check_kernel(rows: u64) -> Result<(), KernelTooLarge> {
    if rows > MOST_ROWS { Err(KernelTooLarge { rows }) } else { Ok(()) }
}

impl Observable for Ntk {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let kernel = snapshot.objective.tangent_kernel();
        let now = kernel.map(|of| Scaled::new(of.kernel(snapshot.parameters.values()))).filter(is_known);
        let (top, trace) = now.as_ref().map_or((f64::NAN, f64::NAN), |now| (largest(&now.matrix), now.matrix.trace()));
        row.float("ntk_max", now.as_ref().map_or(f64::NAN, |now| scale(top, now.exponent)));
        row.float("ntk_rank", trace / top);
        let aligned = now.as_ref().zip(self.labels.as_ref()).map(|(now, labels)| alignment(&now.matrix, labels));
        row.float("ntk_alignment", aligned.unwrap_or(f64::NAN));
        let start = self.start.as_ref().filter(|start| is_known(start));
        let distance = now.as_ref().zip(start).map(|(now, start)| distance(now, start));
        row.float("ntk_distance", distance.unwrap_or(f64::NAN));
    }
}

/// Whether the kernel is 0, or large enough to have lost no digits to underflow.
fn is_known(kernel: &Scaled) -> bool {
    let largest = kernel.matrix.amax();
    largest == 0.0 || (largest.is_finite() && scale(largest, kernel.exponent) >= FAINT)
}

/// λ_max; 0 for the zero matrix, NaN after an overflow.
fn largest(kernel: &DMatrix<f64>) -> f64 {
    if kernel.amax() == 0.0 {
        return 0.0;
    }
    let start = gaussian_matrix(kernel.nrows(), 1, &mut stream(0, Purpose::TangentKernel)).column(0).into_owned();
    let apply = |v: &DVector<f64>, out: &mut DVector<f64>| out.gemv(1.0, kernel, v, 0.0);
    largest_eigenvalue(&start, TOLERANCE, apply).map_or(f64::NAN, |found| found.value)
}

fn alignment(kernel: &DMatrix<f64>, labels: &Labels) -> f64 {
    // Normalised first: labels may be arbitrarily small or large.
    let size = labels.norm_squared.sqrt();
    let unit = &labels.within / size;
    unit.dot(&(kernel * &unit)) / kernel.norm()
}

fn distance(now: &Scaled, start: &Scaled) -> f64 {
    let shift = now.exponent - start.exponent;
    let difference = now.matrix.zip_map(&start.matrix, |now, start| scale(now, shift) - start);
    norm(&DVector::from_column_slice(difference.as_slice())) / start.matrix.norm()
}

#[cfg(test)]
mod tests;

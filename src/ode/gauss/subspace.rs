//! What is known of the Jacobian J: its action on a subspace, which grows by one product at a time and is kept from step to step.
//!
//! With orthonormal Q ∈ ℝ^{P×m} and JQ at hand, J ≈ QHQᵀ, H = ½(QᵀJQ + (QᵀJQ)ᵀ) = UΘUᵀ. The Newton equations of s stages,
//! ΔV_i − h Σ_j a_ij JΔV_j = R_i, become m systems of size s: with C = (QU)ᵀR, (I − hθ_kA)y_k = c_k, ΔV = QUY. Their residual, L = R − ΔV +
//! hJΔVAᵀ, is orthogonal to Q if J is symmetric, and its largest column is the next direction of Q: from Q = ∅ and a single R that is the
//! Lanczos method with full orthogonalisation (Parlett, *The Symmetric Eigenvalue Problem*, 1998, 13), one product serving all stages.

use nalgebra::{DMatrix, DMatrixView, DVector, Matrix3, Vector3};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{Eigen, Write, gemm_nn, gemm_tn, vectors_that_fit};

use super::super::rhs::{NotFinite, Rhs};

/// The fraction of R that a solution may leave: every Newton iteration gains as much. A product costs twice as much as an evaluation but
/// outlives the step: from 0.02 to 0.2 the work is the same within a few percent.
const LEFT: f64 = 0.1;
/// The subspace grows by this fraction of itself at a time, since its eigenvectors cost as much as many products.
const GROWTH: f64 = 0.15;
/// The most directions, if they fit in 256 MiB: the rest is left to the iteration. Orthogonalisation dominates the work of large subspaces
/// (P = 8192: 600 directions took four times as long as 300, and half as many evaluations again).
const MOST: usize = 300;
/// A direction of which orthogonalisation leaves no more than this is rounding error.
const DEPENDENT: f64 = 1e-12;

/// The Jacobian of F + λθ at one point, on a subspace.
pub(super) struct Subspace {
    t: f64,
    point: DVector<f64>,
    shift: f64,
    /// Q and JQ: the first `len` columns.
    q: DMatrix<f64>,
    jq: DMatrix<f64>,
    len: usize,
    /// ‖Jv‖ of the last v that was such a residual: an estimate of ‖J‖ outside the subspace.
    outside: f64,
    /// H: the leading block of order `len`.
    h: DMatrix<f64>,
    eigen: Eigen,
    next: DVector<f64>,
    product: DVector<f64>,
}

/// The equations that [`Subspace::solve`] solves.
pub(super) struct Newton<'a> {
    pub a: &'a Matrix3<f64>,
    pub h: f64,
    pub rho: f64,
    /// Whether R is worth products.
    pub may_grow: bool,
}

impl Subspace {
    pub fn new() -> Self {
        let empty = || DMatrix::zeros(0, 0);
        let none = || DVector::zeros(0);
        let eigen = Eigen { values: none(), vectors: empty() };
        Self {
            t: 0.0,
            point: none(),
            shift: 0.0,
            q: empty(),
            jq: empty(),
            len: 0,
            outside: f64::INFINITY,
            h: empty(),
            eigen,
            next: none(),
            product: none(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all directions; new ones are taken with J at (t, `point`) and λ = `shift`.
    pub fn start(&mut self, t: f64, point: &DVector<f64>, shift: f64) {
        let dim = point.len();
        self.clear();
        (self.t, self.shift) = (t, shift);
        self.point.clone_from(point);
        if self.q.nrows() != dim {
            (self.q, self.jq) = (DMatrix::zeros(dim, 0), DMatrix::zeros(dim, 0));
            (self.next, self.product) = (DVector::zeros(dim), DVector::zeros(dim));
        }
    }

    pub fn clear(&mut self) {
        self.len = 0;
        self.outside = f64::INFINITY;
        self.eigen = Eigen { values: DVector::zeros(0), vectors: DMatrix::zeros(0, 0) };
    }

    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.t)?;
        archive.item(&mut self.point)?;
        archive.item(&mut self.shift)?;
        archive.item(&mut self.len)?;
        archive.item(&mut self.outside)?;
        // Beyond the first columns there is only room.
        for matrix in [&mut self.q, &mut self.jq] {
            let mut used = matrix.columns(0, self.len.min(matrix.ncols())).into_owned();
            archive.item(&mut used)?;
            *matrix = used;
        }
        let used = self.len.min(self.h.nrows());
        let mut h = self.h.view((0, 0), (used, used)).into_owned();
        archive.item(&mut h)?;
        self.h = h;
        archive.item(&mut self.eigen.values)?;
        archive.item(&mut self.eigen.vectors)?;
        let dim = self.q.nrows();
        (self.next, self.product) = (DVector::zeros(dim), DVector::zeros(dim));
        Ok(())
    }

    /// Drops the estimate of ‖J‖ outside the subspace. False if there was none.
    pub fn distrust(&mut self) -> bool {
        let trusted = self.outside.is_finite();
        self.outside = f64::INFINITY;
        trusted
    }

    /// delta ← ΔV for `r`, both P × s, as accurately as the subspace allows. False if the system is singular.
    pub fn solve(
        &mut self,
        rhs: &Rhs<'_>,
        newton: &Newton<'_>,
        r: &DMatrix<f64>,
        delta: &mut DMatrix<f64>,
    ) -> Result<bool, NotFinite> {
        let s = r.ncols();
        let size = r.norm();
        let a = newton.a.view((0, 0), (s, s));
        loop {
            let c = self.coordinates(r);
            let Some(y) = self.solve_small(newton, &c) else { return Ok(false) };
            let (q, jq) = (self.q.columns(0, self.len), self.jq.columns(0, self.len));
            let y = product(self.eigen.vectors.as_view(), y.as_view());
            let (ya, mut left) = (&y * a.transpose() * newton.h, r.clone());
            gemm_nn(Write::Replace, q, y.as_view(), delta.as_view_mut());
            gemm_nn(Write::Add, jq, ya.as_view(), left.as_view_mut());
            let inside = transposed_product(q, left.as_view());
            gemm_nn(Write::Add, q, (-inside).as_view(), left.as_view_mut());
            let norm = left.norm();
            // Below 1, L is best added to ΔV as it is, as in a fixed-point iteration: this fraction of it then remains.
            let stiffness = newton.h * self.outside.min(newton.rho);
            if newton.may_grow && stiffness.min(1.0) * norm > LEFT * size {
                let worst = (0..s).max_by(|&i, &j| left.column(i).norm().total_cmp(&left.column(j).norm())).unwrap_or(0);
                self.next.copy_from(&left.column(worst));
                if self.grow(rhs)? {
                    continue;
                }
            }
            if stiffness < 1.0 {
                *delta += left;
            }
            return Ok(true);
        }
    }

    /// error ← (I + γh|J|)^{−1}·error on the subspace: an estimate formed from F exaggerates the errors of stiff components by hρ.
    pub fn damp(&self, gamma_h: f64, error: &mut DVector<f64>) {
        let view = DMatrixView::from_slice(error.as_slice(), error.len(), 1);
        let mut c = self.coordinates_of(view);
        for (c, theta) in c.iter_mut().zip(self.eigen.values.iter()) {
            *c *= 1.0 / (1.0 + gamma_h * theta.abs()) - 1.0;
        }
        let c = product(self.eigen.vectors.as_view(), c.as_view());
        error.gemv(1.0, &self.q.columns(0, self.len), &c.column(0), 1.0);
    }

    /// C = (QU)ᵀR.
    fn coordinates(&self, r: &DMatrix<f64>) -> DMatrix<f64> {
        self.coordinates_of(r.as_view())
    }

    fn coordinates_of(&self, r: DMatrixView<f64>) -> DMatrix<f64> {
        let inside = transposed_product(self.q.columns(0, self.len), r);
        transposed_product(self.eigen.vectors.as_view(), inside.as_view())
    }

    /// Y with rows (I − hθ_kA)^{−1}c_k.
    fn solve_small(&self, newton: &Newton<'_>, c: &DMatrix<f64>) -> Option<DMatrix<f64>> {
        let mut y = c.clone();
        for (mut y, theta) in y.row_iter_mut().zip(self.eigen.values.iter()) {
            // A is padded with zeros to order 3, so that the rest of the system is the identity.
            let system = Matrix3::identity() - newton.a * (newton.h * theta);
            let right = Vector3::from_fn(|i, _| if i < y.len() { y[i] } else { 0.0 });
            let solution = system.lu().solve(&right)?;
            for (i, y) in y.iter_mut().enumerate() {
                *y = solution[i];
            }
        }
        Some(y)
    }

    /// Adds the direction `next`, the image of that, and so on. False if nothing can be added: the iteration will show whether the subspace
    /// suffices.
    fn grow(&mut self, rhs: &Rhs<'_>) -> Result<bool, NotFinite> {
        let dim = self.q.nrows();
        let first = self.len;
        let target = (first + 1 + (GROWTH * first as f64) as usize).min(MOST).min(vectors_that_fit(dim, 2)).min(dim);
        if self.q.ncols() < target {
            self.q.resize_horizontally_mut(target, 0.0);
            self.jq.resize_horizontally_mut(target, 0.0);
        }
        if self.h.nrows() < target {
            self.h.resize_mut(target, target, 0.0);
        }
        while self.len < target {
            let m = self.len;
            let before = self.next.norm();
            // Twice is enough (Parlett 1998, 6.9).
            for _ in 0..2 {
                let inside = self.q.columns(0, m).tr_mul(&self.next);
                self.next.gemv(-1.0, &self.q.columns(0, m), &inside, 1.0);
            }
            let norm = self.next.norm();
            if norm <= DEPENDENT * before {
                break;
            }
            self.next.unscale_mut(norm);
            rhs.jacobian_vector(self.t, &self.point, &self.next, &mut self.product)?;
            self.product.axpy(self.shift, &self.next, 1.0);
            if m == first {
                self.outside = self.product.norm();
            }
            self.q.set_column(m, &self.next);
            self.jq.set_column(m, &self.product);
            let row = self.q.columns(0, m + 1).tr_mul(&self.product);
            let column = self.jq.columns(0, m + 1).tr_mul(&self.next);
            for i in 0..=m {
                self.h[(m, i)] = 0.5 * (row[i] + column[i]);
            }
            self.len += 1;
            std::mem::swap(&mut self.next, &mut self.product);
        }
        if self.len == first {
            return Ok(false);
        }
        self.eigen = Eigen::symmetric(self.h.view((0, 0), (self.len, self.len))).ok_or(NotFinite)?;
        Ok(true)
    }
}

fn product(a: DMatrixView<f64>, b: DMatrixView<f64>) -> DMatrix<f64> {
    let mut c = DMatrix::zeros(a.nrows(), b.ncols());
    gemm_nn(Write::Replace, a, b, c.as_view_mut());
    c
}

fn transposed_product(a: DMatrixView<f64>, b: DMatrixView<f64>) -> DMatrix<f64> {
    let mut c = DMatrix::zeros(a.ncols(), b.ncols());
    gemm_tn(Write::Replace, a, b, c.as_view_mut());
    c
}

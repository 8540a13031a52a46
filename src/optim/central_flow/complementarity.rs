//! How strongly a rule oscillates at the edge of stability: the symmetric X ⪰ 0 of k × k with
//!
//! - C := B[X] − A ⪰ 0 and ⟨X, C⟩ = 0,
//!
//! A how fast the curvatures at the edge would rise without oscillation, and B[X] how fast it lowers them. B is symmetric and positive
//! semidefinite, a Gram matrix (`critical`), so that these are the conditions of Karush, Kuhn and Tucker of the convex problem
//!
//! - min ½⟨X, B[X]⟩ − ⟨A, X⟩ over X ⪰ 0.
//!
//! For k = 1, X = max(A/B, 0). Otherwise Newton's method on the barrier −μ·log det X, μ falling to 0 by tenths (Boyd & Vandenberghe, *Convex
//! Optimization*, 2004, ch. 9 and 11). A Newton step is written as X = LLᵀ → L(I + tS)Lᵀ, in which its system stays well conditioned to
//! the end: (L⊗L)ᵀB(L⊗L)[S] + μS = Lᵀ(A − B[X])L + μI.

use nalgebra::{DMatrix, DVector};

use crate::linalg::{Cholesky, Eigen};

/// The last μ, where A and B are of size 1: as near to ⟨X, C⟩ = 0 as float64 comes.
const LEAST_BARRIER: f64 = 1e-15;
/// Added to the diagonal of B, relatively: where third derivatives depend on each other, the least X is taken.
const RIDGE: f64 = 1e-12;
/// Newton steps at one μ; a few suffice.
const NEWTON_STEPS: usize = 100;

/// The pairs (i, j), i ≤ j, of k directions, in the order of the entries of B.
pub(super) fn pairs(k: usize) -> Vec<(usize, usize)> {
    (0..k).flat_map(|i| (i..k).map(move |j| (i, j))).collect()
}

/// The entries of a symmetric matrix in the orthonormal basis e_ie_iᵀ, (e_ie_jᵀ + e_je_iᵀ)/√2, in which ⟨X, Y⟩ is the inner product.
fn entries(m: &DMatrix<f64>) -> DVector<f64> {
    let of = |(i, j)| if i == j { m[(i, i)] } else { (m[(i, j)] + m[(j, i)]) / 2f64.sqrt() };
    DVector::from_vec(pairs(m.nrows()).into_iter().map(of).collect())
}

/// The symmetric matrix of these entries.
fn matrix(k: usize, entries: &[f64]) -> DMatrix<f64> {
    let mut m = DMatrix::zeros(k, k);
    for ((i, j), &entry) in pairs(k).into_iter().zip(entries) {
        let entry = if i == j { entry } else { entry / 2f64.sqrt() };
        (m[(i, j)], m[(j, i)]) = (entry, entry);
    }
    m
}

/// B in that basis, from its Gram matrix over the [`pairs`] a = (i, j): ½⟨D_a, D_b⟩ of D_a = D³J[u_i, u_j], where D is constant.
fn in_basis(gram: &DMatrix<f64>, k: usize) -> DMatrix<f64> {
    let weight = |(i, j): (usize, usize)| if i == j { 1.0 } else { 2f64.sqrt() };
    let weights: Vec<f64> = pairs(k).into_iter().map(weight).collect();
    DMatrix::from_fn(gram.nrows(), gram.ncols(), |a, b| weights[a] * weights[b] * gram[(a, b)])
}

/// B[X], given the Gram matrix as in [`spread`].
pub(super) fn lowered(gram: &DMatrix<f64>, x: &DMatrix<f64>) -> DMatrix<f64> {
    matrix(x.nrows(), (in_basis(gram, x.nrows()) * entries(x)).as_slice())
}

/// X for A = `rise` ∈ ℝ^{k × k}, symmetric, and B by its Gram matrix over the [`pairs`] (i, j). 0 where that is 0: then nothing lowers the
/// curvatures.
pub(super) fn spread(rise: &DMatrix<f64>, gram: &DMatrix<f64>) -> DMatrix<f64> {
    let k = rise.nrows();
    let nothing = DMatrix::zeros(k, k);
    if k == 0 {
        return nothing;
    }
    if k == 1 {
        let x = rise[(0, 0)] / gram[(0, 0)];
        return if x > 0.0 && x.is_finite() { DMatrix::from_element(1, 1, x) } else { nothing };
    }
    let mut b = in_basis(gram, k);
    let (size, height) = (b.trace() / b.nrows() as f64, rise.norm());
    let rises = Eigen::symmetric(rise.as_view()).is_some_and(|eigen| eigen.values[k - 1] > 0.0);
    if !(rises && size > 0.0 && size.is_finite()) {
        return nothing;
    }
    b /= size;
    for i in 0..b.nrows() {
        b[(i, i)] += RIDGE;
    }
    by_barrier(&entries(&(rise / height)), &b, k) * (height / size)
}

/// The minimum for A and B of size 1.
fn by_barrier(a: &DVector<f64>, b: &DMatrix<f64>, k: usize) -> DMatrix<f64> {
    let mut x = DMatrix::identity(k, k);
    let mut mu = 1.0;
    while mu > LEAST_BARRIER {
        for _ in 0..NEWTON_STEPS {
            let Some((next, decrement)) = newton(a, b, mu, &x) else { return x };
            x = next;
            if decrement < 0.1 {
                break;
            }
        }
        mu *= 0.1;
    }
    x
}

/// One Newton step at μ, damped while it is far from the minimum, and its decrement; `None` if the system is singular to rounding.
fn newton(a: &DVector<f64>, b: &DMatrix<f64>, mu: f64, x: &DMatrix<f64>) -> Option<(DMatrix<f64>, f64)> {
    let (k, eigen) = (x.nrows(), Eigen::symmetric(x.as_view())?);
    let root = &eigen.vectors * DMatrix::from_diagonal(&eigen.values.map(|value| value.max(0.0).sqrt()));
    let count = a.len();
    // L⊗L in the basis: its columns are the entries of L E_a Lᵀ.
    let mut both = DMatrix::zeros(count, count);
    for column in 0..count {
        let mut unit = vec![0.0; count];
        unit[column] = 1.0;
        both.set_column(column, &entries(&(&root * matrix(k, &unit) * root.transpose())));
    }
    let mut system = both.transpose() * b * &both;
    for i in 0..count {
        system[(i, i)] += mu;
    }
    let rhs = both.transpose() * (a - b * entries(x)) + entries(&DMatrix::identity(k, k)) * mu;
    let step = Cholesky::of(&system)?.solve(rhs.clone());
    let decrement = (rhs.dot(&step) / mu).max(0.0).sqrt();
    if !decrement.is_finite() {
        return None;
    }
    let length = if decrement > 0.25 { 1.0 / (1.0 + decrement) } else { 1.0 };
    let inner = DMatrix::identity(k, k) + matrix(k, step.as_slice()) * length;
    let next = &root * inner * root.transpose();
    Some(((&next + next.transpose()) * 0.5, decrement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eigenvalues(m: &DMatrix<f64>) -> DVector<f64> {
        Eigen::symmetric(m.as_view()).unwrap().values
    }

    proptest! {
        /// X ⪰ 0, C ⪰ 0 and ⟨X, C⟩ = 0, for third derivatives that may depend on each other.
        #[test]
        fn both_are_semidefinite_and_complementary(
            k in 1usize..6, dim in 1usize..30, numbers in prop::collection::vec(-1.0..1.0f64, 15 * 30), sizes in prop::array::uniform2(-8i32..8),
            slopes in prop::collection::vec(-1.0..1.0f64, 30),
        ) {
            let count = pairs(k).len();
            let (of_d, of_g) = (10f64.powi(sizes[0]), 10f64.powi(sizes[1]));
            let thirds = DMatrix::from_fn(dim, count, |i, a| of_d * numbers[a * 30 + i]);
            let gram = thirds.transpose() * &thirds * 0.5;
            // As along a flow: A is the image of a gradient, so that a bounded X exists.
            let slope = DVector::from_fn(dim, |i, _| of_g * slopes[i]);
            let of_pairs = thirds.transpose() * slope;
            let mut rise = DMatrix::zeros(k, k);
            for (a, (i, j)) in pairs(k).into_iter().enumerate() {
                (rise[(i, j)], rise[(j, i)]) = (of_pairs[a], of_pairs[a]);
            }
            let x = spread(&rise, &gram);
            let c = lowered(&gram, &x) - &rise;
            let (x_size, c_size) = (x.norm(), rise.norm());
            prop_assert!(eigenvalues(&x)[0] >= -1e-12 * x_size);
            prop_assert!(eigenvalues(&c)[0] >= -1e-6 * c_size, "{} of {c_size}", eigenvalues(&c)[0]);
            prop_assert!(x.dot(&c).abs() <= 1e-6 * x_size * c_size, "{:e}", x.dot(&c) / (x_size * c_size));
        }
    }

    /// Two directions that know nothing of each other, one of which does not rise; and where nothing rises.
    #[test]
    fn what_does_not_rise_does_not_oscillate() {
        let gram = DMatrix::from_diagonal(&DVector::from_vec(vec![2.0, 1.0, 4.0]));
        let x = spread(&DMatrix::from_diagonal(&DVector::from_vec(vec![3.0, -1.0])), &gram);
        assert!((x[(0, 0)] - 1.5).abs() < 1e-10 && x[(1, 1)].abs() < 1e-12 && x[(0, 1)].abs() < 1e-12, "{x}");
        let both = spread(&DMatrix::from_diagonal(&DVector::from_vec(vec![3.0, 2.0])), &gram);
        assert!((both - DMatrix::from_diagonal(&DVector::from_vec(vec![1.5, 0.5]))).norm() < 1e-10);
        assert_eq!(spread(&DMatrix::from_diagonal(&DVector::from_vec(vec![-3.0, -1.0])), &gram), DMatrix::zeros(2, 2));
        assert_eq!(spread(&DMatrix::from_element(1, 1, 2.0), &DMatrix::zeros(1, 1)), DMatrix::zeros(1, 1));
        assert_eq!(spread(&DMatrix::zeros(0, 0), &DMatrix::zeros(0, 0)), DMatrix::zeros(0, 0));
    }
}

//! The balance law linearised at W, and its solution by preconditioned conjugate gradients.
//!
//! Corrections have the form δW_l = W_l M_{l−1} − M_l W_l with symmetric M_l ∈ ℝ^{d_l × d_l} on the interfaces l = 1, …, L − 1 and M_0 =
//! M_L = 0. These span the normal space of the manifold of given D, the row space of the derivative of D; its complement contains every
//! motion that leaves D unchanged. So the correction is the shortest one, and moves nothing along the manifold. To first order
//!
//! δD_l = W_{l+1}ᵀδW_{l+1} + δW_{l+1}ᵀW_{l+1} − δW_l W_lᵀ − W_l δW_lᵀ
//!      = S_l M_l + M_l S_l − 2W_{l+1}ᵀM_{l+1}W_{l+1} − 2W_l M_{l−1}W_lᵀ,     S_l = W_{l+1}ᵀW_{l+1} + W_l W_lᵀ:
//!
//! a symmetric, positive semidefinite map of M. Its diagonal blocks, Lyapunov operators, are inverted in the eigenbasis of S_l and serve as
//! its preconditioner. On weights of the stiff benchmark `deep` (four layers of width 20) six digits take 20 iterations, and 1,400 without
//! it.

use nalgebra::{DMatrix, DMatrixView, DVector};

use crate::linalg::{Svd, SvdError, Write, gemm_nn, gemm_nt, gemm_tn};
use crate::network::Parameters;

/// Symmetric matrices M_l ∈ ℝ^{d_l × d_l}, one per interface, at index l − 1.
pub(super) type Symmetric = Vec<DMatrix<f64>>;

/// The map M ↦ δD at W, in the eigenbases of the S_l, where its preconditioner is an entrywise division.
pub(super) struct Linearised {
    /// V_l, the eigenvectors of S_l, at index l − 1.
    bases: Vec<DMatrix<f64>>,
    /// V_lᵀW_l V_{l−1}, at index l − 1, with V_0 = I and V_L = I.
    weights: Vec<DMatrix<f64>>,
    /// 1/(s_i + s_j) at index l − 1; 0 where s_i = s_j = 0.
    preconditioner: Symmetric,
    /// δW_l in the eigenbases.
    step: Vec<DMatrix<f64>>,
}

impl Linearised {
    /// Linearises at the weights θ.
    pub(super) fn new(theta: &Parameters) -> Result<Self, SvdError> {
        let depth = theta.architecture().depth();
        let (mut bases, mut spectra) = (Vec::with_capacity(depth - 1), Vec::with_capacity(depth - 1));
        for l in 1..depth {
            let (basis, spectrum) = eigen(theta.weight(l), theta.weight(l + 1))?;
            bases.push(basis);
            spectra.push(spectrum);
        }
        let mut weights: Vec<_> = (1..=depth).map(|l| turned(&theta.weight(l).into_owned(), &bases, l, Turn::In)).collect();
        for (index, spectrum) in spectra.iter().enumerate() {
            for i in (0..spectrum.len()).filter(|&i| spectrum[i] == 0.0) {
                // Entries along null directions of S_l are rounding errors: zero from here on.
                weights[index].row_mut(i).fill(0.0);
                weights[index + 1].column_mut(i).fill(0.0);
            }
        }
        let preconditioner = spectra.iter().map(|spectrum| inverse_sums(spectrum)).collect();
        let step = weights.clone();
        Ok(Self { bases, weights, preconditioner, step })
    }

    /// δθ, of length P, with ‖δD(M) − R‖ ≤ `tolerance`·‖R‖ over all interfaces, or as close as `most` iterations come; and the number of
    /// iterations. R_l is symmetric; its part in null directions of S_l is out of reach and left out.
    pub(super) fn solve(&mut self, residual: &Symmetric, tolerance: f64, most: usize) -> (DVector<f64>, usize) {
        let mut r: Symmetric = residual.iter().zip(&self.bases).map(|(r, v)| v.transpose() * (r * 0.5) * v).collect();
        for (r, preconditioner) in r.iter_mut().zip(&self.preconditioner) {
            // ½R + ½Rᵀ: symmetric to the bit.
            add_transpose(r);
            // What cannot be reduced to first order must not keep the iteration going.
            r.zip_apply(preconditioner, |r, p| *r = if p > 0.0 { *r } else { 0.0 });
        }
        let mut m: Symmetric = r.iter().map(|r| r * 0.0).collect();
        let goal = tolerance * dot(&r, &r).sqrt();
        let mut z = self.precondition(&r);
        let (mut direction, mut rz) = (z.clone(), dot(&r, &z));
        let mut image = m.clone();
        let mut iterations = 0;
        while iterations < most && dot(&r, &r).sqrt() > goal && rz > 0.0 {
            self.apply(&direction, &mut image);
            let curvature = dot(&direction, &image);
            // The direction is only rounding error.
            if curvature.is_nan() || curvature <= 0.0 {
                break;
            }
            let alpha = rz / curvature;
            add(&mut m, alpha, &direction, 1.0);
            add(&mut r, -alpha, &image, 1.0);
            z = self.precondition(&r);
            let next = dot(&r, &z);
            add(&mut direction, 1.0, &z, next / rz);
            rz = next;
            iterations += 1;
        }
        self.steps(&m);
        let mut delta = Vec::with_capacity(self.weights.iter().map(DMatrix::len).sum());
        for (index, step) in self.step.iter().enumerate() {
            delta.extend_from_slice(turned(step, &self.bases, index + 1, Turn::Out).as_slice());
        }
        (DVector::from_vec(delta), iterations)
    }

    /// Z_l = R_l / (s_i + s_j), the solution of S_l Z_l + Z_l S_l = R_l.
    fn precondition(&self, r: &Symmetric) -> Symmetric {
        r.iter().zip(&self.preconditioner).map(|(r, p)| r.component_mul(p)).collect()
    }

    /// `self.step` ← δW_l = W_l M_{l−1} − M_l W_l.
    fn steps(&mut self, m: &Symmetric) {
        let depth = self.weights.len();
        for l in 1..=depth {
            let (weight, step) = (&self.weights[l - 1], &mut self.step[l - 1]);
            step.fill(0.0);
            if l < depth {
                gemm_nn(Write::Replace, m[l - 1].as_view(), weight.as_view(), step.as_view_mut());
                step.neg_mut();
            }
            if l > 1 {
                gemm_nn(Write::Add, weight.as_view(), m[l - 2].as_view(), step.as_view_mut());
            }
        }
    }

    /// `image` ← δD(M).
    fn apply(&mut self, m: &Symmetric, image: &mut Symmetric) {
        self.steps(m);
        for (index, image) in image.iter_mut().enumerate() {
            let [below, above] = [&self.weights[index], &self.weights[index + 1]];
            let [step_below, step_above] = [&self.step[index], &self.step[index + 1]];
            gemm_nt(Write::Replace, step_below.as_view(), below.as_view(), image.as_view_mut());
            image.neg_mut();
            gemm_tn(Write::Add, above.as_view(), step_above.as_view(), image.as_view_mut());
            add_transpose(image);
        }
    }
}

/// Into the eigenbases, or out of them.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    In,
    Out,
}

/// V_lᵀW_l V_{l−1}, or V_l W_l V_{l−1}ᵀ.
fn turned(weight: &DMatrix<f64>, bases: &[DMatrix<f64>], l: usize, turn: Turn) -> DMatrix<f64> {
    let (mut result, mut other) = (weight.clone(), weight.clone());
    if l > 1 {
        let product = if turn == Turn::In { gemm_nn } else { gemm_nt };
        product(Write::Replace, result.as_view(), bases[l - 2].as_view(), other.as_view_mut());
        std::mem::swap(&mut result, &mut other);
    }
    if l <= bases.len() {
        let product = if turn == Turn::In { gemm_tn } else { gemm_nn };
        product(Write::Replace, bases[l - 1].as_view(), result.as_view(), other.as_view_mut());
        std::mem::swap(&mut result, &mut other);
    }
    result
}

/// V and s of S = W_{l+1}ᵀW_{l+1} + W_l W_lᵀ = V·diag(s)·Vᵀ ∈ ℝ^{d × d}, with s = 0 in place of rounding error.
///
/// From the singular values σ = √s of W_{l+1} stacked on W_lᵀ. Eigenvalues of S itself are off by ε·max s, these by ε²·max s: S cannot tell
/// directions that have decayed as e^{−λt} from null directions, which layers of different widths leave.
fn eigen(below: DMatrixView<f64>, above: DMatrixView<f64>) -> Result<(DMatrix<f64>, Vec<f64>), SvdError> {
    let (d, inputs) = below.shape();
    let outputs = above.nrows();
    // Zero rows, so that V is square.
    let mut stacked = DMatrix::zeros((outputs + inputs).max(d), d);
    stacked.rows_mut(0, outputs).copy_from(&above);
    stacked.rows_mut(outputs, inputs).tr_copy_from(&below);
    let svd = Svd::new(stacked.as_view())?;
    let floor = stacked.nrows() as f64 * f64::EPSILON * svd.values.first().copied().unwrap_or(0.0);
    Ok((svd.v, svd.values.iter().map(|&sigma| if sigma > floor { sigma * sigma } else { 0.0 }).collect()))
}

/// 1/(s_i + s_j) ∈ ℝ^{d × d}, 0 where both are 0.
fn inverse_sums(s: &[f64]) -> DMatrix<f64> {
    DMatrix::from_fn(s.len(), s.len(), |i, j| if s[i] + s[j] > 0.0 { 1.0 / (s[i] + s[j]) } else { 0.0 })
}

/// A ← A + Aᵀ.
fn add_transpose(a: &mut DMatrix<f64>) {
    for j in 0..a.ncols() {
        for i in 0..=j {
            let sum = a[(i, j)] + a[(j, i)];
            (a[(i, j)], a[(j, i)]) = (sum, sum);
        }
    }
}

/// Σ_l ⟨A_l, B_l⟩.
fn dot(a: &Symmetric, b: &Symmetric) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.dot(b)).sum()
}

/// A ← αB + βA.
fn add(a: &mut Symmetric, alpha: f64, b: &Symmetric, beta: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        a.zip_apply(b, |a, b| *a = alpha * b + beta * *a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::network::Architecture;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    fn weights(widths: &[usize]) -> Parameters {
        let rng = &mut stream(1, Purpose::Init);
        Parameters::from_shapes(&Architecture::new(widths), |rows, columns| gaussian_matrix(rows, columns, rng))
    }

    fn symmetric(widths: &[usize]) -> Symmetric {
        let rng = &mut stream(2, Purpose::Init);
        let mut matrices: Symmetric = widths[1..widths.len() - 1].iter().map(|&d| gaussian_matrix(d, d, rng)).collect();
        matrices.iter_mut().for_each(add_transpose);
        matrices
    }

    /// D(θ + δ) − D(θ − δ) = 2·δD without a remainder, D being quadratic.
    #[test]
    fn the_solution_moves_the_imbalance_by_what_was_asked() {
        let widths = [3, 5, 4, 6, 2];
        let (theta, asked) = (weights(&widths), symmetric(&widths));
        let (delta, _) = Linearised::new(&theta).unwrap().solve(&asked, 1e-14, 1000);
        let moved = |sign: f64| Parameters::from_values(theta.architecture(), theta.values() + sign * &delta).imbalances();
        for ((after, before), asked) in moved(1.0).iter().zip(moved(-1.0)).zip(&asked) {
            let off = ((after - before) * 0.5 - asked).norm() / asked.norm();
            assert!(off < 1e-11, "{off:e}");
        }
    }

    /// The gradients ∇_l = (W_L⋯W_{l+1})ᵀR(W_{l−1}⋯W_1)ᵀ of all losses of the product W_L⋯W_1 leave D unchanged to first order.
    #[test]
    fn the_solution_is_orthogonal_to_the_gradient_of_every_loss() {
        let widths = [3, 5, 4, 2];
        let theta = weights(&widths);
        let (delta, _) = Linearised::new(&theta).unwrap().solve(&symmetric(&widths), 1e-14, 1000);
        let [w1, w2, w3] = [1, 2, 3].map(|l| theta.weight(l).into_owned());
        for seed in 0..10 {
            let r = gaussian_matrix(2, 3, &mut stream(seed, Purpose::Noise));
            let gradient = [(&w3 * &w2).transpose() * &r, w3.transpose() * &r * w1.transpose(), &r * (&w2 * &w1).transpose()];
            let gradient = Parameters::from_weights(theta.architecture(), &gradient);
            assert!(gradient.values().normalize().dot(&delta.normalize()).abs() < 1e-13);
        }
    }

    /// Singular values over three decades: without the Lyapunov solve conjugate gradients take many times as many iterations.
    #[test]
    fn the_preconditioner_pays() {
        let widths = [12; 5];
        let plain = weights(&widths);
        let spread: Vec<_> = (1..=4)
            .map(|l| {
                let svd = Svd::new(plain.weight(l)).unwrap();
                let sigma = DVector::from_fn(12, |i, _| 10f64.powf(-3.0 * i as f64 / 11.0));
                svd.u * DMatrix::from_diagonal(&sigma) * svd.v.transpose()
            })
            .collect();
        let theta = Parameters::from_weights(plain.architecture(), &spread);
        assert!(singular_values(theta.weight(1)).unwrap()[11] < 1.1e-3);
        let asked = symmetric(&widths);
        let mut linearised = Linearised::new(&theta).unwrap();
        let (_, with) = linearised.solve(&asked, 1e-6, 5000);
        linearised.preconditioner.iter_mut().for_each(|p| p.fill(1.0));
        let (_, without) = linearised.solve(&asked, 1e-6, 5000);
        assert!(with < 200 && without > 5 * with, "{with} with, {without} without");
    }
}

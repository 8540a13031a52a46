//! Two layers on whitened inputs (Σ_x = I), from any start with D = W_2ᵀW_2 − W_1W_1ᵀ = ςI: a matrix Riccati equation.
//!
//! With Q = [W_1ᵀ; W_2] ∈ ℝ^{(d_0+d_2) × d_1}, M = QQᵀ and F = [[−(ς/2 + λ)I, Σ_yxᵀ], [Σ_yx, (ς/2 − λ)I]], Ṁ = FM + MF − M², so that
//!
//! M(t) = e^{Ft}Q_0(I + Q_0ᵀN(t)Q_0)^{−1}Q_0ᵀe^{Ft}, N(t) = ∫₀ᵗe^{2Fs}ds,
//!
//! for λ = 0 with any ς, and for any λ with ς = 0. Fukumizu 1998; Braun, Dominé, Fitzgerald & Saxe, NeurIPS 2022; Dominé et al. 2024.
//! The formula overflows for large t: it is applied in steps no longer than 2/‖F‖.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// The solution from one start.
#[derive(Debug, Clone)]
pub struct Riccati {
    /// Q_0.
    start: DMatrix<f64>,
    /// Of F.
    eigenvectors: DMatrix<f64>,
    eigenvalues: DVector<f64>,
}

impl Riccati {
    /// From W_1 (d_1 × d_0) and W_2 (d_2 × d_1), whose D is `imbalance`·I, with `sigma_yx` (d_2 × d_0).
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn new(w1: &DMatrix<f64>, w2: &DMatrix<f64>, sigma_yx: &DMatrix<f64>, weight_decay: f64, imbalance: f64) -> Self {
        let (d_in, d_out) = (w1.ncols(), w2.nrows());
        let mut start = DMatrix::zeros(d_in + d_out, w1.nrows());
        start.rows_mut(0, d_in).copy_from(&w1.transpose());
        start.rows_mut(d_in, d_out).copy_from(w2);
        let mut f = DMatrix::zeros(d_in + d_out, d_in + d_out);
        f.view_mut((d_in, 0), (d_out, d_in)).copy_from(sigma_yx);
        f.view_mut((0, d_in), (d_in, d_out)).copy_from(&sigma_yx.transpose());
        for i in 0..d_in + d_out {
            f[(i, i)] = if i < d_in { -0.5 * imbalance } else { 0.5 * imbalance } - weight_decay;
        }
        // nalgebra's iteration does not end on what is no number: then there is no solution at any time.
        if !f.iter().all(|entry| entry.is_finite()) {
            f.fill(f64::NAN);
            return Self { start, eigenvalues: f.column(0).into_owned(), eigenvectors: f };
        }
        let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(f);
        Self { start, eigenvectors, eigenvalues }
    }

    /// M(t) = [[W_1ᵀW_1, (W_2W_1)ᵀ], [W_2W_1, W_2W_2ᵀ]] at t ≥ 0; `None` if the start or the
    /// equation is not finite, or t is negative or NaN.
    pub fn at(&self, t: f64) -> Option<DMatrix<f64>> {
        if !(t >= 0.0 && t.is_finite()) {
            return None;
        }
        let steps = (0.5 * self.eigenvalues.amax() * t).ceil().max(1.0);
        let step = t / steps;
        // In the eigenvectors of F.
        let growth = self.eigenvalues.map(|w| (w * step).exp());
        let integral = self.eigenvalues.map(|w| if w == 0.0 { step } else { (2.0 * w * step).exp_m1() / (2.0 * w) });
        let mut q = self.eigenvectors.transpose() * &self.start;
        for _ in 0..steps as u64 {
            let mut weighted = q.clone();
            for (mut row, weight) in weighted.row_iter_mut().zip(&integral) {
                row *= *weight;
            }
            let inner = DMatrix::identity(q.ncols(), q.ncols()) + q.transpose() * weighted;
            // Q ← e^{Fτ}Q·C^{−ᵀ} where CCᵀ is the matrix to invert: QQᵀ is what counts.
            let c = inner.cholesky()?.unpack();
            let mut next = c.solve_lower_triangular(&q.transpose())?.transpose();
            for (mut row, growth) in next.row_iter_mut().zip(&growth) {
                row *= *growth;
            }
            q = next;
        }
        let q = &self.eigenvectors * q;
        Some(&q * q.transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};

    /// W_1W_1ᵀ + ςI = W_2ᵀW_2 by W_2 = V·diag(√(s² + ς))·Uᵀ with W_1 = U·diag(s)·Rᵀ.
    fn start(d: usize, d1: usize, imbalance: f64) -> (DMatrix<f64>, DMatrix<f64>) {
        let rng = &mut stream(2, Purpose::Init);
        let mut frame = |rows| orthonormal_columns(rows, d1, rng);
        let (u, r, v) = (frame(d1), frame(d), frame(d));
        let s = DVector::from_fn(d1, |i, _| 0.3 + 0.2 * i as f64);
        let above = s.map(|s| (s * s + imbalance).sqrt());
        (&u * DMatrix::from_diagonal(&s) * r.transpose(), v * DMatrix::from_diagonal(&above) * u.transpose())
    }

    fn sigma_yx(d: usize) -> DMatrix<f64> {
        gaussian_matrix(d, d, &mut stream(3, Purpose::Target)) * 0.5
    }

    /// Ṁ from the flow of the weights themselves: Ẇ_1 = W_2ᵀE − λW_1, Ẇ_2 = EW_1ᵀ − λW_2, E = Σ_yx − W_2W_1.
    #[test]
    fn it_starts_as_the_flow_does() {
        for (imbalance, decay) in [(0.0, 0.0), (0.0, 0.4), (0.5, 0.0)] {
            let (w1, w2) = start(4, 3, imbalance);
            let sigma = sigma_yx(4);
            let riccati = Riccati::new(&w1, &w2, &sigma, decay, imbalance);
            let error = &sigma - &w2 * &w1;
            let (dw1, dw2) = (w2.transpose() * &error - &w1 * decay, &error * w1.transpose() - &w2 * decay);
            let slope = |h: f64| (riccati.at(h).unwrap() - riccati.at(0.0).unwrap()) / h;
            // Forward differences, extrapolated.
            let slope = slope(0.5e-4) * 2.0 - slope(1e-4);
            let upper = dw1.transpose() * &w1 + w1.transpose() * &dw1;
            let lower = &dw2 * w2.transpose() + &w2 * dw2.transpose();
            let product = &dw2 * &w1 + &w2 * &dw1;
            let off = (slope.view((0, 0), (4, 4)) - upper).norm()
                + (slope.view((4, 4), (4, 4)) - lower).norm()
                + (slope.view((4, 0), (4, 4)) - product).norm();
            assert!(off < 1e-6, "ς = {imbalance}, λ = {decay}: {off:e}");
        }
    }

    /// Ṁ = FM + MF − M² at any time, by central differences; and no overflow at the end of training.
    #[test]
    fn it_solves_its_equation_and_ends() {
        let (w1, w2) = start(4, 4, 0.0);
        let sigma = sigma_yx(4);
        let riccati = Riccati::new(&w1, &w2, &sigma, 0.05, 0.0);
        let f = &riccati.eigenvectors * DMatrix::from_diagonal(&riccati.eigenvalues) * riccati.eigenvectors.transpose();
        for t in [0.7, 3.0, 20.0] {
            let (h, m) = (1e-4, riccati.at(t).unwrap());
            let slope = (riccati.at(t + h).unwrap() - riccati.at(t - h).unwrap()) / (2.0 * h);
            assert!((slope - (&f * &m + &m * &f - &m * &m)).norm() < 1e-7, "{t}");
        }
        let end = riccati.at(1e5).unwrap();
        assert!((&f * &end + &end * &f - &end * &end).norm() < 1e-12);
    }
}

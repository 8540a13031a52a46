//! Powers of a Gram matrix, (MᵀM)^p, from the singular values of M.
//!
//! With M = U·diag(σ)·Vᵀ, (MᵀM)^p = V·diag(σ^{2p})·Vᵀ. Powers of eigenvalues of MᵀM would not do: rounding makes its zero
//! modes ε‖M‖², and a power 1/L lifts them to ε^{1/L}.

use nalgebra::{DMatrix, DVector, DVectorView};

use super::svd::Svd;

/// B = (MᵀM)^p, n × n, positive semidefinite, held by its spectrum: cosines with it need no matrix.
#[derive(Debug, Clone)]
pub struct GramPower<'a> {
    svd: &'a Svd,
    /// β_i = σ_i^{2p}, one per column of V; the other n − r eigenvalues are 0.
    eigenvalues: Vec<f64>,
}

impl<'a> GramPower<'a> {
    /// (MᵀM)^p of the decomposed M, for p > 0.
    pub fn new(svd: &'a Svd, p: f64) -> Self {
        Self { svd, eigenvalues: svd.values.iter().map(|s| s.powf(2.0 * p)).collect() }
    }

    /// The matrix itself.
    pub fn matrix(&self) -> DMatrix<f64> {
        let scaled =
            DMatrix::from_fn(self.svd.v.nrows(), self.eigenvalues.len(), |i, j| self.svd.v[(i, j)] * self.eigenvalues[j]);
        let product = &scaled * self.svd.v.transpose();
        // Symmetric to the bit, as what follows takes it to be.
        (&product + product.transpose()) * 0.5
    }

    /// ‖B‖_F.
    pub fn norm(&self) -> f64 {
        self.eigenvalues.iter().map(|b| b * b).sum::<f64>().sqrt()
    }

    /// cos(G, B) = ⟨G, B⟩ / (‖G‖‖B‖) for symmetric G, given ‖G‖ and q_i = v_iᵀGv_i (of [`GramPower::quadratic_form`]).
    /// NaN where one of the two is zero.
    pub fn cosine(&self, q: &[f64], gram_norm: f64) -> f64 {
        // Scaled by the largest eigenvalue: high powers of small spectra underflow otherwise.
        let top = self.eigenvalues.first().copied().unwrap_or(0.0);
        let inner: f64 = self.eigenvalues.iter().zip(q).map(|(b, q)| b / top * q).sum();
        inner / (gram_norm * self.norm() / top)
    }

    /// q_i = v_iᵀGv_i over the right singular vectors of M.
    pub fn quadratic_form(svd: &Svd, gram: &DMatrix<f64>) -> Vec<f64> {
        let along = gram * &svd.v;
        let dot = |a: DVectorView<f64>, b: DVectorView<f64>| a.dot(&b);
        (0..svd.v.ncols()).map(|i| dot(svd.v.column(i), along.column(i))).collect()
    }

    /// The eigenvalues σ_i^{2p}, largest first, as many as M has singular values.
    pub fn eigenvalues(&self) -> DVector<f64> {
        DVector::from_column_slice(&self.eigenvalues)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cosine;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn integer_powers_are_products() {
        let m = gaussian_matrix(3, 5, &mut stream(1, Purpose::Init));
        let gram = m.transpose() * &m;
        let svd = Svd::new(m.as_view()).unwrap();
        assert!((GramPower::new(&svd, 1.0).matrix() - &gram).norm() < 1e-14 * gram.norm());
        let cube = &gram * &gram * &gram;
        assert!((GramPower::new(&svd, 3.0).matrix() - &cube).norm() < 1e-13 * cube.norm());
    }

    /// A rank-1 M of size 6: ((MᵀM)^{1/5})⁵ = MᵀM, which powers of eigenvalues miss by ε^{1/5} = 7e-4.
    #[test]
    fn a_fractional_power_of_a_low_rank_gram_matrix_has_no_noise_in_its_zero_modes() {
        let rng = &mut stream(2, Purpose::Init);
        let m = gaussian_matrix(6, 1, rng) * gaussian_matrix(1, 6, rng);
        let svd = Svd::new(m.as_view()).unwrap();
        let root = GramPower::new(&svd, 0.2).matrix();
        let top = root.trace();
        let norm = root.norm();
        // Rank 1 means that trace and norm agree. σ = ε·σ₁ gives σ^{0.4} = 5e-7 of the top.
        assert!((top - norm).abs() < 1e-5 * norm);
    }

    #[test]
    fn the_cosine_from_the_spectrum_is_that_of_the_matrices() {
        let rng = &mut stream(4, Purpose::Init);
        let (m, w) = (gaussian_matrix(2, 6, rng), gaussian_matrix(6, 6, rng));
        let gram = w.transpose() * &w;
        let svd = Svd::new(m.as_view()).unwrap();
        let q = GramPower::quadratic_form(&svd, &gram);
        for p in [0.25, 1.0, 3.0] {
            let power = GramPower::new(&svd, p);
            assert!((power.cosine(&q, gram.norm()) - cosine(&gram, &power.matrix())).abs() < 1e-14);
        }
    }
}

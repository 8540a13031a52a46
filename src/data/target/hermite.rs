//! Normalised probabilists' Hermite polynomials h_k = He_k/√k!: E[h_j(z)h_k(z)] = δ_jk for z ~ N(0, 1). √(k+1)·h_{k+1} = z·h_k − √k·h_{k−1},
//! h_k′ = √k·h_{k−1}.

/// h_k(z).
pub(super) fn value(k: usize, z: f64) -> f64 {
    let (mut below, mut h) = (0.0, 1.0);
    for j in 0..k {
        let j = j as f64;
        (below, h) = (h, (z * h - j.sqrt() * below) / (j + 1.0).sqrt());
    }
    h
}

/// h_k′(z).
pub(super) fn slope(k: usize, z: f64) -> f64 {
    if k == 0 { 0.0 } else { (k as f64).sqrt() * value(k - 1, z) }
}

/// E[h_k(z)], z ~ N(0, s²): the coefficient of h_0 in [`scaled`], and 0 for odd k.
pub(super) fn mean(k: usize, s: f64) -> f64 {
    if k.is_multiple_of(2) { scaled(k, s).last().copied().unwrap_or(0.0) } else { 0.0 }
}

/// E[h_k(z)²], z ~ N(0, s²): the sum of squares of the coefficients in [`scaled`].
pub(super) fn mean_square(k: usize, s: f64) -> f64 {
    scaled(k, s).iter().map(|c| c * c).sum()
}

/// c_j, j = 0, …, ⌊k/2⌋, of h_k(s·x) = Σ_j c_j·h_{k−2j}(x): c_j = √(k!/(k − 2j)!)·((s² − 1)/2)^j·s^{k−2j}/j!, the multiplication theorem
/// of Hermite polynomials.
fn scaled(k: usize, s: f64) -> Vec<f64> {
    let half = 0.5 * (s * s - 1.0);
    let mut factor = 1.0;
    let coefficient = |j: usize| {
        if j > 0 {
            let above = (k - 2 * j + 1) as f64;
            factor *= (above * (above + 1.0)).sqrt() * half / j as f64;
        }
        factor * s.powi((k - 2 * j) as i32)
    };
    (0..=k / 2).map(coefficient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trapezoidal rule converges faster than any power: h_30²·e^{−x²/2} is below 1e-30 at 25, and holds no frequency near 2π/0.05.
    #[test]
    fn they_are_orthonormal_up_to_degree_30() {
        let step = 0.05;
        let nodes: Vec<f64> = (-500..=500).map(|i| f64::from(i) * step).collect();
        let weights: Vec<f64> =
            nodes.iter().map(|x| (-0.5 * x * x).exp() * step / (2.0 * std::f64::consts::PI).sqrt()).collect();
        let values: Vec<Vec<f64>> = (0..=30).map(|k| nodes.iter().map(|&x| value(k, x)).collect()).collect();
        for j in 0..=30 {
            for k in 0..=j {
                let product: f64 = (0..nodes.len()).map(|i| weights[i] * values[j][i] * values[k][i]).sum();
                assert!((product - f64::from(j == k)).abs() < 1e-13, "{j} {k}: {product}");
            }
        }
    }

    #[test]
    fn the_first_are_what_they_are() {
        for z in [-1.3, 0.0, 2.0f64] {
            let expected = [1.0, z, (z * z - 1.0) / 2f64.sqrt(), (z.powi(3) - 3.0 * z) / 6f64.sqrt()];
            for (k, e) in expected.into_iter().enumerate() {
                assert!((value(k, z) - e).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn the_multiplication_theorem_holds() {
        for k in 0..12 {
            for (s, x) in [(0.3, 1.2), (1.0, -0.7), (1.9, 0.4)] {
                let sum: f64 = scaled(k, s).iter().enumerate().map(|(j, c)| c * value(k - 2 * j, x)).sum();
                assert!((sum - value(k, s * x)).abs() < 1e-12 * (1.0 + sum.abs()), "{k} {s}");
            }
        }
    }
}

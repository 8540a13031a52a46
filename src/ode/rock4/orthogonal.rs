//! Orthogonal polynomials of a discrete measure and their three-term recurrence: the Stieltjes procedure (Gautschi, *Orthogonal
//! Polynomials: Computation and Approximation*, 2004, 2.2.3).

/// One step of a recurrence, K_j = μ_j·f(K_{j−1}) + ν_j·K_{j−1} + κ_j·K_{j−2}, where ν_j + κ_j = 1 and κ_1 = 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub mu: f64,
    pub nu: f64,
    pub kappa: f64,
}

/// The recurrence, with f(K) = z·K, of the polynomials P_j with P_j(0) = 1 that are orthogonal under
/// ⟨p, q⟩ = Σ_i weights_i·p(nodes_i)·q(nodes_i), up to the given degree. All nodes are negative, and there are more of them than `degree`.
///
/// With n_j = ⟨P_j, P_j⟩, orthogonality to P_{j−1} gives ν_j = −μ_j·⟨zP_{j−1}, P_{j−1}⟩/n_{j−1} and that to P_{j−2} gives
/// κ_j = −(μ_j/μ_{j−1})·n_{j−1}/n_{j−2}; their sum is 1, which gives μ_j.
pub(super) fn recurrence(degree: usize, nodes: &[f64], weights: &[f64]) -> Vec<Term> {
    let mut before = vec![0.0; nodes.len()];
    let mut p = vec![1.0; nodes.len()];
    let mut terms: Vec<Term> = Vec::with_capacity(degree);
    let mut norm_before = f64::INFINITY;
    for _ in 0..degree {
        let (norm, mean) = moments(nodes, weights, &p);
        // −κ_j/μ_j: zero for j = 1, where n_{−1} = ∞.
        let back = norm / norm_before / terms.last().map_or(1.0, |last| last.mu);
        let mu = -1.0 / (mean + back);
        let term = Term { mu, nu: -mu * mean, kappa: -mu * back };
        for ((before, p), z) in before.iter_mut().zip(&p).zip(nodes) {
            *before = (term.mu * z + term.nu) * p + term.kappa * *before;
        }
        std::mem::swap(&mut before, &mut p);
        terms.push(term);
        norm_before = norm;
    }
    terms
}

/// ⟨p, p⟩ and ⟨zp, p⟩/⟨p, p⟩.
fn moments(nodes: &[f64], weights: &[f64], p: &[f64]) -> (f64, f64) {
    // Four sums at once: additions in one chain would wait for each other. The remaining nodes go to the first sum.
    let (mut norms, mut firsts) = ([0.0; 4], [0.0; 4]);
    let whole = nodes.len() / 4 * 4;
    let mut add = |lane: usize, i: usize| {
        let mass = weights[i] * p[i] * p[i];
        norms[lane] += mass;
        firsts[lane] += nodes[i] * mass;
    };
    for i in (0..whole).step_by(4) {
        for lane in 0..4 {
            add(lane, i + lane);
        }
    }
    (whole..nodes.len()).for_each(|i| add(0, i));
    let norm: f64 = norms.iter().sum();
    (norm, firsts.iter().sum::<f64>() / norm)
}

/// K_m of the recurrence on ℝ^N from K_0 = `start`, with f = `field`.
pub(super) fn run<const N: usize>(terms: &[Term], start: [f64; N], field: impl Fn(&[f64; N]) -> [f64; N]) -> [f64; N] {
    let (mut before, mut k) = ([0.0; N], start);
    for term in terms {
        let f = field(&k);
        (before, k) = (k, std::array::from_fn(|i| term.mu * f[i] + term.nu * k[i] + term.kappa * before[i]));
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under the Chebyshev weight on [−2, 0) shifted off zero, P_j(z) = T_j(1 + z + δ)/T_j(1 + δ).
    #[test]
    fn chebyshev_nodes_of_equal_weight_give_chebyshev_polynomials() {
        let (degree, count, delta) = (40_u32, 48_usize, 1e-3);
        let nodes: Vec<f64> = (0..count)
            .map(|i| {
                let angle = (2 * i + 1) as f64 * std::f64::consts::PI / (2 * count) as f64;
                -delta - 2.0 * (0.5 * angle).sin().powi(2)
            })
            .collect();
        let terms = recurrence(degree as usize, &nodes, &vec![1.0; count]);
        let scale = (degree as f64 * (1.0 + delta).acosh()).cosh();
        for z in [-2.0, -1.3, -0.7, -0.01] {
            let [p] = run(&terms, [1.0], |p| [z * p[0]]);
            let expected = (degree as f64 * (1.0_f64 + z + delta).acos()).cos() / scale;
            assert!((p - expected).abs() < 1e-11, "{z}: {p} {expected}");
        }
    }

    #[test]
    fn the_coefficients_of_the_state_sum_to_one() {
        let terms = recurrence(3, &[-1.0, -2.0, -4.0, -7.0, -11.0], &[1.0, 3.0, 0.5, 2.0, 1.0]);
        for term in terms {
            assert!((term.nu + term.kappa - 1.0).abs() < 1e-15, "{term:?}");
        }
    }
}

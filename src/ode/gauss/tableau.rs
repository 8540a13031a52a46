//! The coefficients of Gauss–Legendre collocation with s stages: Hairer, Lubich & Wanner, *Geometric Numerical Integration*, 2nd ed.
//! 2006, II.1.3.
//!
//! c_i are the zeros of the Legendre polynomial of degree s on [0, 1], ℓ_j the polynomials of degree s − 1 with ℓ_j(c_i) = δ_ij,
//! a_ij = ∫_0^{c_i} ℓ_j, b_j = ∫_0^1 ℓ_j: order 2s, and b_ia_ij + b_ja_ji = b_ib_j.

use nalgebra::Matrix3;

/// The coefficients; entries beyond the first s are 0.
pub(super) struct Tableau {
    pub stages: usize,
    pub c: [f64; 3],
    pub b: [f64; 3],
    pub a: Matrix3<f64>,
}

impl Tableau {
    /// The tableau with 1, 2 or 3 stages, the nearest to `stages`.
    #[rustfmt::skip]
    pub fn new(stages: usize) -> Self {
        let (r3, r15) = (3.0f64.sqrt(), 15.0f64.sqrt());
        match stages {
            0 | 1 => Self {
                stages: 1,
                c: [1.0 / 2.0, 0.0, 0.0],
                b: [1.0, 0.0, 0.0],
                a: Matrix3::new(
                    1.0 / 2.0, 0.0, 0.0,
                    0.0, 0.0, 0.0,
                    0.0, 0.0, 0.0,
                ),
            },
            2 => Self {
                stages: 2,
                c: [1.0 / 2.0 - r3 / 6.0, 1.0 / 2.0 + r3 / 6.0, 0.0],
                b: [1.0 / 2.0, 1.0 / 2.0, 0.0],
                a: Matrix3::new(
                    1.0 / 4.0, 1.0 / 4.0 - r3 / 6.0, 0.0,
                    1.0 / 4.0 + r3 / 6.0, 1.0 / 4.0, 0.0,
                    0.0, 0.0, 0.0,
                ),
            },
            _ => Self {
                stages: 3,
                c: [1.0 / 2.0 - r15 / 10.0, 1.0 / 2.0, 1.0 / 2.0 + r15 / 10.0],
                b: [5.0 / 18.0, 4.0 / 9.0, 5.0 / 18.0],
                a: Matrix3::new(
                    5.0 / 36.0, 2.0 / 9.0 - r15 / 15.0, 5.0 / 36.0 - r15 / 30.0,
                    5.0 / 36.0 + r15 / 24.0, 2.0 / 9.0, 5.0 / 36.0 - r15 / 24.0,
                    5.0 / 36.0 + r15 / 30.0, 2.0 / 9.0 + r15 / 15.0, 5.0 / 36.0,
                ),
            },
        }
    }

    /// ∫_{from}^{to} ℓ_j, for all j: the weights of the F_j of a step over a part of it, or beyond it.
    pub fn integrals(&self, from: f64, to: f64) -> [f64; 3] {
        std::array::from_fn(|j| {
            if j >= self.stages {
                return 0.0;
            }
            // ℓ_j by its coefficients of 1, x, x².
            let mut l = [1.0, 0.0, 0.0];
            for k in (0..self.stages).filter(|&k| k != j) {
                let gap = self.c[j] - self.c[k];
                l = [-self.c[k] * l[0] / gap, (l[0] - self.c[k] * l[1]) / gap, (l[1] - self.c[k] * l[2]) / gap];
            }
            let antiderivative = |x: f64| x * (l[0] + x * (l[1] / 2.0 + x * l[2] / 3.0));
            antiderivative(to) - antiderivative(from)
        })
    }

    /// ℓ_j(0), for all j: Σ ℓ_j(0)F_j is the derivative of the collocation polynomial at the start of the step.
    pub fn derivative_at_start(&self) -> [f64; 3] {
        std::array::from_fn(|j| {
            let others = (0..self.stages).filter(|&k| k != j);
            if j < self.stages { others.map(|k| self.c[k] / (self.c[k] - self.c[j])).product() } else { 0.0 }
        })
    }

    /// e_0, …, e_{s+1} of the error estimate h Σ e_i F_i with F_0 and F_{s+1} at the ends of the step: the divided difference of order
    /// s + 1, so that it is of order h^{s+2}, scaled to e_0 = ±1/((s + 1)(s + 2)). That is the first weight of Lobatto's formula on as many
    /// points; for s = 1 the estimate is the step's difference to Simpson's rule, the leading term of its error.
    pub fn error_weights(&self) -> [f64; 5] {
        let s = self.stages;
        let mut nodes = [0.0; 5];
        nodes[1..=s].copy_from_slice(&self.c[..s]);
        nodes[s + 1] = 1.0;
        let nodes = &nodes[..s + 2];
        let difference = |i: usize| -> f64 {
            let others = nodes.iter().enumerate().filter(|&(k, _)| k != i);
            others.map(|(_, x)| 1.0 / (nodes[i] - x)).product()
        };
        let scale = self.first_error_weight() / difference(0);
        std::array::from_fn(|i| if i < s + 2 { scale * difference(i) } else { 0.0 })
    }

    /// |e_0|.
    pub fn first_error_weight(&self) -> f64 {
        1.0 / ((self.stages + 1) * (self.stages + 2)) as f64
    }
}

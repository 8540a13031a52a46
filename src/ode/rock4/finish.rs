//! The last four stages, whose stability polynomial is w and which raise the composition with the recurrence to order 4, the weights of the
//! error estimate, and those of the dense output. Abdulle 2002, 4, with the composition of Hairer, Nørsett & Wanner, *Solving Ordinary
//! Differential Equations I*, 2nd ed. 1993, II.12; solved for here, not taken from tables.
//!
//! The estimate is ours: e_0·(K_m − θ) + h Σ_j e_j F(G_j). A stiff mode of amplitude δ enters Abdulle's, through h·F(t + h), as hρ·δ, and
//! this one as δ. On the flow of a three-layer network (rtol 1e-3 to 1e-8) it saved 10–22 % of the evaluations, at errors from 8 % smaller
//! to 22 % larger.
//!
//! The dense output is ours: θ(t + σh) = θ + w_0(σ)(K_m − θ) + h Σ_j w_j(σ)F(G_j), with the quartics w_0, …, w_4 that satisfy the
//! conditions of all trees of order 3 and of the linear one of order 4; at σ = 1 it is the step's end. It does not use F at the step's
//! ends, through which a stiff mode of amplitude δ would show as up to hρ·δ/4, as in Hermite's cubic. In K_m and F(G_j) the mode is damped,
//! and none grows inside a step except with the fewest stages (`tests`).

use nalgebra::{Matrix4, Matrix5, SMatrix, SVector, Vector4};

use super::orthogonal::{Term, run};

/// 1/γ of the eight trees of order at most 4, in the order of [`Sums`].
const EXACT: Sums = Sums([1.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 6.0, 1.0 / 4.0, 1.0 / 8.0, 1.0 / 12.0, 1.0 / 24.0]);

/// The error estimate for a linear field over the order-4 term of its solution, chosen such that the error at the end of a stiff flow is
/// about rtol (`tests/command/stiff.rs`). The error is proportional to its inverse, the work to its fourth root.
const ESTIMATE: f64 = 0.03;

/// For a stage with weights a_j: Σ_j a_j·φ_j with φ = 1, c, c², Ac, c³, c·Ac, Ac², AAc, as many as there are Butcher trees of order
/// at most 4. The first is the stage's own c, the next three its entries of Ac, Ac² and AAc.
#[derive(Debug, Clone, Copy)]
struct Sums([f64; 8]);

impl Sums {
    /// φ at the stage.
    fn field(&self) -> [f64; 8] {
        let [c, ac, acc, aac, ..] = self.0;
        [1.0, c, c * c, ac, c * c * c, c * ac, acc, aac]
    }

    /// The sums of the stage h Σ_j a_j F_j further on.
    fn moved(&self, a: &[f64], stages: &[Sums]) -> Self {
        let mut sums = *self;
        for (a, stage) in a.iter().zip(stages) {
            for (sum, value) in sums.0.iter_mut().zip(stage.field()) {
                *sum += a * value;
            }
        }
        sums
    }
}

/// Four stages on top of K_m and an estimate of their error.
#[derive(Debug)]
pub(super) struct Finish {
    /// Of stages 2, 3 and 4: G_i = K_m + h Σ_j a_ij F(G_j), G_1 = K_m.
    pub a2: [f64; 1],
    pub a3: [f64; 2],
    pub a4: [f64; 3],
    /// θ(t + h) = K_m + h Σ_j b_j F(G_j).
    pub b: [f64; 4],
    /// Times of the four stages in units of h.
    pub c: [f64; 4],
    /// w_i(σ) = Σ_k `dense[i][k]`·σ^{k+1}.
    dense: [[f64; 4]; 5],
    /// e_0, …, e_4: weights of K_m − θ and of hF at the four stages in the error estimate, whose terms of order 1 to 3 vanish.
    pub error: [f64; 5],
}

/// a_21, a_31, a_32, a_41, a_42, a_43, b_1, …, b_4.
type Unknowns = SVector<f64, 10>;

impl Finish {
    /// The stages that complete the recurrence `terms`.
    pub(super) fn new(terms: &[Term]) -> Self {
        let start = Sums(run(terms, [0.0; 8], |sums| Sums(*sums).field()));
        // Kutta's 3/8 rule (Z. Math. Phys. 46, 1901) over the time that is left; of the classical rules it leads to the smallest terms of
        // order 5.
        let rule = [1.0 / 3.0, -1.0 / 3.0, 1.0, 1.0, -1.0, 1.0, 1.0 / 8.0, 3.0 / 8.0, 3.0 / 8.0, 1.0 / 8.0];
        let mut x = Unknowns::from(rule) * (1.0 - start.0[0]);
        // Eight conditions for ten unknowns: Newton's method with the smallest corrections.
        for _ in 0..20 {
            let defect = Self::defect(&start, &x);
            let mut jacobian = SMatrix::<f64, 8, 10>::zeros();
            for (i, mut column) in jacobian.column_iter_mut().enumerate() {
                let mut moved = x;
                moved[i] += 1e-7;
                column.copy_from(&((Self::defect(&start, &moved) - defect) / 1e-7));
            }
            let multipliers =
                (jacobian * jacobian.transpose()).lu().solve(&defect).expect("the eight conditions are independent");
            let correction = jacobian.transpose() * multipliers;
            x -= correction;
            if correction.amax() < 1e-13 {
                break;
            }
        }
        Self::with(&start, &x)
    }

    /// w_0(σ), …, w_4(σ).
    pub(super) fn interpolant(&self, sigma: f64) -> [f64; 5] {
        self.dense.map(|w| w.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * sigma))
    }

    /// The residuals of the eight order conditions.
    fn defect(start: &Sums, x: &Unknowns) -> SVector<f64, 8> {
        let stages = Self::stages(start, x);
        let end = start.moved(&x.as_slice()[6..], &stages);
        SVector::from(end.0) - SVector::from(EXACT.0)
    }

    /// The four stages.
    fn stages(start: &Sums, x: &Unknowns) -> [Sums; 4] {
        let x = x.as_slice();
        let second = start.moved(&x[..1], &[*start]);
        let third = start.moved(&x[1..3], &[*start, second]);
        let fourth = start.moved(&x[3..6], &[*start, second, third]);
        [*start, second, third, fourth]
    }

    fn with(start: &Sums, x: &Unknowns) -> Self {
        let stages = Self::stages(start, x);
        let fields = stages.map(|stage| stage.field());
        // Four conditions, φ = 1, c, c², Ac, for five weights: unique up to scale. e_0 never vanishes.
        let conditions = Matrix4::from_fn(|order, j| fields[j][order]);
        let right = Vector4::from_fn(|order, _| -start.0[order]);
        let weights = conditions.lu().solve(&right).expect("the four stages differ");
        // Of the trees of order 4, a linear field sees AAc alone.
        let tall: f64 = start.0[7] + weights.iter().zip(&fields).map(|(weight, field)| weight * field[7]).sum::<f64>();
        let error = [1.0, weights[0], weights[1], weights[2], weights[3]];
        // The trees 1, c, c², Ac and AAc, of K_m − θ and of F at the four stages.
        let trees = [0, 1, 2, 3, 7];
        let of = Matrix5::from_fn(|i, j| if j == 0 { start.0[trees[i]] } else { fields[j - 1][trees[i]] });
        let powers = [0, 1, 2, 2, 3];
        let exact = SMatrix::<f64, 5, 4>::from_fn(|i, k| if powers[i] == k { EXACT.0[trees[i]] } else { 0.0 });
        let dense = of.lu().solve(&exact).expect("the four stages differ");
        Self {
            a2: [x[0]],
            a3: [x[1], x[2]],
            a4: [x[3], x[4], x[5]],
            b: [x[6], x[7], x[8], x[9]],
            c: stages.map(|stage| stage.0[0]),
            dense: std::array::from_fn(|i| std::array::from_fn(|k| dense[(i, k)])),
            error: error.map(|weight| weight * ESTIMATE / (24.0 * tall)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_STAGES;
    use super::super::polynomial::{FEWEST, StabilityPolynomial};
    use super::*;

    /// The Butcher matrix of all stages, its last row the weights: a stage is a row, F there a unit vector.
    fn tableau(terms: &[Term], finish: &Finish) -> Vec<Vec<f64>> {
        let stages = terms.len() + 4;
        let mut rows = vec![vec![0.0; stages]];
        for (j, term) in terms.iter().enumerate() {
            let before = if j == 0 { vec![0.0; stages] } else { rows[j - 1].clone() };
            let mut row: Vec<f64> = rows[j].iter().zip(&before).map(|(k, before)| term.nu * k + term.kappa * before).collect();
            row[j] += term.mu;
            rows.push(row);
        }
        let base = rows[terms.len()].clone();
        for weights in [&finish.a2[..], &finish.a3, &finish.a4, &finish.b] {
            let mut row = base.clone();
            weights.iter().enumerate().for_each(|(j, weight)| row[terms.len() + j] += weight);
            rows.push(row);
        }
        rows
    }

    fn times(a: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
        a.iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect()
    }

    fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a * b).collect()
    }

    /// (weights, φ) of the eight trees, φ at every stage and at t + h.
    fn trees(a: &[Vec<f64>]) -> [(f64, Vec<f64>); 8] {
        let one = vec![1.0; a.len()];
        let c = times(a, &one);
        let ac = times(a, &c);
        let acc = times(a, &product(&c, &c));
        let aac = times(a, &ac);
        [
            (1.0, one),
            (2.0, c.clone()),
            (3.0, product(&c, &c)),
            (6.0, ac.clone()),
            (4.0, product(&c, &product(&c, &c))),
            (8.0, product(&c, &ac)),
            (12.0, acc),
            (24.0, aac),
        ]
    }

    #[test]
    fn the_whole_tableau_has_order_4_and_the_embedded_method_order_3() {
        for stages in [FEWEST, 6, 7, 8, 12, 19, 30, 80, MOST_STAGES] {
            let terms = StabilityPolynomial::new(stages).terms;
            let finish = Finish::new(&terms);
            let a = tableau(&terms, &finish);
            assert_eq!(a.len(), stages + 1);
            let c = times(&a, &vec![1.0; stages]);
            for (i, c_i) in finish.c.iter().enumerate() {
                assert!((c_i - c[stages - 4 + i]).abs() < 1e-12, "s = {stages}");
            }
            for (i, (gamma, phi)) in trees(&a).iter().enumerate() {
                let at = |row: &[f64]| row.iter().zip(phi).map(|(a, phi)| a * phi).sum::<f64>();
                let sum = at(&a[stages]);
                assert!((sum - 1.0 / gamma).abs() < 1e-12, "s = {stages}, tree {i}: {sum}");
                // The error's weights are the method's less those of the embedded method.
                let [e0, e @ ..] = finish.error;
                let embedded = e0 * at(&a[stages - 4]) + at(&[&vec![0.0; stages - 4], &e[..]].concat());
                if i < 4 {
                    assert!(embedded.abs() < 1e-12, "s = {stages}, tree {i}: {embedded}");
                } else {
                    assert!(embedded.abs() > 1e-3, "s = {stages}, tree {i}: {embedded}");
                }
            }
        }
    }

    #[test]
    fn the_dense_output_has_order_3_everywhere_and_4_on_linear_fields_and_ends_at_the_step() {
        for stages in [FEWEST, 6, 7, 8, 12, 19, 30, 80, MOST_STAGES] {
            let terms = StabilityPolynomial::new(stages).terms;
            let finish = Finish::new(&terms);
            let a = tableau(&terms, &finish);
            for sigma in [0.0, 0.1, 0.4, 0.77, 1.0] {
                let [w0, w @ ..] = finish.interpolant(sigma);
                let weights = [&vec![0.0; stages - 4], &w[..]].concat();
                for (i, (gamma, phi)) in trees(&a).iter().enumerate() {
                    let at = |row: &[f64]| row.iter().zip(phi).map(|(a, phi)| a * phi).sum::<f64>();
                    let off = w0 * at(&a[stages - 4]) + at(&weights) - sigma.powi([1, 2, 3, 3, 4, 4, 4, 4][i]) / gamma;
                    let exact = i < 4 || i == 7 || sigma == 0.0 || sigma == 1.0;
                    assert!(!exact || off.abs() < 1e-12, "s = {stages}, tree {i} at {sigma}: {off:e}");
                    // Those of the error estimate are 1.2e-3 to 3.5e-3.
                    assert!(off.abs() < 1.2e-2, "s = {stages}, tree {i} at {sigma}: {off:e}");
                }
            }
            let end = finish.interpolant(1.0);
            assert!(end.iter().zip([&[1.0], &finish.b[..]].concat()).all(|(w, b)| (w - b).abs() < 1e-12), "s = {stages}");
        }
    }

    #[test]
    fn its_weights_are_moderate_and_smooth_in_the_number_of_stages() {
        let weights = |stages| {
            let finish = Finish::new(&StabilityPolynomial::new(stages).terms);
            [&finish.a2[..], &finish.a3, &finish.a4, &finish.b, &finish.error].concat()
        };
        let mut last = weights(10);
        for stages in 11..=MOST_STAGES {
            let next = weights(stages);
            let change = last.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(next.iter().all(|weight| weight.abs() < 1.0) && change < 0.02, "s = {stages}: {next:?}");
            last = next;
        }
    }
}

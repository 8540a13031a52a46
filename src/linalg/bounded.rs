//! The minimum of ½xᵀGx − rᵀx over a box, for a small symmetric positive semidefinite G.
//!
//! By block principal pivoting (Júdice & Pires, *Computers & Operations Research* 21, 1994): guess which entries lie on a bound, solve
//! for the others, and exchange all entries whose sign is wrong; where that does not bring their number down for a while, only the last
//! of them, which ends for every positive definite G (Murty 1974).

use nalgebra::{DMatrix, DVector};

/// What is added to the diagonal of G, relatively: of a singular G, the shortest of many minima is as good as any other.
const JITTER: f64 = 1e-13;
/// Exchanges of all wrong entries that may pass without fewer of them.
const PATIENCE: usize = 5;
/// Entries and multipliers are wrong beyond this share of the largest.
const WRONG: f64 = 1e-12;

/// Where an entry lies.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Lower,
    Between,
    Upper,
}

/// The x that minimises ½xᵀGx − rᵀx with `bounds[i].0` ≤ x_i ≤ `bounds[i].1`, G = `gram` ∈ ℝ^{m × m}, r = `rhs` ∈ ℝ^m. An entry whose row
/// of G is zero is the one of its box that is nearest to 0. Entries lie within their bounds to the letter.
pub(crate) fn bounded_minimum(gram: &DMatrix<f64>, rhs: &DVector<f64>, bounds: &[(f64, f64)]) -> DVector<f64> {
    let m = rhs.len();
    let clamp = |i: usize, x: f64| x.max(bounds[i].0).min(bounds[i].1);
    let mut x = DVector::from_fn(m, |i, _| clamp(i, 0.0));
    let moves: Vec<usize> = (0..m).filter(|&i| gram[(i, i)] > 0.0 && bounds[i].0 < bounds[i].1).collect();
    let mut at = vec![At::Between; m];
    let (mut fewest, mut patience) = (usize::MAX, PATIENCE);
    for _ in 0..(10 * m + 50) {
        let free: Vec<usize> = moves.iter().copied().filter(|&i| at[i] == At::Between).collect();
        for &i in &moves {
            match at[i] {
                At::Lower => x[i] = bounds[i].0,
                At::Upper => x[i] = bounds[i].1,
                At::Between => x[i] = 0.0,
            }
        }
        let residual = rhs - gram * &x;
        let diagonal = |i: usize, j: usize| if i == j { JITTER * gram[(free[i], free[i])] } else { 0.0 };
        let inner = DMatrix::from_fn(free.len(), free.len(), |i, j| gram[(free[i], free[j])] + diagonal(i, j));
        let Some(cholesky) = inner.cholesky() else { break };
        let solved = cholesky.solve(&DVector::from_fn(free.len(), |i, _| residual[free[i]]));
        for (i, value) in free.iter().zip(solved.iter()) {
            x[*i] = *value;
        }
        let slope = gram * &x - rhs;
        let (size, steep) = (x.amax(), rhs.amax());
        let wrong: Vec<(usize, At)> = moves
            .iter()
            .filter_map(|&i| match at[i] {
                At::Between if x[i] < bounds[i].0 - WRONG * size => Some((i, At::Lower)),
                At::Between if x[i] > bounds[i].1 + WRONG * size => Some((i, At::Upper)),
                At::Lower if slope[i] < -WRONG * steep => Some((i, At::Between)),
                At::Upper if slope[i] > WRONG * steep => Some((i, At::Between)),
                _ => None,
            })
            .collect();
        let Some(&last) = wrong.last() else { break };
        if wrong.len() < fewest {
            (fewest, patience) = (wrong.len(), PATIENCE);
        } else {
            patience = patience.saturating_sub(1);
        }
        let exchanged = if patience > 0 { &wrong[..] } else { std::slice::from_ref(&last) };
        exchanged.iter().for_each(|&(i, place)| at[i] = place);
    }
    DVector::from_fn(m, |i, _| clamp(i, x[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The conditions of Karush, Kuhn and Tucker, for G = AᵀA of any rank.
        #[test]
        fn no_entry_can_be_moved_to_lower_the_value(
            (m, rank) in (0usize..9, 1usize..9),
            entries in prop::collection::vec(-1.0..1.0f64, 81),
            rhs in prop::collection::vec(-1.0..1.0f64, 9),
            boxes in prop::collection::vec((-1.0..0.5f64, 0.0..1.0f64), 9),
        ) {
            let a = DMatrix::from_fn(rank, m, |i, j| entries[9 * i + j]);
            // In the range of G, as where velocities are projected.
            let gram = a.transpose() * &a;
            let rhs = a.transpose() * DVector::from_fn(rank, |i, _| rhs[i]);
            let bounds: Vec<(f64, f64)> = boxes[..m].iter().map(|&(low, length)| (low, low + length)).collect();
            let x = bounded_minimum(&gram, &rhs, &bounds);
            let slope = &gram * &x - &rhs;
            for i in 0..m {
                let (low, high) = bounds[i];
                prop_assert!((low..=high).contains(&x[i]));
                prop_assert!(x[i] == low || slope[i] <= 1e-6, "{} of {i} at {}", slope[i], x[i]);
                prop_assert!(x[i] == high || slope[i] >= -1e-6, "{} of {i} at {}", slope[i], x[i]);
            }
        }
    }
}

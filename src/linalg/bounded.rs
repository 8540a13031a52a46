//! The minimum of ½xᵀGx − rᵀx over a box, for a small symmetric positive semidefinite G.
//!
//! By active sets (Stark & Parker, *Bounded-variable least squares*, Computational Statistics 10, 1995): entries strictly inside the box
//! are solved for, and stopped at the first bound that they meet; then the entry at a bound whose multiplier is most wrong is set free.
//! From near the solution that takes few exchanges, and no more entries are free than G has rank.

use nalgebra::{DMatrix, DVector};

/// What is added to the diagonal of G, relatively: of a singular G, the shortest of many minima is as good as any other.
const JITTER: f64 = 1e-13;
/// A multiplier is wrong beyond this share of the largest |r_i| and |(Gx)_i|.
const WRONG: f64 = 1e-12;

/// The x that minimises ½xᵀGx − rᵀx with `bounds[i].0` ≤ x_i ≤ `bounds[i].1`, G = `gram` ∈ ℝ^{m × m}, r = `rhs` ∈ ℝ^m, sought from the point
/// of the box that is nearest to 0. An entry whose row of G is zero stays there. Entries lie within their bounds to the letter.
pub(crate) fn bounded_minimum(gram: &DMatrix<f64>, rhs: &DVector<f64>, bounds: &[(f64, f64)]) -> DVector<f64> {
    let m = rhs.len();
    let mut x = DVector::from_fn(m, |i, _| 0f64.max(bounds[i].0).min(bounds[i].1));
    let moves: Vec<usize> = (0..m).filter(|&i| gram[(i, i)] > 0.0 && bounds[i].0 < bounds[i].1).collect();
    let mut free: Vec<usize> = moves.iter().copied().filter(|&i| bounds[i].0 < x[i] && x[i] < bounds[i].1).collect();
    // Entries that went back to their bound as soon as they were free.
    let mut stuck = vec![false; m];
    for _ in 0..(10 * m + 50) {
        let freed = free.last().copied();
        if settle(gram, rhs, bounds, &mut free, &mut x) {
            stuck.fill(false);
        } else if let Some(freed) = freed {
            stuck[freed] = true;
        }
        let image = gram * &x;
        let allowed = WRONG * rhs.amax().max(image.amax());
        let wrong = |i: usize| {
            let slope = rhs[i] - image[i];
            let inward = if x[i] == bounds[i].0 { slope } else { -slope };
            inward / gram[(i, i)].sqrt()
        };
        let bound = moves.iter().copied().filter(|&i| !stuck[i] && (x[i] == bounds[i].0 || x[i] == bounds[i].1));
        let Some(worst) = bound.filter(|i| !free.contains(i)).max_by(|&i, &j| wrong(i).total_cmp(&wrong(j))) else { break };
        if wrong(worst) * gram[(worst, worst)].sqrt() <= allowed {
            break;
        }
        free.push(worst);
    }
    x
}

/// Moves the free entries to their minimum, or as far towards it as the box goes; entries that meet a bound are no longer free. Whether x
/// has moved.
fn settle(gram: &DMatrix<f64>, rhs: &DVector<f64>, bounds: &[(f64, f64)], free: &mut Vec<usize>, x: &mut DVector<f64>) -> bool {
    let mut moved = false;
    while !free.is_empty() {
        let residual = rhs - gram * &*x;
        let entry = |i: usize, j: usize| gram[(free[i], free[j])] * if i == j { 1.0 + JITTER } else { 1.0 };
        let inner = DMatrix::from_fn(free.len(), free.len(), entry);
        let Some(cholesky) = inner.cholesky() else {
            // The last one depends on the others.
            free.pop();
            continue;
        };
        let step = cholesky.solve(&DVector::from_fn(free.len(), |i, _| residual[free[i]]));
        // The share of the way to the first bound, and where it lies.
        let room = |(k, &i): (usize, &usize)| {
            let (low, high) = bounds[i];
            let target = x[i] + step[k];
            let bound = if target < low {
                low
            } else if target > high {
                high
            } else {
                return (1.0, i, target);
            };
            (((bound - x[i]) / step[k]).clamp(0.0, 1.0), i, bound)
        };
        let (share, first, bound) = free
            .iter()
            .enumerate()
            .map(room)
            .fold((1.0, usize::MAX, 0.0), |best, next| if next.0 < best.0 { next } else { best });
        for (k, &i) in free.iter().enumerate() {
            let before = x[i];
            x[i] = (before + share * step[k]).max(bounds[i].0).min(bounds[i].1);
            moved |= x[i] != before;
        }
        if first == usize::MAX {
            return moved;
        }
        x[first] = bound;
        free.retain(|&i| i != first);
    }
    moved
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

//! The minimum of ½xᵀGx − rᵀx over a box, for a small symmetric positive semidefinite G.
//!
//! The first method exchanges all entries that are on the wrong side at once (block principal pivoting: Júdice & Pires, *A block principal
//! pivoting algorithm for large-scale strictly monotone linear complementarity problems*, Computers & Operations Research 21, 1994). It takes a
//! few factorizations whatever the size, but may go round in circles. If it does, active sets take over (Stark & Parker, *Bounded-variable
//! least squares*, Computational Statistics 10, 1995), one exchange at a time: the entries strictly inside the box are solved for and stopped
//! at the first bound that they meet; then the entry at a bound whose multiplier is most wrong is set free. At most rank(G) entries are free.

use nalgebra::{DMatrix, DVector};

use super::Cholesky;

/// What is added to the diagonal of G, relatively. If G is singular, as with samples of the same inputs, this selects the shortest of many
/// minima, and rounding in r moves it by a millionth at most.
const RIDGE: f64 = 1e-10;
/// A multiplier is wrong beyond this share of the largest |r_i| and |(Gx)_i|.
const WRONG: f64 = 1e-12;
/// After so many rounds without fewer wrong entries than the best round before, the exchanges are taken to go round in circles.
const PATIENCE: usize = 3;

/// The x that minimises ½xᵀ(G + 1e-10·diag G)x − rᵀx with `bounds[i].0` ≤ x_i ≤ `bounds[i].1`, G = `gram` ∈ ℝ^{m × m}, r = `rhs` ∈ ℝ^m. The
/// search begins at the point of the box that is nearest to 0. An entry whose row of G is zero stays there. Entries never
/// exceed their bounds, not even by rounding.
pub(crate) fn bounded_minimum(gram: &DMatrix<f64>, rhs: &DVector<f64>, bounds: &[(f64, f64)]) -> DVector<f64> {
    let m = rhs.len();
    let mut gram = gram.clone();
    for i in 0..m {
        gram[(i, i)] *= 1.0 + RIDGE;
    }
    let gram = &gram;
    let mut x = DVector::from_fn(m, |i, _| 0f64.max(bounds[i].0).min(bounds[i].1));
    let moves: Vec<usize> = (0..m).filter(|&i| gram[(i, i)] > 0.0 && bounds[i].0 < bounds[i].1).collect();
    if let Some(x) = exchange(gram, rhs, bounds, &moves, &x) {
        return x;
    }
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

/// The minimum by exchanges of all that is wrong, from `start`, over the entries `moves`; `None` if they go round in circles.
fn exchange(
    gram: &DMatrix<f64>,
    rhs: &DVector<f64>,
    bounds: &[(f64, f64)],
    moves: &[usize],
    start: &DVector<f64>,
) -> Option<DVector<f64>> {
    let mut x = start.clone();
    let mut free: Vec<usize> = moves.iter().copied().filter(|&i| bounds[i].0 < x[i] && x[i] < bounds[i].1).collect();
    let (mut fewest, mut patience) = (usize::MAX, PATIENCE);
    loop {
        for &i in &free {
            x[i] = 0.0;
        }
        let solved = solve(gram, &free, &(rhs - gram * &x))?;
        free.iter().zip(solved.iter()).for_each(|(&i, value)| x[i] = *value);
        let image = gram * &x;
        let allowed = WRONG * rhs.amax().max(image.amax());
        let mut wrong = 0;
        let mut next = Vec::with_capacity(moves.len());
        // In their order.
        let mut inside = free.iter().copied().peekable();
        for &i in moves {
            let ((low, high), slope) = (bounds[i], rhs[i] - image[i]);
            if inside.next_if_eq(&i).is_some() {
                let nearest = x[i].max(low).min(high);
                if nearest == x[i] {
                    next.push(i);
                } else {
                    (x[i], wrong) = (nearest, wrong + 1);
                }
            } else if (if x[i] == low { slope } else { -slope }) > allowed {
                next.push(i);
                wrong += 1;
            }
        }
        if wrong == 0 {
            return Some(x);
        }
        if wrong < fewest {
            (fewest, patience) = (wrong, PATIENCE);
        } else if patience == 0 {
            return None;
        } else {
            patience -= 1;
        }
        free = next;
    }
}

/// y with G_{FF}y = r_F; `None` if G_{FF} is not positive definite.
fn solve(gram: &DMatrix<f64>, free: &[usize], rhs: &DVector<f64>) -> Option<DVector<f64>> {
    let factor = Cholesky::of(&DMatrix::from_fn(free.len(), free.len(), |i, j| gram[(free[i], free[j])]))?;
    Some(factor.solve(DVector::from_fn(free.len(), |i, _| rhs[free[i]])))
}

/// Moves the free entries to their minimum, or as far towards it as the box goes; entries that meet a bound are no longer free. Whether x
/// has moved.
fn settle(gram: &DMatrix<f64>, rhs: &DVector<f64>, bounds: &[(f64, f64)], free: &mut Vec<usize>, x: &mut DVector<f64>) -> bool {
    let mut moved = false;
    while !free.is_empty() {
        let residual: DVector<f64> = rhs - gram * &*x;
        let Some(step) = solve(gram, free, &residual) else {
            // The last one depends on the others.
            free.pop();
            continue;
        };
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

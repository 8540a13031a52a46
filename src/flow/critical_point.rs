//! The critical point near θ, ∇J(θ*) = 0, be it a minimum or a saddle: Newton's method in Krylov spaces of the gradient g = ∇J(θ).
//!
//! A step minimises ‖g + Hd‖² + δ²‖d‖², H = ∇²J(θ): d = −H(H² + δ²)⁻¹g (Levenberg–Marquardt), in the space of g, Hg, H²g, …, to one part in a
//! thousand. δ falls with ‖g‖, so that the iteration converges quadratically also where critical points form a manifold, as those of
//! networks do by their symmetries, and H is singular there (Fan & Yuan, Computing 74, 2005). At a critical point that H does not
//! determine, because J is cubic or flatter across it, the iteration is linear. That shows in how much H still changes.

use nalgebra::DVector;

use crate::linalg::{Lanczos, largest_eigenvalue, stages, vectors_that_fit};
use crate::objective::Objective;
use crate::rng::{Purpose, gaussian_matrix, stream};

/// δ at the first step, as a share of ‖Hg‖/‖g‖.
const DAMPING: f64 = 1e-3;
/// The share of ‖g‖ that the step in a Krylov space may leave outside of it.
const FORCING: f64 = 1e-3;
/// Products of one step, at most.
const PRODUCTS: usize = 200;
/// Steps, at most: one that halves the distance each time gains more than three digits.
const STEPS: usize = 12;
/// A step that leaves more than this share of ‖g‖ is the last, and not taken.
const PROGRESS: f64 = 0.5;
/// The share of ‖g‖ at which a critical point counts as found.
const FOUND: f64 = 1e-3;
/// How precisely the last change of H is known.
const ROUGHLY: f64 = 0.1;

/// A point at which ∇J vanishes, to within what its iteration reached.
#[derive(Debug, Clone)]
pub(crate) struct CriticalPoint {
    /// θ*.
    pub theta: DVector<f64>,
    /// ‖θ* − θ‖ from where the search began.
    pub distance: f64,
    /// ‖∇²J(θ_k) − ∇²J(θ_{k−1})‖ of the last step: by Weyl's theorem no eigenvalue moved further.
    pub drift: f64,
    /// ‖∇²J(θ*) − ∇²J(θ)‖, likewise over all steps.
    pub change: f64,
}

/// The critical point near `theta`, `None` if there is none that Newton's method finds from there: a step does not halve the gradient before it
/// has fallen to a thousandth. Adds what it cost to `gradients`, a product with the Hessian counting 2.
pub(crate) fn critical_point(objective: &dyn Objective, theta: &DVector<f64>, gradients: &mut u64) -> Option<CriticalPoint> {
    let n = theta.len();
    let (mut here, mut before) = (theta.clone(), theta.clone());
    let (mut gradient, mut next) = (DVector::zeros(n), DVector::zeros(n));
    objective.gradient(&here, &mut gradient);
    *gradients += 1;
    let start = gradient.norm();
    for _ in 0..STEPS {
        let norm = gradient.norm();
        if norm == 0.0 {
            break;
        }
        let step = newton_step(objective, &here, &gradient, norm / start, gradients)?;
        let there = &here + step;
        objective.gradient(&there, &mut next);
        *gradients += 1;
        // A NaN is no progress.
        if next.norm().is_nan() || next.norm() > PROGRESS * norm {
            break;
        }
        before = std::mem::replace(&mut here, there);
        std::mem::swap(&mut gradient, &mut next);
    }
    if gradient.norm() > FOUND * start {
        return None;
    }
    let drift = change(objective, [&before, &here], gradients)?;
    let change = change(objective, [theta, &here], gradients)?;
    Some(CriticalPoint { distance: (&here - theta).norm(), theta: here, drift, change })
}

/// d; `None` where a product overflows.
fn newton_step(
    objective: &dyn Objective,
    theta: &DVector<f64>,
    gradient: &DVector<f64>,
    share: f64,
    gradients: &mut u64,
) -> Option<DVector<f64>> {
    let product = |v: &DVector<f64>, out: &mut DVector<f64>| objective.hessian_vector(theta, v, out);
    let mut lanczos = Lanczos::new(gradient, product);
    let most = vectors_that_fit(theta.len(), 1).clamp(2, PRODUCTS);
    let mut curvature = None;
    for steps in stages(most) {
        let before = lanczos.steps();
        lanczos.grow_to(steps);
        *gradients += 2 * (lanczos.steps() - before) as u64;
        if lanczos.has_overflowed() {
            return None;
        }
        // ‖Hg‖/‖g‖, exact from the second product on.
        let curvature = *curvature.get_or_insert_with(|| lanczos.gauss().iter().map(|(x, w)| w * x * x).sum::<f64>().sqrt());
        let damping = (DAMPING * share * curvature).powi(2);
        let (direction, outside) = lanczos.applied(|x| x / (x * x + damping));
        if outside <= FORCING || lanczos.is_exhausted() || steps == most {
            return Some(direction * -gradient.norm());
        }
    }
    None
}

/// ‖∇²J(θ_2) − ∇²J(θ_1)‖; `None` where a product overflows.
fn change(objective: &dyn Objective, [first, second]: [&DVector<f64>; 2], gradients: &mut u64) -> Option<f64> {
    if first == second {
        return Some(0.0);
    }
    let mut other = first.clone();
    let difference = |v: &DVector<f64>, out: &mut DVector<f64>| {
        objective.hessian_vector(second, v, out);
        objective.hessian_vector(first, v, &mut other);
        *out -= &other;
    };
    let random = gaussian_matrix(first.len(), 1, &mut stream(1, Purpose::Hessian)).column(0).into_owned();
    let found = largest_eigenvalue(&random, ROUGHLY, difference)?;
    *gradients += 4 * found.products as u64;
    Some((1.0 + ROUGHLY) * found.size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::network::Architecture;
    use crate::objective::LinearObjective;
    use nalgebra::DMatrix;

    /// A linear network with Σ_x = I and the target diag(3, 2, 1).
    fn objective(hidden: &[usize]) -> LinearObjective {
        let widths: Vec<usize> = [3].iter().chain(hidden).chain(&[3]).copied().collect();
        let x = DMatrix::identity(3, 3) * 3f64.sqrt();
        let y = &x * DMatrix::from_diagonal(&DVector::from_vec(vec![3.0, 2.0, 1.0]));
        LinearObjective::new(Architecture::new(&widths), Moments::new(&Dataset { x, y }).unwrap(), 0.0)
    }

    /// √s_j at entry j of both layers for the first `learned` modes, and a hundredth of a random vector.
    fn near(objective: &LinearObjective, learned: usize, off: f64) -> DVector<f64> {
        let n = objective.dim();
        let mut theta = gaussian_matrix(n, 1, &mut stream(7, Purpose::Init)).column(0) * off;
        let depth = n / 9;
        for (mode, s) in [3.0f64, 2.0, 1.0].iter().enumerate().take(learned) {
            for layer in 0..depth {
                theta[9 * layer + 4 * mode] += s.powf(1.0 / depth as f64);
            }
        }
        theta
    }

    /// With k modes learned ℒ = ½Σ_{j>k}s_j², on a manifold of critical points: the way there converges quadratically all the same.
    #[test]
    fn saddles_of_two_layers_are_found_to_rounding() {
        let objective = objective(&[3]);
        for (learned, loss) in [(0, 7.0), (1, 2.5), (2, 0.5), (3, 0.0)] {
            let theta = near(&objective, learned, 0.02);
            let mut gradients = 0;
            let found = critical_point(&objective, &theta, &mut gradients).unwrap();
            assert!(
                (objective.loss(&found.theta) - loss).abs() < 1e-13,
                "{learned}: {:e}",
                objective.loss(&found.theta) - loss
            );
            assert!(found.drift < 1e-6 && found.distance < 0.2 && gradients < 500, "{learned}: {found:?} {gradients}");
        }
    }

    /// With three layers ∇²J(0) = 0: half the distance remains at every step, and H changes by as much as it is.
    #[test]
    fn where_the_hessian_vanishes_it_still_changes_by_its_own_size() {
        let objective = objective(&[3, 3]);
        let found = critical_point(&objective, &near(&objective, 0, 0.02), &mut 0).unwrap();
        let random = gaussian_matrix(27, 1, &mut stream(2, Purpose::Hessian)).column(0).into_owned();
        let product = |v: &DVector<f64>, out: &mut DVector<f64>| objective.hessian_vector(&found.theta, v, out);
        let size = largest_eigenvalue(&random, 1e-3, product).unwrap().size;
        assert!(found.change > 100.0 * size && size > 0.0 && found.drift > 0.9 * size, "{size:e} {:e}", found.drift);
        assert!(found.theta.norm() < 1e-3 * 0.02 * 27f64.sqrt());
    }

    /// e^θ flattens for ever: what looks like a critical point has a Hessian that still changes.
    #[test]
    fn a_point_at_infinity_is_not_taken_for_one_that_is_near() {
        #[derive(Clone)]
        struct Slope;
        impl Objective for Slope {
            fn dim(&self) -> usize {
                2
            }
            fn duplicate(&self) -> Box<dyn Objective> {
                Box::new(self.clone())
            }
            fn loss(&self, theta: &DVector<f64>) -> f64 {
                theta[0].exp() + 0.5 * theta[1].powi(2)
            }
            fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
                gradient[0] = theta[0].exp();
                gradient[1] = theta[1];
            }
        }
        let found = critical_point(&Slope, &DVector::zeros(2), &mut 0);
        assert!(found.is_none_or(|found| found.drift > 0.5 * found.theta[0].exp()));
    }
}

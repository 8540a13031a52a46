//! Whether a gradient is that of its loss. An objective of a user's own may have the wrong sign or a wrong factor, and every law would then
//! be that of another flow.

use nalgebra::DVector;

use crate::objective::Objective;
use crate::rng::{Purpose, gaussian_matrix, stream};

/// The slope of ℒ along a direction at a point: as its gradient has it, and as its values have it.
struct Slopes {
    by_gradient: f64,
    by_values: f64,
}

impl Slopes {
    /// `None` where the values do not tell: their differences over two distances are not the same to a thousandth, or rounding may reach as
    /// much.
    fn at(objective: &dyn Objective, theta: &DVector<f64>, seed: u64) -> Option<Self> {
        let mut gradient = theta.clone();
        objective.loss_gradient(theta, &mut gradient);
        // Some of it along the gradient, where most is seen, and some along everything else.
        let direction = unit(&gradient) + random(theta.len(), seed) * 0.5;
        let by_gradient = gradient.dot(&direction);
        let size = size(theta);
        // The slope, and what rounding of the values may make of it.
        let slope = |distance: f64| {
            let [before, after] = [-distance, distance].map(|h| objective.loss(&(theta + &direction * h)));
            let rounding = 10.0 * f64::EPSILON * before.abs().max(after.abs()) / distance;
            ((after - before) / (2.0 * distance), rounding)
        };
        let ((far, _), (near, rounding)) = (slope(1e-4 * size), slope(2e-5 * size));
        let agree = (far - near).abs() <= 1e-3 * far.abs().max(near.abs());
        let is_known = far.is_finite() && agree && rounding <= 1e-3 * near.abs().max(by_gradient.abs());
        is_known.then_some(Self { by_gradient, by_values: near })
    }

    fn differ(&self) -> bool {
        (self.by_gradient - self.by_values).abs() > 1e-2 * self.by_gradient.abs().max(self.by_values.abs())
    }
}

/// A warning if the gradient at `start` is not that of the loss. On a kink a gradient is one of several: a second point, off the start, has
/// to differ as well.
pub(super) fn warning(objective: &dyn Objective, start: &DVector<f64>) -> Option<String> {
    let found = Slopes::at(objective, start, 1).filter(Slopes::differ)?;
    let beside = start + random(start.len(), 2) * (1e-2 * size(start));
    Slopes::at(objective, &beside, 3).filter(Slopes::differ)?;
    let Slopes { by_gradient, by_values } = found;
    Some(format!(
        "the gradient is not that of the loss: along one direction at the start it gives the slope {by_gradient:.4e}, and the values of the \
         loss {by_values:.4e}: check its sign and its factor"
    ))
}

/// A random direction, of length 1.
fn random(dim: usize, seed: u64) -> DVector<f64> {
    unit(&gaussian_matrix(dim, 1, &mut stream(seed, Purpose::Hessian)).column(0).into_owned())
}

/// ‖θ‖, and 1 at θ = 0.
fn size(theta: &DVector<f64>) -> f64 {
    let norm = theta.norm();
    if norm > 0.0 { norm } else { 1.0 }
}

fn unit(vector: &DVector<f64>) -> DVector<f64> {
    let norm = vector.norm();
    if norm > 0.0 && norm.is_finite() { vector / norm } else { DVector::zeros(vector.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ℒ(θ) = Σ_i |θ_i|³/3 + max(0, θ_0), and `factor` times its gradient.
    #[derive(Clone)]
    struct Cubic {
        factor: f64,
        dim: usize,
    }

    impl Objective for Cubic {
        fn dim(&self) -> usize {
            self.dim
        }

        fn duplicate(&self) -> Box<dyn Objective> {
            Box::new(self.clone())
        }

        fn loss(&self, theta: &DVector<f64>) -> f64 {
            theta.iter().map(|x| x.abs().powi(3) / 3.0).sum::<f64>() + theta[0].max(0.0)
        }

        fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
            gradient.copy_from(&theta.map(|x| x * x.abs()));
            gradient[0] += if theta[0] > 0.0 { 1.0 } else { 0.0 };
            *gradient *= self.factor;
        }
    }

    fn starts(dim: usize) -> [DVector<f64>; 4] {
        // The second and the third are on the kink.
        let spread = DVector::from_fn(dim, |i, _| 0.3 + (1.9 * i as f64).cos());
        let mut on_kink = spread.clone();
        on_kink[0] = 0.0;
        [spread.clone(), on_kink, DVector::zeros(dim), spread * 1e-9]
    }

    #[test]
    fn a_right_gradient_is_not_suspected_on_a_kink_either() {
        for dim in [1, 2, 7, 300] {
            for start in starts(dim) {
                assert_eq!(warning(&Cubic { factor: 1.0, dim }, &start), None, "{dim}");
            }
        }
    }

    #[test]
    fn a_wrong_sign_and_a_wrong_factor_are_noticed() {
        for dim in [1, 2, 7, 300] {
            for factor in [-1.0, 2.0, 0.5, 0.9] {
                let found = warning(&Cubic { factor, dim }, &starts(dim)[0]);
                assert!(found.is_some_and(|warning| warning.contains("is not that of the loss")), "{dim} {factor}");
            }
        }
    }

    /// Where rounding hides the loss, nothing is said.
    #[test]
    fn a_loss_that_is_lost_in_rounding_is_not_judged() {
        struct Offset(Cubic);
        impl Objective for Offset {
            fn dim(&self) -> usize {
                self.0.dim
            }
            fn duplicate(&self) -> Box<dyn Objective> {
                Box::new(Self(self.0.clone()))
            }
            fn loss(&self, theta: &DVector<f64>) -> f64 {
                self.0.loss(theta) + 1e16
            }
            fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
                self.0.loss_gradient(theta, gradient);
            }
        }
        let start = &starts(7)[0];
        assert_eq!(warning(&Offset(Cubic { factor: 1.0, dim: 7 }), start), None);
    }
}

//! `samples: population`: moments without samples.
//!
//! E[xxᵀ] = C and y = f*(x) + noise·ξ, so that ℒ(P) = ½E‖Px − y‖² = ½‖(P − P*)C^{1/2}‖² + ½(E‖f* − P*x‖² + noise²·d_L)
//! with P* = E[f*xᵀ]C⁻¹. Whitened inputs have C = I; those of every other law here have the C that `condition` says.

use super::inputs::{Inputs, Law};
use super::target::target;
use super::{DatasetError, Moments, Synthetic};

/// The moments of the law that `data` are drawn from.
///
/// # Errors
/// If no closed form is known of the target under the law of the inputs.
pub fn population_moments(data: &Synthetic, seed: u64) -> Result<Moments, DatasetError> {
    closed(data, seed).ok_or(DatasetError::NoClosedForm)
}

fn closed(data: &Synthetic, seed: u64) -> Option<Moments> {
    let law = Law::new(&unwhitened(&data.inputs), seed);
    let part = target(&data.target, data.inputs.dim, seed).linear_part(&law)?;
    let noise = data.noise * data.noise * data.target.outputs() as f64;
    Some(Moments::of_law(law.root_covariance(), part.map, 0.5 * (part.rest + noise)))
}

/// A population of mean 0 and covariance I is white as it is.
pub(super) fn unwhitened(inputs: &Inputs) -> Inputs {
    Inputs { whiten: false, ..inputs.clone() }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::data::inputs::Distribution;
    use crate::data::target::{Link, LowRankTarget, SingleIndex, Target};
    use crate::data::{Data, SampleSize, split};
    use crate::loss::Loss;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    fn synthetic(samples: SampleSize, distribution: Distribution, condition: f64, target: Target) -> Synthetic {
        Synthetic { inputs: Inputs { dim: 4, samples, distribution, condition, whiten: false }, target, noise: 0.3, test: 0 }
    }

    fn low_rank(link: Link) -> Target {
        Target::LowRank(LowRankTarget { rank: 2, outputs: 3, link, singular_values: None })
    }

    /// The loss at any P is that of 200,000 samples, within five standard errors.
    #[test]
    fn the_loss_is_the_mean_over_many_samples() {
        let n = 200_000;
        let links = [Link::Identity, Link::Relu, Link::Gaussian, Link::Sin, Link::Quadratic, Link::Hermite { k: 3 }];
        let gaussian = links.map(|link| (Distribution::Gaussian, low_rank(link)));
        let others = [Distribution::Uniform, Distribution::Sphere, Distribution::Hypercube];
        let linear = others.map(|law| (law, low_rank(Link::Identity)));
        let one = [(Distribution::Gaussian, Target::SingleIndex(SingleIndex { link: Link::Sin }))];
        for (law, target) in gaussian.into_iter().chain(linear).chain(one) {
            for condition in [1.0, 10.0] {
                let of = |samples| synthetic(samples, law, condition, target.clone());
                let population = population_moments(&of(SampleSize::Population), 5).unwrap();
                let data = split(&Data::Synthetic(of(n.into())), Loss::Mse, 3, 5).unwrap().train;
                let p = gaussian_matrix(target.outputs(), 4, &mut stream(9, Purpose::Init)) * 0.5;
                let misses = &data.x * p.transpose() - &data.y;
                let each: Vec<f64> = misses.row_iter().map(|row| 0.5 * row.norm_squared()).collect();
                let each = DMatrix::from_vec(n, 1, each);
                let error = (each.variance() / n as f64).sqrt();
                let (mean, expected) = (each.mean(), population.loss(&p));
                assert!((mean - expected).abs() < 5.0 * error, "{law:?} {target:?} {condition}: {mean} {expected} ± {error}");
            }
        }
    }

    /// A linear target is the optimum itself, and noise all that is left.
    #[test]
    fn of_a_linear_target_nothing_is_left_but_the_noise() {
        let data = synthetic(SampleSize::Population, Distribution::StudentT { dof: 3.0 }, 100.0, low_rank(Link::Identity));
        let moments = population_moments(&data, 1).unwrap();
        assert_eq!(moments.min_loss, 0.5 * (0.3 * 0.3 * 3.0));
        assert_eq!(moments.loss(&moments.optimum), moments.min_loss);
    }

    #[test]
    fn what_has_no_closed_form_is_refused() {
        let refused = |law, target| {
            let data = synthetic(SampleSize::Population, law, 1.0, target);
            matches!(population_moments(&data, 0), Err(DatasetError::NoClosedForm))
        };
        assert!(refused(Distribution::Gaussian, low_rank(Link::Tanh)));
        assert!(refused(Distribution::Uniform, low_rank(Link::Sin)));
        assert!(refused(Distribution::Gaussian, Target::Parity(crate::data::Parity { k: 2 })));
    }
}

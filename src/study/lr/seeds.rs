//! What the seeds of one optimizer at one rate have in common at the end: how far their mean is from the flow, and how far they are from
//! their mean.
//!
//! The mean of S independent θ_s misses their expectation by s/√S, s² = Σ‖θ_s − θ̄‖²/(S − 1). As E‖θ̄ − θ_flow‖² = ‖E θ − θ_flow‖² + s²/S,
//! ‖θ̄ − θ_flow‖² − s²/S estimates the square of the distance of the expectation, which is the one of order η.

use nalgebra::DVector;

/// A distance, its relative standard error, and the distance that chance alone would give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub distance: f64,
    pub error: f64,
    pub floor: f64,
}

/// ‖E θ − θ_flow‖ and s, from two seeds at least. The first is NaN if it is within sampling noise.
pub(super) fn mean_and_spread(thetas: &[&DVector<f64>], flow: &DVector<f64>) -> Option<[Estimate; 2]> {
    let count = thetas.len() as f64;
    let (first, others) = thetas.split_first().filter(|(_, others)| !others.is_empty())?;
    let mean = others.iter().fold((*first).clone(), |sum, theta| sum + *theta) / count;
    let squares: Vec<f64> = thetas.iter().map(|theta| (*theta - &mean).norm_squared()).collect();
    let variance = squares.iter().sum::<f64>() / (count - 1.0);
    let bias = &mean - flow;
    // To first order only the part of the mean's error along the bias changes its length.
    let along = bias.normalize();
    let beside: Vec<f64> = thetas.iter().map(|theta| along.dot(&(*theta - &mean)).powi(2)).collect();
    let standard_error = (beside.iter().sum::<f64>() / (count - 1.0) / count).sqrt();
    let square = bias.norm_squared() - variance / count;
    let distance = if square > 0.0 { square.sqrt() } else { f64::NAN };
    let floor = (variance / count).sqrt();
    Some([
        Estimate { distance, error: standard_error / distance, floor },
        Estimate { distance: variance.sqrt(), error: error_of_root(&squares), floor: 0.0 },
    ])
}

/// The root mean square of `distances`, and its relative standard error, 0 (unknown) for a single one.
pub(super) fn root_mean_square(distances: &[f64]) -> Estimate {
    let squares: Vec<f64> = distances.iter().map(|distance| distance * distance).collect();
    let distance = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    Estimate { distance, error: error_of_root(&squares), floor: 0.0 }
}

/// d√q/√q = dq/2q, with the standard error of the mean q of `squares` for dq.
fn error_of_root(squares: &[f64]) -> f64 {
    let count = squares.len() as f64;
    if squares.len() < 2 {
        return 0.0;
    }
    let mean = squares.iter().sum::<f64>() / count;
    let variance = squares.iter().map(|square| (square - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (variance / count).sqrt() / mean / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, named_stream};
    use rand_distr::{Distribution, StandardNormal};

    /// θ_s = b + σz_s in twenty dimensions, the flow at 0: over many trials the squares of the estimates are ‖b‖² and 20σ² on
    /// average, and the estimates are off by what they say.
    #[test]
    fn estimates_are_right_on_average_and_their_errors_are_those_they_state() {
        let (dim, sigma, seeds, rounds) = (20, 0.5, 10, 400);
        let bias = DVector::from_fn(dim, |i, _| if i < 4 { 0.5 } else { 0.0 });
        let mut rng = named_stream(3, Purpose::Batches, "seeds");
        let mut sums = [[0.0; 3]; 2];
        for _ in 0..rounds {
            let draws: Vec<DVector<f64>> = (0..seeds)
                .map(|_| {
                    &bias
                        + DVector::from_fn(dim, |_, _| {
                            sigma * {
                                let z: f64 = StandardNormal.sample(&mut rng);
                                z
                            }
                        })
                })
                .collect();
            let found = mean_and_spread(&draws.iter().collect::<Vec<_>>(), &DVector::zeros(dim)).unwrap();
            let truths = [1.0, sigma * (dim as f64).sqrt()];
            for ((sum, estimate), truth) in sums.iter_mut().zip(found).zip(truths) {
                sum[0] += (estimate.distance / truth).powi(2) - 1.0;
                sum[1] += (estimate.distance / truth - 1.0).powi(2);
                sum[2] += (estimate.error * estimate.distance / truth).powi(2);
            }
        }
        for [off, square, stated] in sums.map(|sum| sum.map(|x| x / f64::from(rounds))) {
            assert!(off.abs() < 0.04, "{off}");
            assert!((stated / square).sqrt() > 0.7 && (stated / square).sqrt() < 1.4, "{stated} {square}");
        }
    }

    #[test]
    fn chance_alone_is_no_distance() {
        let thetas: Vec<DVector<f64>> = (0..4).map(|i| DVector::from_element(1, f64::from(i) - 1.5)).collect();
        let [mean, spread] = mean_and_spread(&thetas.iter().collect::<Vec<_>>(), &DVector::zeros(1)).unwrap();
        assert!(mean.distance.is_nan() && (spread.distance - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(mean_and_spread(&[&thetas[0]], &thetas[1]), None);
    }
}

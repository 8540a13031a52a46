//! The order p of a distance C·η^p(1 + O(η)), by least squares of log distance on log η over the rates at which it is asymptotic.
//!
//! The distances themselves tell which rates those are. The range is the longest from the smallest usable rate on in which the slope
//! between any two neighbours agrees with the slope fitted over the whole range, to within a tenth of it and what the errors of the two
//! distances allow. A range of fewer than three rates has no order. Neither has one whose 95 % interval is wider than ±¼: the orders of
//! theory, ½, 1, 2 and 3, are at least ½ apart, and such a slope cannot be told from its neighbours.

use crate::linalg::Line;

/// A distance at one learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// η.
    pub lr: f64,
    /// The distance, positive.
    pub distance: f64,
    /// Its relative error: statistical, or that of the reference.
    pub error: f64,
}

/// A fit by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The slope of log distance on log η: an order only if its interval is narrow enough, by [`Fit::order`].
    pub slope: f64,
    /// Half the 95 % interval of the slope: what the scatter of the points about the line leaves open by Student's t, or what the errors of
    /// the distances do, if that is more: a few points may lie on a line by chance. A curvature common to all of them is no scatter, and is
    /// bounded by how the range is chosen.
    pub half_width: f64,
    /// The number of distances that the line runs through, from the smallest rate.
    pub points: usize,
    /// Their smallest and largest rate.
    pub range: (f64, f64),
}

/// Slopes may differ by this fraction of the fitted one: an order of 1 then cannot be taken for ½ or 2.
const AGREEMENT: f64 = 0.1;
/// And by this many standard errors of a slope between two neighbours: by chance hardly one of a dozen such slopes is further off.
const STANDARD_ERRORS: f64 = 3.0;
/// Standard errors of a normal number that its 95 % interval reaches.
const NORMAL: f64 = 1.96;
/// Two points lie on a line whatever they mean.
const FEWEST: usize = 3;
/// Half the least distance between two orders of theory.
const WIDEST: f64 = 0.25;

/// Why a distance has no order.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoOrder {
    /// Too few distances are known and small enough to be asymptotic.
    #[error("only {usable} of {rates} rates can be used, and {FEWEST} are needed{}", losses(.lost))]
    TooFew {
        /// Rates whose distance can be fitted.
        usable: usize,
        /// All rates.
        rates: usize,
        /// The states of the others, as in the column `state` of `curves.parquet`, and their counts.
        lost: Vec<(&'static str, usize)>,
    },
    /// Slopes between neighbours differ by more than their errors.
    #[error("the distances at the {FEWEST} smallest usable rates follow no power of η")]
    NoPower,
    /// The interval holds more than one order of theory.
    #[error("{points} rates, {order:.1} ± {half_width:.1}: the interval is wider than ±{WIDEST}")]
    Wide {
        /// The number of distances that the line runs through.
        points: usize,
        /// Their slope.
        order: f64,
        /// Half its 95 % interval.
        half_width: f64,
    },
}

/// `: 2 at the floor, 1 diverged`.
fn losses(lost: &[(&'static str, usize)]) -> String {
    let words = |(state, count): &(&str, usize)| match *state {
        "floor" => format!("{count} within integration error or sampling noise"),
        "gate" => format!("{count} beyond the bound of stability"),
        "undefined" => format!("{count} whose flow ended early"),
        other => format!("{count} {other}"),
    };
    let words: Vec<String> = lost.iter().map(words).collect();
    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) }
}

impl Fit {
    /// The slope as an order, or why it is none.
    pub fn order(&self) -> Result<f64, NoOrder> {
        let Self { slope, half_width, points, .. } = *self;
        if half_width <= WIDEST { Ok(slope) } else { Err(NoOrder::Wide { points, order: slope, half_width }) }
    }
}

/// The fit over the asymptotic range of `samples`, whose rates rise; `None` if there is no such range.
pub fn fit(samples: &[Sample]) -> Option<Fit> {
    let over = |samples: &[Sample]| {
        let fit = line(samples).filter(|fit| agrees(samples, fit.slope))?;
        Some(Fit { half_width: fit.half_width.max(NORMAL * slope_error(samples)), ..fit })
    };
    (FEWEST..=samples.len()).rev().find_map(|count| over(&samples[..count]))
}

/// The standard error that those of the distances, independent of each other, give the slope: √(Σ(x − x̄)²e²)/Σ(x − x̄)², x = log η.
fn slope_error(samples: &[Sample]) -> f64 {
    let x: Vec<f64> = samples.iter().map(|sample| sample.lr.ln()).collect();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    let errors: f64 = x.iter().zip(samples).map(|(x, sample)| ((x - mean) * sample.error).powi(2)).sum();
    errors.sqrt() / squares
}

/// Why nothing is fitted to `usable` of `rates` rates, the others being `lost`.
pub fn unfitted(usable: usize, rates: usize, lost: Vec<(&'static str, usize)>) -> NoOrder {
    if usable < FEWEST { NoOrder::TooFew { usable, rates, lost } } else { NoOrder::NoPower }
}

/// Whether every slope between neighbours agrees with `order`.
fn agrees(samples: &[Sample], order: f64) -> bool {
    samples.windows(2).all(|pair| {
        let run = (pair[1].lr / pair[0].lr).ln();
        let slope = (pair[1].distance / pair[0].distance).ln() / run;
        let error = pair[0].error.hypot(pair[1].error) / run;
        (slope - order).abs() <= AGREEMENT * order.abs() + STANDARD_ERRORS * error
    })
}

/// Least squares through all of `samples`, at least three, of different rates.
fn line(samples: &[Sample]) -> Option<Fit> {
    let (x, y): (Vec<f64>, Vec<f64>) = samples.iter().map(|sample| (sample.lr.ln(), sample.distance.ln())).unzip();
    let line = Line::through(&x, &y)?;
    let range = (samples[0].lr, samples[samples.len() - 1].lr);
    Some(Fit { slope: line.slope, half_width: line.half_width, points: samples.len(), range })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, named_stream};
    use rand_distr::{Distribution, StandardNormal};

    fn samples(distance: impl Fn(f64) -> f64, error: f64) -> Vec<Sample> {
        (0..13).map(|i| 1e-4 * 10f64.powf(f64::from(i) / 4.0)).map(|lr| Sample { lr, distance: distance(lr), error }).collect()
    }

    #[test]
    fn a_power_is_found_over_the_whole_range() {
        for order in [0.5, 1.0, 2.0, 3.0] {
            let fit = fit(&samples(|lr| 7.0 * lr.powf(order), 0.0)).unwrap();
            assert!((fit.slope - order).abs() < 1e-12 && fit.half_width < 1e-12 && fit.points == 13, "{fit:?}");
        }
    }

    /// The law of the interval: it holds the truth in 95 of 100 cases, to within four standard deviations of that count.
    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut rng = named_stream(1, Purpose::Batches, "fit");
        let rounds = 1000;
        let mut held = 0;
        for _ in 0..rounds {
            let noise: Vec<f64> = (0..13).map(|_| StandardNormal.sample(&mut rng)).collect();
            let mut noisy = samples(f64::sqrt, 0.1);
            noisy.iter_mut().zip(&noise).for_each(|(sample, z)| sample.distance *= (0.1 * z).exp());
            let fit = line(&noisy).unwrap();
            held += usize::from((fit.slope - 0.5).abs() <= fit.half_width);
        }
        let deviation = (0.95 * 0.05 * f64::from(rounds)).sqrt();
        assert!((held as f64 - 0.95 * f64::from(rounds)).abs() < 4.0 * deviation, "{held} of {rounds}");
    }

    /// C·η(1 + aη) saturating to 1: only the small rates belong to the law.
    #[test]
    fn the_range_ends_where_the_distance_saturates() {
        let fit = fit(&samples(|lr| 50.0 * lr / (1.0 + 50.0 * lr), 0.0)).unwrap();
        assert!((fit.slope - 1.0).abs() < 0.05, "{fit:?}");
        assert!(fit.points >= 5 && fit.points < 10 && fit.range.0 == 1e-4 && fit.range.1 < 0.01, "{fit:?}");
    }

    /// Distances of 10⁻⁸ and more over a reference that is good to 3·10⁻⁹: they carry their error, and the range takes them in.
    #[test]
    fn errors_of_the_reference_are_allowed_for() {
        let floor = 3e-9;
        let floored: Vec<Sample> = samples(|lr| lr * lr + 0.9 * floor, 0.0)
            .into_iter()
            .map(|sample| Sample { error: floor / sample.distance, ..sample })
            .collect();
        let fit = fit(&floored).unwrap();
        assert!(fit.points == 13 && (fit.slope - 2.0).abs() < 0.1, "{fit:?}");
        // The control: without their errors the two smallest are no part of the law, and no range begins with them.
        assert!(
            super::fit(&floored.iter().map(|s| Sample { error: 0.0, ..*s }).collect::<Vec<_>>()).is_none_or(|f| f.points < 13)
        );
    }

    /// Four distances, each known to a quarter, that happen to lie on a line over a factor of 2.5 have no order; known to 1 % they have.
    #[test]
    fn distances_that_are_poorly_known_have_no_order_whatever_line_they_lie_on() {
        let on_a_line = |error: f64| [0.025, 0.04, 0.05, 0.0625].map(|lr| Sample { lr, distance: f64::powf(lr, 0.6), error });
        let poor = fit(&on_a_line(0.25)).unwrap();
        assert!((poor.slope - 0.6).abs() < 1e-12 && poor.half_width > 0.5 && poor.order().is_err(), "{poor:?}");
        let good = fit(&on_a_line(0.01)).unwrap();
        assert!((good.half_width / poor.half_width - 0.04).abs() < 1e-9 && good.order().is_ok(), "{good:?}");
    }

    /// 2.077 ± 0.976 over 3 points is no order: it may be 2, 3 or neither.
    #[test]
    fn a_wide_interval_is_no_order() {
        let wide = Fit { slope: 2.077, half_width: 0.976, points: 3, range: (0.01, 0.04) };
        assert_eq!(wide.order().unwrap_err().to_string(), "3 rates, 2.1 ± 1.0: the interval is wider than ±0.25");
        assert_eq!(Fit { half_width: 0.2, ..wide }.order(), Ok(2.077));
        // Nor is one whose interval is not known.
        assert!(Fit { half_width: f64::NAN, ..wide }.order().is_err());
    }

    #[test]
    fn it_is_said_why_nothing_is_fitted() {
        let few = unfitted(2, 7, vec![("floor", 3), ("diverged", 2)]);
        assert_eq!(
            few.to_string(),
            "only 2 of 7 rates can be used, and 3 are needed: 3 within integration error or sampling noise, 2 diverged"
        );
        assert_eq!(unfitted(5, 5, Vec::new()).to_string(), "the distances at the 3 smallest usable rates follow no power of η");
    }

    #[test]
    fn what_follows_no_power_has_no_order() {
        assert_eq!(fit(&samples(|lr| if (lr.log10() * 4.0).round() as i64 % 2 == 0 { lr } else { 3.0 * lr }, 0.0)), None);
        assert_eq!(fit(&samples(f64::sqrt, 0.0)[..2]), None);
    }
}

//! What the stochastic differential equation of `sgd` says of the optimizer beside it: the law of its paths.

use serde::{Deserialize, Serialize};

use super::{Column, Columns, Group, Measure, Observable, Row, Snapshot};

const BY: Measure = Measure::Sde(SdePaths::USUAL);

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new(
            "sde_loss",
            "mean of J over paths of the stochastic differential equation of sgd, which predicts the mean of objective over seeds",
            "ℒ",
            "mean objective J of the paths",
        )
        .by(BY),
        Column::new(
            "sde_loss_low",
            "5 % quantile of J over the paths: objective is below it for 5 % of the seeds",
            "ℒ",
            "5 % quantile of J over the paths",
        )
        .by(BY),
        Column::new("sde_loss_high", "95 % quantile of J over the paths", "ℒ", "95 % quantile of J over the paths").by(BY),
        Column::new("sde_norm_squared", "mean of ‖X‖² over the paths", "θ²", "mean ‖X‖^2 of the paths").by(BY),
        Column::new(
            "sde_spread",
            "√(Σ_i ‖X_i − X̄‖²/(N − 1)) over N paths, which predicts distance_to_sde: E‖θ − X̄‖² = sde_spread²(1 + 1/N)",
            "θ",
            "spread of the paths",
        )
        .by(BY),
    ],
);

/// How many paths of which equation are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SdePaths {
    /// The number of paths, from 2 to 10,000: each costs some 4 (order 1) or 20 gradients (order 2) per step, more with momentum.
    pub paths: usize,
    /// 1: dX = −∇J dt + √(ηΣ/B) dW; 2: with the drift −∇(J + (η/4)‖∇J‖²).
    #[serde(default = "second")]
    pub order: usize,
}

fn second() -> usize {
    2
}

/// Paths that cannot be followed as is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdePathsError {
    /// Too few or too many.
    #[error("sde takes from 2 to 10,000 `paths`, got {0}")]
    Paths(usize),
    /// An order that is not known.
    #[error("sde takes an `order` of 1 or 2, got {0}")]
    Order(usize),
}

impl SdePaths {
    /// What examples and messages name.
    pub const USUAL: Self = Self { paths: 64, order: 2 };

    /// Two paths have a spread.
    pub const LEAST: usize = 2;

    /// More than anybody needs: means are known to a hundredth of the spread.
    pub const MOST: usize = 10_000;

    /// What these measures ask for, if they do.
    pub fn among(measures: &[Measure]) -> Option<Self> {
        measures.iter().find_map(|measure| match measure {
            Measure::Sde(asked) => Some(*asked),
            _ => None,
        })
    }

    /// Checks that they can be followed.
    ///
    /// # Errors
    /// [`SdePathsError`] for fewer than 2 or more than 10,000 paths, and for an order other than 1 and 2.
    pub fn check(&self) -> Result<(), SdePathsError> {
        match *self {
            Self { paths, .. } if !(Self::LEAST..=Self::MOST).contains(&paths) => Err(SdePathsError::Paths(paths)),
            Self { order, .. } if !(1..=2).contains(&order) => Err(SdePathsError::Order(order)),
            _ => Ok(()),
        }
    }
}

/// The law of the paths at one time, as far as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SdeLaw {
    /// The mean of J.
    pub mean: f64,
    /// The 5 % quantile of J.
    pub low: f64,
    /// The 95 % quantile of J.
    pub high: f64,
    /// The mean of ‖X‖².
    pub norm_squared: f64,
    /// √(Σ_i ‖X_i − X̄‖²/(N − 1)).
    pub spread: f64,
}

impl SdeLaw {
    const UNKNOWN: Self = Self { mean: f64::NAN, low: f64::NAN, high: f64::NAN, norm_squared: f64::NAN, spread: f64::NAN };

    /// From J and ‖X‖² on each path, and the spread of X.
    pub fn new(mut values: Vec<f64>, squares: &[f64], spread: f64) -> Self {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let (mean, norm_squared) = (mean(&values), mean(squares));
        values.sort_by(f64::total_cmp);
        Self { mean, low: quantile(&values, 0.05), high: quantile(&values, 0.95), norm_squared, spread }
    }
}

/// The quantile of ascending values, linear between the (i + 1)-th at i/(N − 1) and the next.
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = (place as usize).min(last);
    let (low, high) = (ascending[below], ascending[last.min(below + 1)]);
    low + (high - low) * (place - below as f64)
}

/// Columns, if asked for, undefined for a process without such an equation and after a path has diverged: of J over the paths the mean
/// `sde_loss` and the quantiles `sde_loss_low` and `sde_loss_high`; `sde_norm_squared`, the mean of ‖X‖²; and `sde_spread`.
pub struct SdePrediction;

impl Observable for SdePrediction {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let SdeLaw { mean, low, high, norm_squared, spread } = snapshot.law.unwrap_or(SdeLaw::UNKNOWN);
        row.float("sde_loss", mean);
        row.float("sde_loss_low", low);
        row.float("sde_loss_high", high);
        row.float("sde_norm_squared", norm_squared);
        row.float("sde_spread", spread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_the_values() {
        let values: Vec<f64> = (0..=20).rev().map(|i| f64::from(i * i)).collect();
        let law = SdeLaw::new(values, &[1.0, 2.0, 6.0], 0.5);
        assert_eq!((law.low, law.high, law.norm_squared), (1.0, 361.0, 3.0));
        assert_eq!(law.mean, 2870.0 / 21.0);
        let of_two = SdeLaw::new(vec![3.0, 1.0], &[1.0], 0.0);
        assert!((of_two.low - 1.1).abs() < 1e-15 && (of_two.high - 2.9).abs() < 1e-15);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        assert_eq!(SdePaths::USUAL.check(), Ok(()));
        for (paths, order, error) in [
            (1, 2, SdePathsError::Paths(1)),
            (10_001, 1, SdePathsError::Paths(10_001)),
            (2, 0, SdePathsError::Order(0)),
            (2, 3, SdePathsError::Order(3)),
        ] {
            assert_eq!(SdePaths { paths, order }.check(), Err(error));
        }
    }
}

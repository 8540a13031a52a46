//! `{log: {from: a, to: b, points: n}}` is a·(b/a)^{i/(n−1)}, `{linear: …}` a + (b − a)·i/(n−1), for i = 0, …, n−1.
//!
//! The ends are exact. Values between them are rounded to 12 digits: a decade reads 0.1 and not 0.10000000000000002, and another machine's
//! logarithm does not make other units of the same sweep.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::{Number, Value};

use crate::settings::{Findings, path};

use super::MAX_UNITS;

/// Values by a rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Range {
    /// Values that are evenly spaced on a logarithmic scale.
    Log(Ends),
    /// Values that are evenly spaced.
    Linear(Ends),
}

/// The first value, the last, and how many there are with both.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ends {
    /// The first value.
    from: f64,
    /// The last value.
    to: f64,
    /// How many values there are, both ends included; at least 2.
    points: usize,
}

impl Range {
    /// The values; `None` if something is wrong with the range, whose path is `at`.
    pub fn values(&self, at: &str, found: &mut Findings) -> Option<Vec<Value>> {
        let (at, Ends { from, to, points }) = match self {
            Self::Log(ends) => (path::child(at, "log"), ends),
            Self::Linear(ends) => (path::child(at, "linear"), ends),
        };
        let before = found.0.len();
        found.between(&path::child(&at, "points"), *points, 2, MAX_UNITS);
        if let Self::Log(_) = self {
            found.positive(&path::child(&at, "from"), *from);
            found.positive(&path::child(&at, "to"), *to);
        }
        (found.0.len() == before).then(|| (0..*points).map(|i| value(self.point(i, *from, *to, *points))).collect())
    }

    fn point(&self, i: usize, from: f64, to: f64, points: usize) -> f64 {
        let share = i as f64 / (points - 1) as f64;
        match self {
            _ if i == 0 => from,
            _ if i == points - 1 => to,
            Self::Log(_) => rounded((from.ln() * (1.0 - share) + to.ln() * share).exp()),
            Self::Linear(_) => rounded(from * (1.0 - share) + to * share),
        }
    }
}

/// To 12 significant digits.
fn rounded(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

/// Whole numbers as integers, so that a range also serves counts (`steps`); keys of real numbers take integers, too.
fn value(x: f64) -> Value {
    /// Up to here every whole number is exact in float64.
    const EXACT: f64 = 9007199254740992.0;
    let whole = x.fract() == 0.0 && (0.0..=EXACT).contains(&x) && x.is_sign_positive();
    Value::Number(if whole { Number::from(x as u64) } else { Number::from(x) })
}

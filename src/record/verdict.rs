//! The verdict of a run on a claim of its scenario, and how far its numerics can be trusted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The outcome of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The value meets its threshold, and its numerical error is smaller than the distance between the two.
    Holds,
    /// The value misses its threshold by more than its numerical error, or is undefined.
    Fails,
    /// The numerical error of the value reaches the threshold, or the flow did not get to the time that the claim is about.
    IntegratorLimited,
    /// The records are too few or too far apart: a finer grid might change the verdict.
    GridLimited,
}

impl Outcome {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Holds, Self::Fails, Self::IntegratorLimited, Self::GridLimited];

    /// Its name in the manifest: `holds`, `fails`, `integrator-limited`, `grid-limited`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::IntegratorLimited => "integrator-limited",
            Self::GridLimited => "grid-limited",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// On which side of its threshold a value confirms the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// value ≤ threshold.
    AtMost,
    /// value ≥ threshold.
    AtLeast,
}

impl Bound {
    /// `≤` or `≥`.
    pub fn sign(self) -> char {
        match self {
            Self::AtMost => '≤',
            Self::AtLeast => '≥',
        }
    }
}

/// Where the error of a value comes from: for the flow the larger of its two estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorFrom {
    /// |value − value′|, with value′ from a second integration at a tenth of the tolerance.
    SecondIntegration,
    /// The standard error of a spread over paths.
    Paths,
    /// The deviation of the flow from D_l(t) = e^{−2λt}D_l(0), which is exact, propagated to the value.
    BalanceLaw,
}

/// The verdict on one claim. If a claim has several conditions, the value is that of the one that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The outcome.
    pub verdict: Outcome,
    /// What was measured, in words and symbols.
    pub quantity: String,
    /// Its value; NaN (null in the manifest) where it is undefined.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// The threshold of the value; NaN (null) where nothing could be measured.
    #[serde(deserialize_with = "null_is_nan")]
    pub threshold: f64,
    /// The side of the threshold on which the claim holds.
    pub bound: Bound,
    /// The numerical error of the value; NaN (null) where it is unknown, and then the claim does not hold.
    #[serde(deserialize_with = "null_is_nan")]
    pub error: f64,
    /// Where the error comes from.
    pub error_from: ErrorFrom,
    /// One sentence, with the numbers.
    pub statement: String,
    /// Further numbers, by name: fitted rates with their intervals, constants of envelopes, the values of the other conditions.
    #[serde(deserialize_with = "nulls_are_nan")]
    pub details: BTreeMap<String, f64>,
}

fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nulls_are_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values: BTreeMap<String, Option<f64>> = BTreeMap::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON has no NaN: an undefined number is null there, and NaN again once read.
    #[test]
    fn a_verdict_comes_back_from_json() {
        let verdict = Verdict {
            verdict: Outcome::IntegratorLimited,
            quantity: "q".to_string(),
            value: f64::NAN,
            threshold: 1e-6,
            bound: Bound::AtMost,
            error: f64::NAN,
            error_from: ErrorFrom::BalanceLaw,
            statement: "because".to_string(),
            details: BTreeMap::from([("rate".to_string(), f64::NAN), ("half_width".to_string(), 0.25)]),
        };
        let text = serde_json::to_string(&verdict).unwrap();
        assert!(text.contains(r#""verdict":"integrator-limited","quantity":"q","value":null"#), "{text}");
        let back: Verdict = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{back:?}"), format!("{verdict:?}"));
    }
}

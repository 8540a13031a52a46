//! Links g: ℝ → ℝ, their slopes, and moments of the slopes under a normal law.

use serde::{Deserialize, Serialize};

use crate::settings::Findings;

use super::hermite;

/// A function of one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// z.
    #[default]
    Identity,
    /// max(0, z).
    Relu,
    /// e^{−z²}, entry by entry. In `multi_index` it is e^{−‖z‖²}, of all entries together.
    Gaussian,
    /// sin z.
    Sin,
    /// z².
    Quadratic,
    /// tanh z.
    Tanh,
    /// The normalised probabilists' Hermite polynomial of degree k.
    Hermite {
        /// The degree, from 0 to 30.
        k: usize,
    },
}

impl Link {
    /// Its word in the scenario, without settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Gaussian => "gaussian",
            Self::Sin => "sin",
            Self::Quadratic => "quadratic",
            Self::Tanh => "tanh",
            Self::Hermite { .. } => "hermite",
        }
    }

    pub(super) fn validate(self, path: &str, found: &mut Findings) {
        if let Self::Hermite { k } = self {
            found.between(&format!("{path}.hermite.k"), k, 0, 30);
        }
    }
}

/// g(z).
pub(super) fn value(link: Link, z: f64) -> f64 {
    match link {
        Link::Identity => z,
        Link::Relu => z.max(0.0),
        Link::Gaussian => (-z * z).exp(),
        Link::Sin => z.sin(),
        Link::Quadratic => z * z,
        Link::Tanh => z.tanh(),
        Link::Hermite { k } => hermite::value(k, z),
    }
}

/// g′(z); that of `relu` at 0 is 0, as PyTorch has it.
pub(super) fn slope(link: Link, z: f64) -> f64 {
    match link {
        Link::Identity => 1.0,
        Link::Relu => f64::from(z > 0.0),
        Link::Gaussian => -2.0 * z * (-z * z).exp(),
        Link::Sin => z.cos(),
        Link::Quadratic => 2.0 * z,
        Link::Tanh => 1.0 - z.tanh().powi(2),
        Link::Hermite { k } => hermite::slope(k, z),
    }
}

/// E[g′(z)], z ~ N(0, s²); `None` where there is no closed form.
///
/// sin: e^{−s²/2}, the characteristic function of z at 1. Even links have odd slopes: 0.
pub(super) fn mean_slope(link: Link, s: f64) -> Option<f64> {
    match link {
        Link::Identity => Some(1.0),
        Link::Relu => Some(0.5),
        Link::Gaussian | Link::Quadratic => Some(0.0),
        Link::Sin => Some((-0.5 * s * s).exp()),
        Link::Tanh => None,
        Link::Hermite { k: 0 } => Some(0.0),
        Link::Hermite { k } => Some((k as f64).sqrt() * hermite::mean(k - 1, s)),
    }
}

/// E[g(z)²], z ~ N(0, s²); `None` where there is no closed form.
///
/// gaussian: E[e^{−2z²}] = (1 + 4s²)^{−1/2}. sin: E[sin²z] = ½(1 − e^{−2s²}).
pub(super) fn mean_square(link: Link, s: f64) -> Option<f64> {
    let variance = s * s;
    match link {
        Link::Identity => Some(variance),
        Link::Relu => Some(0.5 * variance),
        Link::Gaussian => Some((1.0 + 4.0 * variance).sqrt().recip()),
        Link::Sin => Some(-0.5 * (-2.0 * variance).exp_m1()),
        Link::Quadratic => Some(3.0 * variance * variance),
        Link::Tanh => None,
        Link::Hermite { k } => Some(hermite::mean_square(k, s)),
    }
}

/// E[g′(z)²], z ~ N(0, s²); `None` where there is no closed form.
///
/// gaussian: E[4z²e^{−2z²}] = 4s²(1 + 4s²)^{−3/2}, the variance of N(0, s²/(1 + 4s²)) times what normalises it. sin: E[cos²z] = ½(1 +
/// e^{−2s²}).
pub(super) fn mean_square_slope(link: Link, s: f64) -> Option<f64> {
    let variance = s * s;
    match link {
        Link::Identity => Some(1.0),
        Link::Relu => Some(0.5),
        Link::Gaussian => Some(4.0 * variance * (1.0 + 4.0 * variance).powf(-1.5)),
        Link::Sin => Some(0.5 * (1.0 + (-2.0 * variance).exp())),
        Link::Quadratic => Some(4.0 * variance),
        Link::Tanh => None,
        Link::Hermite { k: 0 } => Some(0.0),
        Link::Hermite { k } => Some(k as f64 * hermite::mean_square(k - 1, s)),
    }
}

#[cfg(test)]
pub(super) const ALL: [Link; 9] = [
    Link::Identity,
    Link::Relu,
    Link::Gaussian,
    Link::Sin,
    Link::Quadratic,
    Link::Tanh,
    Link::Hermite { k: 0 },
    Link::Hermite { k: 3 },
    Link::Hermite { k: 6 },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_derivatives() {
        for link in ALL {
            for z in [-2.7, -1.1, -0.3, 0.2, 0.9, 1.8, 3.1] {
                // The fourth-order central difference: its error is h⁴g⁽⁵⁾/30 beside rounding of 1e-16·|g|/h.
                let h = 1e-3;
                let difference = |h: f64| (value(link, z + h) - value(link, z - h)) / (2.0 * h);
                let numeric = (4.0 * difference(h / 2.0) - difference(h)) / 3.0;
                assert!((slope(link, z) - numeric).abs() < 1e-9 * (1.0 + numeric.abs()), "{link:?} at {z}");
            }
        }
        assert_eq!(slope(Link::Relu, 0.0), 0.0);
    }

    /// By the trapezoidal rule, exact to rounding for these analytic integrands; the jump of the relu's slope lies on a node.
    #[test]
    fn moments_of_slopes_are_their_integrals() {
        for link in ALL {
            for s in [0.4, 1.0, 1.7] {
                let mean = |f: &dyn Fn(f64) -> f64| {
                    let h = 0.01;
                    let weight = |x: f64| (-0.5 * x * x).exp() * h / (2.0 * std::f64::consts::PI).sqrt();
                    (-2000..=2000).map(|i| f64::from(i) * h).map(|x| weight(x) * f(s * x)).sum::<f64>()
                };
                // At the jump itself the rule wants the mean of both sides, ½ and not the slope 0.
                let jump = if link == Link::Relu { 0.5 * 0.01 / (2.0 * std::f64::consts::PI).sqrt() } else { 0.0 };
                if let Some(closed) = mean_slope(link, s) {
                    let numeric = mean(&|z| slope(link, z)) + jump;
                    assert!((closed - numeric).abs() < 1e-12 * (1.0 + numeric.abs()), "{link:?} {s}: {closed} {numeric}");
                }
                if let Some(closed) = mean_square(link, s) {
                    let numeric = mean(&|z| value(link, z).powi(2));
                    assert!((closed - numeric).abs() < 1e-12 * (1.0 + numeric), "{link:?} {s}: {closed} {numeric}");
                }
                if let Some(closed) = mean_square_slope(link, s) {
                    let numeric = mean(&|z| slope(link, z).powi(2)) + jump;
                    assert!(
                        (closed / numeric.max(1e-300) - 1.0).abs() < 1e-12 || closed == numeric,
                        "{link:?} {s}: {closed} {numeric}"
                    );
                }
            }
        }
    }
}

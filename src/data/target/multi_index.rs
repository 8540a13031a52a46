//! f*(x) = G(z), z = Ax, A = diag(s)·Vᵀ ∈ ℝ^{r × d} with uniform orthonormal V: one output that depends on r directions. The link `gaussian` is of
//! z as a whole, G(z) = e^{−‖z‖²}; of any other link g, G(z) = Σ_j g(z_j)/√r, so that the variance does not grow with r.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::inputs::Law;
use crate::rng::orthonormal_columns;
use crate::settings::Findings;

use super::entrywise::scaled;
use super::{Link, TargetFunction, link, one_per_rank};

/// f*(x) = g(z), z = A x, A = diag(s)·Vᵀ of shape (rank, dim) with V uniform and orthonormal: g(z) = e^{−‖z‖²} for the link `gaussian`, and
/// Σ_j link(z_j)/√rank for the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MultiIndex {
    /// The number of directions.
    pub rank: usize,
    /// The function that is applied to the directions.
    #[serde(default)]
    pub link: Link,
    /// The weight of each direction, one for each rank. Without them all are 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singular_values: Option<Vec<f64>>,
}

impl MultiIndex {
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        found.at_most(&format!("{at}.rank"), self.rank, dim.max(1), "inputs.dim");
        self.link.validate(&format!("{at}.link"), found);
        one_per_rank(&format!("{at}.singular_values"), self.singular_values.as_deref(), self.rank, found);
    }
}

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    /// A.
    map: DMatrix<f64>,
    link: Link,
}

impl Drawn {
    pub(super) fn new(settings: &MultiIndex, dim: usize, rng: &mut impl Rng) -> Self {
        let directions = orthonormal_columns(dim, settings.rank, rng).transpose();
        let map = match &settings.singular_values {
            None => directions,
            Some(values) => scaled(&directions, |j| values[j]),
        };
        Self { map, link: settings.link }
    }

    /// 1/√r.
    fn share(&self) -> f64 {
        1.0 / (self.map.nrows() as f64).sqrt()
    }

    fn value(&self, z: impl Iterator<Item = f64>) -> f64 {
        match self.link {
            Link::Gaussian => (-z.map(|z| z * z).sum::<f64>()).exp(),
            link => z.map(|z| link::value(link, z)).sum::<f64>() * self.share(),
        }
    }

    /// R with RᵀR = E[∇G ∇Gᵀ] of independent z_j ~ N(0, s_j²), r columns.
    ///
    /// Of e^{−‖z‖²}, ∇G = −2z·e^{−‖z‖²} has uncorrelated entries, E[(∂_jG)²] = 4s_j²(1 + 4s_j²)^{−1}·Π_i(1 + 4s_i²)^{−1/2}. Of the others,
    /// E[∂_iG ∂_jG] = m_i m_j/r off the diagonal and v_j/r on it, m_j = E[g′(z_j)], v_j = E[g′(z_j)²]: the rows √((v_j − m_j²)/r)·e_j and
    /// m/√r.
    fn factor(&self, s: &[f64]) -> Option<DMatrix<f64>> {
        let r = s.len();
        if self.link == Link::Gaussian {
            let widened: f64 = s.iter().map(|s| (1.0 + 4.0 * s * s).powf(-0.25)).product();
            return Some(DMatrix::from_fn(r, r, |i, j| {
                if i == j { 2.0 * s[j] / (1.0 + 4.0 * s[j] * s[j]).sqrt() * widened } else { 0.0 }
            }));
        }
        let means = s.iter().map(|&s| link::mean_slope(self.link, s)).collect::<Option<Vec<f64>>>()?;
        let squares = s.iter().map(|&s| link::mean_square_slope(self.link, s)).collect::<Option<Vec<f64>>>()?;
        let rows = DMatrix::from_fn(r + 1, r, |i, j| match i {
            i if i == r => means[j],
            // A constant slope has no variance but for rounding.
            i if i == j => (squares[j] - means[j] * means[j]).max(0.0).sqrt(),
            _ => 0.0,
        });
        Some(rows * self.share())
    }
}

impl TargetFunction for Drawn {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let z = x * self.map.transpose();
        DMatrix::from_fn(z.nrows(), 1, |i, _| self.value(z.row(i).iter().copied()))
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        let z = &self.map * DVector::from_column_slice(x);
        let slopes = match self.link {
            Link::Gaussian => &z * (-2.0 * self.value(z.iter().copied())),
            link => z.map(|z| link::slope(link, z)) * self.share(),
        };
        DMatrix::from_row_slice(1, slopes.len(), slopes.as_slice()) * &self.map
    }

    /// Closed for the identity, whose gradient is constant, and for gaussian inputs whose image has independent entries (with `condition: 1`,
    /// AAᵀ = diag(s²)).
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>> {
        if self.link == Link::Identity {
            return Some(DMatrix::from_element(1, self.map.nrows(), self.share()) * &self.map);
        }
        law.gaussian_image(&self.map).filter(|_| law.has_independent_entries())?;
        let s: Vec<f64> = self.map.row_iter().map(|row| row.norm()).collect();
        Some(self.factor(&s)? * &self.map)
    }
}

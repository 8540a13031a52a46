//! f*(x) = g(Ax) entry by entry, A ∈ ℝ^{d_L × d}: J* = diag(g′(Ax))·A, so A_{f*} = Aᵀ·diag(E[g′(z_j)²])·A with z = Ax.

use nalgebra::{DMatrix, DVector};

use crate::data::Link;
use crate::data::inputs::Law;

use super::{LinearPart, TargetFunction, link};

/// g(Ax).
#[derive(Debug, Clone)]
pub(super) struct Entrywise {
    /// A.
    pub map: DMatrix<f64>,
    /// g.
    pub link: Link,
}

impl TargetFunction for Entrywise {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let z = x * self.map.transpose();
        if self.link == Link::Identity { z } else { z.map(|z| link::value(self.link, z)) }
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        let z = &self.map * DVector::from_column_slice(x);
        scaled(&self.map, |j| link::slope(self.link, z[j]))
    }

    /// (A, 0) for the identity, whatever the law. Otherwise x is gaussian, z_j ~ N(0, s_j²) with s_j = ‖C^{1/2}a_j‖, and E[g(z_j)x] =
    /// E[g′(z_j)]·Ca_j (Stein): P* = diag(E[g′(z_j)])·A leaves Σ_j E[g(z_j)²] − (E[g′(z_j)]s_j)².
    fn linear_part(&self, law: &Law) -> Option<LinearPart> {
        if self.link == Link::Identity {
            return Some(LinearPart { map: self.map.clone(), rest: 0.0 });
        }
        let image = law.gaussian_image(&self.map)?;
        let (mut slopes, mut rest) = (Vec::with_capacity(self.map.nrows()), 0.0);
        for row in image.row_iter() {
            let s = row.norm();
            let slope = link::mean_slope(self.link, s)?;
            rest += (link::mean_square(self.link, s)? - (slope * s).powi(2)).max(0.0);
            slopes.push(slope);
        }
        Some(LinearPart { map: scaled(&self.map, |j| slopes[j]), rest })
    }

    /// A for the identity. For relu √½·A: z_j is positive with probability ½ wherever x and −x have the same law and z_j has no atom at 0.
    /// For the others z_j ~ N(0, ‖C^{1/2}a_j‖²), so inputs must be gaussian.
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>> {
        match self.link {
            Link::Identity => Some(self.map.clone()),
            Link::Relu if law.is_symmetric() => Some(&self.map * 0.5f64.sqrt()),
            _ => {
                let image = law.gaussian_image(&self.map)?;
                let slope = |row: usize| Some(link::mean_square_slope(self.link, image.row(row).norm())?.sqrt());
                let slopes = (0..self.map.nrows()).map(slope).collect::<Option<Vec<f64>>>()?;
                Some(scaled(&self.map, |j| slopes[j]))
            }
        }
    }
}

/// diag(f)·A.
pub(super) fn scaled(map: &DMatrix<f64>, factor: impl Fn(usize) -> f64) -> DMatrix<f64> {
    let mut rows = map.clone();
    for (j, mut row) in rows.row_iter_mut().enumerate() {
        row *= factor(j);
    }
    rows
}

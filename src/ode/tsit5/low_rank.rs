//! The step of [`Tsit5`](super::Tsit5) for fields F(θ) = −λθ + G(θ) with G a product of thin matrices: every stage and every k_j is a
//! combination of θ and G_1, …, G_7, and only the step's end is formed.
//!
//! With W_i = s_iθ + Σ_m c_im G_m the i-th stage and k_i = −λW_i + G_i,
//! s_i = 1 − hλ Σ_j a_ij s_j and c_im = h a_im − hλ Σ_j a_ij c_jm.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{Factors, LowRankLayout, LowRankSum, vectorised};

use super::super::rhs::{Base, NotFinite, Rhs};
use super::super::{LowRank, Tolerance};
use super::{A2, A3, A4, A5, A6, A7, E, interpolant};

const A: [&[f64]; 7] = [&[], &A2, &A3, &A4, &A5, &A6, &A7];

/// s and c_1, …, c_7 of a vector sθ + Σ c_m G_m.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Combination {
    scale: f64,
    weights: [f64; 7],
}

impl Combination {
    const ZERO: Self = Self { scale: 0.0, weights: [0.0; 7] };
    /// θ itself.
    const BASE: Self = Self { scale: 1.0, weights: [0.0; 7] };

    /// G_i.
    fn term(i: usize) -> Self {
        let mut weights = [0.0; 7];
        weights[i] = 1.0;
        Self { scale: 0.0, weights }
    }

    /// self + a·other.
    fn plus(self, a: f64, other: Self) -> Self {
        Self { scale: self.scale + a * other.scale, weights: std::array::from_fn(|m| self.weights[m] + a * other.weights[m]) }
    }
}

/// What a step keeps for its dense output and for the next step.
pub(super) struct LowRankStages {
    layout: LowRankLayout,
    /// U and V of G_1, …, G_7.
    factors: [Factors; 7],
    /// W_1, …, W_7 and k_1, …, k_7 of the last step.
    stages: [Combination; 7],
    slopes: [Combination; 7],
    /// Start and end of the last step: the G there need not be formed again.
    times: Option<[f64; 2]>,
    /// The error, a panel at a time.
    errors: Vec<f64>,
}

impl LowRankStages {
    pub(super) fn new(field: &dyn LowRank) -> Self {
        let layout = field.layout().clone();
        Self {
            factors: std::array::from_fn(|_| layout.factors()),
            stages: [Combination::ZERO; 7],
            slopes: [Combination::ZERO; 7],
            times: None,
            errors: vec![0.0; layout.longest_panel()],
            layout,
        }
    }

    /// Announces that the next step begins where the last neither began nor ended.
    pub(super) fn restart(&mut self) {
        self.times = None;
    }

    /// [`Method::archive`](super::Method::archive).
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.factors)?;
        archive.item(&mut self.stages)?;
        archive.item(&mut self.slopes)?;
        archive.item(&mut self.times)
    }

    /// [`Method::step`](super::Method::step).
    #[allow(clippy::too_many_arguments)]
    pub(super) fn step(
        &mut self,
        field: &dyn LowRank,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite> {
        let decay = rhs.decay();
        let Self { layout, factors, stages, slopes, times, errors } = self;
        let layout = &*layout;
        let theta = base.theta.as_slice();
        match times.take() {
            Some([_, end]) if end == base.t => factors.swap(0, 6),
            Some([begin, _]) if begin == base.t => {}
            _ => rhs.factors(field, &formed(layout, theta), &mut factors[0])?,
        }
        for i in 0..7 {
            stages[i] = A[i].iter().zip(&*slopes).fold(Combination::BASE, |sum, (a, slope)| sum.plus(h * a, *slope));
            slopes[i] = Combination::term(i).plus(-decay, stages[i]);
            let (before, here) = factors.split_at_mut(i);
            let Combination { scale, weights } = &stages[i];
            let stage = LowRankSum { layout, base: theta, scale: *scale, weights: &weights[..i], terms: before };
            match i {
                0 => {}
                6 => {
                    stage.form(next.as_mut_slice());
                    rhs.factors(field, &formed(layout, next.as_slice()), &mut here[0])?;
                }
                _ => rhs.factors(field, &stage, &mut here[0])?,
            }
        }
        *times = Some([base.t, base.t + h]);
        let error = E.iter().zip(&*slopes).fold(Combination::ZERO, |sum, (e, slope)| sum.plus(h * e, *slope));
        let error = LowRankSum { layout, base: theta, scale: error.scale, weights: &error.weights, terms: factors };
        // k_7 at the end itself: G_7 − λW_7.
        let end = next.as_slice();
        let slope = LowRankSum { layout, base: end, scale: -decay, weights: &[1.0], terms: &factors[6..] };
        let sum = measure(tolerance, &error, &slope, theta, dnext.as_mut_slice(), errors);
        Ok((sum / theta.len() as f64).sqrt())
    }

    /// [`Method::felt`](super::Method::felt).
    pub(super) fn felt(&self, theta: &DVector<f64>) -> f64 {
        let norm_squared = |of| self.sum(theta, &difference(of)).norm_squared();
        let moved = norm_squared(&self.stages);
        if moved > 0.0 { (norm_squared(&self.slopes) / moved).sqrt() } else { 0.0 }
    }

    /// [`Method::interpolate`](super::Method::interpolate).
    pub(super) fn interpolate(&self, theta: &DVector<f64>, h: f64, sigma: f64, out: &mut DVector<f64>) {
        let weights = interpolant(sigma);
        let at = weights.iter().zip(&self.slopes).fold(Combination::BASE, |sum, (b, slope)| sum.plus(h * b, *slope));
        self.sum(theta, &at).form(out.as_mut_slice());
    }

    fn sum<'a>(&'a self, theta: &'a DVector<f64>, of: &'a Combination) -> LowRankSum<'a> {
        // Without decay a difference has only its last few terms.
        let first = of.weights.iter().position(|&weight| weight != 0.0).unwrap_or(7);
        LowRankSum {
            layout: &self.layout,
            base: theta.as_slice(),
            scale: of.scale,
            weights: &of.weights[first..],
            terms: &self.factors[first..],
        }
    }
}

/// A formed vector, as a sum.
fn formed<'a>(layout: &'a LowRankLayout, base: &'a [f64]) -> LowRankSum<'a> {
    LowRankSum { layout, base, scale: 1.0, weights: &[], terms: &[] }
}

/// The end of a step minus its last stage but one.
fn difference(of: &[Combination; 7]) -> Combination {
    of[6].plus(-1.0, of[5])
}

vectorised! {
    /// The sum of squares in the error norm of a step from `theta` to the base of `slope`; writes `slope` to `dnext`.
    fn measure(
        tolerance: &Tolerance,
        error: &LowRankSum<'_>,
        slope: &LowRankSum<'_>,
        theta: &[f64],
        dnext: &mut [f64],
        errors: &mut [f64],
    ) -> f64 {
        let mut sum = 0.0;
        error.layout.for_each_panel(
            #[inline(always)]
            |panel| {
                let (errors, range) = (&mut errors[..panel.range.len()], panel.range.clone());
                error.panel(panel, errors);
                slope.panel(panel, &mut dnext[range.clone()]);
                let (before, after) = (&theta[range.clone()], &slope.base[range]);
                sum += tolerance.squares(before, after, [errors], #[inline(always)] |[error]| error);
            },
        );
        sum
    }
}

#[cfg(test)]
mod tests;

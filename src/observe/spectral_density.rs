//! How the density of the Hessian's eigenvalues is estimated: by stochastic Lanczos quadrature ([`crate::linalg::Quadrature`]).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::linalg::{Quadrature, vectors_that_fit};

/// The density of all eigenvalues of ∇²J, smoothed by a Gaussian: its mean over random vectors, and the standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SpectralDensity {
    /// m: as many random vectors, from 2 to 1,000. Four times as many halve the standard error.
    pub probes: usize,
    /// s: as many products with the Hessian for each of them at every record, from `resolution` to 1,000.
    pub steps: usize,
    /// r: the width of the Gaussian is 1/r of the range of the spectrum, from 4 to 1,000.
    pub resolution: usize,
}

impl Default for SpectralDensity {
    /// 10 probes of 80 steps, at a resolution of 50.
    fn default() -> Self {
        Self { probes: 10, steps: 80, resolution: 50 }
    }
}

/// A density that cannot be estimated as is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpectralDensityError {
    /// The vectors of one iteration do not fit.
    #[error("`density.steps` = {steps} vectors of {parameters} parameters take over 256 MiB: {}", remedy(*most))]
    Memory {
        /// s.
        steps: usize,
        /// P.
        parameters: u64,
        /// The largest s.
        most: usize,
    },
}

/// What to do where `most` vectors fit.
fn remedy(most: usize) -> String {
    if most < SpectralDensity::COARSEST {
        return "leave density out".to_string();
    }
    format!("set steps and resolution to at most {most}")
}

impl SpectralDensity {
    /// The least resolution: a density of fewer widths says nothing.
    const COARSEST: usize = 4;
    /// The largest m, s and r.
    const MOST: usize = 1000;

    /// The numbers by their keys, each with its range. Two probes are the fewest that have a standard error, and fewer steps than the resolution do not resolve
    /// as much.
    pub(super) fn ranges(&self) -> [(&'static str, usize, RangeInclusive<usize>); 3] {
        [
            ("density.probes", self.probes, 2..=Self::MOST),
            ("density.resolution", self.resolution, Self::COARSEST..=Self::MOST),
            ("density.steps", self.steps, self.resolution..=Self::MOST),
        ]
    }

    /// Checks that its vectors fit, of a network with so many parameters.
    ///
    /// # Errors
    /// [`SpectralDensityError`] where s vectors take more than 256 MiB.
    pub fn check(&self, parameters: u64) -> Result<(), SpectralDensityError> {
        let steps = self.steps;
        let dim = usize::try_from(parameters).unwrap_or(usize::MAX);
        let most = vectors_that_fit(dim, 1);
        if steps.min(dim) > most { Err(SpectralDensityError::Memory { steps, parameters, most }) } else { Ok(()) }
    }

    /// The same as numerics know it.
    pub(super) fn quadrature(self) -> Quadrature {
        let Self { probes, steps, resolution } = self;
        Quadrature { probes, steps, resolution }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_estimated_is_refused() {
        let usual = SpectralDensity::default();
        assert_eq!(usual.check(100_000), Ok(()));
        let large = SpectralDensityError::Memory { steps: 80, parameters: 1_000_000, most: 33 };
        assert_eq!(usual.check(1_000_000), Err(large));
        assert!(large.to_string().ends_with(": set steps and resolution to at most 33"), "{large}");
        let followed = SpectralDensity { steps: 33, resolution: 33, ..usual };
        assert_eq!(followed.check(1_000_000), Ok(()));
        let coarsest = SpectralDensity { steps: 4, resolution: 4, ..usual };
        assert_eq!(coarsest.check(8_000_000), Ok(()));
        let hopeless = coarsest.check(9_000_000).unwrap_err();
        assert!(hopeless.to_string().ends_with(": leave density out"), "{hopeless}");
    }
}

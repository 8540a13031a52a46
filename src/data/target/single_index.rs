//! f*(x) = g(⟨a, x⟩), a uniform on the unit sphere: ⟨a, x⟩ has variance 1 for inputs of covariance I. A_{f*} = E[g′(⟨a, x⟩)²]·aaᵀ.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::rng::orthonormal_columns;

use super::Link;
use super::entrywise::Entrywise;

/// f*(x) = link(⟨a, x⟩) with a uniform on the unit sphere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SingleIndex {
    /// The function that is applied to ⟨a, x⟩.
    #[serde(default)]
    pub link: Link,
}

pub(super) fn target(settings: &SingleIndex, dim: usize, rng: &mut impl Rng) -> Entrywise {
    Entrywise { map: orthonormal_columns(dim, 1, rng).transpose(), link: settings.link }
}

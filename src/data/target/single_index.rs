//! f*(x) = g(⟨a, x⟩), a uniform on the unit sphere: ⟨a, x⟩ has variance 1 for inputs of covariance I. A_{f*} = E[g′(⟨a, x⟩)²]·aaᵀ.

use rand::Rng;

use crate::rng::orthonormal_columns;
use crate::settings::SingleIndex;

use super::entrywise::Entrywise;

pub(super) fn target(settings: &SingleIndex, dim: usize, rng: &mut impl Rng) -> Entrywise {
    Entrywise { map: orthonormal_columns(dim, 1, rng).transpose(), link: settings.link }
}

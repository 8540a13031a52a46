//! Named random streams: every random draw of a run comes from one of these.
//!
//! ChaCha8 is specified to the bit, so a seed means the same numbers on every machine; `rand`'s `StdRng` promises no such
//! thing. Streams of one seed are independent: drawing more from one changes nothing in another.

use nalgebra::DMatrix;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use sha2::{Digest, Sha256};

/// What a stream is for. The numbers are part of what a seed means: never reuse or change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The samples' inputs.
    Inputs = 1,
    /// The eigenvectors of the inputs' covariance.
    Covariance = 2,
    /// The target function.
    Target = 3,
    /// Label noise.
    Noise = 4,
    /// The initial weights.
    Init = 5,
    /// The direction in which a balanced start is unbalanced.
    Imbalance = 6,
    /// Where searches for the spectral radius start.
    SpectralRadius = 7,
    /// Where searches for a direction of escape start.
    Stationarity = 8,
    /// Which samples the minibatches of a process hold; one stream per name of a process.
    Batches = 9,
    /// Where searches for the largest curvature start.
    Sharpness = 10,
    /// Where searches for the largest eigenvalue of the tangent kernel start.
    TangentKernel = 11,
    /// Where searches for the eigenvectors of a central flow start.
    CentralFlow = 12,
    /// Where searches for the ends of the Hessian's spectrum start.
    Hessian = 13,
    /// The noise of a stochastic differential equation; one stream per path of a process.
    Sde = 14,
    /// The noise of Langevin dynamics; one stream per name of a process.
    Langevin = 15,
    /// The noise that steps add to labels; one stream per name of a process.
    LabelNoise = 16,
    /// The vectors by which the density of the Hessian's eigenvalues is estimated.
    SpectralDensity = 17,
}

/// The stream of `seed` for `purpose`: ChaCha8 with the seed as its key and the purpose as its stream number.
pub fn stream(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    keyed(seed, [0; 24], purpose)
}

/// The stream of `seed` and a `name` for `purpose`: the key's other 24 bytes are the first of the name's SHA-256. It depends on nothing
/// else: neither on what other names there are nor on their order.
pub fn named_stream(seed: u64, purpose: Purpose, name: &str) -> ChaCha8Rng {
    let mut rest = [0; 24];
    rest.copy_from_slice(&Sha256::digest(name)[..24]);
    keyed(seed, rest, purpose)
}

fn keyed(seed: u64, rest: [u8; 24], purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..].copy_from_slice(&rest);
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(purpose as u64);
    rng
}

/// A `rows` × `columns` matrix of independent standard normal entries, drawn column by column.
pub fn gaussian_matrix(rows: usize, columns: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| StandardNormal.sample(rng))
}

/// Independent standard normal numbers, drawn one after the other.
pub fn fill_gaussian(values: &mut [f64], rng: &mut impl Rng) {
    values.iter_mut().for_each(|value| *value = StandardNormal.sample(rng));
}

/// Q ∈ ℝ^{rows × columns}, QᵀQ = I, uniform (Haar), `rows ≥ columns`: the orthogonal factor of a Gaussian matrix whose triangular
/// factor has a positive diagonal, which is the one that nalgebra gives. With other signs it would not be uniform (Mezzadri, Notices
/// AMS 54, 2007).
pub fn orthonormal_columns(rows: usize, columns: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    gaussian_matrix(rows, columns, rng).qr().q()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_differ_by_seed_and_purpose() {
        let first = |seed, purpose| stream(seed, purpose).next_u64();
        assert_eq!(first(0, Purpose::Init), first(0, Purpose::Init));
        assert_ne!(first(0, Purpose::Init), first(1, Purpose::Init));
        assert_ne!(first(0, Purpose::Init), first(0, Purpose::Noise));
        let named = |seed, name| named_stream(seed, Purpose::Batches, name).next_u64();
        assert_eq!(named(0, "sgd"), named(0, "sgd"));
        assert_ne!(named(0, "sgd"), named(1, "sgd"));
        assert_ne!(named(0, "sgd"), named(0, "other"));
    }

    #[test]
    fn orthonormal_columns_are_the_factor_with_a_positive_diagonal() {
        for seed in 0..20 {
            let g = gaussian_matrix(7, 4, &mut stream(seed, Purpose::Init));
            let q = orthonormal_columns(7, 4, &mut stream(seed, Purpose::Init));
            let r = q.transpose() * &g;
            assert!((q.transpose() * &q - DMatrix::identity(4, 4)).norm() < 1e-14);
            assert!((0..4).all(|j| r[(j, j)] > 0.0), "{r}");
        }
    }

    #[test]
    fn gaussian_entries_have_mean_0_and_variance_1() {
        let g = gaussian_matrix(400, 250, &mut stream(3, Purpose::Inputs));
        let n = g.len() as f64;
        // Five standard deviations of the sample mean and of the sample variance.
        assert!(g.mean().abs() < 5.0 / n.sqrt());
        assert!((g.norm_squared() / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    }
}

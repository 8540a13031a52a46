//! A function over slices, compiled for the widest vectors that the CPU has: 2, 4 or 8 numbers at a time, the same bits in each.

use crate::linalg::vectorised;

/// A function of one number with its first three derivatives, free of branches.
pub trait Pointwise {
    /// σ(z).
    fn value(z: f64) -> f64;
    /// σ(z), σ′(z).
    fn slope(z: f64) -> [f64; 2];
    /// σ(z), σ′(z), σ″(z).
    fn bend(z: f64) -> [f64; 3];
    /// σ(z), σ′(z), σ″(z), σ‴(z).
    fn twist(z: f64) -> [f64; 4];
}

vectorised! {
    /// z ← σ(z).
    pub fn value<F: Pointwise>(z: &mut [f64]) {
        for z in z {
            *z = F::value(*z);
        }
    }

    /// z ← e^{z − less}, of one length.
    pub fn exp_less(z: &mut [f64], less: &[f64]) {
        for (z, less) in z.iter_mut().zip(less) {
            *z = super::exp(*z - less);
        }
    }

    /// z ← σ(z) and `slope` ← σ′(z), of one length.
    pub fn value_and_slope<F: Pointwise>(z: &mut [f64], slope: &mut [f64]) {
        for (z, slope) in z.iter_mut().zip(slope) {
            [*z, *slope] = F::slope(*z);
        }
    }

    /// z ← σ(z), `slope` ← σ′(z) and `bend` ← σ″(z), of one length.
    pub fn value_slope_and_bend<F: Pointwise>(z: &mut [f64], slope: &mut [f64], bend: &mut [f64]) {
        for ((z, slope), bend) in z.iter_mut().zip(slope).zip(bend) {
            [*z, *slope, *bend] = F::bend(*z);
        }
    }

    /// z ← σ(z), `slope` ← σ′(z), `bend` ← σ″(z) and `twist` ← σ‴(z), of one length.
    pub fn value_to_twist<F: Pointwise>(z: &mut [f64], slope: &mut [f64], bend: &mut [f64], twist: &mut [f64]) {
        for (((z, slope), bend), twist) in z.iter_mut().zip(slope).zip(bend).zip(twist) {
            [*z, *slope, *bend, *twist] = F::twist(*z);
        }
    }
}

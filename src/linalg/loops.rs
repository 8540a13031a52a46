//! Loops for functions that are compiled for several widths of vectors.

/// Σ_i f(a_i, b_i, (x_{1i}, …, x_{Ni})) over slices as long as a, in several independent sums whose order depends
/// on that length alone.
#[inline(always)]
pub(crate) fn sum_along<const N: usize>(a: &[f64], b: &[f64], x: [&[f64]; N], f: impl Fn(f64, f64, [f64; N]) -> f64) -> f64 {
    // Two vectors of the widest kind.
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let whole = a.len() / LANES * LANES;
    for i in (0..whole).step_by(LANES) {
        // Of a length that the compiler knows: a test of every index would keep it from vectors.
        let (a, b) = (&a[i..i + LANES], &b[i..i + LANES]);
        let x = x.map(
            #[inline(always)]
            |x| &x[i..i + LANES],
        );
        for k in 0..LANES {
            sums[k] += f(
                a[k],
                b[k],
                std::array::from_fn(
                    #[inline(always)]
                    |j| x[j][k],
                ),
            );
        }
    }
    let mut rest = 0.0;
    for i in whole..a.len() {
        rest += f(
            a[i],
            b[i],
            std::array::from_fn(
                #[inline(always)]
                |j| x[j][i],
            ),
        );
    }
    rest + sums.iter().sum::<f64>()
}

/// Σ_i f(a_i, b_i) over slices of one length, likewise.
#[inline(always)]
pub(crate) fn sum_over(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    const LANES: usize = 32;
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(
            #[inline(always)]
            |(a, b)| f(*a, *b),
        )
        .sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f(*a, *b);
        }
    }
    rest + sums.iter().sum::<f64>()
}

/// y ← y + ax, of one length.
#[inline(always)]
pub(crate) fn add_scaled(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = a.mul_add(*x, *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_of_any_length_are_whole(n in 0usize..200) {
            let (a, b): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (i as f64, 1.0 / (1 + i) as f64)).unzip();
            let exact: f64 = (0..n).map(|i| i as f64 / (1 + i) as f64).sum();
            for sum in [sum_along(&a, &b, [&a, &b], |_, _, [a, b]| a * b), sum_over(&a, &b, |a, b| a * b)] {
                prop_assert!((sum - exact).abs() <= 1e-14 * (1.0 + exact));
            }
        }

        #[test]
        fn scaled_vectors_are_added(n in 0usize..50) {
            let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let mut y = vec![1.0; n];
            add_scaled(&mut y, 2.0, &x);
            add_scaled(&mut y, 0.5, &x);
            prop_assert!(y.iter().zip(&x).all(|(y, x)| *y == 1.0 + 2.5 * x));
        }
    }
}

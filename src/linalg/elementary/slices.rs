//! A function over slices, compiled for the widest vectors that the CPU has: 2, 4 or 8 numbers at a time, the same bits in each.

/// A twice differentiable function of one number, free of branches.
pub trait Pointwise {
    /// σ(z).
    fn value(z: f64) -> f64;
    /// σ(z), σ′(z).
    fn slope(z: f64) -> [f64; 2];
    /// σ(z), σ′(z), σ″(z).
    fn bend(z: f64) -> [f64; 3];
}

/// Compiles a loop three times and runs the widest that the CPU has.
macro_rules! for_each_width {
    ($(#[$doc:meta])* $name:ident($($slice:ident),*) $body:block) => {
        $(#[$doc])*
        pub fn $name<F: Pointwise>($($slice: &mut [f64]),*) {
            #[inline(always)]
            fn any<F: Pointwise>($($slice: &mut [f64]),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<F: Pointwise>($($slice: &mut [f64]),*) {
                    any::<F>($($slice),*);
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
                fn avx512<F: Pointwise>($($slice: &mut [f64]),*) {
                    any::<F>($($slice),*);
                }
                let avx512_vl = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
                if avx512_vl && is_x86_feature_detected!("avx512dq") {
                    // SAFETY: the CPU has these instructions.
                    return unsafe { avx512::<F>($($slice),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has these instructions.
                    return unsafe { avx2::<F>($($slice),*) };
                }
            }
            any::<F>($($slice),*);
        }
    };
}

for_each_width! {
    /// z ← σ(z).
    value(z) {
        for z in z {
            *z = F::value(*z);
        }
    }
}

for_each_width! {
    /// z ← σ(z) and `slope` ← σ′(z), of one length.
    value_and_slope(z, slope) {
        for (z, slope) in z.iter_mut().zip(slope) {
            [*z, *slope] = F::slope(*z);
        }
    }
}

for_each_width! {
    /// z ← σ(z), `slope` ← σ′(z) and `bend` ← σ″(z), of one length.
    value_slope_and_bend(z, slope, bend) {
        for ((z, slope), bend) in z.iter_mut().zip(slope).zip(bend) {
            [*z, *slope, *bend] = F::bend(*z);
        }
    }
}

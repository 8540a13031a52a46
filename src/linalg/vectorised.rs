//! One binary for every CPU: a loop is compiled for vectors of 2, 4 and 8 numbers, and the widest that the CPU has is run.

/// The vectors that the CPU has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "the other widths are x86's"))]
pub(crate) enum Width {
    /// What every CPU of the target has: two numbers.
    Least = 1,
    /// Four numbers, and fused multiplication and addition.
    Avx2 = 2,
    /// Eight.
    Avx512 = 3,
}

impl Width {
    /// The width of this CPU. Asking costs one load and one comparison: a whole product of 5 × 5 matrices takes but ten nanoseconds.
    #[inline(always)]
    pub(crate) fn of_cpu() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::sync::atomic::{AtomicU8, Ordering};
            static KNOWN: AtomicU8 = AtomicU8::new(0);
            #[cold]
            fn ask() -> Width {
                let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let f = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
                let width = match (fused, f && is_x86_feature_detected!("avx512dq")) {
                    (true, true) => Width::Avx512,
                    (true, false) => Width::Avx2,
                    _ => Width::Least,
                };
                KNOWN.store(width as u8, Ordering::Relaxed);
                width
            }
            match KNOWN.load(Ordering::Relaxed) {
                3 => Self::Avx512,
                2 => Self::Avx2,
                1 => Self::Least,
                _ => ask(),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::Least
    }
}

/// `vectorised! { fn name(arguments) -> Result { plain loops } }` is that function, compiled for each [`Width`]. What it calls must be
/// `#[inline(always)]` to be compiled along with it; a function with a constant parameter is `fn name[const N: usize](…)`. Rust never fuses a·b + c by itself, nor reorders a sum: loops without
/// `mul_add` give the same bits at each width, and so do those with it.
///
/// It is a macro because a closure that is passed to a function with wider vectors is compiled for them only if the compiler inlines it.
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident $([const $count:ident: usize])? $(<$($generic:ident: $bound:path),+>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        #[inline]
        $visibility fn $name <$($($generic: $bound,)+)? $(const $count: usize)?> ($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn any <$($($generic: $bound,)+)? $(const $count: usize)?> ($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::linalg::Width;
                /// # Safety
                /// The CPU must have these instructions.
                #[target_feature(enable = "avx2,fma")]
                fn avx2 <$($($generic: $bound,)+)? $(const $count: usize)?> ($($argument: $type),*) $(-> $result)? {
                    any ::<$($($generic,)+)? $($count)?> ($($argument),*)
                }
                /// # Safety
                /// The CPU must have these instructions.
                #[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
                fn avx512 <$($($generic: $bound,)+)? $(const $count: usize)?> ($($argument: $type),*) $(-> $result)? {
                    any ::<$($($generic,)+)? $($count)?> ($($argument),*)
                }
                match Width::of_cpu() {
                    // SAFETY: the CPU has these instructions.
                    Width::Avx512 => return unsafe { avx512 ::<$($($generic,)+)? $($count)?> ($($argument),*) },
                    // SAFETY: likewise.
                    Width::Avx2 => return unsafe { avx2 ::<$($($generic,)+)? $($count)?> ($($argument),*) },
                    Width::Least => {}
                }
            }
            any ::<$($($generic,)+)? $($count)?> ($($argument),*)
        }
    )+};
}

pub(crate) use vectorised;

#[cfg(test)]
mod tests {

    vectorised! {
        fn fused(x: &mut [f64], y: &[f64]) -> f64 {
            for (x, y) in x.iter_mut().zip(y) {
                *x = y.mul_add(0.1, *x);
            }
            x.iter().sum()
        }
    }

    /// Each is called as often as its loop is long, whatever the width, and rounds once where it says so.
    #[test]
    fn every_width_gives_the_bits_of_plain_loops() {
        for length in 0..40 {
            let y: Vec<f64> = (0..length).map(|i| 1.0 / (3.0 + i as f64)).collect();
            let mut x: Vec<f64> = y.iter().map(|y| 1.0 - y * y).collect();
            let expected: Vec<f64> = x.iter().zip(&y).map(|(x, y)| y.mul_add(0.1, *x)).collect();
            let sum = fused(&mut x, &y);
            assert_eq!(x, expected);
            assert_eq!(sum.to_bits(), expected.iter().sum::<f64>().to_bits());
        }
    }
}

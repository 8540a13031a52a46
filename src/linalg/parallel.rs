//! Large products on several threads: C in blocks of columns or rows that its shape alone fixes, each formed as if it were all, so that
//! any number of threads gives the same bits.
//!
//! The threads are those of a pool of rayon's, which wait between products: starting one takes as long as a product of 128 × 128 matrices.
//! The thread that multiplies is a member of the pool itself. From outside it would hand every product over whole and sleep until it is
//! done: with three wake-ups a product instead of one, two threads took a gradient of 512 × 512 matrices 1.3 to 1.7 times as far as one,
//! from one process to the next, instead of 1.9.

use std::cell::Cell;

use faer::{MatMut, MatRef};

thread_local! {
    /// Threads that products begun on this one may take.
    static THREADS: Cell<usize> = const { Cell::new(1) };
}

/// Runs `work`, whose large products take at most so many threads; outside they take one.
pub fn on_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    /// Puts back what was, should the work panic too.
    struct Before(usize);
    impl Drop for Before {
        fn drop(&mut self) {
            THREADS.set(self.0);
        }
    }
    let _before = Before(THREADS.replace(threads));
    work()
}

/// Multiplications of a product that is worth a second thread: some 70 microseconds of work, where handing it over takes 10.
const LEAST: usize = 160 * 160 * 160;

/// Rows or columns of a block. Thinner ones would pack the other factor too often: at 512 × 512, 128 cost 4 % and 256 nothing.
const BLOCK: usize = 256;

/// In how many blocks the longer side of C stands.
fn blocks(m: usize, n: usize, k: usize) -> usize {
    let longer = m.max(n);
    if longer < 128 || m * n * k < LEAST { 1 } else { longer.div_ceil(BLOCK).max(2) }
}

/// C ← AB or the same added by `multiply`, block by block.
pub(super) fn in_blocks<F>(a: MatRef<f64>, b: MatRef<f64>, c: MatMut<f64>, multiply: &F)
where
    F: Fn(MatRef<f64>, MatRef<f64>, MatMut<f64>) + Sync,
{
    let (count, threads) = (blocks(c.nrows(), c.ncols(), a.ncols()), THREADS.get());
    if count > 1 && threads > 1 {
        enter_pool();
    }
    share(a, b, c, count, threads, multiply);
}

/// Makes this thread the first of a pool, where it stays until it ends, unless it is in one already.
fn enter_pool() {
    thread_local! {
        static POOL: Option<rayon::ThreadPool> = rayon::ThreadPoolBuilder::new().use_current_thread().build().ok();
    }
    POOL.with(|_| ());
}

/// The first half of the blocks here and the second on another thread, as long as there are threads.
fn share<F>(a: MatRef<f64>, b: MatRef<f64>, c: MatMut<f64>, blocks: usize, threads: usize, multiply: &F)
where
    F: Fn(MatRef<f64>, MatRef<f64>, MatMut<f64>) + Sync,
{
    if blocks <= 1 {
        return multiply(a, b, c);
    }
    let first = blocks / 2;
    // Borders at multiples of a vector of eight numbers, the same however the halves are halved again.
    let border = |longer: usize| (longer * first / blocks).next_multiple_of(8).min(longer);
    let by_columns = c.ncols() >= c.nrows();
    let ((a_1, b_1, c_1), (a_2, b_2, c_2)) = if by_columns {
        let border = border(c.ncols());
        let ((b_1, b_2), (c_1, c_2)) = (b.split_at_col(border), c.split_at_col_mut(border));
        ((a, b_1, c_1), (a, b_2, c_2))
    } else {
        let border = border(c.nrows());
        let ((a_1, a_2), (c_1, c_2)) = (a.split_at_row(border), c.split_at_row_mut(border));
        ((a_1, b, c_1), (a_2, b, c_2))
    };
    let second = blocks - first;
    if threads <= 1 {
        share(a_1, b_1, c_1, first, 1, multiply);
        share(a_2, b_2, c_2, second, 1, multiply);
    } else {
        rayon::join(
            || share(a_1, b_1, c_1, first, threads / 2, multiply),
            || share(a_2, b_2, c_2, second, threads.div_ceil(2), multiply),
        );
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// In one block, two, three and more, by columns and by rows.
    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        for (m, n, k) in [(100, 110, 90), (200, 200, 200), (130, 700, 61), (701, 90, 150), (515, 1300, 33), (9, 2000, 400)] {
            let rng = &mut stream(0, Purpose::Init);
            let (a, b, c) = (gaussian_matrix(m, k, rng), gaussian_matrix(k, n, rng), gaussian_matrix(m, n, rng));
            let (at, bt) = (a.transpose(), b.transpose());
            for write in [Write::Replace, Write::Add] {
                let forms = |threads: usize| -> [DMatrix<f64>; 3] {
                    let mut out = [c.clone(), c.clone(), c.clone()];
                    on_threads(threads, || {
                        gemm_nn(write, a.as_view(), b.as_view(), out[0].as_view_mut());
                        gemm_tn(write, at.as_view(), b.as_view(), out[1].as_view_mut());
                        gemm_nt(write, a.as_view(), bt.as_view(), out[2].as_view_mut());
                    });
                    out
                };
                let one = forms(1);
                let plain = &a * &b + if write == Write::Add { c.clone() } else { DMatrix::zeros(m, n) };
                assert!(one.iter().all(|form| (form - &plain).amax() < 1e-13 * k as f64), "{m} {n} {k}");
                for threads in [0, 2, 3, 4, 7] {
                    assert!(forms(threads) == one, "{m} {n} {k} {write:?}: {threads} threads");
                }
            }
        }
    }

    /// The number of threads holds for the work that it is given for, whatever becomes of that.
    #[test]
    fn threads_are_given_for_one_work() {
        on_threads(3, || {
            on_threads(2, || assert_eq!(THREADS.get(), 2));
            assert_eq!(THREADS.get(), 3);
        });
        let _ = std::panic::catch_unwind(|| on_threads(5, || std::panic::resume_unwind(Box::new(()))));
        assert_eq!(THREADS.get(), 1);
    }

    #[test]
    fn small_products_stand_in_one_block_and_large_ones_in_several() {
        assert_eq!([blocks(128, 128, 128), blocks(9, 127, 10_000), blocks(200, 200, 200), blocks(512, 512, 512)], [1, 1, 2, 2]);
        assert_eq!([blocks(64, 2000, 600), blocks(1024, 64, 600)], [8, 4]);
    }
}

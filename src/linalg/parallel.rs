//! Large products on several threads. The shape of C alone decides how it is cut into blocks of columns or rows, and each block is a product of
//! its own, so that any number of threads gives the same bits.
//!
//! The calling thread takes blocks itself, and its helpers take the others ([`team`](super::team)). To hand over a product, a helper that sleeps
//! is woken; to start a thread each time would take as long as a product of 128 × 128 matrices.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

use faer::{MatMut, MatRef};

use super::team;

thread_local! {
    /// Threads that products begun on this one may take.
    static THREADS: Cell<usize> = const { Cell::new(1) };

    /// Threads that [`on_threads`] may give them, whatever it is asked for.
    static MOST: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Sets a number of threads, and the earlier one again when it goes, even by a panic.
struct Within(&'static std::thread::LocalKey<Cell<usize>>, usize);

impl Within {
    fn new(number: &'static std::thread::LocalKey<Cell<usize>>, now: usize) -> Self {
        Self(number, number.replace(now))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// Runs `work`, in which [`on_threads`] gives no more than so many: other threads have work of their own.
pub fn at_most_threads<R>(most: usize, work: impl FnOnce() -> R) -> R {
    let _within = Within::new(&MOST, most);
    work()
}

/// As many of so many threads as [`on_threads`] and [`each_on_threads`] would give here.
pub fn threads_granted(threads: usize) -> usize {
    threads.min(MOST.get())
}

/// Runs `work`. Its large products take at most so many threads, this one included; all other products take one. The other threads are started
/// when a product first needs them, and end with this thread, whatever pool it belongs to.
pub fn on_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    let _within = Within::new(&THREADS, threads_granted(threads));
    work()
}

/// Calls `work(i, items[i])` once for each item, on at most so many threads, this one included; the others are those that help with products.
/// With one thread it allocates nothing.
///
/// # Panics
/// If `work` does.
pub fn each_on_threads<T: Send>(threads: usize, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let threads = threads_granted(threads);
    if threads <= 1 || items.len() <= 1 {
        return items.iter_mut().enumerate().for_each(|(index, item)| work(index, item));
    }
    struct Items<T>(*mut T);
    // SAFETY: it is used to send each item to one thread, by `at`.
    unsafe impl<T: Send> Sync for Items<T> {}
    impl<T> Items<T> {
        /// # Safety
        /// The index must be within the slice, and given once.
        unsafe fn at<'a>(&self, index: usize) -> &'a mut T {
            // SAFETY: by the caller's word.
            unsafe { &mut *self.0.add(index) }
        }
    }
    let (count, items) = (items.len(), Items(items.as_mut_ptr()));
    // Neighbours on one thread, as a rule on the same at every call: what an item keeps stays in that core's cache.
    let each = count.div_ceil(threads);
    team::for_each(count.div_ceil(each), threads, &|group| {
        for index in group * each..count.min((group + 1) * each) {
            // SAFETY: the slice is borrowed until all are done, and each index below its length comes once.
            work(index, unsafe { items.at(index) });
        }
    });
}

/// Multiplications of a product that is worth a second thread: some 70 microseconds of work, where handing it over takes 10.
const LEAST: usize = 160 * 160 * 160;

/// Rows or columns of a block. Thinner ones would pack the other factor too often: at 512 × 512, 128 cost 4 % and 256 nothing.
const BLOCK: usize = 256;

/// Into how many blocks the longer side of C is cut.
fn blocks(m: usize, n: usize, k: usize) -> usize {
    let longer = m.max(n);
    if longer < 128 || m * n * k < LEAST { 1 } else { longer.div_ceil(BLOCK).max(2) }
}

/// Rows and columns of block `index` of `count` of an m × n matrix: halves of halves, across the longer side.
fn block(m: usize, n: usize, mut count: usize, mut index: usize) -> [Range<usize>; 2] {
    let (mut rows, mut columns) = (0..m, 0..n);
    while count > 1 {
        let first = count / 2;
        let side = if columns.len() >= rows.len() { &mut columns } else { &mut rows };
        // Borders at multiples of a vector of eight numbers.
        let border = side.start + (side.len() * first / count).next_multiple_of(8).min(side.len());
        if index < first {
            (side.end, count) = (border, first);
        } else {
            (side.start, count, index) = (border, count - first, index - first);
        }
    }
    [rows, columns]
}

/// A matrix of which several threads write a block each.
struct Shared<'a> {
    at: *mut f64,
    rows: usize,
    columns: usize,
    strides: [isize; 2],
    borrowed: PhantomData<MatMut<'a, f64>>,
}

// SAFETY: a `MatMut` of numbers may be used by another thread, and threads make disjoint ones of it.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    fn new(c: MatMut<'a, f64>) -> Self {
        let (rows, columns, strides) = (c.nrows(), c.ncols(), [c.row_stride(), c.col_stride()]);
        Self { at: c.as_ptr_mut(), rows, columns, strides, borrowed: PhantomData }
    }

    /// These rows and columns.
    ///
    /// # Safety
    /// No two parts that exist at one time may overlap.
    unsafe fn part(&self, [rows, columns]: &[Range<usize>; 2]) -> MatMut<'_, f64> {
        assert!(rows.end <= self.rows && columns.end <= self.columns, "a block lies within its matrix");
        let [row, column] = self.strides;
        let at = self.at.wrapping_offset(rows.start as isize * row + columns.start as isize * column);
        // SAFETY: within the matrix, which is borrowed mutably for 'a, and disjoint of others by the caller's word.
        unsafe { MatMut::from_raw_parts_mut(at, rows.len(), columns.len(), row, column) }
    }
}

/// C ← AB or the same added by `multiply`, block by block.
pub(super) fn in_blocks<F>(a: MatRef<f64>, b: MatRef<f64>, c: MatMut<f64>, multiply: &F)
where
    F: Fn(MatRef<f64>, MatRef<f64>, MatMut<f64>) + Sync,
{
    let (m, n) = (c.nrows(), c.ncols());
    let count = blocks(m, n, a.ncols());
    if count == 1 {
        return multiply(a, b, c);
    }
    let whole = Shared::new(c);
    team::for_each(count, THREADS.get(), &|index| {
        let block = block(m, n, count, index);
        // SAFETY: blocks of different indices are disjoint, and each index comes once.
        let c = unsafe { whole.part(&block) };
        let [rows, columns] = block;
        multiply(a.subrows(rows.start, rows.len()), b.subcols(columns.start, columns.len()), c);
    });
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

    #[test]
    fn each_item_is_worked_on_once_by_any_number_of_threads() {
        for threads in 0..6 {
            let mut items: Vec<Vec<usize>> = vec![vec![7]; 5];
            each_on_threads(threads, &mut items, |index, item| item.push(index));
            assert_eq!(items, [[7, 0], [7, 1], [7, 2], [7, 3], [7, 4]]);
            each_on_threads(threads, &mut [(); 0], |_, ()| unreachable!());
        }
    }

    /// Every entry is in one block.
    #[test]
    fn blocks_tile_their_matrix() {
        for (m, n) in [(1, 1), (9, 2000), (515, 1300), (701, 90), (64, 64), (8, 3)] {
            for count in 1..12 {
                let mut times = DMatrix::from_element(m, n, 0);
                for index in 0..count {
                    let [rows, columns] = block(m, n, count, index);
                    times.view_mut((rows.start, columns.start), (rows.len(), columns.len())).add_scalar_mut(1);
                }
                assert!(times.iter().all(|times| *times == 1), "{m} {n} in {count}");
            }
        }
    }

    /// A product large enough for several threads, and what one thread makes of it.
    fn large() -> ([DMatrix<f64>; 2], DMatrix<f64>) {
        let rng = &mut stream(3, Purpose::Init);
        let factors = [gaussian_matrix(300, 200, rng), gaussian_matrix(200, 520, rng)];
        let one = formed(&factors, 1);
        (factors, one)
    }

    fn formed([a, b]: &[DMatrix<f64>; 2], threads: usize) -> DMatrix<f64> {
        let mut c = DMatrix::zeros(a.nrows(), b.ncols());
        on_threads(threads, || gemm_nn(Write::Replace, a.as_view(), b.as_view(), c.as_view_mut()));
        c
    }

    /// Inside pools of the host, of one thread and of several, and on threads of its own, many at once.
    #[test]
    fn a_host_may_have_threads_of_its_own() {
        let (factors, one) = large();
        for size in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(size).build().unwrap();
            for threads in [1, 2, 4] {
                assert!(pool.install(|| formed(&factors, threads)) == one, "{size} {threads}");
                pool.scope(|scope| {
                    for _ in 0..6 {
                        scope.spawn(|_| (0..3).for_each(|_| assert!(formed(&factors, threads) == one)));
                    }
                });
            }
        }
        std::thread::scope(|scope| {
            for threads in [1, 2, 3, 5] {
                let (factors, one) = (&factors, &one);
                scope.spawn(move || (0..5).for_each(|_| assert!(formed(factors, threads) == *one, "{threads}")));
            }
        });
    }

    /// The caller is in no pool afterwards, and has as many helpers as it asked for.
    #[test]
    fn a_caller_is_not_captured_and_gets_the_threads_it_asks_for() {
        let (factors, one) = large();
        std::thread::spawn(move || {
            assert!(formed(&factors, 1) == one && team::helpers() == 0);
            assert!(formed(&factors, 2) == one && team::helpers() == 1);
            assert!(formed(&factors, 1) == one && team::helpers() == 1);
            // Three blocks need no more than three threads.
            assert!(formed(&factors, 64) == one && team::helpers() == 2);
            assert_eq!(rayon::current_thread_index(), None);
            // Which fails on a thread that is in a pool.
            assert!(rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().is_ok());
        })
        .join()
        .unwrap();
    }

    /// The number of threads holds for the work that it is given for, whatever becomes of that.
    #[test]
    fn threads_are_given_for_one_work() {
        on_threads(3, || {
            on_threads(2, || assert_eq!(THREADS.get(), 2));
            assert_eq!(THREADS.get(), 3);
            at_most_threads(2, || on_threads(3, || assert_eq!(THREADS.get(), 2)));
            on_threads(4, || assert_eq!(THREADS.get(), 4));
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

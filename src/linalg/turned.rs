//! Right factors of products that lie row by row. faer's kernels read them where they are: one row for each term, and of long rows every one lies
//! on another page. Where rows are a whole number of pages apart they also fall into the same few places of the cache, and a product takes twice
//! as long. Copied column by column, such a factor costs a product of 512 rows a twentieth.

use std::cell::RefCell;

use faer::MatRef;

thread_local! {
    /// The copy: kept, so that only the first one of a size allocates.
    static COPY: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// Numbers on a page.
const PAGE: usize = 512;
/// Rows of a product that pay for a copy where rows are whole pages apart: for 64 it takes three quarters of the time, for 32 as much.
const ROWS: usize = 64;
/// Where they are not, rows and entries that do: at 256 × 320 × 320 it is as fast, at 512 × 512 × 512 a tenth faster.
const MANY_ROWS: usize = 256;
const MANY_ENTRIES: usize = 320 * 320;
/// Of the distance of a copy's columns this bit is set: so they are never whole pages apart.
const ODD: usize = 8;
/// Rows and columns that are copied together: the lines of both sides stay in the cache.
const TILE: usize = 8;

/// Whether a product of so many rows is faster with a copy of `b`.
fn pays(rows: usize, b: MatRef<f64>) -> bool {
    let (terms, columns) = b.shape();
    let by_rows = b.col_stride() == 1 && terms > 1 && columns > 1;
    let pages_apart = (b.row_stride() as usize).is_multiple_of(PAGE);
    by_rows && if pages_apart { rows >= ROWS } else { rows >= MANY_ROWS && terms * columns >= MANY_ENTRIES }
}

/// Calls `multiply` with `b`, in a copy where that is faster for a product of so many rows.
pub(super) fn turned(rows: usize, b: MatRef<f64>, multiply: impl FnOnce(MatRef<f64>)) {
    if !pays(rows, b) {
        return multiply(b);
    }
    let (terms, columns) = b.shape();
    COPY.with_borrow_mut(|copy| {
        let apart = terms | ODD;
        if copy.len() < apart * columns {
            copy.resize(apart * columns, 0.0);
        }
        for row in (0..terms).step_by(TILE) {
            for column in (0..columns).step_by(TILE) {
                for i in row..terms.min(row + TILE) {
                    for j in column..columns.min(column + TILE) {
                        copy[i + j * apart] = b[(i, j)];
                    }
                }
            }
        }
        multiply(MatRef::from_column_major_slice_with_stride(&copy[..apart * columns], terms, columns, apart));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_entries_and_columns_apart() {
        for (terms, columns) in [(512, 512), (504, 1024), (33, 1024), (330, 320), (64, 500), (1, 512), (512, 1), (7, 0)] {
            let entries: Vec<f64> = (0..terms * columns).map(|i| i as f64).collect();
            let by_columns = MatRef::from_column_major_slice(&entries, columns, terms);
            let b = by_columns.transpose();
            for rows in [1, ROWS, MANY_ROWS] {
                let mut called = false;
                turned(rows, b, |used| {
                    assert_eq!(used, b);
                    assert_eq!(pays(rows, b), used.as_ptr() != b.as_ptr());
                    assert!(!pays(rows, b) || (used.row_stride() == 1 && used.col_stride() % PAGE as isize != 0));
                    called = true;
                });
                assert!(called && !pays(rows, by_columns));
            }
        }
    }

    #[test]
    fn only_large_factors_by_rows_and_those_a_page_apart_are_copied() {
        let entries = vec![0.0; 512 * 512];
        let by_rows = |terms: usize, columns: usize| MatRef::from_row_major_slice(&entries[..terms * columns], terms, columns);
        let paid =
            [(64, 20, 512), (256, 400, 400), (512, 320, 320)].map(|(rows, terms, columns)| pays(rows, by_rows(terms, columns)));
        let unpaid =
            [(32, 20, 512), (128, 400, 400), (512, 100, 100)].map(|(rows, terms, columns)| pays(rows, by_rows(terms, columns)));
        assert_eq!((paid, unpaid), ([true; 3], [false; 3]));
    }
}

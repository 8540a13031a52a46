//! NPZ, numpy's archive of named arrays: float64 in and out.
//!
//! Written members are stored uncompressed, in C order, in the order of their names and without time stamps, so that the
//! same arrays give the same bytes. Read members may be compressed (`np.savez_compressed`), in either order, and of float32,
//! float64 or any integer type. Nothing is set aside for an array before its header, its size in the archive and the memory that is
//! free were compared.

mod header;
mod read;
mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use nalgebra::DMatrixView;

use crate::machine::Bytes;
use crate::spool::Spooled;

pub use read::{read, read_those, shapes};
pub use writer::NpzWriter;

/// A real array in C (row-major) order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the axes; their product is `data.len()`.
    pub shape: Vec<usize>,
    /// The entries, last axis fastest. They read like a slice; of a long array over time they lie on disk, and are loaded for that.
    pub data: Spooled<f64>,
}

impl Array {
    /// The array of this shape; the product of its lengths is that of `data`.
    pub fn new(shape: &[usize], data: impl Into<Spooled<f64>>) -> Self {
        Self { shape: shape.to_vec(), data: data.into() }
    }

    /// The vector of shape `(data.len(),)`.
    pub fn vector(data: impl Into<Spooled<f64>>) -> Self {
        let data = data.into();
        Self { shape: vec![data.len()], data }
    }

    /// The array of shape (rows, columns).
    pub fn matrix(m: DMatrixView<f64>) -> Self {
        // nalgebra's columns of the transpose are the rows.
        Self { shape: vec![m.nrows(), m.ncols()], data: m.transpose().as_slice().to_vec().into() }
    }

    /// Row `i` along the first axis, the other axes flattened.
    pub fn row(&self, i: usize) -> Cow<'_, [f64]> {
        let width = self.width();
        self.data.slice(i * width..(i + 1) * width)
    }

    /// Entry `k` of every row, the other axes flattened.
    pub fn column(&self, k: usize) -> impl Iterator<Item = f64> {
        self.data.values().skip(k).step_by(self.width().max(1))
    }

    /// Length of a row along the first axis.
    fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Number of rows along the first axis (0 for a scalar array).
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }
}

/// Named arrays, in the order of their names.
pub type Arrays = BTreeMap<String, Array>;

/// Why an NPZ file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The file cannot be opened for reading.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file, or the head of one of its members, is not ZIP.
    #[error("{} is not an NPZ archive{}", path.display(), remedy(path, reason))]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What the ZIP reader says.
        reason: String,
    },
    /// An array is cut short, fails its checksum, or is not of real numbers.
    #[error("{}: array `{name}` cannot be read ({reason}): store it as float64", path.display())]
    Member {
        /// The file.
        path: PathBuf,
        /// The name of the array, without `.npy`.
        name: String,
        /// What the reader of the array says.
        reason: String,
    },
    /// Two arrays have the same name.
    #[error("{} holds two arrays `{name}`: keep one of them", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name of both, without `.npy`.
        name: String,
    },
    /// An array takes more memory than is free.
    #[error("{}: array `{name}` of shape {shape:?} takes {}, and {} are free: store fewer rows", path.display(), Bytes(*needed), Bytes(*free))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The name of the array, without `.npy`.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes that it takes in memory.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The file cannot be created or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// How to make an archive of what is no archive, for `reason`.
fn remedy(path: &Path, reason: &str) -> String {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase().as_str() {
        "csv" | "tsv" | "txt" => {
            " but text: read it with pandas.read_csv, and write its columns with numpy.savez, as in numpy.savez(\"data.npz\", X=…, Y=…)".to_string()
        }
        "npy" => ", for it holds one array without a name: write all of them to one file with numpy.savez, as in numpy.savez(\"data.npz\", X=…, Y=…)".to_string(),
        _ => format!(" ({reason}): write it with numpy.savez"),
    }
}

/// Writes `arrays` to `path`, replacing what is there.
pub fn write(path: &Path, arrays: &Arrays) -> Result<(), NpzError> {
    let written = File::create(path).and_then(|file| write_to(file, arrays));
    written.map_err(|source| NpzError::Write { path: path.into(), source })
}

/// Writes `arrays` to an empty file.
pub fn write_to(file: impl Write + Seek, arrays: &Arrays) -> io::Result<()> {
    let mut archive = writer::Archive::new(file);
    for (name, array) in arrays {
        archive.begin(name, "<f8", &array.shape)?;
        array.data.pieces().try_for_each(|piece| archive.numbers(&piece))?;
    }
    archive.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_survive_the_round_trip_bit_for_bit() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let arrays = Arrays::from([
            ("W1".to_string(), Array::new(&[2, 3], [1.0, -0.0, f64::MIN_POSITIVE, f64::NAN, 0.1, 1e300])),
            ("flow/t".to_string(), Array::vector(vec![])),
        ]);
        write(&path, &arrays).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(arrays.len(), back.len());
        for (name, array) in &arrays {
            assert_eq!(array.shape, back[name].shape);
            let bits = |a: &Array| a.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(array), bits(&back[name]));
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        write(&path, &Arrays::from([("X".to_string(), Array::vector(vec![1.0; 100]))])).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let last_number = bytes.windows(8).rposition(|window| window == 1f64.to_le_bytes()).unwrap();
        bytes[last_number] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(read(&path), Err(NpzError::Member { .. })));
    }

    #[test]
    fn a_file_that_is_no_archive_says_what_to_do() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, "X,Y\n1,2\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("numpy.savez"));
    }
}

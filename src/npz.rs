//! NPZ, numpy's archive of named arrays: float64 in and out.
//!
//! Written members are stored uncompressed, in C order, in the order of their names and without time stamps, so that the
//! same arrays give the same bytes. Read members may be compressed (`np.savez_compressed`), in either order, and of float32,
//! float64 or any integer type.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use nalgebra::DMatrixView;
use npyz::WriterBuilder;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// A real array in C (row-major) order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the axes; their product is `data.len()`.
    pub shape: Vec<usize>,
    /// The entries, last axis fastest.
    pub data: Vec<f64>,
}

impl Array {
    /// The vector of shape `(data.len(),)`.
    pub fn vector(data: Vec<f64>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The array of shape (rows, columns).
    pub fn matrix(m: DMatrixView<f64>) -> Self {
        // nalgebra's columns of the transpose are the rows.
        Self { shape: vec![m.nrows(), m.ncols()], data: m.transpose().as_slice().to_vec() }
    }

    /// Row `i` along the first axis, the other axes flattened.
    pub fn row(&self, i: usize) -> &[f64] {
        let width: usize = self.shape.iter().skip(1).product();
        &self.data[i * width..(i + 1) * width]
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
    #[error("{} is not an NPZ archive ({reason}): write it with numpy.savez", path.display())]
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
    /// The file cannot be created or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Reads every array of `path` as float64. Integers and float32 are widened; complex numbers, strings and objects are errors.
pub fn read(path: &Path) -> Result<Arrays, NpzError> {
    read_those(path, |_| true)
}

/// Reads the arrays whose names are `wanted`, and leaves the others unread, whatever they are.
pub fn read_those(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Arrays, NpzError> {
    let file = File::open(path).map_err(|source| NpzError::Open { path: path.into(), source })?;
    let not_an_archive = |e: zip::result::ZipError| NpzError::NotAnArchive { path: path.into(), reason: e.to_string() };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(not_an_archive)?;
    let mut arrays = Arrays::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(not_an_archive)?;
        let name = member.name().map_err(not_an_archive)?.trim_end_matches(".npy").to_string();
        if !wanted(&name) {
            continue;
        }
        // To its end, where the archive's checksum is verified: the array itself may stop short of it.
        let array = read_array(&mut member)
            .and_then(|array| io::copy(&mut member, &mut io::sink()).map(|_| array))
            .map_err(|e| NpzError::Member { path: path.into(), name: name.clone(), reason: e.to_string() })?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

fn read_array(reader: impl Read) -> io::Result<Array> {
    let npy = npyz::NpyFile::new(reader)?;
    let shape: Vec<usize> = npy.shape().iter().map(|&n| n as usize).collect();
    let order = npy.order();
    let data = widen(npy)?;
    let data = match order {
        npyz::Order::C => data,
        npyz::Order::Fortran => to_c_order(&data, &shape),
    };
    Ok(Array { shape, data })
}

fn widen<R: Read>(npy: npyz::NpyFile<R>) -> io::Result<Vec<f64>> {
    let dtype = npy.dtype().descr();
    macro_rules! widen_from {
        ($($number:ty),*) => {{
            let mut npy = npy;
            $(npy = match npy.try_data::<$number>() {
                Ok(values) => return values.map(|value| value.map(|v| v as f64)).collect(),
                Err(other) => other,
            };)*
            let _ = npy;
        }};
    }
    widen_from!(f64, f32, i64, i32, i16, i8, u64, u32, u16, u8);
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("its type is {dtype}")))
}

fn to_c_order(fortran: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut c = Vec::with_capacity(fortran.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..fortran.len() {
        let position = shape.iter().zip(&index).rev().fold(0, |acc, (&length, &i)| acc * length + i);
        c.push(fortran[position]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    c
}

/// Writes `arrays` to `path`, replacing what is there.
pub fn write(path: &Path, arrays: &Arrays) -> Result<(), NpzError> {
    write_archive(path, arrays).map_err(|source| NpzError::Write { path: path.into(), source })
}

fn write_archive(path: &Path, arrays: &Arrays) -> io::Result<()> {
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path)?));
    // Without time stamps: the same arrays must give the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options)?;
        let shape: Vec<u64> = array.shape.iter().map(|&n| n as u64).collect();
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut archive).begin_nd()?;
        writer.extend(array.data.iter())?;
        writer.finish()?;
    }
    archive.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_survive_the_round_trip_bit_for_bit() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let arrays = Arrays::from([
            ("W1".to_string(), Array { shape: vec![2, 3], data: vec![1.0, -0.0, f64::MIN_POSITIVE, f64::NAN, 0.1, 1e300] }),
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
    fn fortran_order_is_turned_to_c_order() {
        // [[0, 1, 2], [3, 4, 5]] stored column by column.
        assert_eq!(to_c_order(&[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], &[2, 3]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn a_file_that_is_no_archive_says_what_to_do() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, "X,Y\n1,2\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("numpy.savez"));
    }
}

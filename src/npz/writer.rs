//! Writing, array by array, where not all of them are in memory.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::NpzError;

/// An NPZ file that is being written. Arrays stand in it in the order in which they are written.
pub struct NpzWriter {
    path: PathBuf,
    archive: Archive<File>,
}

/// The archive itself, whatever it goes to.
pub(super) struct Archive<W: Write + Seek>(ZipWriter<BufWriter<W>>);

impl NpzWriter {
    /// Begins the file at `path`, replacing what is there.
    ///
    /// # Errors
    /// [`NpzError::Write`] if it cannot be created.
    pub fn create(path: &Path) -> Result<Self, NpzError> {
        let file = File::create(path).map_err(|source| NpzError::Write { path: path.into(), source })?;
        Ok(Self { path: path.into(), archive: Archive::new(file) })
    }

    /// Writes an array of this shape, its entries in C order.
    ///
    /// # Errors
    /// [`NpzError::Write`] if it cannot be written.
    pub fn array(&mut self, name: &str, shape: &[usize], data: &[f64]) -> Result<(), NpzError> {
        self.begin(name, shape)?;
        self.numbers(data)
    }

    /// Begins an array of this shape; [`NpzWriter::numbers`] writes its entries.
    pub fn begin(&mut self, name: &str, shape: &[usize]) -> Result<(), NpzError> {
        let begun = self.archive.begin(name, "<f8", shape);
        self.named(begun)
    }

    /// The next entries, in C order, of the array that was begun last.
    pub fn numbers(&mut self, data: &[f64]) -> Result<(), NpzError> {
        let written = self.archive.numbers(data);
        self.named(written)
    }

    /// Writes a vector of texts, as wide as the longest.
    pub fn texts(&mut self, name: &str, texts: &[String]) -> Result<(), NpzError> {
        let written = self.archive.texts(name, texts);
        self.named(written)
    }

    /// Completes the file.
    pub fn finish(self) -> Result<(), NpzError> {
        let Self { path, archive } = self;
        archive.finish().map_err(|source| NpzError::Write { path, source })
    }

    fn named(&self, written: io::Result<()>) -> Result<(), NpzError> {
        written.map_err(|source| NpzError::Write { path: self.path.clone(), source })
    }
}

impl<W: Write + Seek> Archive<W> {
    pub(super) fn new(file: W) -> Self {
        Self(ZipWriter::new(BufWriter::new(file)))
    }

    /// Begins an array of numpy's type `descr`.
    pub(super) fn begin(&mut self, name: &str, descr: &str, shape: &[usize]) -> io::Result<()> {
        // Without time stamps: the same arrays must give the same bytes.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        self.0.start_file(format!("{name}.npy"), options)?;
        self.0.write_all(&header(descr, shape))
    }

    pub(super) fn numbers(&mut self, data: &[f64]) -> io::Result<()> {
        // In pieces: an array may be as large as memory.
        let mut bytes = Vec::with_capacity(8 * data.len().min(4096));
        for piece in data.chunks(4096) {
            bytes.clear();
            piece.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
            self.0.write_all(&bytes)?;
        }
        Ok(())
    }

    fn texts(&mut self, name: &str, texts: &[String]) -> io::Result<()> {
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
        self.begin(name, &format!("<U{width}"), &[texts.len()])?;
        for text in texts {
            let padded = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
            let bytes: Vec<u8> = padded.flat_map(u32::to_le_bytes).collect();
            self.0.write_all(&bytes)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.finish()?.flush()
    }
}

/// The head of a `.npy` file, version 1.0: a Python dict, padded with blanks to a multiple of 64 bytes.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let axes: String = match shape {
        [one] => format!("{one},"),
        all => all.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let whole = (before + dict.len() + 1).next_multiple_of(64);
    dict.push_str(&" ".repeat(whole - before - dict.len() - 1));
    dict.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    // Nobody's shape makes 64 kB of text.
    bytes.extend_from_slice(&u16::try_from(dict.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(dict.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npz::{self, Array, Arrays};

    /// Array by array, and in pieces, the same file as at once.
    #[test]
    fn a_file_may_be_written_in_pieces() {
        let at = tempfile::tempdir().unwrap();
        let data: Vec<f64> = (0..10_000).map(|i| (i as f64).sqrt()).collect();
        let arrays = Arrays::from([
            ("gd/W1".to_string(), Array::new(&[10, 1000], data.clone())),
            ("scalar".to_string(), Array::new(&[], [2.0])),
            ("t".to_string(), Array::vector(vec![f64::NAN, -0.0])),
        ]);
        npz::write(&at.path().join("whole.npz"), &arrays).unwrap();
        let path = at.path().join("pieces.npz");
        let mut writer = NpzWriter::create(&path).unwrap();
        writer.begin("gd/W1", &[10, 1000]).unwrap();
        data.chunks(1000).for_each(|row| writer.numbers(row).unwrap());
        writer.array("scalar", &[], &[2.0]).unwrap();
        writer.array("t", &[2], &[f64::NAN, -0.0]).unwrap();
        writer.finish().unwrap();
        let bytes = |name: &str| std::fs::read(at.path().join(name)).unwrap();
        assert!(bytes("whole.npz") == bytes("pieces.npz"));
        assert_eq!(format!("{:?}", npz::read(&path).unwrap()), format!("{arrays:?}"));
    }

    #[test]
    fn texts_have_the_width_of_the_longest() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let mut writer = NpzWriter::create(&path).unwrap();
        writer.texts("unit", &["a".to_string(), "λ2".to_string()]).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let is_in = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(is_in(b"'descr': '<U2', 'fortran_order': False, 'shape': (2,), }"));
        let utf32: Vec<u8> = ['a', '\0', 'λ', '2'].iter().flat_map(|&c| u32::from(c).to_le_bytes()).collect();
        assert!(is_in(&utf32));
        assert!(npz::read(&path).is_err(), "texts are no numbers");
        assert_eq!(npz::shapes(&path, |_| true).unwrap()["unit"], [2]);
    }
}

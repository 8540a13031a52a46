//! Reading: archives that anybody may have written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::{ZipArchive, result::ZipError};

use super::header::Header;
use super::{Array, Arrays, NpzError};
use crate::machine;

/// Reads every array of `path` as float64. Integers and float32 are widened; complex numbers, dates, strings and objects are errors, and
/// so are integers that float64 does not hold.
pub fn read(path: &Path) -> Result<Arrays, NpzError> {
    read_those(path, |_| true)
}

/// Reads the arrays whose names are `wanted`, and leaves the others unread, whatever they are.
pub fn read_those(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Arrays, NpzError> {
    each(path, wanted, |name, header, mut member| {
        check_size(path, name, &header)?;
        // To its end, where the archive's checksum is verified: the array itself may stop short of it.
        let array = data(&header, &mut member).and_then(|array| io::copy(&mut member, &mut io::sink()).map(|_| array));
        array.map_err(|error| unreadable(path, name, error))
    })
}

/// The shapes of the arrays whose names are `wanted`: only their headers are read.
pub fn shapes(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Vec<usize>>, NpzError> {
    each(path, wanted, |_, header, _| Ok(header.shape))
}

fn unreadable(path: &Path, name: &str, error: io::Error) -> NpzError {
    NpzError::Member { path: path.into(), name: name.to_string(), reason: error.to_string() }
}

/// What `take` makes of the `wanted` arrays of `path`, of which it is given the name, the header and the data behind it.
fn each<T>(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(&str, Header, &mut dyn Read) -> Result<T, NpzError>,
) -> Result<BTreeMap<String, T>, NpzError> {
    let file = machine::open(path).map_err(|source| NpzError::Open { path: path.into(), source })?;
    let not_an_archive = |e: ZipError| NpzError::NotAnArchive { path: path.into(), reason: e.to_string() };
    let twice = |name: &str| NpzError::Twice { path: path.into(), name: name.to_string() };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(not_an_archive)?;
    if archive.has_duplicate_names() {
        return Err(twice(&first_duplicate(archive).unwrap_or_default()));
    }
    let mut taken = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(not_an_archive)?;
        let name = member.name().map_err(not_an_archive)?.to_string();
        let name = name.strip_suffix(".npy").unwrap_or(&name);
        if !wanted(name) {
            continue;
        }
        let header = Header::read(&mut member).map_err(|error| unreadable(path, name, error))?;
        let promised = header.bytes.len() as u128 + header.entries() as u128 * header.width() as u128;
        if header.width() > 0 && u128::from(member.size()) != promised {
            let fewer = if u128::from(member.size()) < promised { "fewer" } else { "more" };
            let reason = format!("its shape is {:?}, and the archive holds {fewer} entries", header.shape);
            return Err(NpzError::Member { path: path.into(), name: name.to_string(), reason });
        }
        if taken.insert(name.to_string(), take(name, header, &mut member)?).is_some() {
            return Err(twice(name));
        }
    }
    Ok(taken)
}

/// The first name that the directory of an archive lists for the second time; the archive's own list has each name once.
fn first_duplicate(archive: ZipArchive<BufReader<File>>) -> io::Result<String> {
    let start = archive.central_directory_start();
    let mut reader = archive.into_inner();
    reader.seek(SeekFrom::Start(start))?;
    let mut seen = BTreeSet::new();
    loop {
        // Of an entry of 46 bytes the lengths of what follows: its name, other fields, a comment.
        let mut entry = [0; 46];
        reader.read_exact(&mut entry)?;
        let length = |at: usize| usize::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
        let mut name = vec![0; length(28)];
        reader.read_exact(&mut name)?;
        reader.seek_relative((length(30) + length(32)) as i64)?;
        if !seen.insert(name.clone()) {
            let name = String::from_utf8_lossy(&name);
            return Ok(name.strip_suffix(".npy").unwrap_or(&name).to_string());
        }
    }
}

/// Refuses an array that takes more than what is free.
fn check_size(path: &Path, name: &str, header: &Header) -> Result<(), NpzError> {
    /// Not worth a look at the machine.
    const SMALL: u64 = 16 << 20;
    let needed = 8 * header.entries() as u64;
    match (needed > SMALL).then(machine::free_memory).flatten() {
        Some(free) if free < needed => {
            let (path, name, shape) = (path.into(), name.to_string(), header.shape.clone());
            Err(NpzError::TooLarge { path, name, shape, needed, free })
        }
        _ => Ok(()),
    }
}

fn data(header: &Header, reader: impl Read) -> io::Result<Array> {
    let npy = npyz::NpyFile::new(io::Cursor::new(&header.bytes).chain(BufReader::new(reader)))?;
    let (shape, order) = (header.shape.clone(), npy.order());
    let data = widen(npy, header)?;
    let data = match order {
        npyz::Order::C => data,
        npyz::Order::Fortran => to_c_order(&data, &shape),
    };
    Ok(Array { shape, data: data.into() })
}

fn widen<R: Read>(npy: npyz::NpyFile<R>, header: &Header) -> io::Result<Vec<f64>> {
    let kind = header.kind();
    let mut npy = npy;
    // NumPy stores dates and times as integers, and npyz would read them as such.
    if matches!(kind, Some('f' | 'i' | 'u')) {
        macro_rules! widen_from {
            ($($number:ty),*) => {{
                $(npy = match npy.try_data::<$number>() {
                    Ok(values) => {
                        let mut data = Vec::with_capacity(header.entries());
                        for value in values {
                            let value = value?;
                            let wide = value as f64;
                            if wide as i128 != value as i128 {
                                return Err(invalid(format!("it holds {value}, which float64 would round")));
                            }
                            data.push(wide);
                        }
                        return Ok(data);
                    }
                    Err(other) => other,
                };)*
            }};
        }
        widen_from!(f64, f32, i64, i32, i16, i8, u64, u32, u16, u8);
    }
    let descr = &header.descr;
    Err(invalid(match kind {
        Some('M' | 'm') => format!("its type is {descr}, a date or a time"),
        Some('c') => format!("its type is {descr}, complex"),
        Some('b') => format!("its type is {descr}, true or false"),
        Some('S' | 'U' | 'a') => format!("its type is {descr}, text"),
        Some('O') => format!("its type is {descr}, Python objects"),
        _ => format!("its type is {descr}"),
    }))
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
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

#[cfg(test)]
mod tests;

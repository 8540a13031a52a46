//! The header of an array in NumPy's format, checked before any memory is set aside for what it promises: a magic number, a length and
//! a Python literal such as `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.

use std::io::{self, Read};

/// A longer header is of no array of numbers: NumPy writes 118 bytes.
const LONGEST: usize = 1 << 16;

/// What the header of an array says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The header itself, all that was read.
    pub bytes: Vec<u8>,
    /// The type of an entry, as `<f8`.
    pub descr: String,
    /// Lengths of the axes. The product of those that are not 0 fits into memory's addresses, 8 bytes an entry.
    pub shape: Vec<usize>,
}

impl Header {
    pub fn read(mut reader: impl Read) -> io::Result<Self> {
        let mut bytes = vec![0; 8];
        reader.read_exact(&mut bytes).map_err(|_| invalid("it is not an array in NumPy's format"))?;
        if &bytes[..6] != b"\x93NUMPY" {
            return Err(invalid("it is not an array in NumPy's format"));
        }
        let width = if bytes[6] == 1 { 2 } else { 4 };
        let mut length = [0; 4];
        reader.read_exact(&mut length[..width])?;
        bytes.extend_from_slice(&length[..width]);
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(invalid(format!("its header has {length} bytes, but at most {LONGEST} are read")));
        }
        let start = bytes.len();
        bytes.resize(start + length, 0);
        reader.read_exact(&mut bytes[start..])?;
        let text = std::str::from_utf8(&bytes[start..]).map_err(|_| invalid("its header is not text"))?;
        let Entries { descr, shape } = Entries::of(text)?;
        let shape = lengths(&shape)?;
        Ok(Self { bytes, descr, shape })
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.shape.iter().product()
    }

    /// The letter of its type: `f` of floats, `i` of integers, `M` of dates.
    pub fn kind(&self) -> Option<char> {
        self.descr.trim_start_matches(['<', '>', '|', '=']).chars().next()
    }

    /// Bytes of an entry in the file, of numbers that can be read; 0 of all else.
    pub fn width(&self) -> usize {
        let digits = self.descr.trim_start_matches(|c: char| !c.is_ascii_digit());
        if matches!(self.kind(), Some('f' | 'i' | 'u')) { digits.parse().unwrap_or(0) } else { 0 }
    }
}

/// The lengths of the axes, if an array of that shape can be addressed.
fn lengths(shape: &[u128]) -> io::Result<Vec<usize>> {
    let bytes = shape.iter().filter(|&&n| n > 0).try_fold(8_u128, |product, &n| product.checked_mul(n));
    match bytes {
        Some(bytes) if bytes <= isize::MAX as u128 => Ok(shape.iter().map(|&n| n as usize).collect()),
        _ => Err(invalid(format!("its shape {shape:?} is larger than any memory"))),
    }
}

/// The entries of the literal that matter.
struct Entries {
    descr: String,
    shape: Vec<u128>,
}

impl Entries {
    fn of(text: &str) -> io::Result<Self> {
        let mut cursor = Cursor { rest: text };
        let (mut descr, mut order, mut shape) = (None, None, None);
        cursor.expect('{')?;
        while !cursor.take('}') {
            let key = cursor.string()?;
            cursor.expect(':')?;
            let again = match key.as_str() {
                "descr" if cursor.peek() == Some('[') => return Err(invalid("it is an array of records")),
                "descr" => descr.replace(cursor.string()?).is_some(),
                "fortran_order" => order.replace(cursor.boolean()?).is_some(),
                "shape" => shape.replace(cursor.tuple()?).is_some(),
                _ => return Err(invalid(format!("its header has the unknown key `{key}`"))),
            };
            if again {
                return Err(invalid(format!("its header has the key `{key}` twice")));
            }
            if !cursor.take(',') {
                cursor.expect('}')?;
                break;
            }
        }
        if !cursor.rest.trim().is_empty() {
            return Err(malformed());
        }
        match (descr, order, shape) {
            (Some(descr), Some(_), Some(shape)) => Ok(Self { descr, shape }),
            _ => Err(invalid("its header lacks descr, fortran_order or shape")),
        }
    }
}

/// What is left of the literal.
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Whether `wanted` comes next; if so it is passed.
    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        there
    }

    fn expect(&mut self, wanted: char) -> io::Result<()> {
        if self.take(wanted) { Ok(()) } else { Err(malformed()) }
    }

    /// Up to the first character that is not `wanted`.
    fn word(&mut self, wanted: fn(char) -> bool) -> &str {
        self.peek();
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn string(&mut self) -> io::Result<String> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"')).ok_or_else(malformed)?;
        self.rest = &self.rest[1..];
        let end = self.rest.find(quote).ok_or_else(malformed)?;
        let (text, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        if text.contains(['\\', '\n']) { Err(malformed()) } else { Ok(text.to_string()) }
    }

    fn boolean(&mut self) -> io::Result<bool> {
        match self.word(|c| c.is_ascii_alphabetic()) {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(malformed()),
        }
    }

    fn tuple(&mut self) -> io::Result<Vec<u128>> {
        self.expect('(')?;
        let mut entries = Vec::new();
        while !self.take(')') {
            let digits = self.word(|c| c.is_ascii_digit());
            entries.push(digits.parse().map_err(|_| malformed())?);
            // Python 2 wrote long integers as 3L.
            self.take('L');
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(entries)
    }
}

fn malformed() -> io::Error {
    invalid("its header is damaged")
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u8, literal: &str) -> Result<Header, String> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((literal.len() as u16).to_le_bytes()),
            _ => bytes.extend((literal.len() as u32).to_le_bytes()),
        }
        bytes.extend(literal.bytes());
        Header::read(&*bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn numpys_headers_are_read_in_all_versions() {
        for version in 1..=3 {
            let read = header(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }          \n").unwrap();
            assert_eq!((read.descr.as_str(), &read.shape[..], read.entries(), read.width()), ("<f8", &[3, 4][..], 12, 8));
        }
        assert_eq!(header(1, "{'shape':(5L,),'fortran_order':True,'descr':'|i1'}").unwrap().shape, [5]);
        assert_eq!(header(1, "{'shape': (), 'fortran_order': True, 'descr': '<f4'}").unwrap().entries(), 1);
    }

    #[test]
    fn what_no_memory_holds_is_refused_by_its_shape() {
        let of = |shape: &str| header(1, &format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")).unwrap_err();
        assert_eq!(of("(4611686018427387904, 4)"), "its shape [4611686018427387904, 4] is larger than any memory");
        // Empty, but its rows would overflow.
        assert!(of("(0, 4611686018427387904, 4)").contains("larger than any memory"));
        assert!(of("(340282366920938463463374607431768211455, 2)").contains("larger than any memory"));
    }

    #[test]
    fn a_damaged_header_is_refused() {
        for literal in [
            "",
            "{",
            "{'descr': '<f8'}",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': ((1),)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
            "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}",
            &"(".repeat(60_000),
        ] {
            assert!(header(1, literal).is_err(), "{literal:.80}");
        }
    }

    /// A length of 4 GB sets nothing aside.
    #[test]
    fn a_header_of_absurd_length_is_refused() {
        let bytes = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'";
        assert!(Header::read(&bytes[..]).unwrap_err().to_string().contains("4294967295 bytes"));
    }
}

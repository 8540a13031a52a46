//! Where postcard writes bytes to and reads them from: spooled ones, piece by piece.

use std::borrow::Cow;

use postcard::{Error, Result, de_flavors, ser_flavors};

use crate::spool::Spooled;

/// Bytes that are read or written together.
const PIECE: usize = 1 << 16;

/// Adds what is written to these bytes.
pub(super) struct Sink<'b>(pub &'b mut Spooled<u8>);

impl ser_flavors::Flavor for Sink<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}

/// Reads from bytes; in the end it tells how far it has come.
pub(super) struct Source<'b> {
    bytes: &'b Spooled<u8>,
    /// A piece of them, and where it begins.
    piece: Cow<'b, [u8]>,
    begin: usize,
    /// How much of the piece was read.
    read: usize,
}

impl<'b> Source<'b> {
    /// From this place on.
    pub fn new(bytes: &'b Spooled<u8>, begin: usize) -> Self {
        Self { bytes, piece: Cow::Borrowed(&[]), begin, read: 0 }
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.begin + self.read)
    }

    /// The next bytes, so many of them.
    fn next(&mut self, count: usize) -> Result<&[u8]> {
        if self.left() < count {
            return Err(Error::DeserializeUnexpectedEnd);
        }
        if self.piece.len() < self.read + count {
            self.begin += self.read;
            self.read = 0;
            self.piece = self.bytes.slice(self.begin..self.begin + self.left().min(count.max(PIECE)));
        }
        self.read += count;
        Ok(&self.piece[self.read - count..self.read])
    }
}

impl<'de, 'b: 'de> de_flavors::Flavor<'de> for Source<'b> {
    type Remainder = usize;
    type Source = &'b Spooled<u8>;

    fn pop(&mut self) -> Result<u8> {
        Ok(self.next(1)?[0])
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }

    /// No part of a state borrows from the bytes.
    fn try_take_n(&mut self, _count: usize) -> Result<&'de [u8]> {
        Err(Error::WontImplement)
    }

    fn try_take_n_temp<'a>(&'a mut self, count: usize) -> Result<&'a [u8]>
    where
        'de: 'a,
    {
        self.next(count)
    }

    fn finalize(self) -> Result<usize> {
        Ok(self.begin + self.read)
    }
}

#[cfg(test)]
mod tests {
    use crate::archive::Archive;

    /// Numbers, texts and lists of many pieces, one after another, as in one piece.
    #[test]
    fn what_is_longer_than_a_piece_comes_back() {
        let mut numbers: Vec<f64> = (0..100_000).map(|i| f64::from_bits(i * 0x0123_4567_89ab)).collect();
        let mut text = "Größe ".repeat(50_000);
        let mut pair = (7_u64, vec![vec![3_u8; 70_000]; 3]);
        let mut written = Archive::written();
        written.item(&mut text).unwrap();
        written.item(&mut numbers).unwrap();
        written.item(&mut pair).unwrap();
        let bytes = written.into_bytes();
        let plain = [postcard::to_stdvec(&text), postcard::to_stdvec(&numbers), postcard::to_stdvec(&pair)];
        assert_eq!(bytes, plain.map(Result::unwrap).concat());
        let mut read = Archive::read(bytes.clone());
        let (mut its_numbers, mut its_text, mut its_pair) = (Vec::<f64>::new(), String::new(), (0, Vec::<Vec<u8>>::new()));
        read.item(&mut its_text).unwrap();
        read.item(&mut its_numbers).unwrap();
        read.item(&mut its_pair).unwrap();
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(its_text == text && bits(&its_numbers) == bits(&numbers) && its_pair == pair);
        assert!(read.item(&mut its_text).is_err(), "nothing is left");
    }
}

//! What a spooled vector has in common with others.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{SpoolItem, Spooled};

macro_rules! number {
    ($($number:ty),*) => {$(
        impl SpoolItem for $number {
            const SIZE: usize = size_of::<$number>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn take(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$number>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    )*};
}

number!(f64, i64, u64, u8);

impl SpoolItem for bool {
    const SIZE: usize = 1;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn take(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

impl<T: SpoolItem> Default for Spooled<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: SpoolItem> Clone for Spooled<T> {
    /// Both share the blocks in the file.
    fn clone(&self) -> Self {
        let (blocks, tail, complaint) = (self.blocks.clone(), self.tail.clone(), self.complaint.clone());
        Self { spool: self.spool.as_ref().map(Arc::clone), blocks, tail, whole: OnceLock::new(), complaint }
    }
}

impl<T: SpoolItem> fmt::Debug for Spooled<T> {
    /// As a vector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

impl<T: SpoolItem> From<Vec<T>> for Spooled<T> {
    /// They stay in memory until more are added.
    fn from(entries: Vec<T>) -> Self {
        Self::of(entries)
    }
}

impl<T: SpoolItem, const N: usize> From<[T; N]> for Spooled<T> {
    fn from(entries: [T; N]) -> Self {
        Self::of(entries.to_vec())
    }
}

impl<T: SpoolItem> FromIterator<T> for Spooled<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut all = Self::new();
        all.extend(entries);
        all
    }
}

impl<T: SpoolItem> Extend<T> for Spooled<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }
}

impl<T: SpoolItem> IntoIterator for Spooled<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'s, T: SpoolItem> IntoIterator for &'s Spooled<T> {
    type Item = &'s T;
    type IntoIter = std::slice::Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: SpoolItem> Deref for Spooled<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.whole()
    }
}

impl<T: SpoolItem> DerefMut for Spooled<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.to_mut()
    }
}

impl<T: SpoolItem> PartialEq for Spooled<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.values().eq(other.values())
    }
}

impl<T: SpoolItem> PartialEq<[T]> for Spooled<T> {
    fn eq(&self, other: &[T]) -> bool {
        self.len() == other.len() && self.values().eq(other.iter().copied())
    }
}

impl<T: SpoolItem> PartialEq<&[T]> for Spooled<T> {
    fn eq(&self, other: &&[T]) -> bool {
        self == *other
    }
}

impl<T: SpoolItem, const N: usize> PartialEq<[T; N]> for Spooled<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self == &other[..]
    }
}

impl<T: SpoolItem> PartialEq<Vec<T>> for Spooled<T> {
    fn eq(&self, other: &Vec<T>) -> bool {
        self == &other[..]
    }
}

impl<T: SpoolItem + Serialize> Serialize for Spooled<T> {
    /// As a vector, piece by piece.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = serializer.serialize_seq(Some(self.len()))?;
        for entry in self.values() {
            entries.serialize_element(&entry)?;
        }
        entries.end()
    }
}

impl<'de, T: SpoolItem + Deserialize<'de>> Deserialize<'de> for Spooled<T> {
    /// As a vector, entry by entry.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: SpoolItem + Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Spooled<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Spooled<T>, A::Error> {
                let mut all = Spooled::new();
                while let Some(entry) = entries.next_element()? {
                    all.push(entry);
                }
                Ok(all)
            }
        }

        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

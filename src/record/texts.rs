//! A column of texts, in which rows that follow each other often have the same.

use std::fmt;
use std::ops::{Index, Range};

/// Texts by row. One that stands in many rows after another, as the name of a process does, is kept once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// Each text that differs from the one before it, with the row after its last.
    runs: Vec<(String, usize)>,
}

impl Texts {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// The same text in so many rows.
    pub fn repeated(text: impl Into<String>, rows: usize) -> Self {
        let mut texts = Self::default();
        texts.extend_by(rows, text);
        texts
    }

    /// Adds so many rows with this text.
    pub fn extend_by(&mut self, rows: usize, text: impl Into<String>) {
        let (text, end) = (text.into(), self.len() + rows);
        match self.runs.last_mut() {
            Some((last, its_end)) if *last == text => *its_end = end,
            _ if rows == 0 => {}
            _ => self.runs.push((text, end)),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.runs.last().map_or(0, |(_, end)| *end)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The text of a row, if there is such a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let run = self.runs.partition_point(|(_, end)| *end <= row);
        self.runs.get(run).map(|(text, _)| text.as_str())
    }

    /// The text of every row.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.runs().flat_map(|(text, rows)| std::iter::repeat_n(text, rows.len()))
    }

    /// Each text that differs from the one before it, with its rows.
    pub fn runs(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|(_, end)| *end));
        self.runs.iter().zip(starts).map(|((text, end), start)| (text.as_str(), start..*end))
    }

    /// Leaves out all rows from this one on.
    pub fn truncate(&mut self, rows: usize) {
        let kept = self.runs.partition_point(|(_, end)| *end < rows) + 1;
        self.runs.truncate(if rows == 0 { 0 } else { kept });
        if let Some((_, end)) = self.runs.last_mut() {
            *end = rows.min(*end);
        }
    }
}

impl Index<usize> for Texts {
    type Output = str;

    /// # Panics
    /// If there is no such row.
    fn index(&self, row: usize) -> &str {
        match self.get(row) {
            Some(text) => text,
            None => panic!("row {row} of {}", self.len()),
        }
    }
}

impl fmt::Debug for Texts {
    /// As a vector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<S: Into<String>> FromIterator<S> for Texts {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.extend_by(1, text));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the runs, they read as a vector does.
    #[test]
    fn rows_have_their_own_texts() {
        for listed in [&[][..], &["a"], &["a", "a"], &["a", "b", "b", "a", "c", "c", "c"]] {
            let texts: Texts = listed.iter().copied().collect();
            assert_eq!((texts.len(), texts.is_empty()), (listed.len(), listed.is_empty()));
            assert!(texts.iter().eq(listed.iter().copied()));
            assert_eq!(format!("{texts:?}"), format!("{listed:?}"));
            assert!((0..listed.len()).all(|row| texts[row] == *listed[row]));
            assert_eq!(texts.get(listed.len()), None);
            assert!(texts.runs().all(|(text, rows)| listed[rows].iter().all(|other| *other == text)));
            for kept in 0..listed.len() + 2 {
                let mut shorter = texts.clone();
                shorter.truncate(kept);
                assert_eq!(shorter, listed.iter().copied().take(kept).collect::<Texts>(), "{kept}");
            }
        }
        assert_eq!(Texts::repeated("gd", 3), ["gd"; 3].into_iter().collect());
    }
}

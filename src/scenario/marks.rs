//! Where each key of a YAML text stands. The deserialiser knows no positions, so the same text is read a second time, as
//! events with marks.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

use super::path;

/// Deeper nesting than this is refused by serde_yaml, and no scenario comes near it.
const MAX_DEPTH: usize = 128;

/// A place in the text; both count characters from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

/// A key that one map holds twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub path: String,
    pub first: Position,
    pub second: Position,
}

/// The positions of the keys and list items of one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    positions: BTreeMap<String, Position>,
    pub duplicates: Vec<Duplicate>,
}

/// A collection that is still open.
enum Open {
    /// `value_of`: the path of the key just read, whose value comes next; `None` where a key comes next.
    Map { path: String, value_of: Option<String> },
    /// `next`: the index of the next item.
    List { path: String, next: usize },
}

impl Marks {
    /// Reads `text` up to its end or its first syntax error, which serde_yaml reports.
    pub fn of(text: &str) -> Self {
        let mut marks = Self::default();
        let mut open: Vec<Open> = Vec::new();
        let mut parser = Parser::new_from_str(text);
        while let Some(Ok((event, span))) = parser.next_event() {
            let position = Position { line: span.start.line(), column: span.start.col() + 1 };
            match event {
                Event::Scalar(text, ..) => drop(marks.place(&mut open, Some(&text), position)),
                Event::Alias(_) => drop(marks.place(&mut open, None, position)),
                Event::MappingStart(..) => {
                    let path = marks.place(&mut open, None, position);
                    open.push(Open::Map { path, value_of: None });
                }
                Event::SequenceStart(..) => {
                    let path = marks.place(&mut open, None, position);
                    open.push(Open::List { path, next: 0 });
                }
                Event::MappingEnd | Event::SequenceEnd => drop(open.pop()),
                Event::DocumentEnd => break,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            }
            if open.len() > MAX_DEPTH {
                break;
            }
        }
        marks
    }

    /// The position of the key or item at `path`.
    pub fn get(&self, path: &str) -> Option<Position> {
        self.positions.get(path).copied()
    }

    /// Every marked path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.positions.keys().map(String::as_str)
    }

    /// Finds the path of the node that begins at `position`, and marks it if it is a key or an item. `text` is a scalar's.
    fn place(&mut self, open: &mut [Open], text: Option<&str>, position: Position) -> String {
        match open.last_mut() {
            None => String::new(),
            Some(Open::List { path, next }) => {
                let item = path::item(path, *next);
                *next += 1;
                self.positions.insert(item.clone(), position);
                item
            }
            Some(Open::Map { path, value_of }) => {
                if let Some(path) = value_of.take() {
                    return path;
                }
                // A list or a map as a key has no name: the deserialiser refuses it.
                let key = path::child(path, text.unwrap_or("?"));
                if let Some(&first) = self.positions.get(&key) {
                    self.duplicates.push(Duplicate { path: key.clone(), first, second: position });
                } else {
                    self.positions.insert(key.clone(), position);
                }
                *value_of = Some(key.clone());
                key
            }
        }
    }
}

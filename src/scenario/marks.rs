//! Where each key of a YAML text is, and how large the text becomes. The deserialiser knows no positions and sets no bounds, so the text is
//! first read as events with marks.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

use crate::settings::path;

/// serde_yaml refuses deeper nesting as well, but only after a time quadratic in the depth.
const MAX_DEPTH: usize = 128;

const TOO_DEEP: &str = "lists and maps are nested more than 128 deep";

/// The weight that a text may have with its aliases expanded: [`NODE`] for each value, and its bytes. Half a million record times are
/// within it.
const MAX_WEIGHT: usize = 8 << 20;

/// The weight of a value besides its own text.
const NODE: usize = 16;

/// A place in the text; both count characters from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

/// A key that occurs twice in one map.
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
    /// Where the text exceeds a bound, and which one: the rest was not read.
    pub excess: Option<(Position, &'static str)>,
    /// Where the text stops being YAML, and why: the rest was not read.
    pub broken: Option<(Position, String)>,
    /// The number of characters up to the end of what was weighed.
    pub read: usize,
}

/// The weight of a text with its aliases expanded.
#[derive(Debug, Default)]
struct Weight {
    total: usize,
    /// The weight of what each anchor stands for, once it is complete.
    anchors: BTreeMap<usize, usize>,
    /// Anchors (0 for none) of the collections that are open, and the total before each.
    open: Vec<(usize, usize)>,
}

impl Weight {
    fn scalar(&mut self, anchor: usize, text: &str) {
        self.begin(anchor);
        self.total += text.len();
        self.end();
    }

    fn alias(&mut self, anchor: usize) {
        self.total = self.total.saturating_add(NODE + self.anchors.get(&anchor).copied().unwrap_or(0));
    }

    fn begin(&mut self, anchor: usize) {
        self.open.push((anchor, self.total));
        self.total += NODE;
    }

    fn end(&mut self) {
        if let Some((anchor, before)) = self.open.pop()
            && anchor > 0
        {
            self.anchors.insert(anchor, self.total - before);
        }
    }
}

/// A collection that is still open.
enum Open {
    /// `value_of`: the path of the key just read, whose value comes next; `None` where a key comes next.
    Map { path: String, value_of: Option<String> },
    /// `next`: the index of the next item.
    List { path: String, next: usize },
}

impl Marks {
    /// Reads `text` up to its end, its first syntax error or the first bound that it exceeds.
    pub fn of(text: &str) -> Self {
        let mut marks = Self::default();
        let mut open: Vec<Open> = Vec::new();
        let mut weight = Weight::default();
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let position = Position { line: error.marker().line(), column: error.marker().col() + 1 };
                    // The scanner, which is ahead of the events, counts brackets in 8 bits.
                    if error.info().to_lowercase().contains("recursion limit") {
                        marks.excess = Some((position, TOO_DEEP));
                    } else {
                        marks.broken = Some((position, error.info().to_string()));
                    }
                    break;
                }
            };
            let position = Position { line: span.start.line(), column: span.start.col() + 1 };
            marks.read = span.end.index();
            match event {
                Event::Scalar(text, _, anchor, _) => {
                    weight.scalar(anchor, &text);
                    marks.place(&mut open, Some(&text), position);
                }
                Event::Alias(anchor) => {
                    weight.alias(anchor);
                    marks.place(&mut open, None, position);
                }
                Event::MappingStart(anchor, _) => {
                    weight.begin(anchor);
                    let path = marks.place(&mut open, None, position);
                    open.push(Open::Map { path, value_of: None });
                }
                Event::SequenceStart(anchor, _) => {
                    weight.begin(anchor);
                    let path = marks.place(&mut open, None, position);
                    open.push(Open::List { path, next: 0 });
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    weight.end();
                    open.pop();
                }
                Event::DocumentStart(_) => documents += 1,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
            marks.excess = if documents > 1 {
                Some((position, "a second document begins here: a scenario is a single document"))
            } else if open.len() > MAX_DEPTH {
                Some((position, TOO_DEEP))
            } else if weight.total > MAX_WEIGHT {
                Some((position, "more than half a million values, or 8 MB, counting what aliases repeat: shorten its lists"))
            } else {
                None
            };
            if marks.excess.is_some() {
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

    /// Finds the path of the node that begins at `position`, and marks it if it is a key or an item. `text` is the node's text if it is a
    /// scalar.
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

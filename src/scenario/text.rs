//! From YAML text to a tree, with aliases and merge keys resolved.

use serde_yaml::Value;

use super::marks::{Duplicate, Marks, Position};

/// Why a text is not a YAML tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syntax {
    /// The position, where it is not that of the key at `path`.
    pub position: Option<Position>,
    /// The path of the key concerned; empty where the YAML itself is wrong.
    pub path: String,
    pub message: String,
}

/// Reads one document. `marks` are those of the text.
pub(super) fn tree(text: &str, marks: &Marks) -> Result<Value, Vec<Syntax>> {
    if let Some((position, message)) = &marks.excess {
        return Err(vec![Syntax { position: Some(*position), path: String::new(), message: message.to_string() }]);
    }
    // What follows an error was not weighed: only as much of it is read as the error may need.
    let weighed = if marks.broken.is_some() { weighed(text, marks.read) } else { text };
    let parsed = serde_path_to_error::deserialize(serde_yaml::Deserializer::from_str(weighed));
    let mut tree: Value = parsed.map_err(|error| refusals(&error, text, marks))?;
    if let Some((position, reason)) = &marks.broken {
        return Err(vec![syntax(text, *position, reason)]);
    }
    tree.apply_merge().map_err(|error| {
        // serde_yaml does not say which merge; usually there is only one.
        let path = marks.paths().find(|path| path.ends_with("<<")).unwrap_or_default().to_string();
        vec![Syntax { position: None, path, message: error.to_string() }]
    })?;
    Ok(tree)
}

fn refusals(error: &serde_path_to_error::Error<serde_yaml::Error>, text: &str, marks: &Marks) -> Vec<Syntax> {
    // serde_yaml refuses duplicates too, but says neither which key nor where the other one is.
    if !marks.duplicates.is_empty() {
        let refusal = |duplicate: &Duplicate| Syntax {
            position: Some(duplicate.second),
            path: duplicate.path.clone(),
            message: format!("duplicate key, first at {}:{}: keep one", duplicate.first.line, duplicate.first.column),
        };
        return marks.duplicates.iter().map(refusal).collect();
    }
    let message = error.inner().to_string();
    // serde_yaml's trees hold integers of 64 bits, and its message names the type that does not fit.
    if message.contains(" as u128") || message.contains(" as i128") {
        let path = error.path().to_string();
        let path = path.strip_suffix('.').unwrap_or(&path).to_string();
        return vec![Syntax { position: None, path, message: "must fit into 64 bits".to_string() }];
    }
    match error.inner().location() {
        Some(at) => vec![syntax(text, Position { line: at.line(), column: at.column() }, &message)],
        None => vec![Syntax { position: None, path: String::new(), message }],
    }
}

/// The first `read` characters of a text, and a thousand more if no alias is among them.
fn weighed(text: &str, read: usize) -> &str {
    let end = text.char_indices().skip(read).take(1000).find(|(_, c)| *c == '*');
    let end = end.or_else(|| text.char_indices().nth(read + 1000)).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// The error that the parser found at `position`, in other words where it is one of the most common mistakes.
fn syntax(text: &str, position: Position, reason: &str) -> Syntax {
    let line = |number: usize| text.lines().nth(number.checked_sub(1)?);
    // The parser may name the line before, where a text began, or notice only on the next one what is missing.
    let (above, here, below) = (position.line.saturating_sub(1), position.line, position.line + 1);
    for number in [here, below, above] {
        let Some(line) = line(number) else { continue };
        let blank = |c: char| c == ' ' || c == '\t';
        let indent = line.len() - line.trim_start_matches(blank).len();
        if let Some(tab) = line[..indent].find('\t') {
            let (position, message) = (Position { line: number, column: tab + 1 }, "a tab: indent with spaces alone");
            return Syntax { position: Some(position), path: String::new(), message: message.to_string() };
        }
    }
    for number in [above, here, below] {
        if let Some((start, pair)) = line(number).and_then(unspaced) {
            let column = line(number).map_or(1, |line| line[..start].chars().count() + 1);
            let message = format!("a space is missing after the colon: write `{pair}`");
            return Syntax { position: Some(Position { line: number, column }), path: String::new(), message };
        }
    }
    Syntax { position: Some(position), path: String::new(), message: reason.to_string() }
}

/// The first `key:value` in a text, where it begins, and how it is written: `key: value`.
pub(super) fn unspaced(text: &str) -> Option<(usize, String)> {
    let mut quoted = None;
    let mut word = 0;
    for (at, c) in text.char_indices() {
        match (quoted, c) {
            (None, '#') => return None,
            (None, '\'' | '"') => quoted = Some(c),
            (Some(quote), _) if c == quote => quoted = None,
            (Some(_), _) => {}
            (None, ':') => {
                let (key, rest) = (&text[word..at], &text[at + 1..]);
                let named = key.starts_with(|c: char| c.is_ascii_alphabetic());
                // Not an address, nor a path on Windows.
                let valued = rest.starts_with(|c: char| !c.is_whitespace() && !matches!(c, '/' | '\\' | ':' | ',' | '}' | ']'));
                if named && valued {
                    let value = rest.split([' ', ',', '}', ']']).next().unwrap_or(rest);
                    return Some((word, format!("{key}: {value}")));
                }
                word = at + 1;
            }
            (None, c) if !(c.is_ascii_alphanumeric() || c == '_') => word = at + c.len_utf8(),
            _ => {}
        }
    }
    None
}

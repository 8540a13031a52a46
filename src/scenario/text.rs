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

/// Reads one document. `marks` are the text's own.
pub(super) fn tree(text: &str, marks: &Marks) -> Result<Value, Vec<Syntax>> {
    let parsed = serde_path_to_error::deserialize(serde_yaml::Deserializer::from_str(text));
    let mut tree: Value = parsed.map_err(|error| refusals(&error, marks))?;
    tree.apply_merge().map_err(|error| {
        // serde_yaml does not say which merge; as a rule there is one.
        let path = marks.paths().find(|path| path.ends_with("<<")).unwrap_or_default().to_string();
        vec![Syntax { position: None, path, message: error.to_string() }]
    })?;
    Ok(tree)
}

fn refusals(error: &serde_path_to_error::Error<serde_yaml::Error>, marks: &Marks) -> Vec<Syntax> {
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
    let position = error.inner().location().map(|at| Position { line: at.line(), column: at.column() });
    vec![Syntax { position, path: String::new(), message }]
}

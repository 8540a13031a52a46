//! Changes to a style from the command line: `--width 5.5in` in place of what a scenario says, with the same readers and messages.

use serde_yaml::Value;

use crate::settings::{Findings, path};

use super::super::error::{Diagnostic, Location, ScenarioError};
use super::super::marks::Marks;
use super::super::{text, tree};
use super::{Format, Style};

/// One option of the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleChange {
    /// As the user gave it: `--width 5.5in`.
    pub option: String,
    /// The key of the style that it sets.
    pub key: &'static str,
    /// The new value.
    pub value: Given,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A word, or a length.
    Word(String),
    /// A list that replaces the earlier one.
    Words(Vec<String>),
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f64),
    /// One more item of a list, as YAML.
    Item(String),
    /// The colour of one more curve: the curve's name, and the colour.
    Color(String, String),
}

impl Style {
    /// The style with these changes, in order. `pictures` are the names that it may refer to.
    ///
    /// # Errors
    /// [`ScenarioError`] if a value has the wrong type or is out of its range, or names no picture.
    pub fn changed(&self, changes: &[StyleChange], pictures: &[&str]) -> Result<Self, ScenarioError> {
        if changes.is_empty() {
            return Ok(self.clone());
        }
        let problem = |at: &str, message: String| {
            let of_key = |change: &&StyleChange| {
                let key = path::child("style", change.key);
                path::upward(at).any(|place| place == key)
            };
            let option = changes.iter().rev().find(of_key).map_or_else(String::new, |change| change.option.clone());
            Diagnostic { location: Location::Option(option), path: at.to_string(), message }
        };
        let mut root = serde_yaml::to_value(self).unwrap_or(Value::Null);
        for change in changes {
            put(&mut root, change)
                .map_err(|message| ScenarioError::Diagnostics(vec![problem(&path::child("style", change.key), message)]))?;
        }
        let style: Self = tree::read_at(&root, "style")
            .map_err(|refusal| ScenarioError::Diagnostics(vec![problem(&refusal.path, refusal.message)]))?;
        let mut found = Findings::default();
        style.validate("style", &mut found);
        style.validate_names("style", pictures, &mut found);
        if found.0.is_empty() {
            return Ok(Self { dpi: style.dpi.filter(|_| !leaves_out_png(&style, changes)), ..style });
        }
        Err(ScenarioError::Diagnostics(found.0.into_iter().map(|finding| problem(&finding.path, finding.message)).collect()))
    }
}

/// Whether `changes` leave out the PNGs that an earlier resolution was for.
fn leaves_out_png(style: &Style, changes: &[StyleChange]) -> bool {
    let changed = |key: &str| changes.iter().any(|change| change.key == key);
    changed("format") && !changed("dpi") && !style.format.0.contains(&Format::Png)
}

fn put(root: &mut Value, change: &StyleChange) -> Result<(), String> {
    let text = |word: &String| Value::String(word.clone());
    let (value, item) = match &change.value {
        Given::Word(word) => (text(word), false),
        Given::Words(words) => (Value::Sequence(words.iter().map(text).collect()), false),
        Given::Flag(flag) => (Value::Bool(*flag), false),
        Given::Number(number) => (Value::from(*number), false),
        Given::Item(yaml) => (read(yaml)?, true),
        Given::Color(curve, color) => {
            let pairs = [("curve", curve), ("color", color)].map(|(key, word)| (Value::from(key), text(word)));
            (Value::Mapping(pairs.into_iter().collect()), true)
        }
    };
    if !root.is_mapping() {
        *root = Value::Mapping(serde_yaml::Mapping::new());
    }
    match root.get_mut(change.key) {
        Some(Value::Sequence(list)) if item => list.push(value),
        _ => root[change.key] = if item { Value::Sequence(vec![value]) } else { value },
    }
    Ok(())
}

fn read(yaml: &str) -> Result<Value, String> {
    text::tree(yaml, &Marks::of(yaml))
        .map_err(|errors| errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "))
}

//! Why a value of a scenario is refused: a message that says what would be right, and the path of the key.

use std::fmt;

use serde::de;
use serde_yaml::Value;

use crate::settings::path;

use super::{places, text};

/// Why a value was refused, and the path of its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub(super) struct Refusal {
    pub path: String,
    pub message: String,
    /// Whether `path` is complete. serde's callbacks know only its last key or nothing, and `within` completes it.
    placed: bool,
}

impl Refusal {
    pub(super) fn at(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_string(), message: message.into(), placed: true }
    }

    fn unplaced(key: &str, message: String) -> Self {
        Self { path: key.to_string(), message, placed: false }
    }

    /// Completes the path of a refusal raised while reading the value at `path`.
    pub(super) fn within(self, path: &str) -> Self {
        match (self.placed, self.path.is_empty()) {
            (true, _) => self,
            (false, true) => Self::at(path, self.message),
            (false, false) => Self::at(&path::child(path, &self.path), self.message),
        }
    }
}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::unplaced("", message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unplaced("", unknown_key(field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unplaced("", format!("unknown word `{variant}`{}", suggestion(variant, "words", expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::unplaced(field, "missing: this key has no default".to_string())
    }

    fn invalid_type(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("must be {expected}, got {}", plainly(found)))
    }

    fn invalid_value(found: de::Unexpected, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("must be {expected}, got {}", plainly(found)))
    }
}

/// A value in a message, as [`describe`] has it: serde would say "floating point `5.5`".
fn plainly(found: de::Unexpected) -> String {
    match found {
        de::Unexpected::Bool(value) => value.to_string(),
        de::Unexpected::Unsigned(value) => value.to_string(),
        de::Unexpected::Signed(value) => value.to_string(),
        de::Unexpected::Float(value) => format!("{value:?}"),
        de::Unexpected::Str(text) => describe(&Value::from(text)),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_string(),
        de::Unexpected::Seq => "a list".to_string(),
        de::Unexpected::Map => "a map".to_string(),
        other => other.to_string(),
    }
}

/// Words that are often tried for a key: the word, the key, and what the key takes.
const INSTEAD: [(&str, &str, &str); 12] = [
    ("depth", "widths", WIDTHS),
    ("width", "widths", WIDTHS),
    ("layers", "widths", WIDTHS),
    ("lambda", "weight_decay", DECAY),
    ("wd", "weight_decay", DECAY),
    ("decay", "weight_decay", DECAY),
    ("lr", "optimizers", RATE),
    ("learning_rate", "optimizers", RATE),
    ("epochs", "optimizers", LENGTH),
    ("steps", "optimizers", LENGTH),
    ("x0", "init", "the initial weights"),
    ("theta0", "init", "the initial weights"),
];
const WIDTHS: &str = "the list d_in, hidden widths, d_out: L layers have L + 1 widths";
const DECAY: &str = "λ of (λ/2)·Σ‖θ‖²";
const RATE: &str = "each with a rate of its own, as in `optimizers: [{gd: {lr: 0.01}}]`";
const LENGTH: &str = "as in `optimizers: [{gd: {lr: 0.01, steps: 1000}}]`; the flow ends at `flow.t_end`";

/// Keys of the top level that are read before the others.
const BLOCKS: [&str; 2] = ["sweep", "pictures"];

/// Settings that one optimizer lacks and `sgd` has.
const OF_SGD: [&str; 3] = ["momentum", "nesterov", "batch"];

/// Says that `key` is not one of those `expected` here, and what the user may have meant.
pub(super) fn unknown_key(key: &str, expected: &[&str]) -> String {
    // Those of the top level, and of no other map.
    let blocks = if expected.contains(&"optimizers") && expected.contains(&"data") { &BLOCKS[..] } else { &[] };
    let expected = &[expected, blocks].concat();
    let here = format!("(keys here: {})", expected.join(", "));
    if let Some((_, pair)) = text::unspaced(key) {
        return format!("unknown key: a space is missing after the colon, write `{pair}` {here}");
    }
    if let Some((_, other, how)) = INSTEAD.iter().find(|(word, other, _)| key == *word && expected.contains(other)) {
        return format!("unknown key: set `{other}` instead, {how} {here}");
    }
    if OF_SGD.contains(&key) && expected[..] == ["name", "lr", "steps", "schedule"] {
        return format!("unknown key: `sgd` has it, take it in its place {here}");
    }
    // One letter more or less is a slip, such as `activation`, and no key from elsewhere.
    let is_slip = |near: &str| key.len() > 4 && strsim::damerau_levenshtein(key, near) == 1;
    match places::of(key).filter(|_| !expected.iter().any(|near| is_slip(near))) {
        Some(place) => format!("unknown key here: `{key}` belongs {place} {here}"),
        None => format!("unknown key{}", suggestion(key, "keys", expected)),
    }
}

/// The end of a message about an unexpected word: `, did you mean `rtol`? (keys here: integrator, rtol)`. Case, hyphens and underscores
/// make no difference.
pub fn suggestion(found: &str, what: &str, expected: &[&str]) -> String {
    let guess = nearest(found, expected).map_or(String::new(), |candidate| format!(", did you mean `{candidate}`?"));
    format!("{guess} ({what} here: {})", expected.join(", "))
}

/// The `expected` word that `found` may be a misspelling of.
pub(crate) fn nearest<'w>(found: &str, expected: &[&'w str]) -> Option<&'w str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let found = plain(found);
    let near = expected
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&found, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min();
    near.map(|(_, candidate)| *candidate)
}

/// A value in a message: scalars in full, other values by their kind.
pub(super) fn describe(value: &Value) -> String {
    const LONGEST: usize = 40;
    match value {
        Value::Null => "nothing".to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) if text.chars().count() > LONGEST => "a long text".to_string(),
        Value::String(text) => format!("text {text:?}"),
        Value::Sequence(_) => "a list".to_string(),
        Value::Mapping(_) => "a map".to_string(),
        Value::Tagged(tagged) => format!("a value tagged {}", tagged.tag),
    }
}

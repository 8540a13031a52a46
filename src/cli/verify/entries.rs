//! The entries of a manifest that a run again should repeat: how processes ended and what they took, and the verdicts. Seconds differ from run
//! to run. Sentences are those of the build that wrote them, and so are entries that it did not know.

use serde_json::{Map, Value, json};

/// Each entry that is no longer the same: `key`, `recorded`, `repeated`.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<Value> {
    let same = |key: &str| before[key] == after[key];
    let comparison = Comparison {
        same_build: same("version") && same("git_revision"),
        extended: before["extended_from"].as_array().is_some_and(|ends| !ends.is_empty()),
    };
    let mut found = Vec::new();
    for kind in ["processes", "verdicts"] {
        comparison.compare(kind, &before[kind], &after[kind], &mut found);
    }
    found
}

/// What is compared.
struct Comparison {
    /// Whether the build that made the run is this one.
    same_build: bool,
    /// Whether the run goes on from a shorter one: the looks at whether its flow rests are then at other times.
    extended: bool,
}

impl Comparison {
    fn compare(&self, path: &str, before: &Value, after: &Value, found: &mut Vec<Value>) {
        match (before, after) {
            (Value::Object(was), Value::Object(is)) => {
                for key in keys(was, is).into_iter().filter(|key| self.is_repeated(key)) {
                    let of = |entries: &Map<String, Value>| entries.get(key).cloned().unwrap_or_default();
                    self.compare(&format!("{path}.{key}"), &of(was), &of(is), found);
                }
            }
            (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
                for (index, (was, is)) in was.iter().zip(is).enumerate() {
                    self.compare(&format!("{path}[{index}]"), was, is, found);
                }
            }
            _ if before == after || self.is_of_the_build(before, after) => {}
            _ => found.push(json!({"key": path, "recorded": before, "repeated": after})),
        }
    }

    fn is_repeated(&self, key: &str) -> bool {
        !(key.ends_with("_seconds") || (self.extended && key == "gradients_monitoring"))
    }

    /// Whether two entries may differ because builds do: sentences, and what one of the two does not have.
    fn is_of_the_build(&self, before: &Value, after: &Value) -> bool {
        let is_sentence = |entry: &Value| entry.as_str().is_some_and(|text| text.contains(' '));
        !self.same_build && (before.is_null() || after.is_null() || (is_sentence(before) && is_sentence(after)))
    }
}

/// The keys of both, each once.
fn keys<'a>(one: &'a Map<String, Value>, other: &'a Map<String, Value>) -> Vec<&'a String> {
    one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect()
}

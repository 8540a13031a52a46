//! The parts of a `manifest.json` that somebody may have edited, or another version may have written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// The sentence about the part `key`, of which nothing can be read: what is done `without` it, and how to have it.
pub(crate) fn unreadable(key: &str, error: &Error, without: &str) -> String {
    format!("manifest.json: {key} cannot be read ({error}): {without}")
}

/// What can be read of parts that are listed as name, key and value, by name; and [`unreadable`] of each that cannot.
pub(crate) fn readable<'a, T: DeserializeOwned>(
    listed: impl IntoIterator<Item = (&'a String, String, &'a Value)>,
    without: &str,
) -> (BTreeMap<String, T>, Vec<String>) {
    let (mut known, mut unread) = (BTreeMap::new(), Vec::new());
    for (name, key, value) in listed {
        match T::deserialize(value) {
            Ok(part) => {
                known.insert(name.clone(), part);
            }
            Err(error) => unread.push(unreadable(&key, &error, without)),
        }
    }
    (known, unread)
}

/// The list under `key`, empty where there is none; and [`unreadable`] of it, or of each entry that cannot be read.
pub(crate) fn list<T: DeserializeOwned>(manifest: &Value, key: &str, without: &str) -> (Vec<T>, Vec<String>) {
    let listed = match Option::<Vec<Value>>::deserialize(&manifest[key]) {
        Ok(listed) => listed.unwrap_or_default(),
        Err(error) => return (Vec::new(), vec![unreadable(key, &error, without)]),
    };
    let (mut known, mut unread) = (Vec::new(), Vec::new());
    for (i, entry) in listed.iter().enumerate() {
        match T::deserialize(entry) {
            Ok(entry) => known.push(entry),
            Err(error) => unread.push(unreadable(&format!("{key}[{i}]"), &error, without)),
        }
    }
    (known, unread)
}

/// The warnings of a manifest, and [`unreadable`] of those that cannot be read.
pub(crate) fn warnings_of(manifest: &Value) -> (Vec<String>, Vec<String>) {
    list(manifest, "warnings", "what it warned of is not shown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn warnings_that_cannot_be_read_are_told_apart_from_none() {
        let told = |warnings: Value| warnings_of(&json!({"warnings": warnings}));
        assert_eq!(warnings_of(&json!({})), (Vec::new(), Vec::new()));
        assert_eq!(told(json!(["flow: a", "b"])), (vec!["flow: a".into(), "b".into()], Vec::new()));
        let (known, unread) = told(json!(["flow: a", 3, "b"]));
        assert_eq!(known, ["flow: a", "b"]);
        assert!(
            unread.len() == 1 && unread[0].starts_with("manifest.json: warnings[1] cannot be read (invalid type: "),
            "{unread:?}"
        );
        let (known, unread) = told(json!("flow: a"));
        assert!(
            known.is_empty() && unread.len() == 1 && unread[0].starts_with("manifest.json: warnings cannot be read"),
            "{unread:?}"
        );
    }
}

//! The parts of a `manifest.json` that somebody may have edited, or another version may have written.

use std::collections::BTreeMap;

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

//! Values out of range, collected so that one pass reports all of them.

use std::fmt::{Debug, Display};
use std::path::Path;

use super::path;

/// A value out of range: the path of its key, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub path: String,
    pub message: String,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Finding { path: path.to_string(), message: message.into() });
    }

    /// Adds `must be {right}, got {value}` unless `holds`.
    pub fn require(&mut self, holds: bool, path: &str, right: &str, value: impl Debug) {
        if !holds {
            self.add(path, format!("must be {right}, got {value:?}"));
        }
    }

    pub fn between<T: PartialOrd + Display + Debug>(&mut self, path: &str, value: T, least: T, most: T) {
        self.require(least <= value && value <= most, path, &format!("between {least} and {most}"), value);
    }

    /// Requires 1 to `most`, which another setting determines: `bound` says which.
    pub fn at_most(&mut self, path: &str, value: usize, most: usize, bound: &str) {
        let right = if most == 1 { format!("1, {bound}") } else { format!("between 1 and {most}, {bound}") };
        self.require((1..=most).contains(&value), path, &right, value);
    }

    pub fn positive(&mut self, path: &str, value: f64) {
        self.require(value > 0.0, path, "greater than 0", value);
    }

    pub fn not_negative(&mut self, path: &str, value: f64) {
        self.require(value >= 0.0, path, "at least 0", value);
    }

    /// Requires the rate of a moving average to be in [0, 1).
    pub fn rate(&mut self, path: &str, value: f64) {
        self.require((0.0..1.0).contains(&value), path, "at least 0 and less than 1", value);
    }

    pub fn singular_values(&mut self, path: &str, values: &[f64]) {
        for (index, &value) in values.iter().enumerate() {
            self.positive(&path::item(path, index), value);
        }
    }

    /// Requires 1 to 100 characters that `allowed` admits; `letters` describes these in words.
    pub fn name(&mut self, path: &str, name: &str, letters: &str, allowed: fn(char) -> bool) {
        let length = name.chars().count();
        if !(1..=100).contains(&length) {
            self.add(path, format!("must have 1 to 100 characters, got {length}"));
        } else if !name.chars().all(allowed) {
            self.add(path, format!("must consist of {letters}, got {name:?}"));
        }
    }

    /// Paths are absolute once read: a part that is not UTF-8 may come from the folder of the scenario.
    pub fn file(&mut self, path: &str, file: &Path) {
        if file.as_os_str().is_empty() {
            self.add(path, "must name a file, got nothing");
        } else if file.to_str().is_none() {
            self.add(path, format!("{} is not UTF-8: move the scenario to another folder", file.display()));
        }
    }
}

/// Serializes a path as text. [`Findings::file`] has refused paths that are not UTF-8.
pub(crate) fn write_path<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

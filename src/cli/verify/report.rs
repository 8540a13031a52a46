//! What `gramflow verify` prints.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::output::{aligned, listed};
use crate::record::{Difference, Discrepancy, Repetition, to_value};

/// What was found.
pub(super) struct Verification {
    pub folder: PathBuf,
    /// Each file, what it is made of (`columns`, `arrays`), and how these differ.
    pub files: Vec<(&'static str, &'static str, Repetition)>,
    /// Entries of the manifest that should be the same and are not: `key`, `recorded`, `repeated`.
    pub manifest: Vec<Value>,
    pub may_explain: Vec<String>,
}

impl Verification {
    pub fn is_same(&self) -> bool {
        self.manifest.is_empty() && self.files.iter().all(|(_, _, found)| found.is_same())
    }

    pub fn to_json(&self) -> Value {
        let files: serde_json::Map<String, Value> =
            self.files.iter().map(|(file, _, found)| (file.to_string(), to_value(found))).collect();
        json!({
            "run_folder": self.folder.display().to_string(),
            "same": self.is_same(),
            "files": files,
            "manifest": self.manifest,
            "may_explain": self.may_explain,
        })
    }

    pub fn to_text(&self) -> String {
        let same = if self.is_same() { "the same bits" } else { "not the same bits" };
        let mut text = format!("{}: {same}\n", self.folder.display());
        // Writing to a string cannot fail.
        for (file, parts, found) in &self.files {
            if found.is_same() {
                let _ = writeln!(text, "{file}: all {} {parts} are the same", found.same);
            } else {
                text.push_str(&of_file(file, parts, found));
            }
        }
        if !self.manifest.is_empty() {
            text.push_str("\nmanifest.json:\n");
        }
        let line = |change: &Value| {
            let key = change["key"].as_str().unwrap_or_default();
            format!("  {key} was {} and now is {}", change["recorded"], change["repeated"])
        };
        text.push_str(&listed(&self.manifest, line, "--json lists all"));
        if !self.is_same() {
            text.push_str(match self.may_explain.is_empty() {
                true => "\nThe same gramflow made the run on the same kind of CPU: nothing known explains the difference.\n",
                false => "\nThis may explain it:\n",
            });
            self.may_explain.iter().for_each(|reason| text.push_str(&format!("- {reason}\n")));
        }
        text
    }
}

fn of_file(file: &str, parts: &str, found: &Repetition) -> String {
    let mut text = format!("\n{file}: {} of {} {parts} differ\n", found.differing.len(), found.common());
    if !found.differing.is_empty() {
        let head = [parts.trim_end_matches('s'), "values", "largest", "at", "relative", "at"].map(str::to_string);
        let rows: Vec<_> = std::iter::once(head).chain(found.differing.iter().map(row)).collect();
        let table = aligned(&rows);
        text.push_str(&listed(&table.lines().collect::<Vec<_>>(), |line| format!("  {line}"), "--json lists all"));
    }
    for sentence in &found.reshaped {
        text.push_str(&format!("  {sentence}\n"));
    }
    for (names, where_) in [(&found.only_recorded, "only in the folder"), (&found.only_repeated, "only in the run made now")] {
        if !names.is_empty() {
            text.push_str(&format!("  {where_}: {}\n", names.join(", ")));
        }
    }
    text
}

/// `loss  3 of 400  1.2e-9  gd, t = 0.5  3.1e-8  flow, t = 1`
fn row(found: &Discrepancy) -> [String; 6] {
    let size =
        |largest: &Option<Difference>| largest.as_ref().map_or("-".to_string(), |largest| format!("{:.1e}", largest.size));
    // Where nothing could be subtracted, a value is defined in one run only.
    let at = |largest: &Option<Difference>| largest.as_ref().map_or(&found.first, |largest| &largest.at).to_string();
    let (absolute, relative) = (&found.absolute, &found.relative);
    let values = format!("{} of {}", found.differing, found.values);
    [found.name.clone(), values, size(absolute), at(absolute), size(relative), at(relative)]
}

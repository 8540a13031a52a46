//! How pages of runs and of studies begin and end.

use std::path::Path;

use serde_json::Value;

use crate::scenario::Scenario;

use super::html::Page;
use super::shell_word;

/// A page of what is called `name`, with the scenario's description and a caption in small print.
pub(super) fn open(name: &str, scenario: &Scenario, caption: &str) -> Page {
    let mut page = Page::new(name);
    if let Some(description) = &scenario.description {
        page.paragraph(description);
    }
    page.caption(caption);
    page
}

/// Ends the page by the `command` that makes again what is in `folder`, what made it, a `remark` on that, and the scenario.
pub(super) fn close(
    mut page: Page,
    folder: &Path,
    command: &str,
    manifest: &Value,
    remark: &str,
    scenario: &Scenario,
) -> String {
    page.heading("Again");
    page.preformatted(&format!("{command}\ngramflow report {}", shell_word(folder)));
    let word = |key: &str| manifest[key].as_str().unwrap_or("unknown");
    let (version, revision, hash) = (word("version"), word("git_revision"), word("scenario_hash"));
    page.caption(&format!("gramflow {version} ({revision}), scenario {hash}{remark}"));
    page.folded("the scenario, with every default filled in", &scenario.to_yaml());
    page.end()
}

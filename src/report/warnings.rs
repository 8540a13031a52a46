//! Warnings, which stand on top: whoever reads the numbers must have read them.

use serde_json::Value;

use crate::record;

use super::html::Page;

/// The warnings that a manifest holds, and what cannot be read of them.
pub(super) fn warnings_of(manifest: &Value) -> Vec<String> {
    let (warnings, unread) = record::warnings_of(manifest);
    [warnings, unread].concat()
}

/// Adds the list of warnings, if there are any.
pub(super) fn add_warnings(page: &mut Page, warnings: &[String]) {
    if !warnings.is_empty() {
        page.warnings(warnings);
    }
}

//! Warnings, which stand on top: whoever reads the numbers must have read them.

use serde_json::Value;

use super::html::Page;

/// The warnings that a manifest holds.
pub(super) fn warnings_of(manifest: &Value) -> Vec<String> {
    manifest["warnings"].as_array().into_iter().flatten().filter_map(|warning| Some(warning.as_str()?.to_string())).collect()
}

/// Adds the list of warnings, if there are any.
pub(super) fn add_warnings(page: &mut Page, warnings: &[String]) {
    if !warnings.is_empty() {
        page.warnings(warnings);
    }
}

//! Warnings, which stand on top: whoever reads the numbers must have read them.

use super::html::Page;

/// Adds the list of warnings, if there are any.
pub(super) fn add_warnings(page: &mut Page, warnings: &[String]) {
    if !warnings.is_empty() {
        page.warnings(warnings);
    }
}

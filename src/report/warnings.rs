//! Warnings, which stand on top: whoever reads the numbers must have read them.

use super::html::Page;

/// A list of them; nothing where there are none.
pub(super) fn add_warnings(page: &mut Page, warnings: &[String]) {
    if !warnings.is_empty() {
        page.warnings(warnings);
    }
}

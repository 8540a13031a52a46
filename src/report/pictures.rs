//! The pictures of a folder, as elements of a page.

use std::fs;
use std::path::{Path, PathBuf};

use super::ReportError;
use super::html::Page;

/// The SVG at `path` from its root element on: the XML declaration before it belongs to a separate file. `None` without a root.
pub(super) fn read(path: &Path) -> Result<Option<String>, ReportError> {
    let text = fs::read_to_string(path).map_err(|source| ReportError::Unreadable { path: path.into(), source })?;
    Ok(text.find("<svg").map(|root| text[root..].to_string()))
}

/// Adds every SVG in `folder`, if that exists, in the order of names, each with the caption that `caption` gives to its name. Returns how
/// many. Where pictures were drawn in other formats only, the page says so and names the remedy.
pub(super) fn add_all(page: &mut Page, folder: &Path, caption: impl Fn(&str) -> String) -> Result<usize, ReportError> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).map_or(Vec::new(), |entries| entries.flatten().map(|e| e.path()).collect());
    let is = |path: &Path, format: &str| path.extension().is_some_and(|extension| extension == format);
    let others = files.iter().any(|path| is(path, "pdf") || is(path, "png"));
    files.retain(|path| is(path, "svg"));
    files.sort();
    if files.is_empty() && others {
        page.heading("Pictures");
        page.paragraph("They were not drawn as SVG, the format that a page shows: draw them with gramflow plot --format svg.");
    }
    let mut count = 0;
    for path in files {
        if let Some(svg) = read(&path)? {
            if count == 0 {
                page.heading("Pictures");
            }
            page.picture(&svg, &caption(&path.file_stem().unwrap_or_default().to_string_lossy()));
            count += 1;
        }
    }
    Ok(count)
}

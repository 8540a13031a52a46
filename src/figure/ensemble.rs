//! Pictures of a sweep: title and caption alone, until the branch that draws their panels is merged.

use std::path::{Path, PathBuf};

use crate::record::Ensemble;
use crate::scenario;

use super::{FigureError, page, write};

/// Writes the pictures to the folder `dir`.
pub fn draw_ensemble(ensemble: &Ensemble, pictures: &[scenario::Picture], dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let mut files = Vec::new();
    for picture in pictures {
        let name = picture.name.clone().unwrap_or_else(|| ensemble.name.clone());
        let page = page::Picture {
            name: "draft",
            title: picture.title.clone(),
            caption: ensemble.caption.clone(),
            legend: Vec::new(),
            panels: Vec::new(),
        };
        for file in write(std::iter::once(page), dir)? {
            let to = dir.join(format!("{name}.{}", file.extension().unwrap_or_default().display()));
            std::fs::rename(&file, &to).map_err(|source| FigureError::Write { path: to.clone(), source })?;
            files.push(to);
        }
    }
    Ok(files)
}

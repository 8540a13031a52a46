//! Pictures of a run or a study, from its records alone: SVG and PNG of each.
//!
//! One file draws one picture; below them lie the page (title, legend, panels side by side), the panel (curves over two
//! axes), the axes with their ticks, the pen, and the canvas, which is an SVG or a bitmap. The same records give the same bytes.
//!
//! Curves are coloured by what a panel compares; the flow is a full line, optimizers are thin lines with hollow markers.
//! What a log axis cannot show, and what is not a number, is left out and counted in small print under the panel.

mod alignment;
mod axis;
mod balance;
mod canvas;
mod cells;
mod costs;
mod ensemble;
mod font;
mod frame;
mod ledger;
mod loss;
mod nfa;
mod number;
mod page;
mod panel;
mod pen;
mod plot;
mod quantiles;
mod quantity;
mod rate_study;
mod records;
mod rounding;
mod sharpness;
mod spectra;
mod spectra_by_index;
mod study;
mod style;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::{Ensemble, RateStudy, Study};
use crate::publish;
use crate::record::Run;
use crate::scenario;

pub use canvas::DrawError;
pub use costs::{CostCurve, CostPanel, Costs};
pub use number::{cosine, number, number_range};

/// Every picture there is; each is left out where the records have nothing for it.
const PICTURES: [fn(&Run) -> Option<page::Picture>; 8] = [
    loss::picture_of,
    balance::picture_of,
    ledger::picture_of,
    nfa::picture_of,
    alignment::picture_of,
    spectra::picture_of,
    spectra_by_index::picture_of,
    sharpness::picture_of,
];

/// Why a picture could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// plotters could not draw the picture, or its PNG could not be encoded.
    #[error("cannot draw {}: {source}", path.display())]
    Draw {
        /// The file that it was drawn for.
        path: PathBuf,
        /// The cause.
        source: DrawError,
    },
    /// The SVG or the PNG could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Writes every picture that the records of `run` allow to the folder `dir`, as `<name>.svg` and `<name>.png`.
///
/// Returns the paths of the files: of each picture the SVG, then the PNG, twice its size.
pub fn draw_all(run: &Run, dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    write(PICTURES.iter().filter_map(|picture_of| picture_of(run)), dir)
}

/// The same of a study of integrators.
pub fn draw_study(study: &Study, dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    write([study::work_precision(study), study::tolerance(study)].into_iter().flatten(), dir)
}

/// The same of a study of learning rates.
pub fn draw_rate_study(study: &RateStudy, dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let pictures =
        [rate_study::distance(study), rate_study::companions(study), rate_study::alignment(study), rate_study::cost(study)];
    write(pictures.into_iter().flatten(), dir)
}

/// Writes the `pictures` of a sweep from its units: as [`draw_all`], named by [`scenario::Picture::name`] or, without, by the sweep.
pub fn draw_ensemble(ensemble: &Ensemble, pictures: &[scenario::Picture], dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    write(pictures.iter().map(|picture| ensemble::picture_of(ensemble, picture)), dir)
}

/// Writes measured costs as [`draw_all`] does its pictures, as `<name>.svg` and `<name>.png`.
pub fn draw_costs(costs: &Costs, dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    write([costs::picture_of(costs)].into_iter(), dir)
}

fn write<P: plot::Plot>(pictures: impl Iterator<Item = page::Picture<P>>, dir: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let mut files = Vec::new();
    for picture in pictures {
        let size = picture.size();
        let path = dir.join(format!("{}.svg", picture.name));
        let svg = canvas::svg(size, |canvas| picture.draw(canvas))
            .map_err(|source| FigureError::Draw { path: path.clone(), source })?;
        write_file(svg.as_bytes(), path, &mut files)?;

        let path = dir.join(format!("{}.png", picture.name));
        let png = canvas::png(size, |canvas| picture.draw(canvas))
            .map_err(|source| FigureError::Draw { path: path.clone(), source })?;
        write_file(&png, path, &mut files)?;
    }
    Ok(files)
}

fn write_file(bytes: &[u8], path: PathBuf, files: &mut Vec<PathBuf>) -> Result<(), FigureError> {
    publish::write_whole(&path, bytes).map_err(|source| FigureError::Write { path: path.clone(), source })?;
    files.push(path);
    Ok(())
}

#[cfg(test)]
mod tests;

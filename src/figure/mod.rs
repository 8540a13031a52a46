//! Pictures of a run, a study or a sweep, from its records alone, in the formats that its style asks for: SVG, PNG, PDF.
//!
//! One file draws one picture; below them lie the sheet (title, legend, panels side by side), the panel (curves over two
//! axes), the axes with their ticks, the pen, and the canvas, which is an SVG, a bitmap or a PDF. The same records give the same bytes.
//!
//! Curves are coloured by what a panel compares; the flow is a solid line, optimizers are thin lines with hollow markers.
//! What a log axis cannot show, and what is not a number, is left out and counted in small print under the panel.

mod alignment;
mod axis;
mod balance;
mod canvas;
mod cells;
mod clip;
mod costs;
mod density;
mod ensemble;
mod findings;
mod font;
mod frame;
mod ignored;
mod ledger;
mod loss;
mod nfa;
mod number;
mod overlap;
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
mod sheet;
mod spectra;
mod spectra_by_index;
mod study;
mod style;
mod text;
mod thin;

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::folder::{Ensemble, RateStudy, Study};
use crate::linalg::each_on_threads;
use crate::publish;
use crate::record::Run;
use crate::scenario;
use crate::scenario::style::{Format, Style};

pub use canvas::DrawError;
pub use costs::{CostCurve, CostPanel, Costs};
pub use findings::findings;
pub use number::{cosine, number, number_range};
pub use rate_study::findings as rate_study_findings;
pub use study::findings as study_findings;

/// Every picture of a run; each is left out where the records have nothing for it.
const PICTURES: [fn(&Run) -> Option<page::Picture>; 9] = [
    loss::picture_of,
    balance::picture_of,
    ledger::picture_of,
    nfa::picture_of,
    alignment::picture_of,
    spectra::picture_of,
    spectra_by_index::picture_of,
    sharpness::picture_of,
    density::picture_of,
];

/// The names of the pictures of a run, of a study of integrators and of one of learning rates.
const OF_RUNS: [&str; 9] =
    ["loss", "balance", "ledger", "nfa", "alignment", "spectra", "spectra-by-index", "sharpness", "density"];
const OF_STUDIES: [&str; 2] = ["work_precision", "tolerance"];
const OF_RATE_STUDIES: [&str; 5] = ["distance", "companions", "weak", "alignment", "cost"];

/// What was drawn.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// The files, picture by picture.
    pub files: Vec<PathBuf>,
    /// What their styles ask for and no picture has, and what they do without because it cannot be read.
    pub warnings: Vec<String>,
}

/// Why a picture could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The picture could not be drawn or encoded.
    #[error("cannot draw {}: {source}", path.display())]
    Draw {
        /// The file that it was drawn for.
        path: PathBuf,
        /// The cause.
        source: DrawError,
    },
    /// Limits of an axis have no place on its scale.
    #[error(
        "style.axes: the limits {limits:?} have no place on a log axis of panel {letter} of `{picture}`: begin above 0, or set `scale: linear`"
    )]
    Limits {
        /// The picture.
        picture: String,
        /// The letter of the panel.
        letter: char,
        /// The limits.
        limits: [f64; 2],
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Writes every picture that the records of `run` allow to the folder `dir`, in each format of `style`: `<name>.svg`, `<name>.png`.
///
/// # Errors
/// [`FigureError`] if a picture cannot be drawn or written, or if limits of `style` have no place on the scale of their axis.
pub fn draw_all(run: &Run, style: &Style, dir: &Path) -> Result<Drawn, FigureError> {
    let pictures = PICTURES.iter().filter_map(|picture_of| picture_of(run)).map(|picture| (picture, style));
    let mut drawn = write(pictures, &OF_RUNS, dir)?;
    drawn.warnings.extend(run.unread.iter().cloned());
    Ok(drawn)
}

/// The names of the pictures that the records of `run` allow.
pub fn names(run: &Run) -> Vec<String> {
    PICTURES.iter().filter_map(|picture_of| picture_of(run)).map(|picture| picture.name).collect()
}

/// The picture `name` in `format`, as the content of its file; `None` where the records allow no such picture.
///
/// # Errors
/// [`FigureError`] if it cannot be drawn, or if limits of `style` have no place on the scale of their axis.
pub fn draw(run: &Run, name: &str, style: &Style, format: Format) -> Result<Option<Vec<u8>>, FigureError> {
    let Some(picture) = PICTURES.iter().filter_map(|picture_of| picture_of(run)).find(|picture| picture.name == name) else {
        return Ok(None);
    };
    let picture = styled(picture, style)?;
    let path = PathBuf::from(format!("{name}.{}", format.extension()));
    drawn(&sheet::Sheet::new(&picture, style), &picture, format, &path).map(Some)
}

/// As [`draw_all`], for a study of integrators.
pub fn draw_study(study: &Study, style: &Style, dir: &Path) -> Result<Drawn, FigureError> {
    let pictures = [study::work_precision(study), study::tolerance(study)];
    write(pictures.into_iter().flatten().map(|picture| (picture, style)), &OF_STUDIES, dir)
}

/// As [`draw_all`], for a study of learning rates.
pub fn draw_rate_study(study: &RateStudy, style: &Style, dir: &Path) -> Result<Drawn, FigureError> {
    let pictures = [
        rate_study::distance(study),
        rate_study::companions(study),
        rate_study::weak(study),
        rate_study::alignment(study),
        rate_study::cost(study),
    ];
    write(pictures.into_iter().flatten().map(|picture| (picture, style)), &OF_RATE_STUDIES, dir)
}

/// Writes the `pictures` of a sweep as [`draw_all`] does, each in its own style and named by [`scenario::Picture::name`], or else by the sweep.
pub fn draw_ensemble(ensemble: &Ensemble, pictures: &[scenario::Picture], dir: &Path) -> Result<Drawn, FigureError> {
    let names: Vec<&str> = pictures.iter().map(|picture| picture.name.as_deref().unwrap_or(&ensemble.name)).collect();
    write(pictures.iter().map(|picture| (ensemble::picture_of(ensemble, picture), &picture.style)), &names, dir)
}

/// Writes measured costs as [`draw_all`] does its pictures, as `<name>.svg` and `<name>.png`.
pub fn draw_costs(costs: &Costs, dir: &Path) -> Result<Drawn, FigureError> {
    write([(costs::picture_of(costs), &Style::default())].into_iter(), &[], dir)
}

/// Draws the pictures on all cores and then writes them in their order. `possible`: the names of all pictures that might have been drawn.
fn write<'s, P: plot::Plot + Send>(
    pictures: impl Iterator<Item = (page::Picture<P>, &'s Style)>,
    possible: &[&str],
    dir: &Path,
) -> Result<Drawn, FigureError> {
    let mut ignored = ignored::Ignored::default();
    let mut jobs = Vec::new();
    for (picture, style) in pictures {
        ignored.look_at(&picture, style);
        jobs.push(Job { picture: Some(picture), style, dir, files: Ok(Vec::new()) });
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    each_on_threads(cores, &mut jobs, |_, job| job.files = job.draw());
    let mut files = Vec::new();
    for job in jobs {
        for (path, bytes) in job.files? {
            write_file(&bytes, path, &mut files)?;
        }
    }
    Ok(Drawn { files, warnings: ignored.told(possible) })
}

/// A picture to be drawn, and what its files are to hold once it is.
struct Job<'a, P> {
    /// `None` once it is taken to be drawn.
    picture: Option<page::Picture<P>>,
    style: &'a Style,
    dir: &'a Path,
    files: Result<Vec<(PathBuf, Vec<u8>)>, FigureError>,
}

impl<P: plot::Plot> Job<'_, P> {
    fn draw(&mut self) -> Result<Vec<(PathBuf, Vec<u8>)>, FigureError> {
        let Some(picture) = self.picture.take() else { return Ok(Vec::new()) };
        let picture = styled(picture, self.style)?;
        let sheet = sheet::Sheet::new(&picture, self.style);
        let file = |&format: &Format| {
            let path = self.dir.join(format!("{}.{}", picture.name, format.extension()));
            let bytes = drawn(&sheet, &picture, format, &path)?;
            Ok((path, bytes))
        };
        self.style.format.0.iter().map(file).collect()
    }
}

/// The same picture with a style applied.
fn styled<P: plot::Plot>(picture: page::Picture<P>, style: &Style) -> Result<page::Picture<P>, FigureError> {
    let name = picture.name.clone();
    picture.styled(style).map_err(|page::Misplaced { letter, limits }| FigureError::Limits { picture: name, letter, limits })
}

/// The content of the file of a picture; `path` is its name in errors.
fn drawn<P: plot::Plot>(
    sheet: &sheet::Sheet<P>,
    picture: &page::Picture<P>,
    format: Format,
    path: &Path,
) -> Result<Vec<u8>, FigureError> {
    let paper = sheet.paper();
    let drawn = match format {
        Format::Svg => canvas::svg(paper, |canvas| sheet.draw(canvas)).map(String::into_bytes),
        Format::Png => canvas::png(paper, |canvas| sheet.draw(canvas)),
        Format::Pdf => canvas::pdf(paper, &picture.title, |canvas| sheet.draw(canvas)),
    };
    drawn.map_err(|source| FigureError::Draw { path: path.to_path_buf(), source })
}

fn write_file(bytes: &[u8], path: PathBuf, files: &mut Vec<PathBuf>) -> Result<(), FigureError> {
    publish::write_whole(&path, bytes).map_err(|source| FigureError::Write { path: path.clone(), source })?;
    files.push(path);
    Ok(())
}

#[cfg(test)]
mod tests;

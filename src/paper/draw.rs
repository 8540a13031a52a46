//! From the finished units of a figure to its files. All files are replaced at once, after every picture has been drawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::figure::{Drawn, draw_ensemble};
use crate::folder::{Ensemble, FigureManifest, UnitCounts};
use crate::publish::{PublishError, Shelf};
use crate::record::Warned;
use crate::scenario::Picture;
use crate::scenario::style::{Format, Formats};
use crate::sweep::{Folder, Notes, Status, SweepPlan, ensemble};

use super::{Figure, PaperError, claims_markdown};

/// What was made of a figure.
#[derive(Debug, Clone)]
pub struct FigureFiles {
    /// Its manifest.
    pub manifest: FigureManifest,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// The table of claims.
const CLAIMS: &str = "claims.md";

/// The folder `out`, made for the files of `figures`.
///
/// # Errors
/// If it cannot be made, or holds a file of one of their names that gramflow did not write.
pub fn shelf(figures: &[Figure], out: &Path) -> Result<Shelf, PublishError> {
    let shelf = Shelf::open(out)?;
    let names = figures.iter().flat_map(|figure| figure.picture_files().chain([figure.manifest_file()]));
    let names: Vec<String> = names.chain([CLAIMS.to_string()]).collect();
    shelf.check(names.iter().map(String::as_str))?;
    Ok(shelf)
}

/// Draws the finished units of a figure, and writes pictures and manifest to the folder `out`. Pictures that an earlier manifest of the
/// figure names and this one does not are removed, if gramflow wrote them and they are of the formats `replaced`.
///
/// # Errors
/// If the units cannot be read, a picture cannot be drawn, or a file cannot be written.
pub fn draw(
    figure: &Figure,
    folder: &Folder,
    shelf: &Shelf,
    out: &Path,
    replaced: &Formats,
) -> Result<FigureFiles, PaperError> {
    let ensemble = ensemble(std::slice::from_ref(folder), &figure.plan)?;
    let mut manifest = manifest(figure, folder, &ensemble)?;
    // Where no unit could be run there is nothing to draw.
    let Drawn { files: drawn, warnings } =
        if ensemble.members.is_empty() { Drawn::default() } else { draw_beside(&ensemble, figure, folder.path(), replaced)? };
    manifest.warnings.extend(warnings.into_iter().map(Warned::of_all));
    drop(ensemble);
    // A manifest may name any file; only those on the shelf's list are removed.
    let path = out.join(figure.manifest_file());
    let earlier = read_manifest(&path).unwrap_or_else(|error| {
        let kept = "pictures of this figure that have another name by now are kept";
        manifest.warnings.push(Warned::of_all(format!("{} could not be read ({error}): {kept}", path.display())));
        None
    });

    let stage = shelf.stage()?;
    for path in &drawn {
        let Some(name) = path.file_name() else { continue };
        fs::copy(path, stage.path().join(name)).map_err(PaperError::io("copy", path))?;
    }
    stage.write_text(&figure.manifest_file(), &manifest.to_json())?;
    let named = |name: &str| {
        let pictures = earlier.iter().flat_map(|earlier| &earlier.pictures);
        let mut files = pictures.flat_map(|picture| Format::ALL.map(|format| file_of(&picture.name, format)));
        replaced.contain_file(name) && files.any(|file| file == name)
    };
    let files = shelf.publish(stage, named)?;
    Ok(FigureFiles { manifest, files })
}

/// The file of a picture.
fn file_of(picture: &str, format: Format) -> String {
    format!("{picture}.{}", format.extension())
}

impl Figure {
    /// The files of its pictures.
    fn picture_files(&self) -> impl Iterator<Item = String> + '_ {
        let files = |picture: &Picture| -> Vec<String> {
            let name = picture.name.as_deref().unwrap_or(&self.name);
            picture.style.format.0.iter().map(|format| file_of(name, *format)).collect()
        };
        self.pictures.iter().flat_map(files)
    }

    /// The file of its manifest.
    fn manifest_file(&self) -> String {
        format!("{}.json", self.name)
    }
}

/// Draws into `figures/` in the folder of the sweep, replacing its earlier pictures.
fn draw_beside(ensemble: &Ensemble, figure: &Figure, sweep: &Path, replaced: &Formats) -> Result<Drawn, PaperError> {
    let shelf = Shelf::open(sweep)?;
    let stage = shelf.stage()?;
    let drawn = draw_ensemble(ensemble, &figure.pictures, &stage.folder("figures")?)?;
    let files = shelf.publish(stage, |name| name.starts_with("figures/") && replaced.contain_file(name))?;
    Ok(Drawn { files, ..drawn })
}

fn manifest(figure: &Figure, folder: &Folder, ensemble: &Ensemble) -> Result<FigureManifest, PaperError> {
    let plan = &figure.plan;
    let notes = Notes::of(std::slice::from_ref(folder), plan)?;
    let (version, git_revision) = FigureManifest::build();
    Ok(FigureManifest {
        figure: figure.name.clone(),
        description: figure.description.clone(),
        caption: ensemble.caption.clone(),
        pictures: if ensemble.members.is_empty() { Vec::new() } else { figure.picture_entries() },
        version,
        git_revision,
        claims: notes.claims(plan),
        warnings: notes.warned(plan),
        versions: notes.versions.into_iter().collect(),
        plan_hash: plan.hash(),
        scenario_sha256: figure.sha256(),
        varied: plan.varied.clone(),
        units: unit_counts(plan, folder),
        terminations: notes.terminations,
        gradients: notes.gradients,
        scenario: figure.text.clone(),
    })
}

fn unit_counts(plan: &SweepPlan, folder: &Folder) -> UnitCounts {
    let status = Status::of(plan, std::slice::from_ref(folder));
    let failed: BTreeMap<String, String> =
        status.failed.iter().map(|(unit, reason)| (plan.label(*unit), reason.clone())).collect();
    UnitCounts { planned: plan.units().len(), done: status.done, failed }
}

/// The manifest at `path`; `None` if there is none.
fn read_manifest(path: &Path) -> io::Result<Option<FigureManifest>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes `claims.md`, the claims of those figures among `names` that have a manifest in `out`. Returns its path, and a warning for each
/// manifest that cannot be read.
///
/// # Errors
/// If it cannot be written.
pub fn write_claims(names: &[String], shelf: &Shelf, out: &Path) -> Result<(PathBuf, Vec<String>), PaperError> {
    let (mut manifests, mut unread) = (Vec::new(), Vec::new());
    for name in names {
        let path = out.join(format!("{name}.json"));
        match read_manifest(&path) {
            Ok(manifest) => manifests.extend(manifest),
            Err(error) => unread.push(format!(
                "{} cannot be read ({error}): {CLAIMS} is without the claims of that figure; to have them, make it again: gramflow figures {name}",
                path.display()
            )),
        }
    }
    let stage = shelf.stage()?;
    stage.write_text(CLAIMS, &claims_markdown(&manifests))?;
    shelf.publish(stage, |_| false)?;
    Ok((out.join(CLAIMS), unread))
}

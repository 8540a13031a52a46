//! From the finished units of a figure to its files. Every file is replaced at once, and only after all pictures could be drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::figure::draw_ensemble;
use crate::record::{Ensemble, FigureManifest, PARTIAL, UnitCounts, replace_bytes, replace_text};
use crate::sweep::{Folder, Notes, Plan, Status, ensemble};

use super::{Figure, PaperError, claims_markdown};

/// What was made of a figure.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its manifest.
    pub manifest: FigureManifest,
    /// Its files.
    pub files: Vec<PathBuf>,
}

/// The formats of pictures.
const FORMATS: [&str; 2] = ["svg", "png"];

/// Draws the finished units of a figure, and writes pictures and manifest to the folder `out`, which is made. Pictures that an earlier
/// manifest of the figure names and this one does not are removed.
pub fn draw(figure: &Figure, folder: &Folder, out: &Path) -> Result<Drawn, PaperError> {
    fs::create_dir_all(out).map_err(PaperError::io("make", out))?;
    let ensemble = ensemble(std::slice::from_ref(folder), &figure.plan)?;
    let manifest = manifest(figure, folder, &ensemble)?;
    let pictures = folder.path().join("figures");
    // Where no unit could be run there is nothing to draw.
    let drawn = if ensemble.members.is_empty() { Vec::new() } else { draw_beside(&ensemble, figure, &pictures)? };
    drop(ensemble);

    let mut files = Vec::new();
    for path in &drawn {
        let Some(name) = path.file_name() else { continue };
        let bytes = fs::read(path).map_err(PaperError::io("read", path))?;
        replace_bytes(&out.join(name), &bytes)?;
        files.push(out.join(name));
    }
    let path = out.join(format!("{}.json", figure.name));
    let earlier = read_manifest(&path);
    replace_text(&path, &manifest.to_json())?;
    files.push(path);
    if let Some(earlier) = earlier {
        remove_unnamed(&earlier, &manifest, out)?;
    }
    Ok(Drawn { manifest, files })
}

/// Draws into a new folder, which then becomes `target`; the pictures in it.
fn draw_beside(ensemble: &Ensemble, figure: &Figure, target: &Path) -> Result<Vec<PathBuf>, PaperError> {
    let parent = target.parent().unwrap_or(target);
    let draft = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(parent).map_err(PaperError::io("write in", parent))?;
    let drawn = draw_ensemble(ensemble, &figure.pictures, draft.path())?;
    fs::create_dir_all(target).map_err(PaperError::io("make", target))?;
    let mut kept = BTreeSet::new();
    for path in drawn {
        let Some(name) = path.file_name() else { continue };
        let to = target.join(name);
        fs::rename(&path, &to).map_err(PaperError::io("name", &to))?;
        kept.insert(to);
    }
    // What earlier pictures of the same runs were called.
    for entry in fs::read_dir(target).map_err(PaperError::io("read", target))?.flatten() {
        if !kept.contains(&entry.path()) {
            fs::remove_file(entry.path()).map_err(PaperError::io("remove", entry.path()))?;
        }
    }
    Ok(kept.into_iter().collect())
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

fn unit_counts(plan: &Plan, folder: &Folder) -> UnitCounts {
    let status = Status::of(plan, std::slice::from_ref(folder));
    let failed: BTreeMap<String, String> =
        status.failed.iter().map(|(unit, reason)| (plan.label(*unit), reason.clone())).collect();
    UnitCounts { planned: plan.units().len(), done: status.done, failed }
}

/// The manifest at `path`; none if there is none, or one of another form.
fn read_manifest(path: &Path) -> Option<FigureManifest> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn remove_unnamed(earlier: &FigureManifest, now: &FigureManifest, out: &Path) -> Result<(), PaperError> {
    for picture in earlier.pictures.iter().filter(|old| !now.pictures.iter().any(|new| new.name == old.name)) {
        for format in FORMATS {
            let path = out.join(format!("{}.{format}", picture.name));
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(PaperError::io("remove", path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Writes `claims.md`, the claims of those of the figures `names` that have a manifest in `out`; its path.
pub fn write_claims(names: &[String], out: &Path) -> Result<PathBuf, PaperError> {
    let manifests: Vec<_> = names.iter().filter_map(|name| read_manifest(&out.join(format!("{name}.json")))).collect();
    let path = out.join("claims.md");
    replace_text(&path, &claims_markdown(&manifests))?;
    Ok(path)
}

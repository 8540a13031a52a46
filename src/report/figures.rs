//! A folder of figures: each with its pictures, its claims and the manifest that made it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::{FigureManifest, shown};
use crate::record::Warned;

use super::html::Page;
use super::verdicts::{IN_ALL, add_status, add_summary, add_tally_table, holds};
use super::warnings::add_warnings;
use super::{ReportError, pictures, shell_word};

/// The manifests of figures in a folder.
#[derive(Default)]
pub(super) struct Manifests {
    /// By their names.
    known: Vec<FigureManifest>,
    /// A sentence for each that cannot be read.
    unread: Vec<String>,
}

impl Manifests {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unread.is_empty()
    }
}

/// Those in `folder`.
pub(super) fn manifests(folder: &Path) -> Result<Manifests, ReportError> {
    let mut manifests = Manifests::default();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(manifests) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|source| ReportError::Unreadable { path: path.clone(), source })?;
        // Other files may be JSON too.
        match FigureManifest::parse(&text) {
            None => {}
            Some(Ok(manifest)) => manifests.known.push(manifest),
            Some(Err(error)) => {
                let name = path.file_name().unwrap_or_default().display();
                manifests.unread.push(format!(
                    "{name} cannot be read ({error}): this page is without its figure and claims; to have them, make it again with gramflow figures"
                ));
            }
        }
    }
    Ok(manifests)
}

pub(super) fn page(folder: &Path, manifests: &Manifests) -> Result<String, ReportError> {
    let Manifests { known: manifests, unread } = manifests;
    let mut page = Page::new("Figures and claims");
    let units: usize = manifests.iter().map(|manifest| manifest.units.done).sum();
    let figures = manifests.len();
    page.caption(&format!(
        "{figures} figure{}, made from {units} runs by gramflow figures",
        if figures == 1 { "" } else { "s" }
    ));
    let claims: Vec<_> = manifests.iter().flat_map(|manifest| manifest.claims.values()).collect();
    let warnings = unread.len() + manifests.iter().map(|manifest| manifest.warnings.len()).sum::<usize>();
    if manifests.is_empty() {
        add_summary(&mut page, "No figure can be read", None, warnings);
    } else {
        add_status(&mut page, claims.iter().filter(|claim| holds(claim)).count(), claims.len(), IN_ALL, warnings);
    }
    add_warnings(&mut page, unread);
    for manifest in manifests {
        add_figure(&mut page, folder, manifest)?;
    }
    page.heading("Again");
    page.preformatted(&format!("gramflow figures{}\ngramflow report {}", out(folder), shell_word(folder)));
    Ok(page.end())
}

/// The option `--out` for `folder`; empty where that is the default.
fn out(folder: &Path) -> String {
    if folder == Path::new("figures") { String::new() } else { format!(" --out {}", shell_word(folder)) }
}

fn add_figure(page: &mut Page, folder: &Path, manifest: &FigureManifest) -> Result<(), ReportError> {
    page.heading(&manifest.figure);
    if !manifest.description.is_empty() {
        page.paragraph(&manifest.description);
    }
    page.caption(&manifest.caption);
    if !manifest.warnings.is_empty() {
        page.warnings(&manifest.warnings.iter().map(Warned::line).collect::<Vec<_>>());
    }
    if !manifest.claims.is_empty() {
        add_tally_table(page, &manifest.claims);
    }
    for picture in &manifest.pictures {
        let path = folder.join(format!("{}.svg", picture.name));
        // A manifest may name any file: only those of this folder are read. Where a picture was moved or removed, the claims still stand.
        let here = !picture.name.contains(['/', '\\']);
        match (here && path.is_file()).then(|| pictures::read(&path)).transpose()?.flatten() {
            Some(svg) => page.picture(&svg, &format!("{} ({}.svg)", picture.title, picture.name)),
            None => page.caption(&format!("{}.svg is not in this folder", picture.name)),
        }
    }
    let failed = &manifest.units.failed;
    if !failed.is_empty() {
        let reasons: Vec<String> = failed.iter().map(|(unit, reason)| format!("{unit}: {reason}")).collect();
        page.paragraph(&format!("Drawn without {} units that could not be run:", failed.len()));
        page.list(&reasons);
    }
    let terminations = manifest.terminations.iter().map(|(process, counts)| {
        let counts: Vec<String> = counts.iter().map(|(how, count)| format!("{how} {count}")).collect();
        format!("{process}: {}", counts.join(", "))
    });
    let ended = terminations.collect::<Vec<_>>().join("; ");
    let rows = [
        ("varied", varied(manifest)),
        ("units", format!("{} of {}", manifest.units.done, manifest.units.planned)),
        ("ended", ended),
        ("gradients", manifest.gradients.to_string()),
        (
            "made by",
            format!("gramflow {} ({}); units: {}", manifest.version, manifest.git_revision, manifest.versions.join(", ")),
        ),
        ("plan", manifest.plan_hash.clone()),
        ("scenario", format!("sha256 {}", manifest.scenario_sha256)),
        ("again", format!("gramflow figures {}{}", manifest.figure, out(folder))),
    ];
    page.pairs(&rows);
    page.folded("the scenario", &manifest.scenario);
    Ok(())
}

fn varied(manifest: &FigureManifest) -> String {
    let keys = manifest.varied.iter().flat_map(|varied| varied.keys.iter().zip(&varied.values));
    keys.map(|(key, values)| values_of(key, values)).collect::<Vec<_>>().join("; ")
}

/// `weight_decay: 0, 0.001, 0.01`.
pub(super) fn values_of(key: &str, values: &[serde_json::Value]) -> String {
    const MOST: usize = 12;
    let mut texts: Vec<String> = values.iter().map(shown).collect();
    if texts.len() > MOST {
        let last = texts.pop().unwrap_or_default();
        texts.truncate(MOST - 1);
        texts.extend(["…".to_string(), last]);
    }
    format!("{key}: {}", texts.join(", "))
}

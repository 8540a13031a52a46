//! A sweep: what varies, what became of its units, the verdicts on its claims.

use std::path::Path;

use serde_json::Value;

use crate::folder::{read_manifest, read_scenario, read_unit};
use crate::record::Warned;
use crate::sweep::{Folder, Notes, Plan, Status, Unit};

use super::figures::values_of;
use super::html::{Cell, Page};
use super::verdicts::{add_tallies, shown};
use super::warnings::add_warnings;
use super::{ReportError, pictures};

/// A page of more rows is no longer read: the merged table has them all.
const MOST_ROWS: usize = 500;

pub(super) fn page(path: &Path) -> Result<String, ReportError> {
    let (folder, plan) = Folder::read(path)?;
    let status = Status::of(&plan, std::slice::from_ref(&folder));
    let notes = Notes::of(std::slice::from_ref(&folder), &plan)?;
    let done: Vec<Unit> = plan.units().into_iter().filter(|unit| folder.is_done(unit.id)).collect();

    let mut page = Page::new(&plan.name);
    // Read one after another; one suffices for what all have in common in words, which is said of what varies instead.
    let (first, last) = (done.first(), done.last());
    if let Some(unit) = first {
        let scenario = read_scenario(&folder.unit(unit.id))?;
        if let Some(description) = &scenario.description {
            page.paragraph(description);
        }
    }
    page.caption(&format!("{} of {} units are finished", status.done, plan.units().len()));
    add_warnings(&mut page, &notes.warned(&plan).iter().map(Warned::line).collect::<Vec<_>>());
    add_tallies(&mut page, &notes.claims(&plan));

    page.heading("What varies");
    let keys = plan.varied.iter().flat_map(|factor| factor.keys.iter().zip(&factor.values));
    page.list(&keys.map(|(key, values)| values_of(key, values)).collect::<Vec<_>>());

    pictures::add_all(&mut page, &path.join("figures"))?;

    page.heading("Units");
    if !status.failed.is_empty() {
        page.paragraph("Some units could not be run; the same command tries them again:");
        page.list(&status.failed.iter().map(|(unit, reason)| format!("{}: {reason}", plan.label(*unit))).collect::<Vec<_>>());
    }
    if !status.missing.is_empty() {
        page.paragraph(&format!("{} units are still to be run.", status.missing.len()));
    }
    add_units(&mut page, &folder, &plan, &done)?;

    page.heading("Again");
    page.preformatted(&format!("gramflow sweep run {}.yaml --out {}", plan.name, path.display()));
    page.caption(&format!(
        "plan {}; units by gramflow {}",
        plan.hash(),
        notes.versions.iter().cloned().collect::<Vec<_>>().join(", ")
    ));
    if let Some(unit) = last {
        let scenario = read_scenario(&folder.unit(unit.id))?;
        page.folded(&format!("the scenario of the unit {}", plan.label(*unit)), &scenario.to_yaml());
    }
    Ok(page.end())
}

fn add_units(page: &mut Page, folder: &Folder, plan: &Plan, done: &[Unit]) -> Result<(), ReportError> {
    if done.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::new();
    for unit in done.iter().take(MOST_ROWS) {
        let path = folder.unit(unit.id);
        let records = read_unit(&path)?;
        let manifest = read_manifest(&path)?;
        let last = |column: &str| shown(records.floats("flow", column).last().copied().unwrap_or(f64::NAN), 4);
        let flow = &manifest["processes"]["flow"];
        let mut row: Vec<Cell> = plan.texts(*unit).into_iter().map(Cell::words).collect();
        row.extend([
            Cell::words(flow["termination"].as_str().unwrap_or("–")),
            Cell::number(flow["gradients"].as_u64().map_or("–".to_string(), |gradients| gradients.to_string())),
            Cell::number(last("loss")),
            Cell::number(last("nfa_cosine")),
            Cell::words(verdict_words(&manifest)),
            Cell::words(unit.id.to_string()),
        ]);
        rows.push(row);
    }
    let tail = ["flow ended", "gradients", "loss", "NFA cosine", "verdicts", "unit"];
    let head: Vec<&str> = plan.keys().into_iter().chain(tail).collect();
    page.table(&head, &rows);
    if done.len() > MOST_ROWS {
        page.caption(&format!("and {} more: gramflow sweep merge writes them all", done.len() - MOST_ROWS));
    }
    Ok(())
}

/// `peak holds, nfa fails`.
fn verdict_words(manifest: &Value) -> String {
    let verdicts = manifest["verdicts"].as_object().into_iter().flatten();
    let word = |(claim, verdict): (&String, &Value)| format!("{claim} {}", verdict["verdict"].as_str().unwrap_or("–"));
    verdicts.map(word).collect::<Vec<_>>().join(", ")
}

//! A sweep: what varies, the verdicts on its claims, its units beside each other, as curves and as a table that sorts, and its pictures.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::figure::cosine;
use crate::folder::{read_manifest, read_scenario, read_unit};
use crate::record::{Outcome, Table, Warned};
use crate::scenario::Picture;
use crate::sweep::{JobArray, Notes, Status, SweepPlan, Unit, folders_at, kept_scenario, read_pictures};

use super::curves::Curves;
use super::figures::values_of;
use super::html::{Cell, Page};
use super::verdicts::{IN_ALL, add_status, add_summary, add_tallies, holds, shown};
use super::warnings::add_warnings;
use super::{ReportError, pictures, shell_word};

/// The most rows on a page, as nobody reads more: the merged table has them all.
const MOST_ROWS: usize = 500;
/// The most columns of the pictures that the table of units has besides its own.
const MOST_COLUMNS: usize = 4;

pub(super) fn page(path: &Path) -> Result<String, ReportError> {
    let (plan, folders) = folders_at(path)?;
    let status = Status::of(&plan, &folders);
    let notes = Notes::of(&folders, &plan)?;
    // All folders of a sweep have its pictures and its scenario.
    let drawn = folders.first().map(|folder| read_pictures(folder, &plan)).transpose()?.unwrap_or_default();
    let place = |unit: Unit| Some((unit, folders.iter().find(|folder| folder.is_done(unit.id))?.unit(unit.id)));
    let done: Vec<(Unit, PathBuf)> = plan.units().into_iter().filter_map(place).collect();

    let mut page = Page::new(&plan.name);
    // All units share the description in the first; the scenario of the last is an example.
    let (first, last) = (done.first(), done.last());
    if let Some((_, folder)) = first {
        let scenario = read_scenario(folder)?;
        if let Some(description) = &scenario.description {
            page.paragraph(description);
        }
    }
    page.caption(&format!("{} of {} units are finished", status.done, plan.units().len()));
    let (warned, claims) = (notes.warned(&plan), notes.claims(&plan));
    if claims.is_empty() && !notes.unread(&plan).is_empty() {
        add_summary(&mut page, "No verdict can be read", None, warned.len());
    } else {
        add_status(&mut page, claims.values().filter(|claim| holds(claim)).count(), claims.len(), IN_ALL, warned.len());
    }
    add_warnings(&mut page, &warned.iter().map(Warned::line).collect::<Vec<_>>());
    if !status.failed.is_empty() {
        page.paragraph("Some units could not be run; the same command tries them again:");
        let failed = status.failed.iter().map(|(unit, reason)| (plan.label(*unit), std::slice::from_ref(reason)));
        page.list(&Warned::count(failed).iter().map(Warned::line).collect::<Vec<_>>());
    }
    if !status.missing.is_empty() {
        page.paragraph(&format!("{} units are still to be run.", status.missing.len()));
    }
    add_tallies(&mut page, &claims);

    page.heading("What varies");
    let keys = plan.varied.iter().flat_map(|factor| factor.keys.iter().zip(&factor.values));
    page.list(&keys.map(|(key, values)| values_of(key, values)).collect::<Vec<_>>());

    let claims: Vec<String> = claims.into_keys().collect();
    add_units(&mut page, &plan, &done, &columns(&drawn), &claims)?;
    pictures::add_all(&mut page, &path.join("figures"), |name| caption(&plan, &drawn, name))?;

    page.heading("Again");
    let out = shell_word(path);
    let scenario = folders.iter().find_map(|folder| kept_scenario(folder, &plan));
    let word = scenario.as_ref().map_or("SCENARIO.yaml".to_string(), |path| shell_word(path));
    let again = match JobArray::read(path)? {
        Some(job) => format!("gramflow sweep submit {word} --units-per-task {} --out {out}", job.units_per_task()),
        None => format!("gramflow sweep run {word} --out {out}"),
    };
    page.preformatted(&format!("{again}\ngramflow report {out}"));
    if scenario.is_none() {
        page.caption("SCENARIO.yaml stands for the sweep's scenario, which is not in its folder.");
    }
    page.caption(&format!(
        "Plan {}; units by gramflow {}. One unit by itself: gramflow run, with the scenario.json in its folder.",
        plan.hash(),
        notes.versions.iter().cloned().collect::<Vec<_>>().join(", ")
    ));
    if let Some((unit, folder)) = last {
        let scenario = read_scenario(folder)?;
        page.folded(&format!("the scenario of the unit {}", plan.label(*unit)), &scenario.to_yaml());
    }
    Ok(page.end())
}

/// The columns that pictures show, each once.
fn columns(pictures: &[Picture]) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for (_, column) in pictures.iter().flat_map(|picture| &picture.panels).flat_map(|panel| panel.columns()) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// The title of a picture of the sweep; just its name if the sweep has no such picture.
fn caption(plan: &SweepPlan, pictures: &[Picture], name: &str) -> String {
    let named = |picture: &&Picture| picture.name.as_deref().unwrap_or(&plan.name) == name;
    pictures.iter().find(named).map_or(format!("The picture {name}."), |picture| picture.title.clone())
}

/// The units beside each other: curves of those that are picked, and a table of all.
fn add_units(
    page: &mut Page,
    plan: &SweepPlan,
    done: &[(Unit, PathBuf)],
    asked: &[&str],
    claims: &[String],
) -> Result<(), ReportError> {
    if done.is_empty() {
        return Ok(());
    }
    let listed = &done[..done.len().min(MOST_ROWS)];
    let own: Vec<&str> =
        asked.iter().copied().filter(|column| !["loss", "nfa_cosine"].contains(column)).take(MOST_COLUMNS).collect();
    let (mut rows, mut curves) = (Vec::new(), Curves::of_units(listed.len()));
    for (unit, path) in listed {
        let records = read_unit(path)?;
        rows.push(row(plan, *unit, &records, &read_manifest(path)?, &own, claims));
        curves.add_unit(plan.label(*unit), &records);
    }
    page.heading("Compare units");
    curves.add_to(page, asked, "What gramflow sweep merge writes");
    let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
    let head = [&["flow ended", "gradients", "seconds", "loss", "NFA cosine"], &own[..], &claims, &["unit"]].concat();
    let head: Vec<&str> = plan.keys().into_iter().chain(head).collect();
    page.units(&head, &rows);
    if done.len() > MOST_ROWS {
        page.caption(&format!("and {} more: gramflow sweep merge writes them all", done.len() - MOST_ROWS));
    }
    page.caption("Values of the flow at its last record; gradients and seconds are those that its steps took.");
    Ok(())
}

/// The row of a unit: what varies, how the flow ended, what it cost, its last values and the verdicts.
fn row(plan: &SweepPlan, unit: Unit, records: &Table, manifest: &Value, own: &[&str], claims: &[String]) -> Vec<Cell> {
    let flow = &manifest["processes"]["flow"];
    let last = |column: &str| records.floats("flow", column).last().copied().unwrap_or(f64::NAN);
    let number = |value: f64, digits: usize| Cell::number(shown(value, digits)).sorted_as(value);
    let aligned = last("nfa_cosine");
    let aligned = if aligned.is_finite() { Cell::number(cosine(aligned)).sorted_as(aligned) } else { number(aligned, 1) };
    let gradients = flow["gradients"].as_u64().map_or("–".to_string(), |gradients| gradients.to_string());
    let varied = plan.texts(unit).into_iter().zip(plan.values(unit));
    let mut row: Vec<Cell> = varied.map(|(text, value)| Cell::words(text).sorted_as(value.as_f64())).collect();
    row.extend([
        Cell::words(flow["termination"].as_str().unwrap_or("–")),
        Cell::number(gradients).sorted_as(flow["gradients"].as_f64()),
        number(flow["wall_seconds"].as_f64().unwrap_or(f64::NAN), 2),
        number(last("loss"), 4),
        aligned,
    ]);
    row.extend(own.iter().map(|column| number(last(column), 4)));
    row.extend(claims.iter().map(|claim| verdict(&manifest["verdicts"][claim]["verdict"])));
    row.push(Cell::words(unit.id.to_string()));
    row
}

/// The outcome of a claim in a unit, in its colour.
fn verdict(outcome: &Value) -> Cell {
    let name = outcome.as_str().unwrap_or("–");
    Outcome::ALL
        .into_iter()
        .find(|known| known.name() == name)
        .map_or(Cell::words(name), |known| Cell::of_class(name, known.name()))
}

//! A study of integrators: what each integration cost and achieved, the pictures.

use std::path::Path;

use serde_json::Value;

use crate::folder::Study;
use crate::record::list;
use crate::scenario::Scenario;

use super::html::{Cell, Page};
use super::verdicts::{add_summary, shown};
use super::warnings::{add_warnings, warnings_of};
use super::{ANOTHER_STUDY, ReportError, captions, frame, pictures, shell_word};

/// The page of a study of integrators.
pub(super) fn page(folder: &Path, study: &Study, scenario: &Scenario, manifest: &Value) -> Result<String, ReportError> {
    let mut page = frame::open(&study.name, scenario, &study.caption);
    let mut warnings = warnings_of(manifest);
    let (command, unread) = command(folder, manifest);
    warnings.extend(unread);
    let reached = study.table.texts("termination").iter().filter(|termination| *termination == "t_end").count();
    let verdict = format!("{reached} of {} integrations reached the end", study.table.rows());
    add_summary(&mut page, &verdict, None, warnings.len());
    add_warnings(&mut page, &warnings);
    add_points(&mut page, study);
    pictures::add_all(&mut page, &folder.join("figures"), |name| captions::of_study(study, name))?;
    Ok(frame::close(page, folder, &command, manifest, "", scenario))
}

/// One row per point, as in the summary of `gramflow study integrators`.
fn add_points(page: &mut Page, study: &Study) {
    page.heading("Integrations");
    let table = &study.table;
    let number = |name: &str, row: usize| table.numbers(name).get(row).copied().unwrap_or(f64::NAN);
    let text = |name: &str, row: usize| Cell::words(table.texts(name).get(row).unwrap_or_default());
    let count = |name: &str, row: usize| Cell::number(table.counts(name).get(row).map_or(String::new(), i64::to_string));
    let limited = |row: usize| table.flags("reference_limited").get(row).copied().unwrap_or(false);
    let row = |row: usize| {
        let (rtol, error) = (number("rtol", row), number("error", row));
        let mark = if limited(row) { "*" } else { "" };
        vec![
            text("method", row),
            Cell::number(shown(rtol, 2)),
            Cell::number(shown(number("step", row), 3)),
            text("termination", row),
            count("steps_accepted", row),
            count("steps_rejected", row),
            count("gradients", row),
            Cell::number(shown(number("wall_seconds", row), 2)),
            Cell::number(format!("{}{mark}", shown(error, 2))),
            Cell::number(shown(error / rtol, 2)),
            Cell::number(shown(number("balance_law_residual_relative", row), 2)),
        ]
    };
    let rows: Vec<Vec<Cell>> = (0..table.rows()).map(row).collect();
    let head =
        ["method", "rtol", "step", "ended", "steps", "rejected", "gradients", "seconds", "error", "error/rtol", "balance law"];
    page.table(&head, &rows);
    page.caption(
        "`error`: ‖θ − θ_ref‖/‖θ_ref‖ at the end; with * it is less than 10 times the reference’s own error, so it may be mostly that. \
         `balance law`: how far the balance is from its exact law, relative to the gap at the start.",
    );
}

/// The command that makes the study again; and a warning for each of its options of which something is unknown.
fn command(folder: &Path, manifest: &Value) -> (String, Vec<String>) {
    let (rtols, mut unread) = list::<f64>(manifest, "rtol", ANOTHER_STUDY);
    let (methods, unread_methods) = list::<String>(manifest, "methods", ANOTHER_STUDY);
    unread.extend(unread_methods);
    let rtols: Vec<String> = rtols.iter().map(|rtol| format!("{rtol:e}")).collect();
    let mut command = format!("gramflow study integrators {}", shell_word(&folder.join("scenario.json")));
    for (option, values) in [("--rtol", rtols), ("--methods", methods)].into_iter().filter(|(_, values)| !values.is_empty()) {
        command.push_str(&format!(" {option} {}", shell_word(Path::new(&values.join(",")))));
    }
    (format!("{command} --out {}", shell_word(folder)), unread)
}

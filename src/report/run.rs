//! One run: its claims, how its processes ended, what happened on the way, its pictures.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::figure::cosine;
use crate::folder::{read_manifest, read_with_scenario};
use crate::record::{Outcome, Run, Verdict};

use super::curves::Curves;
use super::html::{Cell, Page};
use super::verdicts::{add_status, add_verdicts, shown};
use super::warnings::{add_warnings, warnings_of};
use super::{ReportError, captions, frame, pictures, shell_word};

pub(super) fn page(folder: &Path) -> Result<String, ReportError> {
    let (scenario, run) = read_with_scenario(folder)?;
    let manifest = read_manifest(folder)?;
    let mut page = frame::open(&run.name, &scenario, &run.caption);
    let warnings = warnings_of(&manifest);
    match serde_json::from_value::<BTreeMap<String, Verdict>>(manifest["verdicts"].clone()) {
        Ok(verdicts) => {
            let holding = verdicts.values().filter(|verdict| verdict.verdict == Outcome::Holds).count();
            add_status(&mut page, holding, verdicts.len(), "", warnings.len());
            add_warnings(&mut page, &warnings);
            add_verdicts(&mut page, &verdicts);
        }
        Err(error) => {
            add_warnings(&mut page, &warnings);
            page.paragraph(&format!("The verdicts in manifest.json cannot be read: {error}."));
        }
    }
    run.unread.iter().for_each(|sentence| page.paragraph(&format!("{sentence}.")));
    add_processes(&mut page, &run, &manifest);
    add_events(&mut page, &manifest);
    page.heading("Curves");
    Curves::of_run(&run.table).add_to(&mut page, &[], "records.parquet");
    pictures::add_all(&mut page, &folder.join("figures"), |name| captions::of_run(&run, name))?;

    let command = format!("gramflow run {} --out {}", shell_word(&folder.join("scenario.json")), shell_word(folder));
    let remark = "; the same scenario gives the same records bit for bit on the same machine";
    Ok(frame::close(page, folder, &command, &manifest, remark, &scenario))
}

/// The table of processes, as in the summary of `gramflow run`.
fn add_processes(page: &mut Page, run: &Run, manifest: &Value) {
    page.heading("Processes");
    // The cosine of two positive semidefinite matrices is never negative: beside it stands what it would be if they had nothing in common.
    let baseline = ["nfa_cosine_baseline", "nfa_cosine_centred"];
    let baseline = baseline.into_iter().find(|column| run.table.column(column).is_some());
    let mut head = vec![
        "process",
        "ended",
        "at t",
        "steps",
        "rejected",
        "gradients",
        "seconds",
        "observing",
        "loss",
        "gap/e^(−2λt)gap(0)",
        "NFA cosine",
    ];
    head.extend(baseline.map(|column| if column == "nfa_cosine_baseline" { "its baseline" } else { "centred cosine" }));
    head.extend(["peak α̃", "exponent α̂"]);
    let mut rows = Vec::new();
    for process in run.table.processes() {
        let cost = &manifest["processes"][process];
        let last = |column: &str| run.table.floats(process, column).last().copied().unwrap_or(f64::NAN);
        let count = |key: &str| Cell::number(cost[key].as_u64().map_or("–".to_string(), |count| count.to_string()));
        let seconds = |key: &str| Cell::number(shown(cost[key].as_f64().unwrap_or(f64::NAN), 2));
        let near_one = |value: f64| Cell::number(if value.is_finite() { cosine(value) } else { shown(value, 1) });
        let mut row = vec![
            Cell::words(process),
            Cell::words(cost["termination"].as_str().unwrap_or("–")),
            Cell::number(shown(cost["t_reached"].as_f64().unwrap_or(f64::NAN), 6)),
            count("steps_accepted"),
            count("steps_rejected"),
            count("gradients"),
            seconds("wall_seconds"),
            seconds("observation_seconds"),
            Cell::number(shown(last("loss"), 4)),
            near_one(last("balance_gap_over_envelope")),
            near_one(last("nfa_cosine")),
        ];
        row.extend(baseline.map(|column| near_one(last(column))));
        row.extend(["nfa_peak", "nfa_exponent"].map(|column| Cell::number(shown(last(column), 4))));
        rows.push(row);
    }
    // Columns without a value for any process are left out.
    let said: Vec<bool> = (0..head.len()).map(|column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let kept = |column: usize| said.get(column).copied().unwrap_or_default();
    let head: Vec<&str> = head.into_iter().enumerate().filter(|(column, _)| kept(*column)).map(|(_, name)| name).collect();
    for row in &mut rows {
        let mut column = 0..;
        row.retain(|_| column.next().is_some_and(kept));
    }
    page.table(&head, &rows);
    page.caption(
        "Values at the last record of each process. `seconds`: time in steps; `observing`: time for the columns, the sharpness and the \
         convergence check, which run in parallel with the steps on several cores.",
    );
}

/// What the manifest says besides the numbers: why processes stopped, and what happened on the way.
fn add_events(page: &mut Page, manifest: &Value) {
    let mut items = Vec::new();
    for (process, entry) in manifest["processes"].as_object().into_iter().flatten() {
        if let Some(detail) = entry["termination_detail"].as_str() {
            items.push(format!("{process}: {detail}"));
        }
        for event in entry["events"].as_array().into_iter().flatten() {
            let t = event["t"].as_f64().unwrap_or(f64::NAN);
            let word = |key: &str| event[key].as_str().unwrap_or_default();
            items.push(format!("{process} at t = {}: {}: {}", shown(t, 4), word("kind").replace('_', " "), word("detail")));
        }
    }
    if !items.is_empty() {
        page.heading("What happened");
        page.list(&items);
    }
}

//! `gramflow columns`: lists what runs record, in columns and with `--arrays` in arrays.

use clap::Args;
use serde::Serialize;

use crate::observe::registry::{ListedColumn, matches};
use crate::observe::{Group, NamedArray, registry};
use crate::scenario::suggestion;
use crate::session::declared_arrays;

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show columns whose name or group contains this text; with * or ?, a pattern for the whole name or group
    pattern: Option<String>,
    /// List the arrays of arrays.npz rather than the columns of records.parquet
    #[arg(long)]
    arrays: bool,
    /// Print a JSON list: `name`, `formula`, `unit`, `group` and `measure` of each column, or `shape`, `dtype` and `written` of each array too
    #[arg(long)]
    json: bool,
}

/// An array as it is listed. `{process}` in a name stands for each process, `{column}` for each column.
#[derive(Serialize)]
struct ListedArray {
    name: String,
    formula: &'static str,
    /// In terms of the number of records T and the widths d_0, …, d_L.
    shape: &'static str,
    dtype: &'static str,
    unit: &'static str,
    group: Option<Group>,
    written: &'static str,
}

pub(super) fn columns(arguments: &Arguments) -> Result<(), CliError> {
    let pattern = arguments.pattern.as_deref().unwrap_or("*");
    let text = if arguments.arrays { arrays(pattern, arguments.json) } else { of_records(pattern, arguments.json) };
    let Some(text) = text else {
        let groups: Vec<&str> = registry::groups().map(Group::name).collect();
        let (what, suggestion) = (if arguments.arrays { "array" } else { "column" }, suggestion(pattern, "groups", &groups));
        return Err(CliError::NoColumn { what, pattern: pattern.to_string(), suggestion });
    };
    Ok(print(&text)?)
}

/// The columns that match; `None` if none does.
fn of_records(pattern: &str, json: bool) -> Option<String> {
    let columns: Vec<ListedColumn> = registry::matching(pattern).collect();
    if columns.is_empty() {
        return None;
    }
    if json {
        return Some(as_json(&columns));
    }
    let head = ["column", "unit", "group", "opt-in", "is"].map(str::to_string);
    let row = |column: &ListedColumn| {
        let measure = column.measure.as_ref().map_or(String::new(), |measure| format!("measure: [{measure}]"));
        [column.name.into(), column.unit.into(), of_column(column.group).into(), measure, column.formula.into()]
    };
    let lines = aligned(std::iter::once(head).chain(columns.iter().map(row)).collect());
    Some(format!("{lines}\n{UNITS}; {{l}}: one column for each layer l\narrays.npz holds more: gramflow columns --arrays\n"))
}

/// The arrays that match; `None` if none does.
fn arrays(pattern: &str, json: bool) -> Option<String> {
    let listed = |(group, array): (Option<Group>, &'static NamedArray)| {
        let &NamedArray { formula, shape, unit, written, .. } = array;
        let name = array.key();
        // `sv_W3` and `gd/sv_W3` find their family too.
        let family = array.is_called(pattern.split_once('/').map_or(pattern, |(_, name)| name));
        let found = |text: &str| matches(pattern, text);
        let is_listed = family || found(&name) || found(array.name) || found(of_array(group));
        is_listed.then_some(ListedArray { name, formula, shape, dtype: "float64", unit, group, written })
    };
    let arrays: Vec<ListedArray> = declared_arrays().filter_map(listed).collect();
    if arrays.is_empty() {
        return None;
    }
    if json {
        return Some(as_json(&arrays));
    }
    let head = ["array", "shape", "unit", "group", "written", "is"].map(str::to_string);
    let row = |array: &ListedArray| {
        let group = of_array(array.group);
        [&array.name, array.shape, array.unit, group, array.written, array.formula].map(str::to_string)
    };
    let lines = aligned(std::iter::once(head).chain(arrays.iter().map(row)).collect());
    Some(format!(
        "{lines}\n{UNITS}\nall are float64; T: number of records of the process; d_0, …, d_L: widths of the network\n"
    ))
}

const UNITS: &str =
    "units: ℒ of the loss, θ of the weights, x of the inputs, f of the outputs; time is in θ²/ℒ; 1: dimensionless";

fn as_json(listed: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(listed).expect("words are JSON");
    format!("{json}\n")
}

/// The group of a column, as it is listed.
fn of_column(group: Option<Group>) -> &'static str {
    group.map_or("always", Group::name)
}

/// The group of an array, as it is listed; `-` where `written` alone says when it is written.
fn of_array(group: Option<Group>) -> &'static str {
    group.map_or("-", Group::name)
}

/// One line for each row, all cells but the last as wide as the widest of their column.
fn aligned<const CELLS: usize>(rows: Vec<[String; CELLS]>) -> String {
    let width = |cell: usize| rows.iter().map(|row| row[cell].chars().count()).max().unwrap_or_default();
    let widths: [usize; CELLS] = std::array::from_fn(|cell| if cell + 1 < CELLS { width(cell) } else { 0 });
    let cell = |(text, width): (&String, usize)| format!("{text:<width$}  ");
    let line = |row: &[String; CELLS]| {
        let cells: String = row.iter().zip(widths).map(cell).collect();
        format!("{}\n", cells.trim_end())
    };
    rows.iter().map(line).collect()
}

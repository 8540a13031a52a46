//! `gramflow columns`: lists what runs record.

use clap::Args;
use serde::Serialize;

use crate::observe::{Column, Group, Measure, registry};
use crate::scenario::suggestion;

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show columns whose name or group contains this text; with * or ?, a pattern for the whole name or group
    pattern: Option<String>,
    /// As JSON: a list with `name`, `formula`, `unit`, `group` and `measure` of each
    #[arg(long)]
    json: bool,
}

/// As it is listed. `{l}` in a name stands for each layer.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    formula: &'static str,
    /// In units of ℒ, θ, x and f; 1 where it has none.
    unit: &'static str,
    /// Of `observe`; none of what is always recorded.
    group: Option<Group>,
    /// What asks for it, of those that are opt-in.
    measure: Option<Measure>,
}

pub(super) fn columns(arguments: &Arguments) -> Result<(), CliError> {
    let listed = |(group, &Column { name, formula, unit, measure, .. }): (Option<Group>, &'static Column)| Listed {
        name,
        formula,
        unit,
        group,
        measure,
    };
    let pattern = arguments.pattern.as_deref().unwrap_or("*");
    let columns: Vec<Listed> = registry::columns().map(listed).filter(|column| matches(pattern, column)).collect();
    if columns.is_empty() {
        let groups: Vec<&str> = registry::groups().map(Group::name).collect();
        let suggestion = suggestion(pattern, "groups", &groups);
        return Err(CliError::NoColumn { pattern: pattern.to_string(), suggestion });
    }
    if arguments.json {
        let json = serde_json::to_string_pretty(&columns).expect("words are JSON");
        return Ok(print(&format!("{json}\n"))?);
    }
    Ok(print(&table(&columns))?)
}

/// `balance_gap_3` finds its family too.
fn matches(pattern: &str, column: &Listed) -> bool {
    let group = column.group.map_or("always", Group::name);
    let family = registry::find(pattern).is_some_and(|(_, found)| found.name == column.name);
    let found = |text: &str| if pattern.contains(['*', '?']) { glob(pattern, text) } else { text.contains(pattern) };
    family || found(column.name) || found(group)
}

/// Whether all of `text` is what `pattern` says: `*` stands for any letters, none too, and `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let mut rest = text.chars();
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let after = &pattern[1..];
            text.char_indices().map(|(index, _)| index).chain([text.len()]).any(|index| glob(after, &text[index..]))
        }
        Some(letter) => {
            let first = rest.next();
            first.is_some_and(|own| letter == '?' || letter == own) && glob(&pattern[letter.len_utf8()..], rest.as_str())
        }
    }
}

fn table(columns: &[Listed]) -> String {
    let head = ["column", "unit", "group", "opt-in"].map(str::to_string);
    let row = |column: &Listed| {
        let group = column.group.map_or("always", Group::name);
        let measure = column.measure.map_or(String::new(), |measure| format!("measure: [{}]", measure.name()));
        [column.name.to_string(), column.unit.to_string(), group.to_string(), measure]
    };
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(columns.iter().map(row)).collect();
    let widths: [usize; 4] =
        std::array::from_fn(|cell| rows.iter().map(|row| row[cell].chars().count()).max().unwrap_or_default());
    let formulas = std::iter::once("is").chain(columns.iter().map(|column| column.formula));
    let line = |(row, formula): (&[String; 4], &str)| {
        let cells: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        format!("{cells}{formula}\n")
    };
    let lines: String = rows.iter().zip(formulas).map(line).collect();
    let units = "units: ℒ of the loss, θ of weights, x of inputs, f of outputs, so that time has θ²/ℒ; 1 for none";
    format!("{lines}\n{units}; {{l}}: one column for each layer l\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, text) in
            [("*", ""), ("nfa_*", "nfa_cosine"), ("*_W?", "nfa_cosine_W2"), ("a*b*c", "a_b_b_c"), ("∇?", "∇ℒ")]
        {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("nfa", "nfa_cosine"), ("*_W?", "nfa_cosine_W12"), ("?", ""), ("a*b", "a_b_c")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}

//! Every column that a run can record and every array that observables write, one line for each declaration.

use serde::Serialize;

use super::{Column, Columns, Group, Measure, NamedArray};
use super::{
    accuracy, agop, alignment, balance, central_flow, companion, distance, exponent, fact, hessian, learned, ledger, loss,
    model_error, nfa, ntk,
};
use super::{preconditioned, sde, sharpness, spectra, test_loss};

/// The columns that every row begins with, whatever is observed.
pub const ALWAYS: &[Column] = &[
    Column::new("process", "flow, or the name of an optimizer", "-", "process"),
    Column::new("step", "number of steps the process has taken", "1", "step"),
    Column::new("t", "the common time: step k of gradient descent is at k·lr", "θ²/ℒ", "time t"),
];

/// The arrays of every process, whatever is observed.
const ARRAYS_ALWAYS: &[NamedArray] = &[
    NamedArray::new("t", "T", "θ²/ℒ", "times of the records"),
    NamedArray::new("step", "T", "1", "number of steps the process has taken at each record"),
];

const OBSERVABLES: &[Columns] = &[
    loss::COLUMNS,
    learned::COLUMNS,
    accuracy::COLUMNS,
    test_loss::COLUMNS,
    balance::COLUMNS,
    nfa::COLUMNS,
    alignment::COLUMNS,
    agop::COLUMNS,
    fact::COLUMNS,
    exponent::COLUMNS,
    spectra::COLUMNS,
    distance::COLUMNS,
    companion::COLUMNS,
    central_flow::COLUMNS,
    model_error::COLUMNS,
    sde::COLUMNS,
    sharpness::COLUMNS,
    preconditioned::COLUMNS,
    hessian::COLUMNS,
    ledger::COLUMNS,
    ntk::COLUMNS,
];

/// Every column with its group; the columns of [`ALWAYS`] have none.
pub fn columns() -> impl Iterator<Item = (Option<Group>, &'static Column)> {
    let observed = OBSERVABLES.iter().flat_map(|columns| columns.list.iter().map(|column| (Some(columns.group), column)));
    ALWAYS.iter().map(|column| (None, column)).chain(observed)
}

/// Every array over time with its group; the arrays of every process have none.
pub fn arrays() -> impl Iterator<Item = (Option<Group>, &'static NamedArray)> {
    let observed = OBSERVABLES.iter().flat_map(|columns| columns.arrays.iter().map(|array| (Some(columns.group), array)));
    ARRAYS_ALWAYS.iter().map(|array| (None, array)).chain(observed)
}

/// Every group, once.
pub fn groups() -> impl Iterator<Item = Group> {
    let first = |(index, columns): &(usize, &Columns)| OBSERVABLES[..*index].iter().all(|other| other.group != columns.group);
    OBSERVABLES.iter().enumerate().filter(first).map(|(_, columns)| columns.group)
}

/// The column `name`, or the family that it belongs to, with its group.
pub fn find(name: &str) -> Option<(Option<Group>, &'static Column)> {
    columns().find(|(_, column)| column.layer(name).is_some())
}

/// A column as `gramflow columns` lists it.
#[derive(Debug, Clone, Serialize)]
pub struct ListedColumn {
    /// [`Column::name`]: `{l}` stands for each layer.
    pub name: &'static str,
    /// [`Column::formula`].
    pub formula: &'static str,
    /// [`Column::unit`].
    pub unit: &'static str,
    /// Its group in `observe`; `None` if it is always recorded.
    pub group: Option<Group>,
    /// The entry of `measure` that asks for it, as in a scenario; `None` if it needs none.
    pub measure: Option<String>,
}

/// The columns whose name or group contains `pattern` or, if `pattern` has a `*` or `?`, matches it as a whole.
pub fn matching(pattern: &str) -> impl Iterator<Item = ListedColumn> {
    let listed = |(group, &Column { name, formula, unit, measure, .. }): (Option<Group>, &'static Column)| ListedColumn {
        name,
        formula,
        unit,
        group,
        measure: measure.map(Measure::entry),
    };
    columns().map(listed).filter(move |column| is_listed(pattern, column))
}

/// `balance_gap_3` finds its family too.
fn is_listed(pattern: &str, column: &ListedColumn) -> bool {
    let family = find(pattern).is_some_and(|(_, found)| found.name == column.name);
    family || matches(pattern, column.name) || matches(pattern, column.group.map_or("always", Group::name))
}

/// Whether `text` contains `pattern` or, if `pattern` has a `*` or `?`, matches it as a whole.
pub fn matches(pattern: &str, text: &str) -> bool {
    if pattern.contains(['*', '?']) { glob(pattern, text) } else { text.contains(pattern) }
}

/// Whether `pattern` matches all of `text`: `*` stands for any number of letters, including none, and `?` for exactly one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_share_a_name_and_each_says_what_it_is() {
        let all: Vec<&Column> = columns().map(|(_, column)| column).collect();
        for (index, column) in all.iter().enumerate() {
            let one = column.name.replace("{l}", "1");
            assert!(all[..index].iter().all(|other| other.layer(&one).is_none()), "{}", column.name);
            for text in [column.formula, column.unit, column.label] {
                assert!(!text.is_empty() && text.trim() == text && !text.contains('\n'), "{}", column.name);
            }
        }
    }

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

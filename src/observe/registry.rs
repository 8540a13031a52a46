//! Every column that a run can record, and every array that observables write: what they declare, one line each.

use super::{Column, Columns, Group, NamedArray};
use super::{accuracy, agop, alignment, balance, companion, distance, exponent, fact, learned, ledger, loss, nfa, ntk};
use super::{sharpness, spectra, test_loss};

/// What every row begins with, whatever is observed.
pub const ALWAYS: &[Column] = &[
    Column::new("process", "flow, or the name of an optimizer", "-", "process"),
    Column::new("step", "number of steps the process has taken", "1", "step"),
    Column::new("t", "the common time: step k of gradient descent is at k·lr", "θ²/ℒ", "time t"),
];

/// The arrays that every run has, whatever is observed.
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
    sharpness::COLUMNS,
    ledger::COLUMNS,
    ntk::COLUMNS,
];

/// Every column with its group; those of [`ALWAYS`] have none.
pub fn columns() -> impl Iterator<Item = (Option<Group>, &'static Column)> {
    let observed = OBSERVABLES.iter().flat_map(|columns| columns.list.iter().map(|column| (Some(columns.group), column)));
    ALWAYS.iter().map(|column| (None, column)).chain(observed)
}

/// Every array over time, with its group; those that every run has have none.
pub fn arrays() -> impl Iterator<Item = (Option<Group>, &'static NamedArray)> {
    let observed = OBSERVABLES.iter().flat_map(|columns| columns.arrays.iter().map(|array| (Some(columns.group), array)));
    ARRAYS_ALWAYS.iter().map(|array| (None, array)).chain(observed)
}

/// Every group, once.
pub fn groups() -> impl Iterator<Item = Group> {
    let first = |(index, columns): &(usize, &Columns)| OBSERVABLES[..*index].iter().all(|other| other.group != columns.group);
    OBSERVABLES.iter().enumerate().filter(first).map(|(_, columns)| columns.group)
}

/// The column called `name`, or the family that it is of, with its group.
pub fn find(name: &str) -> Option<(Option<Group>, &'static Column)> {
    columns().find(|(_, column)| column.layer(name).is_some())
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
}

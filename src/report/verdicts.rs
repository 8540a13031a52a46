//! Tables of claims: of one run with their statements, of many units counted.

use std::collections::BTreeMap;

use crate::figure::{number, number_range};
use crate::folder::{Share, Tally};
use crate::record::{Bound, Outcome, Verdict};

use super::html::{Cell, NONE, Page};

/// A number, as in the pictures.
pub(super) fn shown(value: f64, digits: usize) -> String {
    if value.is_finite() { number(value, digits) } else { NONE.to_string() }
}

/// What follows “hold” for claims on many units.
pub(super) const IN_ALL: &str = " in all units";

/// Whether a claim holds in every unit that was judged.
pub(super) fn holds(claim: &Tally) -> bool {
    claim.all.holds == claim.all.judged()
}

/// What one reads first: how many of the claims hold, and how many warnings there are. `where_` follows “hold”.
pub(super) fn add_status(page: &mut Page, holding: usize, claims: usize, where_: &str, warnings: usize) {
    let verdict = match (holding, claims) {
        (_, 0) => "No claims were made".to_string(),
        (1, 1) => format!("The claim holds{where_}"),
        (0, 1) => format!("The claim does not hold{where_}"),
        (holding, claims) if holding == claims => format!("All {claims} claims hold{where_}"),
        (holding, claims) => format!("{holding} of {claims} claims hold{where_}"),
    };
    add_summary(page, &verdict, (claims > 0).then_some(holding == claims), warnings);
}

/// The same for other verdicts, in words; `good`: whether all is as it should be, `None` where nothing was judged.
pub(super) fn add_summary(page: &mut Page, verdict: &str, good: Option<bool>, warnings: usize) {
    let warnings = match warnings {
        0 => "no warnings".to_string(),
        1 => "1 warning".to_string(),
        count => format!("{count} warnings"),
    };
    let outcome = match good {
        None => "",
        Some(true) => Outcome::Holds.name(),
        Some(false) => Outcome::Fails.name(),
    };
    page.status(&format!("{verdict}; {warnings}."), outcome);
}

fn class(outcome: Outcome) -> &'static str {
    outcome.name()
}

/// Adds the claims of one run.
pub(super) fn add_verdicts(page: &mut Page, verdicts: &BTreeMap<String, Verdict>) {
    if verdicts.is_empty() {
        return;
    }
    page.heading("Claims");
    let row = |(claim, verdict): (&String, &Verdict)| {
        let threshold = if verdict.threshold.is_finite() {
            format!("{} {}", verdict.bound.sign(), number(verdict.threshold, 3))
        } else {
            NONE.to_string()
        };
        vec![
            Cell::words(claim),
            Cell::of_class(verdict.verdict.name(), class(verdict.verdict)),
            Cell::number(shown(verdict.value, 3)),
            Cell::number(threshold),
            Cell::number(shown(verdict.error, 2)),
            Cell::words(&verdict.statement),
        ]
    };
    let rows: Vec<_> = verdicts.iter().map(row).collect();
    page.table(&["claim", "verdict", "value", "threshold", "error", "in words"], &rows);
    page.caption(
        "The error is that of the value, from a second integration at a tenth of the tolerance and from the balance law. Where it \
         reaches the distance between value and threshold the verdict is integrator-limited; where the records are too few to tell, \
         grid-limited.",
    );
}

/// Adds the claims of a sweep, counted over its units.
pub(super) fn add_tallies(page: &mut Page, claims: &BTreeMap<String, Tally>) {
    if claims.is_empty() {
        return;
    }
    page.heading("Claims");
    add_tally_table(page, claims);
}

/// The table alone: for each claim all units together, then by the keys that distinguish units with different verdicts.
pub(super) fn add_tally_table(page: &mut Page, claims: &BTreeMap<String, Tally>) {
    let range = |range: Option<[f64; 2]>| range.map_or(NONE.to_string(), |range| number_range(range, 3));
    let sign = |bound: Option<Bound>| bound.map_or(String::new(), |bound| format!("{} ", bound.sign()));
    let row = |claim: &str, units: String, quantity: &str, share: &Share| {
        let only = Outcome::ALL.into_iter().find(|outcome| share.count(*outcome) == share.judged());
        vec![
            Cell::words(claim),
            Cell::words(units),
            Cell::of_class(share.verdicts(), only.map_or("", class)),
            Cell::words(quantity),
            Cell::number(range(share.value)),
            Cell::number(format!("{}{}", sign(share.bound), range(share.threshold))),
            Cell::number(share.error.map_or(NONE.to_string(), |error| number(error, 2))),
        ]
    };
    let mut rows = Vec::new();
    for (claim, tally) in claims {
        rows.push(row(claim, "all".to_string(), &tally.quantity, &tally.all));
        rows.extend(tally.by.iter().map(|share| row("", share.label(), "", share)));
    }
    page.table(&["claim", "units", "verdicts", "quantity", "value", "threshold", "error"], &rows);
}

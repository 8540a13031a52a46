//! The verdicts of a sweep's units on the claims of its scenario.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::record::{Bound, Table, TableColumn, Values, Verdict, readable, unreadable};

/// The verdicts in a manifest, by claim; and a sentence for each that is not a [`Verdict`], as somebody has edited it or another version
/// wrote it.
pub(super) fn of_manifest(manifest: &Value) -> (BTreeMap<String, Verdict>, Vec<String>) {
    let without = "claims are counted without it; to have it, remove the folder of the unit and run that again";
    match Option::<BTreeMap<String, Value>>::deserialize(&manifest["verdicts"]) {
        Ok(listed) => {
            let listed = listed.iter().flatten();
            readable(listed.map(|(claim, verdict)| (claim, format!("verdicts.{claim}"), verdict)), without)
        }
        Err(error) => (BTreeMap::new(), vec![unreadable("verdicts", &error, without)]),
    }
}

/// One row per claim.
pub(super) fn table(verdicts: BTreeMap<String, Verdict>) -> Table {
    let (claims, verdicts): (Vec<String>, Vec<Verdict>) = verdicts.into_iter().unzip();
    let text = |of: fn(&Verdict) -> String| Values::Text(verdicts.iter().map(of).collect());
    let float = |of: fn(&Verdict) -> f64| Values::Float(verdicts.iter().map(of).collect());
    let bound = |verdict: &Verdict| match verdict.bound {
        Bound::AtMost => "at-most".to_string(),
        Bound::AtLeast => "at-least".to_string(),
    };
    let columns = [
        ("verdict", text(|verdict| verdict.verdict.to_string())),
        ("quantity", text(|verdict| verdict.quantity.clone())),
        ("value", float(|verdict| verdict.value)),
        ("bound", text(bound)),
        ("threshold", float(|verdict| verdict.threshold)),
        ("error", float(|verdict| verdict.error)),
        ("statement", text(|verdict| verdict.statement.clone())),
    ];
    let named = |(name, values): (&str, Values)| TableColumn { name: name.to_string(), values };
    Table {
        columns: std::iter::once(named(("claim", Values::Text(claims.into_iter().collect()))))
            .chain(columns.map(named))
            .collect(),
    }
}

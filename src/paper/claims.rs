//! The claims of figures in one table: the measured value of each, and in which units, beside its threshold and its numerical error.

use crate::figure::{number, number_range};
use crate::folder::{FigureManifest, Share, Tally};

/// A claim has a row for each kind of units if there are at most this many, and otherwise one row for all.
const MOST_ROWS: usize = 12;

/// The head of the table.
const HEAD: [&str; 6] = ["claim", "where", "units", "value", "threshold", "error"];

/// The table as text: its head, then a row for each claim of each figure; several where verdicts differ with what varies.
pub fn claim_rows(manifests: &[FigureManifest]) -> Vec<[String; 6]> {
    let mut claims: Vec<(&str, &FigureManifest, &Tally)> = Vec::new();
    for manifest in manifests {
        claims.extend(manifest.claims.iter().map(|(claim, tally)| (claim.as_str(), manifest, tally)));
    }
    claims.sort_by_key(|(claim, manifest, _)| (*claim, manifest.figure.as_str()));
    let rows = claims.into_iter().flat_map(|(claim, manifest, tally)| {
        let shares = if (1..=MOST_ROWS).contains(&tally.by.len()) { &tally.by[..] } else { std::slice::from_ref(&tally.all) };
        shares.iter().map(|share| row(claim, &manifest.figure, share)).collect::<Vec<_>>()
    });
    std::iter::once(HEAD.map(str::to_string)).chain(rows).collect()
}

fn row(claim: &str, figure: &str, share: &Share) -> [String; 6] {
    let place = if share.of.is_empty() { figure.to_string() } else { format!("{figure}: {}", share.label()) };
    [claim.to_string(), place, share.verdicts(), value(share), threshold(share), error(share)]
}

/// `2.1×10⁻⁹ to 3×10⁻⁷`.
fn value(share: &Share) -> String {
    share.value.map_or("–".to_string(), |range| number_range(range, 3))
}

/// `≤ 10⁻⁶`.
fn threshold(share: &Share) -> String {
    let sign = share.bound.map_or(String::new(), |bound| format!("{} ", bound.sign()));
    share.threshold.map_or("–".to_string(), |range| format!("{sign}{}", number_range(range, 3)))
}

fn error(share: &Share) -> String {
    share.error.map_or("–".to_string(), |error| number(error, 2))
}

/// The table in Markdown, the content of `claims.md`.
pub fn claims_markdown(manifests: &[FigureManifest]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rows = claim_rows(manifests);
    let mut text = line(&rows[0]);
    text.push_str(&line(&[(); HEAD.len()].map(|()| "---".to_string())));
    for [claim, place, units, rest @ ..] in &rows[1..] {
        let head = [format!("`{claim}`"), cell(place), cell(units)];
        text.push_str(&line(&[&head[..], &rest.iter().map(|text| cell(text)).collect::<Vec<_>>()].concat()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::UnitCounts;
    use crate::record::Bound;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn manifest(figure: &str, claims: &[(&str, Tally)]) -> FigureManifest {
        FigureManifest {
            figure: figure.into(),
            description: String::new(),
            caption: String::new(),
            pictures: Vec::new(),
            version: String::new(),
            git_revision: String::new(),
            versions: Vec::new(),
            plan_hash: String::new(),
            scenario_sha256: String::new(),
            varied: Vec::new(),
            units: UnitCounts::default(),
            terminations: BTreeMap::new(),
            gradients: 0,
            warnings: Vec::new(),
            claims: claims.iter().map(|(claim, tally)| (claim.to_string(), tally.clone())).collect(),
            scenario: String::new(),
        }
    }

    fn share(holds: usize, fails: usize, value: [f64; 2]) -> Share {
        Share { holds, fails, value: Some(value), threshold: Some([1e-6; 2]), bound: Some(Bound::AtMost), ..Share::default() }
    }

    #[test]
    fn a_claim_has_a_row_for_each_figure_and_for_each_kind_of_units() {
        let holds = Tally { quantity: String::new(), all: share(5, 0, [2e-9, 3e-8]), by: Vec::new() };
        let of = |decay: f64| BTreeMap::from([("weight_decay".to_string(), json!(decay))]);
        let by = vec![
            Share { of: of(0.0), ..share(0, 2, [1.0, 1.0]) },
            Share { of: of(0.5), error: Some(1e-9), ..share(3, 0, [0.0, 0.0]) },
        ];
        let differs = Tally { quantity: String::new(), all: share(3, 2, [0.0, 1.0]), by };
        let rows = claim_rows(&[manifest("a", &[("peak", holds.clone()), ("nfa", holds)]), manifest("b", &[("nfa", differs)])]);
        let text: Vec<String> = rows[1..].iter().map(|row| row.join("; ")).collect();
        assert_eq!(
            text,
            [
                "nfa; a; holds 5; 2×10⁻⁹ to 3×10⁻⁸; ≤ 10⁻⁶; –",
                "nfa; b: weight_decay = 0.0; fails 2; 1; ≤ 10⁻⁶; –",
                "nfa; b: weight_decay = 0.5; holds 3; 0; ≤ 10⁻⁶; 10⁻⁹",
                "peak; a; holds 5; 2×10⁻⁹ to 3×10⁻⁸; ≤ 10⁻⁶; –",
            ]
        );
    }

    #[test]
    fn markdown_has_as_many_cells_in_every_row() {
        let of = BTreeMap::from([("init".to_string(), json!("a|b"))]);
        let tally =
            Tally { quantity: String::new(), all: share(1, 1, [0.0, 1.0]), by: vec![Share { of, ..share(1, 0, [0.0; 2]) }] };
        let text = claims_markdown(&[manifest("a", &[("nfa", tally)])]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.replace("\\|", "").matches('|').count() == 7), "{text}");
    }
}

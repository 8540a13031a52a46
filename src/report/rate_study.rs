//! A study of learning rates: the fitted orders with their verdicts, what diverged, the pictures.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::folder::{RateStudy, RateStudyOptions};
use crate::record::{Outcome, Table, list, unreadable};
use crate::scenario::Scenario;

use super::html::{Cell, NONE, Page};
use super::verdicts::{add_summary, shown};
use super::warnings::{add_warnings, warnings_of};
use super::{ANOTHER_STUDY, ReportError, captions, frame, pictures, shell_word};

/// Half the least distance between two orders of theory: an order that is closer to the predicted one can be no other.
const WITHIN: f64 = 0.25;

pub(super) fn page(folder: &Path, study: &RateStudy, scenario: &Scenario, manifest: &Value) -> Result<String, ReportError> {
    let mut page = frame::open(&study.name, scenario, &study.caption);
    let (mut warnings, fits) = (warnings_of(manifest), fits(&study.fits));
    let (command, unread) = command(folder, manifest);
    warnings.extend(unread);
    let judged: Vec<Outcome> = fits.iter().filter_map(Fit::verdict).collect();
    let holding = judged.iter().filter(|outcome| **outcome == Outcome::Holds).count();
    let verdict = match judged.len() {
        0 => "No order can be compared with theory".to_string(),
        1 if holding == 1 => "The fitted order agrees with theory".to_string(),
        all if holding == all => format!("All {all} fitted orders agree with theory"),
        all => format!("{holding} of {all} fitted orders agree with theory"),
    };
    add_summary(&mut page, &verdict, (!judged.is_empty()).then_some(holding == judged.len()), warnings.len());
    add_warnings(&mut page, &warnings);
    add_orders(&mut page, &fits);
    add_events(&mut page, &study.runs, manifest);
    pictures::add_all(&mut page, &folder.join("figures"), |name| captions::of_rate_study(study, name))?;
    Ok(frame::close(page, folder, &command, manifest, "", scenario))
}

/// A row of `fits.parquet`.
struct Fit {
    optimizer: String,
    batch: i64,
    compared_with: String,
    at: String,
    /// NaN where there is none.
    order: f64,
    half_width: f64,
    points: i64,
    rates: (f64, f64),
    /// NaN where theory predicts none.
    expected: f64,
    /// Why there is no order.
    reason: String,
}

impl Fit {
    /// Whether the order is the predicted one; `None` where there is nothing to compare.
    fn verdict(&self) -> Option<Outcome> {
        let apart = (self.order - self.expected).abs();
        (!apart.is_nan()).then_some(if apart <= WITHIN { Outcome::Holds } else { Outcome::Fails })
    }
}

fn fits(table: &Table) -> Vec<Fit> {
    let text = |name: &str, row: usize| table.texts(name).get(row).unwrap_or_default().to_string();
    let count = |name: &str, row: usize| table.counts(name).get(row).copied().unwrap_or_default();
    let number = |name: &str, row: usize| table.numbers(name).get(row).copied().unwrap_or(f64::NAN);
    let fit = |row: usize| Fit {
        optimizer: text("optimizer", row),
        batch: count("batch", row),
        compared_with: text("compared_with", row).replace('_', " "),
        at: text("at", row),
        order: number("order", row),
        half_width: number("half_width", row),
        points: count("points", row),
        rates: (number("lr_from", row), number("lr_to", row)),
        expected: number("expected", row),
        reason: text("no_order", row),
    };
    (0..table.rows()).map(fit).collect()
}

fn add_orders(page: &mut Page, fits: &[Fit]) {
    if fits.is_empty() {
        return;
    }
    page.heading("Fitted orders");
    let row = |fit: &Fit| {
        let known = fit.order.is_finite();
        let of_fit = |text: String| Cell::number(if known { text } else { NONE.to_string() });
        let verdict = match fit.verdict() {
            Some(outcome) => Cell::of_class(outcome.name(), outcome.name()),
            None => Cell::words(if known { "no prediction" } else { "no order" }),
        };
        vec![
            Cell::words(fit.optimizer.clone()),
            Cell::number(fit.batch.to_string()),
            Cell::words(fit.compared_with.clone()),
            Cell::words(fit.at.clone()),
            of_fit(format!("{:.3}", fit.order)),
            Cell::number(shown(fit.expected, 2)),
            verdict,
            of_fit(shown(fit.half_width, 2)),
            of_fit(fit.points.to_string()),
            of_fit(format!("{} to {}", shown(fit.rates.0, 3), shown(fit.rates.1, 3))),
            Cell::words(fit.reason.clone()),
        ]
    };
    let rows: Vec<Vec<Cell>> = fits.iter().map(row).collect();
    let head = [
        "optimizer",
        "batch",
        "distance to",
        "at",
        "order",
        "predicted",
        "verdict",
        "±",
        "rates",
        "from lr to lr",
        "why there is no order",
    ];
    page.table(&head, &rows);
    page.caption(
        "The order p of a distance C·η^p, fitted from the smallest usable learning rate on, and half its 95 % interval. It holds where \
         it is within ¼ of the order that theory predicts: predicted orders are at least ½ apart. `end`: at the last step; `max`: the \
         largest on the way. `mean of seeds`: of the seeds from their mean; `flow of mean`: of that mean from the flow. `sde 1 objective`: of E J \
         over paths of the stochastic differential equation of order 1 from E J over seeds; `sde 2 norm squared`: likewise of ‖θ‖² and order 2.",
    );
}

/// What diverged, and what was left out.
fn add_events(page: &mut Page, runs: &Table, manifest: &Value) {
    let mut diverged: Vec<(String, Vec<f64>)> = Vec::new();
    let names = runs.texts("optimizer").iter().zip(runs.counts("batch"));
    let ends = runs.numbers("lr").iter().zip(runs.numbers("diverged_at"));
    for ((optimizer, batch), (lr, _)) in names.zip(ends).filter(|(_, (_, step))| step.is_finite()) {
        let name = format!("{optimizer} on batches of {batch}");
        match diverged.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rates)) if rates.contains(lr) => {}
            Some((_, rates)) => rates.push(*lr),
            None => diverged.push((name, vec![*lr])),
        }
    }
    let listed = |rates: &[f64]| rates.iter().map(|lr| shown(*lr, 3)).collect::<Vec<_>>().join(", ");
    let mut items: Vec<String> =
        diverged.iter().map(|(name, rates)| format!("{name} diverges at η = {}", listed(rates))).collect();
    let key = "first_step_passes_t_end";
    match Option::<BTreeMap<String, Vec<f64>>>::deserialize(&manifest[key]) {
        Ok(left_out) => items.extend(
            left_out
                .iter()
                .flatten()
                .map(|(name, rates)| format!("{name} is left out at η = {}: its first step would pass t_end", listed(rates))),
        ),
        Err(error) => items.push(unreadable(key, &error, "what was left out is not shown")),
    }
    if !items.is_empty() {
        page.heading("What happened");
        page.list(&items);
    }
}

/// The command that makes the study again; and a warning for each of its options of which something is unknown, as somebody has edited the
/// manifest or another version wrote it.
fn command(folder: &Path, manifest: &Value) -> (String, Vec<String>) {
    let (rates, mut unread) = list::<f64>(manifest, "lr", ANOTHER_STUDY);
    let options = RateStudyOptions::deserialize(&manifest["options"]).unwrap_or_else(|error| {
        unread.push(unreadable("options", &error, ANOTHER_STUDY));
        RateStudyOptions::default()
    });
    let rates: Vec<String> = rates.into_iter().map(|rate| Value::from(rate).to_string()).collect();
    let mut command = format!("gramflow study lr {}", shell_word(&folder.join("scenario.json")));
    let mut add = |option: &str, value: String| command.push_str(&format!(" {option} {}", shell_word(Path::new(&value))));
    if !rates.is_empty() {
        add("--lr", rates.join(","));
    }
    if !options.optimizers.is_empty() {
        add("--optimizers", options.optimizers.join(","));
    }
    if !options.batch.is_empty() {
        add("--batch", options.batch.join(","));
    }
    if options.seeds > 1 {
        add("--seeds", options.seeds.to_string());
    }
    if let Some(loss) = options.loss {
        add("--loss", format!("{loss:?}"));
    }
    if let Some(count) = options.ensemble {
        add("--ensemble", count.to_string());
    }
    (format!("{command} --out {}", shell_word(folder)), unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_that_cannot_be_read_are_named_beside_the_command_without_them() {
        let told = |options: Value| command(Path::new("study"), &json!({"lr": [0.1], "options": options}));
        let bare = "gramflow study lr study/scenario.json --lr 0.1";
        let options = RateStudyOptions { seeds: 3, batch: vec!["8".into()], ..RateStudyOptions::default() };
        assert_eq!(told(json!(options)), (format!("{bare} --batch 8 --seeds 3 --out study"), Vec::new()));
        for other in [json!({"seeds": "three", "batch": ["8"]}), json!("--seeds 3"), Value::Null] {
            let (command, unread) = told(other);
            assert_eq!(command, format!("{bare} --out study"));
            assert!(unread.len() == 1 && unread[0].starts_with("manifest.json: options cannot be read (invalid type: "));
        }
    }

    #[test]
    fn an_order_holds_where_it_is_nearest_to_the_predicted_one() {
        let verdict = |order: f64, expected: f64| {
            let rates = (0.01, 0.1);
            let (optimizer, compared_with, at, reason) = Default::default();
            Fit { optimizer, batch: 8, compared_with, at, order, half_width: 0.01, points: 4, rates, expected, reason }
                .verdict()
        };
        assert_eq!(verdict(1.2, 1.0), Some(Outcome::Holds));
        assert_eq!((verdict(1.3, 1.0), verdict(0.5, 1.0)), (Some(Outcome::Fails), Some(Outcome::Fails)));
        assert_eq!((verdict(f64::NAN, 1.0), verdict(1.0, f64::NAN)), (None, None));
    }
}

//! `ensemble.parquet`: one row for each optimizer, batch, learning rate and thing that went to the end, `seeds`, `sde_1` or `sde_2`.

use crate::record::Table;
use crate::study::lr::line_up::Contender;
use crate::study::lr::table::Columns;

use super::OBSERVABLES;
use super::control::Terms;
use super::ensemble::Law;

/// The law of the seeds or of the paths of one equation at one rate.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::study::lr) struct Row {
    pub optimizer: String,
    pub batch: u64,
    pub lr: f64,
    /// `seeds`, `sde_1` or `sde_2`.
    pub process: String,
    /// N.
    pub count: u64,
    /// K.
    pub steps: u64,
    /// E φ, and its standard error.
    pub means: [f64; 2],
    pub errors: [f64; 2],
    /// The standard error that φ has without its control variate.
    pub plain_errors: [f64; 2],
    /// The terms of the control variate, or `none`.
    pub control: String,
    pub gradients: u64,
    /// The step in which one diverged, counted from 1.
    pub diverged_at: Option<u64>,
}

impl Row {
    pub(super) fn new(contender: &Contender, lr: f64, process: &str, (steps, count): (u64, u64), terms: Option<Terms>) -> Self {
        Self {
            optimizer: contender.label.clone(),
            batch: contender.batch as u64,
            lr,
            process: process.to_string(),
            count,
            steps,
            means: [f64::NAN; 2],
            errors: [f64::NAN; 2],
            plain_errors: [f64::NAN; 2],
            control: terms.map_or("none", Terms::word).to_string(),
            gradients: 0,
            diverged_at: None,
        }
    }

    pub(super) fn is_of(&self, contender: &Contender, lr: f64) -> bool {
        self.optimizer == contender.label && self.batch == contender.batch as u64 && self.lr == lr
    }

    /// Whether both are of the same optimizer at the same rate.
    pub(super) fn is_of_the_rate_of(&self, other: &Self) -> bool {
        self.optimizer == other.optimizer && self.batch == other.batch && self.lr == other.lr
    }

    pub(super) fn take(&mut self, law: &Law, gradients: u64) {
        self.gradients = gradients;
        for phi in 0..OBSERVABLES.len() {
            let best = law.best(phi);
            (self.means[phi], self.errors[phi], self.plain_errors[phi]) = (best.mean, best.error(), law.plain[phi].error());
        }
    }
}

pub(super) fn table(rows: &[Row]) -> Table {
    let mut columns = Columns::of(rows)
        .text("optimizer", |row| row.optimizer.clone())
        .count("batch", |row| row.batch)
        .float("lr", |row| row.lr)
        .text("process", |row| row.process.clone())
        .count("members", |row| row.count)
        .count("steps", |row| row.steps);
    for (phi, name) in OBSERVABLES.iter().enumerate() {
        columns = columns
            .float(name, |row| row.means[phi])
            .float(&format!("{name}_error"), |row| row.errors[phi])
            .float(&format!("{name}_error_uncontrolled"), |row| row.plain_errors[phi]);
    }
    columns
        .text("control", |row| row.control.clone())
        .count("gradients", |row| row.gradients)
        .float("diverged_at", |row| row.diverged_at.map_or(f64::NAN, |step| step as f64))
        .table()
}

/// The rows of a table that [`table`] has made.
pub(super) fn rows(table: &Table) -> Vec<Row> {
    let text = |name: &str, row: usize| table.texts(name).get(row).unwrap_or_default().to_string();
    let count = |name: &str, row: usize| table.counts(name).get(row).copied().unwrap_or_default() as u64;
    let number = |name: &str, row: usize| table.numbers(name).get(row).copied().unwrap_or(f64::NAN);
    let row = |row: usize| {
        let of = |suffix: &str| OBSERVABLES.map(|name| number(&format!("{name}{suffix}"), row));
        let diverged = number("diverged_at", row);
        Row {
            optimizer: text("optimizer", row),
            batch: count("batch", row),
            lr: number("lr", row),
            process: text("process", row),
            count: count("members", row),
            steps: count("steps", row),
            means: of(""),
            errors: of("_error"),
            plain_errors: of("_error_uncontrolled"),
            control: text("control", row),
            gradients: count("gradients", row),
            diverged_at: diverged.is_finite().then_some(diverged as u64),
        }
    };
    (0..table.rows()).map(row).collect()
}

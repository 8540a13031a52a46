//! `gramflow study lr`: distance to the flow against the learning rate.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::ode::short;
use crate::report::shell_word;
use crate::study::lr::{
    self, Batch, CarriedStudy, Divergence, FinishedRateStudy, FittedOrder, MOST_MEMBERS, MOST_PER_DECADE, RateStudySettings,
    Rates, StudyPlace, StudyStage,
};
use crate::sweep;

use crate::cli::interrupt::catch_signals;
use crate::cli::meter::Meter;
use crate::cli::output::{aligned, complain, counted, print, unprinted};
use crate::cli::{CliError, Limit, Selection, at_least_one};

/// Parts of the ensembles' work, as progress counts them.
const PIECES: f64 = 1000.0;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limit: Limit,
    /// Learning rates: numbers, or ranges such as 1e-4..1e-1
    #[arg(long, value_name = "LR,…", value_delimiter = ',', required = true)]
    lr: Vec<Rates>,
    /// Learning rates per decade of a range
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PER_DECADE)))]
    per_decade: u32,
    /// Optimizers: names from the scenario, or gd, sgd, momentum, nesterov, adam, adamw, rmsprop, sign, muon; adam-scaled, adamw-scaled and
    /// rmsprop-scaled average over the same time at every rate [default: those of the scenario, or gd]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    optimizers: Vec<String>,
    /// Batch sizes of gd, sgd, momentum and nesterov: numbers of samples, or full [default: that of each optimizer in the scenario, or full]
    #[arg(long, value_name = "B,…", value_delimiter = ',')]
    batch: Vec<Batch>,
    /// Seeds of the minibatches at each rate; data and start are those of the scenario
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// Count steps, gradients and seconds until the loss falls to this value [default: the loss at which the flow has made 99 % of its descent]
    #[arg(long, value_name = "LOSS", value_parser = loss)]
    loss: Option<f64>,
    /// Compare the means of the objective and of ‖θ‖² at the last step over this many seeds with those over as many paths of the stochastic
    /// differential equations of order 1 and 2, and fit their weak orders
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=MOST_MEMBERS))]
    ensemble: Option<u64>,
    /// The study's folder; units finished there are not run again [default: runs/<name>-<first 8 hex digits of the plan's hash>-lr]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Units to run side by side [default: one per core]
    #[arg(long, short, value_name = "N", value_parser = at_least_one)]
    jobs: Option<NonZeroUsize>,
    /// Print the manifest, the orders and the divergences instead of the table
    #[arg(long)]
    json: bool,
}

fn loss(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|loss: &f64| *loss > 0.0 && loss.is_finite()).ok_or_else(|| "must be greater than 0".to_string())
}

impl Arguments {
    fn settings(&self) -> RateStudySettings {
        RateStudySettings {
            rates: lr::rates(&self.lr, self.per_decade),
            optimizers: self.optimizers.clone(),
            batches: self.batch.clone(),
            seeds: self.seeds,
            loss: self.loss,
            ensemble: self.ensemble,
        }
    }
}

pub(in crate::cli) fn lr(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (scenario, problem) = arguments.selection.load_for_study(&arguments.limit)?;
    let settings = arguments.settings();
    let place =
        StudyPlace { path: arguments.out.as_deref(), jobs: sweep::jobs(arguments.jobs), memory: arguments.limit.bytes() };
    let interrupt = catch_signals(false).map_err(CliError::Signals)?;
    let meter = Meter::clock(scenario.flow.t_end, false, quiet);
    let told = |stage: StudyStage| match stage {
        StudyStage::Flow(t) => meter.at(t),
        StudyStage::Units(progress) => meter.show(progress),
        StudyStage::Ensembles(share) => meter.piece((PIECES * share) as usize, PIECES as usize, "the ensembles"),
    };
    let carried = lr::carry_out(&scenario, &problem, &settings, place, &interrupt, told);
    drop(meter);
    let CarriedStudy { path, runs, units, report, finished } = carried?;
    let Some(finished) = finished else {
        return Err(CliError::SweepInterrupted { left: report.progress.left() });
    };
    if !quiet {
        finished.manifest.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    let runs = format!("{}, {}", counted(runs, "run"), counted(units, "unit"));
    print(&if arguments.json { json(&finished, &path) } else { summary(&finished, &runs, &path, quiet) })?;
    match report.failures.len() {
        0 => Ok(()),
        failed => Err(CliError::UnitsFailed { failed, folder: path }),
    }
}

/// The manifest, `orders`, `divergences` and `study_folder`: where it lies.
fn json(finished: &FinishedRateStudy, folder: &Path) -> String {
    let order = |order: &FittedOrder| {
        let fit = order.fit.as_ref();
        json!({
            "optimizer": order.optimizer,
            "batch": order.batch,
            "compared_with": order.compared_with,
            "at": order.at,
            "order": order.order.as_ref().ok(),
            "no_order": order.order.as_ref().err().map(ToString::to_string),
            "slope": fit.map(|fit| fit.slope),
            "half_width": fit.map(|fit| fit.half_width),
            "points": fit.map_or(0, |fit| fit.points),
            "lr_from": fit.map(|fit| fit.range.0),
            "lr_to": fit.map(|fit| fit.range.1),
            "expected": order.expected,
        })
    };
    let divergence = |found: &Divergence| {
        let Divergence { optimizer, batch, lr, step, from_there_on } = found;
        json!({"optimizer": optimizer, "batch": batch, "lr": lr, "step": step, "from_there_on": from_there_on})
    };
    let mut manifest = finished.manifest.to_value();
    manifest["study_folder"] = folder.display().to_string().into();
    manifest["orders"] = finished.orders.iter().map(order).collect::<Vec<Value>>().into();
    manifest["divergences"] = finished.divergences.iter().map(divergence).collect::<Vec<Value>>().into();
    format!("{manifest:#}\n")
}

/// One row per fit, then what diverged, and what was left out.
fn summary(finished: &FinishedRateStudy, runs: &str, folder: &Path, quiet: bool) -> String {
    let mut text = format!("{}: {runs}\n{}\n\n", finished.study.name, finished.study.caption);
    let head = ["optimizer", "batch", "compared with", "at", "order", "±", "points", "lr from", "to", "expected"];
    let mut rows = vec![head.map(str::to_string)];
    let shown = |value: Option<f64>, text: fn(f64) -> String| value.map_or("-".to_string(), text);
    let mut without: Vec<String> = Vec::new();
    for order in &finished.orders {
        // A slope whose interval holds several orders is not shown.
        let fit = order.fit.as_ref().filter(|_| order.order.is_ok());
        if let Err(reason) = &order.order {
            let FittedOrder { optimizer, batch, compared_with, at, .. } = order;
            without.push(format!(
                "{optimizer} on batches of {batch}, {}, {at}: no order: {reason}",
                compared_with.replace('_', " ")
            ));
        }
        rows.push([
            order.optimizer.clone(),
            order.batch.to_string(),
            order.compared_with.replace('_', " "),
            order.at.to_string(),
            shown(fit.map(|fit| fit.slope), |order| format!("{order:.3}")),
            shown(fit.map(|fit| fit.half_width), |width| if width < 1e-3 { "0.000".into() } else { format!("{width:.3}") }),
            fit.map_or("-".to_string(), |fit| fit.points.to_string()),
            shown(fit.map(|fit| fit.range.0), |lr| format!("{lr:.1e}")),
            shown(fit.map(|fit| fit.range.1), |lr| format!("{lr:.1e}")),
            shown(order.expected, |order| format!("{order}")),
        ]);
    }
    text.push_str(&aligned(&rows));
    if !without.is_empty() {
        text.push_str(&format!("\n{}", without.join("\n")));
    }
    for Divergence { optimizer, batch, lr, step, from_there_on } in &finished.divergences {
        let on = if *from_there_on { "from lr" } else { "at some rates, the first of them lr" };
        let and_on = if *from_there_on { " on" } else { "" };
        // Writing to a string cannot fail.
        let _ =
            write!(text, "\n{optimizer} on batches of {batch} diverges {on} {}{and_on}, at step {step} there", short(*lr, 4));
    }
    for (optimizer, rates) in &finished.manifest.first_step_passes_t_end {
        let rates: Vec<String> = rates.iter().map(|lr| short(*lr, 4)).collect();
        let _ = write!(text, "\n{optimizer} is left out at lr {}: its first step would pass t_end", rates.join(", "));
    }
    if quiet {
        text.push_str(&unprinted(&finished.manifest.warnings));
    }
    let _ = writeln!(text, "\ntables, units and figures: {}", folder.display());
    let _ = writeln!(text, "next: gramflow report {} makes one page of them", shell_word(folder));
    text
}

//! `gramflow sweep run`: the units that are not finished, one per core.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::cli::interrupt::catch_signals;
use crate::cli::meter::Meter;
use crate::cli::output::{complain, complain_of, listed, print, seconds};
use crate::cli::run::interval;
use crate::cli::{CliError, Limit, Selection, at_least_one};
use crate::ode::short;
use crate::report::shell_word;
use crate::sweep::{self, CarriedSweep, Notes, Report, Shard, SweepPlace, SweepPlan};

use super::{claims, planned, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The sweep's folder; units finished there are not run again [default: runs/<name>-<first 8 hex digits of the plan's hash>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Units to run side by side [default: one per core]
    #[arg(long, short, value_name = "N", value_parser = at_least_one)]
    jobs: Option<NonZeroUsize>,
    /// Run only part I of N (I from 1): every N-th unit; `sweep merge` puts the parts together
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Save the state of every unit so often, such as 60s, 5m or 1h, and when the command is interrupted (also by SIGUSR1): the same command
    /// then goes on within these units, to the bytes of a sweep that was never stopped
    #[arg(long, value_name = "TIME", value_parser = interval)]
    checkpoint: Option<Duration>,
    #[command(flatten)]
    limit: Limit,
}

pub(super) fn run(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (sweep, plan) = planned(&arguments.selection)?;
    let path = arguments.out.clone().unwrap_or_else(|| sweep::default_folder(&plan));
    let (shard, jobs) = (arguments.shard.unwrap_or_default(), sweep::jobs(arguments.jobs));
    let interrupt = catch_signals(arguments.checkpoint.is_some()).map_err(CliError::Signals)?;
    let meter = Meter::units(quiet);
    let (memory, checkpoint) = (arguments.limit.bytes(), arguments.checkpoint);
    let place = SweepPlace { path: &path, shard, jobs, memory, checkpoint };
    let carried = sweep::carry_out(&sweep, &plan, place, &interrupt, |progress| meter.show(progress));
    drop(meter);
    let CarriedSweep { folder, report, whole, drawn, lacking } = carried?;

    if !quiet && !report.failures.is_empty() {
        let line = |(unit, reason): &(sweep::Unit, String)| {
            format!("warning: unit {} ({}) failed: {reason}", unit.id, plan.label(*unit))
        };
        let elsewhere = format!("gramflow sweep status {}", path.display());
        complain(listed(&report.failures, line, &elsewhere).trim_end());
    }
    let notes = Notes::of(std::slice::from_ref(&folder), &plan)?;
    if !quiet {
        complain_of(&notes.warned(&plan), &format!("gramflow sweep status {}", path.display()));
        lacking.iter().chain(&drawn.warnings).for_each(|warning| complain(&format!("warning: {warning}")));
    }
    let mut text = summary(&plan, &path, shard, jobs, &report);
    text.push_str(&claims(&notes, &plan));
    if !drawn.files.is_empty() {
        text.push_str(&format!("pictures: {}\n", path.join("figures").display()));
    } else if !sweep.pictures().is_empty() && !whole {
        text.push_str(&format!("draw the finished units: gramflow plot {}\n", path.display()));
    }
    print(&text)?;
    match report {
        Report { interrupted: true, .. } => Err(CliError::SweepInterrupted { left: report.progress.left() }),
        _ if report.failures.is_empty() => Ok(()),
        _ => Err(CliError::UnitsFailed { failed: report.failures.len(), folder: path }),
    }
}

fn summary(plan: &SweepPlan, path: &Path, shard: Shard, jobs: NonZeroUsize, report: &Report) -> String {
    let progress = &report.progress;
    let mut text = format!("{}: {} of {}", plan.name, progress.before + progress.done, units(progress.total));
    if shard.count > 1 {
        text.push_str(&format!(" in shard {}/{}", shard.index, shard.count));
    }
    text.push_str(&format!(" done, {} of them before", progress.before));
    if progress.failed > 0 {
        text.push_str(&format!(", {} failed", progress.failed));
    }
    let elapsed = progress.elapsed.as_secs_f64();
    if progress.done > 0 {
        let share = report.in_runs.as_secs_f64() / (elapsed * jobs.get().min(progress.done) as f64);
        let (rate, share) = (short(progress.rate(), 2), (100.0 * share).min(100.0));
        text.push_str(&format!(
            "\n{} s, {rate} units per second; {share:.0} % of the workers' time in the runs themselves",
            seconds(elapsed)
        ));
    }
    let (path, word) = (path.display(), shell_word(path));
    text.push_str(&format!("\nunits: {path}\nmerge into one table: gramflow sweep merge {word}\n"));
    text.push_str(&format!("compare on one page: gramflow report {word}\n"));
    text
}

//! `gramflow sweep run`: the units that are not finished, one per core.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use clap::Args;

use crate::cli::interrupt::catch_signals;
use crate::cli::meter::Meter;
use crate::cli::output::{complain, complain_of, listed, print, seconds};
use crate::cli::{CliError, Limit, Selection};
use crate::figure::Drawn;
use crate::ode::short;
use crate::report::shell_word;
use crate::scenario::style::Formats;
use crate::sweep::{self, Folder, Notes, Options, Report, Shard, Status, Task};

use super::{claims, default_folder, planned, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The sweep's folder; units finished there are not run again [default: runs/<name>-<first 8 hex digits of the plan's hash>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Units at a time [default: one per core]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Only part I of N, from 1: every N-th unit; merge puts the parts together
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    limit: Limit,
}

/// Units at a time: as many as asked for, or one per core.
pub(in crate::cli) fn jobs(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.unwrap_or_else(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

pub(super) fn run(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (sweep, plan) = planned(&arguments.selection)?;
    let path = arguments.out.clone().unwrap_or_else(|| default_folder(&plan));
    let folder = Folder::open(&path, &plan)?;
    sweep::keep_pictures(&folder, sweep.pictures())?;
    sweep::keep_scenario(&folder, &sweep)?;
    let options = Options { jobs: jobs(arguments.jobs), keep: sweep::keep(sweep.pictures()), memory: arguments.limit.bytes() };
    let task = Task { sweep: &sweep, plan: &plan, folder: &folder, shard: arguments.shard.unwrap_or_default() };

    let interrupt = catch_signals().map_err(CliError::Signals)?;
    let meter = Meter::units(quiet);
    let report = sweep::run(task, options, &interrupt, |progress| meter.show(progress));
    drop(meter);
    let report = report?;

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
    }
    // Of a part of the units there are no pictures: they are drawn once all parts are there.
    let whole = Status::of(&plan, std::slice::from_ref(&folder)).missing.is_empty();
    let drawn = match whole {
        true => sweep::draw_pictures(std::slice::from_ref(&folder), &plan, sweep.pictures(), &path, &Formats::all())?,
        false => Drawn::default(),
    };
    if !quiet {
        drawn.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    let mut text = summary(task, &report, options);
    text.push_str(&claims(&notes, &plan));
    if !drawn.files.is_empty() {
        text.push_str(&format!("pictures: {}\n", path.join("figures").display()));
    } else if !sweep.pictures().is_empty() && !whole {
        text.push_str(&format!("pictures of the units that are finished: gramflow plot {}\n", path.display()));
    }
    print(&text)?;
    match report {
        Report { interrupted: true, .. } => Err(CliError::SweepInterrupted { left: report.progress.left() }),
        _ if report.failures.is_empty() => Ok(()),
        _ => Err(CliError::UnitsFailed { failed: report.failures.len(), folder: path }),
    }
}

fn summary(task: Task, report: &Report, options: Options) -> String {
    let progress = &report.progress;
    let mut text = format!("{}: {} of {}", task.plan.name, progress.before + progress.done, units(progress.total));
    if task.shard.count > 1 {
        text.push_str(&format!(" in shard {}/{}", task.shard.index, task.shard.count));
    }
    text.push_str(&format!(" done, {} of them before", progress.before));
    if progress.failed > 0 {
        text.push_str(&format!(", {} failed", progress.failed));
    }
    let elapsed = progress.elapsed.as_secs_f64();
    if progress.done > 0 {
        let share = report.in_runs.as_secs_f64() / (elapsed * options.jobs.get().min(progress.done) as f64);
        let (rate, share) = (short(progress.rate(), 2), (100.0 * share).min(100.0));
        text.push_str(&format!(
            "\n{} s, {rate} units a second; {share:.0} % of the workers' time in the runs themselves",
            seconds(elapsed)
        ));
    }
    let (path, word) = (task.folder.path().display(), shell_word(task.folder.path()));
    text.push_str(&format!("\nunits: {path}\none table of them: gramflow sweep merge {word}\n"));
    text.push_str(&format!("one page that compares them: gramflow report {word}\n"));
    text
}

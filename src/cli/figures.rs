//! `gramflow figures`: the figures of the paper, run, judged and drawn; units that were run before are read back.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::folder::FigureManifest;
use crate::paper::{self, CarriedFigures, Figure, FigurePlace, Made};
use crate::record::Warned;
use crate::scenario::Picture;
use crate::scenario::style::Formats;
use crate::sweep;

use super::interrupt::catch_signals;
use super::meter::Meter;
use super::output::{aligned, complain, complain_of, listed, print};
use super::style::StyleOptions;
use super::{CliError, Limit, at_least_one};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Figures, by the names of their scenarios, or the files of scenarios with `pictures:` [default: all]
    names: Vec<String>,
    /// Where pictures, manifests and the table of claims go
    #[arg(long, value_name = "DIR", default_value = "figures")]
    out: PathBuf,
    /// The folder of the figures' scenarios
    #[arg(long, value_name = "DIR", default_value = "scenarios/paper")]
    scenarios: PathBuf,
    /// The folder of the figures' runs; units finished there are not run again
    #[arg(long, value_name = "DIR", default_value = "runs/figures")]
    runs: PathBuf,
    /// Units to run side by side [default: one per core]
    #[arg(long, short, value_name = "N", value_parser = at_least_one)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    style: StyleOptions,
    /// Print the manifests instead of the summary
    #[arg(long)]
    json: bool,
}

pub(super) fn figures(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (mut figures, names) = paper::read(&arguments.scenarios, &arguments.names)?;
    let kept: Vec<Vec<Picture>> = figures.iter().map(|figure| figure.pictures.clone()).collect();
    let pictures: Vec<String> = kept.iter().flatten().filter_map(|picture| picture.name.clone()).collect();
    let pictures: Vec<&str> = pictures.iter().map(String::as_str).collect();
    for figure in &mut figures {
        arguments.style.over_pictures(&mut figure.pictures, &pictures)?;
    }
    let replaced =
        |figure: &Figure| figure.pictures.first().map_or_else(Formats::all, |picture| arguments.style.replaced(&picture.style));
    let jobs = sweep::jobs(arguments.jobs);
    let place = FigurePlace { out: &arguments.out, runs: &arguments.runs, jobs, memory: arguments.limit.bytes() };
    let interrupt = catch_signals(false).map_err(CliError::Signals)?;
    let meter = Meter::units(quiet);
    // `kept` without the options, which are for this command alone.
    let carried = paper::carry_out(&figures, &kept, replaced, place, &interrupt, |progress| meter.show(progress));
    drop(meter);
    let (made, shelf) = match carried? {
        CarriedFigures::Made(made, shelf) => (made, shelf),
        CarriedFigures::UnitsLeft(left) => return Err(CliError::SweepInterrupted { left }),
        CarriedFigures::FiguresLeft(left) => return Err(CliError::DrawingInterrupted { left }),
    };
    if !quiet {
        figures.iter().zip(&made).for_each(|(figure, made)| complain_of_figure(figure, made));
    }
    let (claims, unread) = paper::write_claims(&names, &shelf, &arguments.out)?;
    if !quiet {
        unread.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }

    print(&if arguments.json { json(&made, &claims) } else { summary(&figures, &made, &claims) })?;
    match made.iter().map(|made| made.report.failures.len()).sum() {
        0 => Ok(()),
        failed => Err(CliError::FigureUnitsFailed { failed }),
    }
}

/// Prints the units of a figure that failed, and the warnings of the others.
fn complain_of_figure(figure: &Figure, made: &Made) {
    let elsewhere = format!("gramflow sweep status {}", made.folder.display());
    if !made.report.failures.is_empty() {
        let line = |(unit, reason): &(sweep::Unit, String)| {
            format!("warning: {}: drawn without the unit {}, which failed: {reason}", figure.name, figure.plan.label(*unit))
        };
        complain(listed(&made.report.failures, line, &elsewhere).trim_end());
    }
    let named = |warned: &Warned| Warned { warning: format!("{}: {}", figure.name, warned.warning), ..warned.clone() };
    let warned: Vec<Warned> = made.drawn.manifest.warnings.iter().map(named).collect();
    complain_of(&warned, &elsewhere);
}

/// `figures`: the manifests, each with what this command did for it; `claims`: where their table is.
fn json(made: &[Made], claims: &Path) -> String {
    let figure = |made: &Made| {
        let progress = &made.report.progress;
        let mut value = serde_json::to_value(&made.drawn.manifest).unwrap_or_default();
        value["files"] = made.drawn.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().into();
        value["units_before"] = progress.before.into();
        value["units_new"] = progress.done.into();
        value["run_seconds"] = made.report.in_runs.as_secs_f64().into();
        value["drawing_seconds"] = made.drawing.as_secs_f64().into();
        value
    };
    let figures: Vec<_> = made.iter().map(figure).collect();
    format!("{:#}\n", json!({"figures": figures, "claims": claims.display().to_string()}))
}

/// A row for each figure, and the table of their claims.
fn summary(figures: &[Figure], made: &[Made], claims: &Path) -> String {
    let mut rows =
        vec![["figure", "units", "run before", "new", "failed", "seconds run", "drawn", "pictures"].map(str::to_string)];
    for (figure, Made { report, drawn, drawing, .. }) in figures.iter().zip(made) {
        let progress = &report.progress;
        rows.push([
            figure.name.clone(),
            progress.total.to_string(),
            progress.before.to_string(),
            progress.done.to_string(),
            progress.failed.to_string(),
            format!("{:.1}", report.in_runs.as_secs_f64()),
            format!("{:.1}", drawing.as_secs_f64()),
            drawn.manifest.pictures.len().to_string(),
        ]);
    }
    let mut text = aligned(&rows);
    let manifests: Vec<FigureManifest> = made.iter().map(|made| made.drawn.manifest.clone()).collect();
    let rows = paper::claim_rows(&manifests);
    if rows.len() > 1 {
        text.push_str(&format!("\n{}", aligned(&rows)));
    }
    let files: usize = made.iter().map(|made| made.drawn.files.len()).sum();
    let folder = claims.parent().unwrap_or(claims).display();
    text.push_str(&format!("\n{files} files in {folder}; the claims of all figures there: {}\n", claims.display()));
    text
}

//! `gramflow study integrators`: work and wall time against achieved error.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::figure;
use crate::folder::{Ending, FolderDraft};
use crate::ode::short;
use crate::report::shell_word;
use crate::study::integrators::{self, FinishedStudy, Method, Point, StudySettings};

use crate::cli::interrupt::catch_signals;
use crate::cli::meter::Meter;
use crate::cli::output::{aligned, complain, complain_of_moved, print, unprinted};
use crate::cli::{CliError, Limit, Selection};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limit: Limit,
    /// The study's folder; an earlier study there is replaced [default: runs/<name>-<first 8 hex digits of the scenario's hash>-integrators]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Relative tolerances; the absolute ones change with them in the ratio of the scenario
    #[arg(long, value_name = "RTOL,…", value_delimiter = ',', value_parser = rtol,
          default_values = ["1e-3", "1e-4", "1e-5", "1e-6", "1e-7", "1e-8", "1e-9", "1e-10"], hide_default_value = true)]
    rtol: Vec<f64>,
    /// The methods to compare [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = integrators::method)]
    methods: Vec<Method>,
    /// Print the manifest and the points instead of the table
    #[arg(long)]
    json: bool,
}

/// A relative tolerance, in the range of a scenario's.
fn rtol(text: &str) -> Result<f64, String> {
    let right = "must be a number of at least 1e-15 and less than 1";
    text.parse().ok().filter(|rtol| (1e-15..1.0).contains(rtol)).ok_or_else(|| right.to_string())
}

impl Arguments {
    /// Every method and tolerance once, from loose to tight.
    fn settings(&self) -> StudySettings {
        let mut rtols = self.rtol.clone();
        rtols.sort_by(|a, b| b.total_cmp(a));
        rtols.dedup();
        let all = integrators::line_up();
        let asked = |method: &Method| self.methods.is_empty() || self.methods.contains(method);
        StudySettings { methods: all.into_iter().filter(asked).collect(), rtols }
    }
}

pub(in crate::cli) fn integrators(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (scenario, problem) = arguments.selection.load_for_study(&arguments.limit)?;
    let folder = match &arguments.out {
        Some(out) => out.clone(),
        None => Path::new("runs").join(format!("{}-{}-integrators", scenario.name, &problem.scenario_hash[..8])),
    };
    // Before the work: a folder that cannot be written is found now. Dropped at once, as an interrupt would leave it behind.
    drop(FolderDraft::of_study(&folder)?);

    let meter = Meter::pieces(quiet);
    let interrupt = catch_signals(false).map_err(CliError::Signals)?;
    let finished = integrators::study(&scenario, &problem, &arguments.settings(), &interrupt, |done, total, next| {
        meter.piece(done, total, next);
    });
    drop(meter);
    let mut finished = finished?;

    let draft = FolderDraft::of_study(&folder)?;
    draft.write_study(&finished.study, &scenario)?;
    let drawn = figure::draw_study(&finished.study, &scenario.style, &draft.figures()?);
    finished.manifest.warnings.extend(drawn.iter().flat_map(|drawn| drawn.warnings.clone()));
    let published = draft.publish(&finished.manifest, Ending::Finished)?;
    complain_of_moved(&published);
    // The table stands even where a picture could not be drawn.
    drawn?;

    if !quiet {
        finished.manifest.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    print(&if arguments.json { json(&finished, &folder) } else { summary(&finished, &folder, quiet) })?;
    Ok(())
}

/// The manifest, `points` and `study_folder`: where it lies.
fn json(finished: &FinishedStudy, folder: &Path) -> String {
    let mut manifest = finished.manifest.to_value();
    manifest["study_folder"] = folder.display().to_string().into();
    manifest["points"] = finished.points.iter().map(point).collect();
    format!("{manifest:#}\n")
}

/// One row of `study.parquet`; null where a number is not defined.
fn point(point: &Point) -> Value {
    json!({
        "method": point.method,
        "rtol": point.setting.rtol(),
        "atol": point.setting.atol(),
        "step": point.setting.step(),
        "steps_accepted": point.work.accepted,
        "steps_rejected": point.work.rejected,
        "gradients": point.work.evaluations,
        "wall_seconds": point.wall_seconds,
        "error": point.error,
        "balance_law_residual": point.balance[0],
        "balance_law_residual_relative": point.balance[1],
        "termination": point.termination.reason().name(),
        "t_reached": point.termination.t(),
        "reference_limited": point.reference_limited,
    })
}

/// One row per point.
fn summary(finished: &FinishedStudy, folder: &Path, quiet: bool) -> String {
    let mut text = format!("{}\n{}\n\n", finished.study.name, finished.study.caption);
    let head = [
        "method",
        "rtol",
        "step",
        "ended",
        "steps",
        "rejected",
        "gradients",
        "seconds",
        "error",
        "",
        "error/rtol",
        "balance law",
    ];
    let shown = |value: f64, text: String| if value.is_nan() { "-".to_string() } else { text };
    let mut rows = vec![head.map(str::to_string)];
    for point in &finished.points {
        let (rtol, step) = (point.setting.rtol(), point.setting.step());
        rows.push([
            point.method.to_string(),
            shown(rtol, format!("{rtol:e}")),
            shown(step, format!("{step:.2e}")),
            point.termination.reason().to_string(),
            point.work.accepted.to_string(),
            point.work.rejected.to_string(),
            point.work.evaluations.to_string(),
            if point.wall_seconds < 0.1 { format!("{:.2e}", point.wall_seconds) } else { format!("{:.2}", point.wall_seconds) },
            shown(point.error, format!("{:.1e}", point.error)),
            if point.reference_limited { "*" } else { " " }.to_string(),
            shown(point.error / rtol, short(point.error / rtol, 2)),
            shown(point.balance[1], format!("{:.1e}", point.balance[1])),
        ]);
    }
    text.push_str(&aligned(&rows));
    if finished.points.iter().any(|point| point.reference_limited) {
        text.push_str("\n* less than 10 times the reference's own error, so it may be mostly that\n");
    }
    if quiet {
        text.push_str(&unprinted(&finished.manifest.warnings));
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\ntable and figures: {}", folder.display());
    let _ = writeln!(text, "next: gramflow report {} makes one page of them", shell_word(folder));
    text
}

//! `gramflow run`: the main job.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::claim::shown;
use crate::figure;
use crate::folder::{Draft, Ending};
use crate::ode::Termination;
use crate::record::{Outcome, Verdict};
use crate::run::{self, Finished};

use super::interrupt::catch_signals;
use super::meter::Meter;
use super::output::{aligned, complain, complain_of_moved, print, unprinted};
use super::{CliError, Limit, Selection};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limit: Limit,
    /// The run folder; an earlier run there is replaced [default: runs/<name>-<first 8 hex digits of the scenario's hash>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Exit with status 3 if a claim of the scenario does not hold
    #[arg(long)]
    strict: bool,
    /// Print the manifest instead of the summary
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let (scenario, problem) = arguments.selection.load(&arguments.limit)?;
    let folder = match &arguments.out {
        Some(out) => out.clone(),
        None => Path::new("runs").join(format!("{}-{}", scenario.name, &problem.scenario_hash[..8])),
    };
    // Whether it can be written is found out before the work. (Dropped: an interrupt would leave it behind.)
    drop(Draft::new(&folder)?);

    let meter = Meter::clock(scenario.flow.t_end, quiet);
    let interrupt = catch_signals().map_err(CliError::Signals)?;
    let finished = run::run(&scenario, &problem, &interrupt, |t| meter.at(t));
    drop(meter);

    let draft = Draft::new(&folder)?;
    draft.write(&finished.run, &scenario, &finished.weights)?;
    if let Some(trajectory) = &finished.trajectory {
        draft.write_trajectory(trajectory)?;
    }
    let drawn = figure::draw_all(&finished.run, &scenario.style, &draft.figures()?);
    let ending = if finished.is_interrupted() { Ending::Interrupted } else { Ending::Finished };
    let published = draft.publish(&finished.manifest, ending)?;
    complain_of_moved(&published);
    // Where it lies as the user has called it, unless it had to go beside that.
    let beside = published.path.file_name() != fs::canonicalize(&folder).ok().as_deref().and_then(Path::file_name);
    let stands = beside.then(|| folder.clone());
    let folder = if beside { folder.with_file_name(published.path.file_name().unwrap_or_default()) } else { folder };
    // The records stand even where a picture could not be drawn.
    drawn?;

    if !quiet {
        finished.manifest.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    print(&if arguments.json { json(&finished, &folder) } else { summary(&finished, &folder, quiet) })?;
    match broken(&finished) {
        _ if finished.is_interrupted() => Err(match stands {
            Some(stands) => CliError::InterruptedBeside { stands, partial: folder },
            None => CliError::Interrupted,
        }),
        Some(broken) if arguments.strict => Err(CliError::Claims(broken)),
        _ => Ok(()),
    }
}

/// The claims that do not hold, with their verdicts.
fn broken(finished: &Finished) -> Option<String> {
    let broken = finished.manifest.verdicts.iter().filter(|(_, verdict)| verdict.verdict != Outcome::Holds);
    let named: Vec<String> = broken.map(|(claim, verdict)| format!("{claim} ({})", verdict.verdict)).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The manifest, and `run_folder`: where it lies.
fn json(finished: &Finished, folder: &Path) -> String {
    let mut manifest = finished.manifest.to_value();
    manifest["run_folder"] = folder.display().to_string().into();
    format!("{manifest:#}\n")
}

/// One row per process: what it cost, and its last record. `quiet`: the warnings have not been printed.
fn summary(finished: &Finished, folder: &Path, quiet: bool) -> String {
    let mut text = format!("{}\n{}\n\n", finished.run.name, finished.run.caption);
    let head = [
        "process",
        "ended",
        "at t",
        "steps",
        "rejected",
        "gradients",
        "seconds",
        "observing",
        "loss",
        "D/e^-2λt",
        "NFA cosine",
        "peak α̃",
        "α̂",
    ];
    let mut rows = vec![head.map(str::to_string)];
    for (name, termination) in &finished.terminations {
        let cost = &finished.manifest.processes[name];
        let last = |column: &str| finished.run.table.floats(name, column).last().copied().unwrap_or(f64::NAN);
        let shown = |value: f64, digits: usize| match value {
            _ if value.is_nan() => "-".to_string(),
            _ if value.abs() < 1e4 => format!("{value:.digits$}"),
            _ => format!("{value:.3e}"),
        };
        rows.push([
            name.clone(),
            termination.reason().to_string(),
            format!("{:?}", cost.t_reached).trim_end_matches(".0").to_string(),
            cost.steps_accepted.to_string(),
            cost.steps_rejected.to_string(),
            cost.gradients.to_string(),
            seconds(cost.wall_seconds),
            seconds(cost.observation_seconds),
            if last("loss").is_nan() { "-".to_string() } else { format!("{:.3e}", last("loss")) },
            shown(last("balance_gap_over_envelope"), 7),
            shown(last("nfa_cosine"), 7),
            shown(last("nfa_peak"), 4),
            shown(last("nfa_exponent"), 5),
        ]);
    }
    text.push_str(&aligned(&rows));
    // Writing to a string cannot fail.
    for (name, termination) in &finished.terminations {
        if termination.stays() || matches!(termination, Termination::Reached { .. }) {
            let _ = writeln!(text, "\n{name}: {termination}");
        }
    }
    for (name, process) in &finished.manifest.processes {
        for (which, companion) in &process.companions {
            let distance = finished.run.table.floats(name, &format!("distance_to_{which}_relative"));
            if let Some(distance) = distance.last().filter(|distance| distance.is_finite()) {
                let _ = writeln!(
                    text,
                    "\n{name}: {distance:.1e} of its size from its {}, {}",
                    which.replace('_', " "),
                    companion.formula
                );
            }
        }
    }
    if let Some(certificate) = &finished.manifest.processes["flow"].certificate {
        let errors = certificate.columns.iter().filter(|(name, _)| !finished.run.is_zero_by_law(name));
        let worst = errors.max_by(|a, b| a.1.max_relative_error.total_cmp(&b.1.max_relative_error));
        // At the start there is nothing to certify.
        if let Some((name, error)) = worst.filter(|_| certificate.t_compared > 0.0) {
            let (t, share) = (certificate.t_compared, error.max_relative_error);
            let _ =
                writeln!(text, "\ncertified to t = {t:?}: the largest error of a column is {share:.1e} of its size ({name})");
        }
    }
    text.push_str(&claims(&finished.manifest.verdicts));
    if quiet {
        text.push_str(&unprinted(&finished.manifest.warnings));
    }
    let _ = writeln!(text, "\nrecords, weights and figures: {}", folder.display());
    text
}

/// Seconds to three digits, down to a tenth of a millisecond.
fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 100.0 => format!("{seconds:.0}"),
        _ if seconds >= 10.0 => format!("{seconds:.1}"),
        _ if seconds >= 0.1 => format!("{seconds:.2}"),
        _ => format!("{seconds:.4}"),
    }
}

/// One row per claim, and a sentence for each that does not hold; nothing where there are no claims.
fn claims(verdicts: &BTreeMap<String, Verdict>) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut rows = vec![["claim", "verdict", "value", "claimed", "error"].map(str::to_string)];
    rows.extend(verdicts.iter().map(|(claim, verdict)| {
        let sign = verdict.bound.sign();
        let claimed = if verdict.threshold.is_nan() { "-".to_string() } else { format!("{sign} {}", shown(verdict.threshold)) };
        let error = if verdict.error.is_finite() { format!("{:.1e}", verdict.error) } else { "-".to_string() };
        [claim.clone(), verdict.verdict.to_string(), shown(verdict.value), claimed, error]
    }));
    let mut text = format!("\n{}", aligned(&rows));
    for (claim, verdict) in verdicts.iter().filter(|(_, verdict)| verdict.verdict != Outcome::Holds) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{claim} {}: {}", verdict.verdict, verdict.statement);
    }
    text
}

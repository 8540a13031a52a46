//! `gramflow run`: runs a scenario, and writes its records and pictures to a folder.

mod summary;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use crate::figure;
use crate::folder::{Ending, FolderDraft, final_weights};
use crate::record::Outcome;
use crate::run::{self, Finished};

use super::interrupt::catch_signals;
use super::meter::Meter;
use super::output::{complain, complain_of_moved, print};
use super::{CliError, Limit, Selection};
use summary::{Spent, summary};

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
    let begin = Instant::now();
    let (scenario, problem) = arguments.selection.load(&arguments.limit)?;
    let folder = match &arguments.out {
        Some(out) => out.clone(),
        None => Path::new("runs").join(format!("{}-{}", scenario.name, &problem.scenario_hash[..8])),
    };
    // Before the work: a folder that cannot be written is found now. Dropped at once, as an interrupt would leave it behind.
    drop(FolderDraft::new(&folder)?);

    let meter = Meter::clock(scenario.flow.t_end, quiet);
    let interrupt = catch_signals().map_err(CliError::Signals)?;
    let began_run = Instant::now();
    let mut finished = run::run(&scenario, &problem, &interrupt, |t| meter.at(t));
    let in_run = began_run.elapsed();
    drop(meter);

    let draft = FolderDraft::new(&folder)?;
    draft.write(&finished.run, &scenario, &final_weights(&finished.weights))?;
    if let Some(trajectory) = &finished.trajectory {
        draft.write_trajectory(trajectory)?;
    }
    let began_drawing = Instant::now();
    let drawn = figure::draw_all(&finished.run, &scenario.style, &draft.figures()?);
    let in_pictures = began_drawing.elapsed();
    finished.manifest.warnings.extend(drawn.iter().flat_map(|drawn| drawn.warnings.clone()));
    let ending = if finished.is_interrupted() { Ending::Interrupted } else { Ending::Finished };
    let published = draft.publish(&finished.manifest, ending)?;
    complain_of_moved(&published);
    // The folder as the user named it, unless the run had to go beside it.
    let beside = published.path.file_name() != fs::canonicalize(&folder).ok().as_deref().and_then(Path::file_name);
    let stands = beside.then(|| folder.clone());
    let folder = if beside { folder.with_file_name(published.path.file_name().unwrap_or_default()) } else { folder };
    // The records stand even where a picture could not be drawn.
    drawn?;

    if !quiet {
        finished.manifest.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    let spent = Spent { run: in_run, pictures: in_pictures, total: begin.elapsed() };
    print(&if arguments.json { json(&finished, &folder) } else { summary(&finished, &folder, spent, quiet) })?;
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

//! The command line: one file per subcommand. Results go to standard output, progress and warnings to standard error.

mod check;
mod columns;
mod completions;
mod error;
mod explain;
mod export;
mod figures;
mod interrupt;
mod man;
mod meter;
mod new;
mod output;
mod plot;
mod report;
mod run;
mod schema;
mod study;
mod style;
mod sweep;
mod verify;

use std::ffi::OsString;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::machine::{Bytes, free_memory};
use crate::publish;
use crate::run::Problem;
use crate::scenario::{self, Scenario, ScenarioError};

use error::CliError;

/// A count of units, cores and the like: clap's own message would speak of a "non-zero type".
fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "must be a whole number, at least 1".to_string())
}

/// Train deep networks by gradient flow and by real optimizers, side by side, and test what theory says.
#[derive(Debug, Parser)]
#[command(
    name = "gramflow",
    version,
    after_help = "Exit status: 0 done; 1 the run failed; 2 the command line or the scenario is wrong; 3 with --strict, a claim did \
                  not hold; 75 incomplete, the same command resumes it (`run` only with --checkpoint)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print no progress and no warnings; warnings are still in the manifest, the report and --json
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Integrate the flow, step the optimizers beside it, record and draw both
    Run(run::Arguments),
    /// Read and validate scenarios, and the files they name; run nothing
    Check(check::Arguments),
    /// Print a scenario with every default filled in
    Explain(explain::Arguments),
    /// Write data, start and batches to one NPZ file, to redo a run elsewhere
    Export(export::Arguments),
    /// Run a finished run again, in memory, and compare every value with what its folder holds
    Verify(verify::Arguments),
    /// Draw the figures of a finished run, study or sweep again, from its records alone
    Plot(plot::Arguments),
    /// Run the paper's scenarios, judge their claims and draw their figures; finished runs are reused
    Figures(figures::Arguments),
    /// Write one self-contained HTML page of a run, a study, a sweep or the figures
    Report(report::Arguments),
    /// Study methods: many integrations of one scenario
    #[command(subcommand)]
    Study(study::Study),
    /// Run many units of one scenario, on all cores or in shards, and merge their records
    #[command(subcommand)]
    Sweep(sweep::Command),
    /// List what runs record: every column, or with --arrays every array, with its formula and unit
    Columns(columns::Arguments),
    /// Write a commented scenario to start from
    New(new::Arguments),
    /// Print the JSON Schema of a scenario, by which editors complete and check it
    Schema(schema::Arguments),
    /// Print the script by which a shell completes commands and options: bash, zsh, fish, elvish or powershell
    Completions(completions::Arguments),
    /// Write the manual pages, one for each command
    Man(man::Arguments),
}

/// A scenario file and changes to it, as `run` and `explain` take them.
#[derive(Debug, Args)]
struct Selection {
    /// The scenario, a YAML file
    scenario: PathBuf,
    /// Replace one value, by its path: `--set flow.rtol=1e-10`, `--set optimizers.0.gd.lr=0.1`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// The resources that a command may use.
#[derive(Debug, Clone, Copy, Default, Args)]
struct Limit {
    /// Memory the command may use, such as 500MB or 16GB; a run estimated to need more is refused before it starts [default: free memory]
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<Bytes>,
}

impl Limit {
    /// In bytes; `None` where the free memory is not known.
    fn bytes(&self) -> Option<u64> {
        self.max_memory.map(|Bytes(bytes)| bytes).or_else(free_memory)
    }
}

impl Selection {
    /// The scenario and its problem; what does not fit into memory is reported at the key that asked for it.
    fn load(&self, limit: &Limit) -> Result<(Scenario, Problem), ScenarioError> {
        let text = scenario::text_of(&self.scenario)?;
        crate::run::parse(&text, &self.scenario, &self.sets, limit.bytes().unwrap_or(u64::MAX))
    }
}

impl Selection {
    /// The same for a study, which refuses `stop`.
    fn load_for_study(&self, limit: &Limit) -> Result<(Scenario, Problem), CliError> {
        let (scenario, problem) = self.load(limit)?;
        if scenario.stop.is_some() { Err(CliError::StopOfStudy(self.scenario.clone())) } else { Ok((scenario, problem)) }
    }
}

/// The program that starts the command again, where that is not the one that is running.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The program that starts the command again.
fn program() -> io::Result<PathBuf> {
    PROGRAM.get().cloned().map_or_else(std::env::current_exe, Ok)
}

/// Runs the command line of this program.
pub fn main() -> ExitCode {
    ExitCode::from(main_with(std::env::args_os()))
}

/// The same for a program that hosts the command and that `arguments[0]` starts. Returns the exit status.
pub fn main_of_host(arguments: Vec<OsString>) -> u8 {
    if let Some(program) = arguments.first() {
        // If it was set before, it was to the same program.
        let _ = PROGRAM.set(program.into());
    }
    main_with(arguments)
}

/// The subcommand that a command line names.
fn named<'c>(command: &'c clap::Command, arguments: &[OsString]) -> &'c clap::Command {
    arguments.iter().fold(command, |command, word| command.find_subcommand(word).unwrap_or(command))
}

/// Parses and runs a command line. Returns the exit status.
fn main_with(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let Cli { command, quiet } = match Cli::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(mut error) => {
            style::point_to_plot(&mut error, named(&Cli::command(), &arguments));
            // As clap itself does: a failure to print is ignored.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    publish::write_beyond_limits_fails();
    let result = match command {
        Command::Run(arguments) => run::run(&arguments, quiet),
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments, quiet),
        Command::Plot(arguments) => plot::plot(&arguments, quiet),
        Command::Figures(arguments) => figures::figures(&arguments, quiet),
        Command::Report(arguments) => report::report(&arguments),
        Command::Study(study) => study::study(&study, quiet),
        Command::Sweep(command) => sweep::sweep(&command, quiet),
        Command::Columns(arguments) => columns::columns(&arguments),
        Command::New(arguments) => new::new(&arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => man::man(&arguments),
    };
    match result {
        Ok(()) => 0,
        // The reader of our output has seen enough: no failure of ours.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            output::complain(&error.to_string());
            error.exit_status()
        }
    }
}

//! Many runs of one scenario: its `sweep:` block is planned into units, which are run on all cores, in shards if need be, and merged
//! into one table.
//!
//! ```text
//! DIR/plan.json                    what varies, and the id of every unit: the same bytes whoever plans it
//! DIR/units/<id>/records.parquet   a finished unit: appears at once, is never run again while its files are whole
//! DIR/units/<id>/scenario.json     the unit by itself: gramflow run draws it
//! DIR/units/<id>/manifest.json     what it cost, where, by which version; not merged
//! DIR/units/<id>/weights.npz       final weights, where `keep` asks for them or whoever runs the units needs them
//! DIR/units/<id>/arrays.npz        matrices and spectra, where `keep` asks for them or pictures need them
//! DIR/units/<id>/trajectory.npz    weights over time, where the unit records them
//! DIR/units/<id>.checkpoint        the state of a unit that is not finished, where units keep it: it goes on from there
//! DIR/failed/<id>.json             why a unit could not be run; the next run tries it again
//! DIR/sweep.parquet, sweep.json    merged: the rows of all units; what is missing
//! DIR/weights.npz, …               merged: what `keep` asks for, the arrays of all units
//! DIR/keep.json                    what that is, if it is more than records
//! DIR/scenario.yaml                the sweep with every default filled in: gramflow sweep run makes it again
//! DIR/pictures.json                what is to be drawn of the units, if anything
//! DIR/figures/                     the pictures, drawn once the units are run
//! DIR/verdicts.parquet             merged: one row per unit and claim, where there are claims
//! ```
//!
//! Nothing but drafts is locked: whoever finishes a unit first gives it its name by one `rename`, and later results are discarded. Two
//! commands in one folder, on one machine or on a shared file system, therefore cost time and nothing else. The results of a unit depend on
//! its scenario alone, so neither the order, nor the number of workers, nor an interruption affects the merged table.

mod carry_out;
mod check;
mod costs;
mod ensemble;
mod error;
mod folder;
mod job;
mod kept;
mod merge;
mod notes;
mod pictures;
mod plan;
mod probe;
mod queue;
mod runner;
mod scenario;
mod status;
mod tally;
mod unit;
mod verdicts;

pub use carry_out::{CarriedSweep, SweepPlace, carry_out, default_folder, jobs, planned};
pub use check::check;
pub use ensemble::ensemble;
pub use error::SweepError;
pub use folder::Folder;
pub use job::{JobArray, Submission, folders_at, is_sweep};
pub use merge::{Merged, merge};
pub use notes::Notes;
pub use pictures::{check_pictures, draw_pictures, keep_pictures, read_pictures};
pub use plan::{Id, SweepPlan, Unit};
pub use probe::{Probe, probe};
pub use runner::{Options, Progress, Report, Shard, Task, run, run_all};
pub use scenario::{keep_scenario, kept_scenario};
pub use status::Status;

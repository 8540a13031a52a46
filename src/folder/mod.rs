//! What is kept on disk: the folder of a run, with its table of records, arrays over time, final weights and manifest; the table and the
//! manifest of a study; the units of a sweep, and the long table that they are merged into.

mod checkpoint;
mod ensemble;
mod error;
mod finished_study;
mod long;
mod longer;
mod paper;
mod parquet;
mod rate_study;
mod recorded;
mod run;
mod study;
mod unit;

pub use checkpoint::{Checkpoint, CheckpointAbout, CheckpointError, Shorter, checkpoint_of, horizon_of};
pub use ensemble::{Ensemble, Member};
pub use error::FolderError;
pub use finished_study::{AnyStudy, FinishedStudyFolder};
pub use long::{ColumnKind, FileColumn, write_long};
pub use longer::{LONGER_KEY, LongerError};
pub use paper::{Factor, FigureManifest, PictureEntry, Share, Tally, UnitCounts, shown};
pub use parquet::{TableError, read as read_table, read_long};
pub use rate_study::{RateStudy, RateStudyManifest, RateStudyOptions, read_study_table, write_study_table};
pub use recorded::Recorded;
pub use run::{
    Ending, FolderDraft, final_weights, is_interrupted, read, read_manifest, read_scenario, read_study, read_weights,
    read_with_scenario,
};
pub use study::{Study, StudyManifest, StudyReference};
pub use unit::{Keep, is_whole_unit, kept_file, publish_unit, read_unit, read_unit_run, read_unit_weights, unit_fields};

//! Merges the folders of units into one long table: `unit`, the keys that vary, then `process`, `step`, `t` and what was observed.
//!
//! Rows are sorted by the unit's id and, within a unit, in the order of its records: by process, then time. Columns that a unit lacks
//! (`balance_gap_3` of shallower networks) are null in its rows. Verdicts on claims have a table of their own: `unit`, the keys that vary,
//! `claim`, and the verdict with its numbers. Units are read one after another; about 32,768 rows are in memory at a time.

mod columns;
mod stack;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::folder::{FileColumn, FolderError, kept_file, read_manifest, read_unit, write_long};
use crate::publish::{Shelf, Stage};
use crate::record::Table;
use crate::scenario::KeptFile;

use super::kept::{lacking_warning, noted};
use super::verdicts::{of_manifest, table as verdict_table};
use super::{Folder, Id, Notes, Status, SweepError, SweepPlan, Unit};
use columns::{Union, Varied};
use stack::Stack;

/// Rows of a row group: enough that its overhead is small, few enough for any memory.
const GROUP: usize = 32_768;

/// The files that are written whatever is merged.
const FILES: [&str; 3] = [TABLE, SUMMARY, VERDICTS];
const TABLE: &str = "sweep.parquet";
const SUMMARY: &str = "sweep.json";
const VERDICTS: &str = "verdicts.parquet";

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// `sweep.parquet`.
    pub table: PathBuf,
    /// `sweep.json`.
    pub summary: PathBuf,
    /// `verdicts.parquet`, where units make claims.
    pub verdicts: Option<PathBuf>,
    /// What the sweep keeps besides records, one NPZ file for each: `weights.npz`, `arrays.npz`, `trajectory.npz`.
    pub kept: Vec<PathBuf>,
    /// Warnings about units that lack any of it.
    pub lacking: Vec<String>,
    /// The number of rows in `table`.
    pub rows: usize,
    /// The state of the units.
    pub status: Status,
    /// A summary of their manifests.
    pub notes: Notes,
}

/// Merges the units in the folders `from`, shards of one sweep, into `sweep.parquet` and `sweep.json` in the folder `to`.
///
/// # Errors
/// [`SweepError`] if the folders are not of one sweep, a unit cannot be read, or the files cannot be written.
pub fn merge(from: &[(Folder, SweepPlan)], to: &Path) -> Result<Merged, SweepError> {
    let Some(((first, plan), others)) = from.split_first() else {
        return Err(SweepError::NotASweep(to.into()));
    };
    if let Some((other, _)) = others.iter().find(|(_, other)| other != plan) {
        return Err(SweepError::Different { first: first.path().into(), other: other.path().into() });
    }
    // Whether they can be written is checked before the units are read.
    let shelf = Shelf::open(to).map_err(FolderError::from)?;
    let folders: Vec<Folder> = from.iter().map(|(folder, _)| folder.clone()).collect();
    let kept = noted_in(&folders)?;
    shelf.check(FILES.into_iter().chain(kept.iter().map(|&what| kept_file(what)))).map_err(FolderError::from)?;
    let status = Status::of(plan, &folders);
    // Without units that another command finishes meanwhile.
    let absent: HashSet<Id> =
        status.failed.iter().map(|(unit, _)| unit.id).chain(status.missing.iter().map(|unit| unit.id)).collect();
    let mut units = plan.units();
    units.retain(|unit| !absent.contains(&unit.id));
    units.sort_by_key(|unit| unit.id);
    let place = |unit: &Unit| folders.iter().find(|folder| folder.is_done(unit.id)).map(|folder| folder.unit(unit.id));

    let (mut union, mut notes, varied) = (Union::default(), Notes::default(), Varied::of(plan));
    let mut judged = Vec::new();
    for (unit, folder) in units.iter().filter_map(|unit| Some((*unit, place(unit)?))) {
        union.add(&folder)?;
        let manifest = read_manifest(&folder)?;
        notes.add(unit, &manifest);
        let (verdicts, _) = of_manifest(&manifest);
        if !verdicts.is_empty() {
            judged.push(varied.before(unit, verdict_table(verdicts)));
        }
    }
    let stage = shelf.stage().map_err(FolderError::from)?;
    let mut rows = 0;
    let mut rest = units.iter().filter_map(|unit| Some((*unit, place(unit)?)));
    let pieces = std::iter::from_fn(|| {
        let (mut tables, mut size): (Vec<Table>, usize) = (Vec::new(), 0);
        while size < GROUP {
            let Some((unit, folder)) = rest.next() else { break };
            match read_unit(&folder) {
                Ok(records) => {
                    size += records.rows();
                    tables.push(varied.before(unit, records));
                }
                Err(error) => return Some(Err(SweepError::from(error))),
            }
        }
        rows += size;
        (!tables.is_empty()).then_some(Ok(tables))
    });
    write_long(&stage.path().join(TABLE), &[varied.fields(), union.fields()].concat(), pieces)?;
    let judges = write_verdicts(judged, &stage)?;
    let found = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "varied": plan.keys(),
        "units": plan.units().len(),
        "done": units.len(),
        "rows": rows,
        "failed": status.failed.iter().map(|(unit, reason)| (unit.id.to_string(), reason.clone())).collect::<BTreeMap<_, _>>(),
        "missing": status.missing.iter().map(|unit| unit.id.to_string()).collect::<BTreeSet<_>>(),
        "versions": notes.versions,
        "terminations": notes.terminations,
        "verdicts": notes.verdict_counts(),
        "warnings": notes.warnings.iter().map(|(unit, own)| (unit.id.to_string(), own)).collect::<BTreeMap<_, _>>(),
    });
    stage.write_text(SUMMARY, &format!("{found:#}\n")).map_err(FolderError::from)?;
    let there: Vec<(Unit, PathBuf)> = units.iter().filter_map(|unit| Some((*unit, place(unit)?))).collect();
    let stacks = kept.into_iter().map(|what| Stack { plan, units: &there, what });
    let (kept, lacking) = write_stacks(stacks, &stage)?;
    // Verdicts and arrays of an earlier merge belong to other units.
    let earlier = |name: &str| name == VERDICTS || KEPT.into_iter().any(|what| name == kept_file(what));
    shelf.publish(stage, earlier).map_err(FolderError::from)?;
    let kept = kept.into_iter().map(|file| to.join(file)).collect();
    let verdicts = judges.then(|| to.join(VERDICTS));
    Ok(Merged { table: to.join(TABLE), summary: to.join(SUMMARY), verdicts, kept, lacking, rows, status, notes })
}

/// What a sweep can keep besides records.
const KEPT: [KeptFile; 3] = [KeptFile::Weights, KeptFile::Arrays, KeptFile::Trajectory];

/// What any of the folders notes.
fn noted_in(folders: &[Folder]) -> Result<Vec<KeptFile>, SweepError> {
    let mut kept = BTreeSet::new();
    for folder in folders {
        kept.extend(noted(folder)?);
    }
    Ok(kept.into_iter().collect())
}

/// Writes a file for each stack that any unit has something of. Returns the names of the files, and warnings about units that lack theirs.
fn write_stacks<'p>(
    stacks: impl Iterator<Item = Stack<'p>>,
    stage: &Stage,
) -> Result<(Vec<&'static str>, Vec<String>), SweepError> {
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    for stack in stacks {
        let (lacking, all) = (stack.lacking(), stack.units.len());
        if lacking < all {
            let file = kept_file(stack.what);
            stack.write(&stage.path().join(file))?;
            files.push(file);
        }
        // Whether a unit records its weights over time is its own affair.
        if stack.what != KeptFile::Trajectory {
            warnings.extend(lacking_warning(stack.what, lacking, all));
        }
    }
    Ok((files, warnings))
}

/// Writes `verdicts.parquet`, the tables of the units one after another, unless no unit makes a claim. Returns whether one does.
fn write_verdicts(tables: Vec<Table>, stage: &Stage) -> Result<bool, SweepError> {
    let Some(first) = tables.first() else { return Ok(false) };
    let fields: Vec<FileColumn> =
        first.columns.iter().map(|column| FileColumn { name: column.name.clone(), kind: column.values.kind() }).collect();
    write_long(&stage.path().join(VERDICTS), &fields, std::iter::once(Ok::<_, SweepError>(tables)))?;
    Ok(true)
}

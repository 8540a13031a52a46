//! What a run leaves behind: the table of records, arrays over time, final weights, the manifest, in one run folder; and what a
//! study does: its table and its manifest; and the units of a sweep, and the long table that they are merged into.

#[cfg(feature = "command")]
mod caption;
#[cfg(feature = "command")]
mod ensemble;
#[cfg(feature = "command")]
mod folder;
#[cfg(feature = "command")]
mod long;
mod manifest;
#[cfg(feature = "command")]
mod paper;
#[cfg(feature = "command")]
mod parquet;
#[cfg(feature = "command")]
mod rate_study;
mod recorder;
#[cfg(feature = "command")]
mod study;
mod table;
mod trajectory;
#[cfg(feature = "command")]
mod unit;
mod verdict;
#[cfg(feature = "command")]
mod warned;

#[cfg(feature = "command")]
pub use caption::{caption, common_caption, setting};
#[cfg(feature = "command")]
pub use ensemble::{Ensemble, Member};
#[cfg(feature = "command")]
pub use folder::{Draft, Ending, FolderError, read, read_manifest, read_scenario, read_study, read_with_scenario};
#[cfg(feature = "command")]
pub use long::{Field, Kind, write_long};
pub use manifest::{Certificate, ColumnError, Companion, Host, Manifest, Process};
#[cfg(feature = "command")]
pub use paper::{Factor, FigureManifest, PictureEntry, Share, Tally, UnitCounts, shown};
#[cfg(feature = "command")]
pub use parquet::{TableError, read as read_table};
#[cfg(feature = "command")]
pub use rate_study::{RateStudy, RateStudyManifest, read_study_flow, write_study_flow};
pub use recorder::{Recorder, arrays, table};
#[cfg(feature = "command")]
pub use study::{Study, StudyManifest, StudyReference};
pub use table::{Column, Table, Values};
pub use trajectory::Trajectory;
#[cfg(feature = "command")]
pub use unit::{Keep, is_whole_unit, publish_unit, read_unit, read_unit_run, read_unit_weights, unit_fields};
pub use verdict::{Bound, ErrorFrom, Outcome, Verdict};
#[cfg(feature = "command")]
pub use warned::Warned;

use crate::npz::Arrays;
use crate::theory::balance::BalanceLaw;

/// The records of one run: all that the pictures are drawn from.
///
/// `arrays` holds, for each process `p`: `p/t` (T), `p/step` (T), `p/sv_W1` … `p/sv_WL` (T × min(d_l, d_{l−1})),
/// `p/sv_product` (T × min(d_0, d_L)), `p/sv_agop` (T × d_0), `p/nfa_alpha_tilde` (A), `p/nfa_curve` (T × A),
/// `p/balance_gap` (T × (L−1)), `p/gram_W1` and `p/agop` (d_0 × d_0, at the last record); and of a target that is known
/// `target/agop` (d_0 × d_0) and `target/sv_agop` (d_0), its AGOP's singular values.
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario's name.
    pub name: String,
    /// Widths d_0, …, d_L.
    pub widths: Vec<usize>,
    /// What its imbalances are, and their law.
    pub law: BalanceLaw,
    /// One line that says what was run: it stands under every picture's title.
    pub caption: String,
    /// What was measured: `records.parquet`.
    pub table: Table,
    /// Vectors over time, and matrices at the end, of each process p as `p/name`: `arrays.npz`.
    pub arrays: Arrays,
}

impl Run {
    /// Whether a column of the flow is zero by a law, so that all of it is error: residuals of the balance law and what a projection
    /// corrects of them, the residual of the ansatz in the last layer, where W_LᵀW_L = J_LᵀJ_L by definition, and from a balanced start the gap itself and what follows from its absence.
    pub fn is_zero_by_law(&self, column: &str) -> bool {
        // Of a balanced start the relative residual is not defined.
        let relative = self.table.floats("flow", "balance_law_residual_relative");
        let balanced = self.law.rate().is_some() && relative.first().is_some_and(|residual| residual.is_nan());
        let laws: &[&str] = if balanced {
            &["balance_", "nfa_residual", "nfa_alignment_residual"]
        } else {
            &["balance_law_residual", "balance_correction"]
        };
        let last_layer = format!("nfa_residual_relative_W{}", self.widths.len() - 1);
        column == last_layer || laws.iter().any(|law| column.starts_with(law))
    }
}

//! What a run leaves behind: the table of records, arrays over time, final weights, the manifest, in one run folder; and what a
//! study does: its table and its manifest.

mod caption;
mod folder;
mod manifest;
mod parquet;
mod recorder;
mod study;
mod table;

pub use caption::{caption, setting};
pub use folder::{Draft, FolderError, read, read_study};
pub use manifest::{Host, Manifest, Process};
pub use parquet::TableError;
pub use recorder::{Recorder, arrays, table};
pub use study::{Study, StudyManifest, StudyReference};
pub use table::{Column, Table, Values};

use crate::npz::Arrays;

/// The records of one run: all that the pictures are drawn from.
///
/// `arrays` holds, for each process `p`: `p/t` (T), `p/step` (T), `p/sv_W1` … `p/sv_WL` (T × min(d_l, d_{l−1})),
/// `p/sv_product` (T × min(d_0, d_L)), `p/sv_agop` (T × d_0), `p/nfa_alpha_tilde` (A), `p/nfa_curve` (T × A),
/// `p/balance_gap` (T × (L−1)), `p/gram_W1` and `p/agop` (d_0 × d_0, at the last record).
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario's name.
    pub name: String,
    /// Widths d_0, …, d_L.
    pub widths: Vec<usize>,
    /// λ of the objective loss + (λ/2)‖θ‖².
    pub weight_decay: f64,
    /// One line that says what was run: it stands under every picture's title.
    pub caption: String,
    /// What was measured: `records.parquet`.
    pub table: Table,
    /// Vectors over time, and matrices at the end, of each process p as `p/name`: `arrays.npz`.
    pub arrays: Arrays,
}

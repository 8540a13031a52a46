//! What a run has measured, in memory: the table of records, arrays and weights over time, the manifest and verdicts; and the times of the
//! records.

#[cfg(feature = "command")]
mod discrepancy;
mod grid;
mod manifest;
#[cfg(feature = "command")]
mod readable;
mod recorder;
mod saddle;
mod table;
mod texts;
mod trajectory;
mod verdict;
#[cfg(feature = "command")]
mod warned;

#[cfg(feature = "command")]
pub use discrepancy::{Difference, Discrepancy, Repetition, Spot};
pub use grid::{Grid, Record};
pub use manifest::{Certificate, ColumnError, Companion, Host, Manifest, Process};
#[cfg(feature = "command")]
pub(crate) use manifest::{REVISION, VERSION, to_value};
#[cfg(feature = "command")]
pub(crate) use readable::{list, readable, unreadable, warnings_of};
pub use recorder::{Recorder, arrays, table};
pub use saddle::{Escape, Saddle, SaddlePoint};
#[cfg(feature = "command")]
pub(crate) use saddle::{WITHOUT_SADDLES, saddles_of};
pub use table::{Table, TableColumn, Values};
pub use texts::Texts;
pub use trajectory::Trajectory;
pub use verdict::{Bound, ErrorFrom, Outcome, Verdict};
#[cfg(feature = "command")]
pub use warned::Warned;

use std::collections::BTreeMap;

use crate::npz::Arrays;
use crate::observe::registry;
use crate::theory::balance::BalanceLaw;

/// The records of one run: all that the pictures are drawn from.
///
/// `arrays` holds, for each process `p`: `p/t` (T), `p/step` (T), `p/sv_W1` … `p/sv_WL` (T × min(d_l, d_{l−1})), `p/sv_product` (T ×
/// min(d_0, d_L); nonlinear networks: of A_f^½, up to d_0), `p/sv_agop` (T × d_0), `p/nfa_alpha_tilde` (A), `p/nfa_curve` (T × A), `p/balance_gap` (T × (L−1)), `p/gram_W1` and
/// `p/agop` (d_0 × d_0, at the last record); and, where the target is known, `target/agop` (d_0 × d_0) and `target/sv_agop` (d_0), the
/// singular values of its AGOP.
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario's name.
    pub name: String,
    /// Widths d_0, …, d_L.
    pub widths: Vec<usize>,
    /// Whether the network is linear: the product of its layers is the map that it computes.
    pub linear: bool,
    /// The definition of its imbalances D_l, and their law.
    pub law: BalanceLaw,
    /// A description in one line, shown under every picture's title.
    pub caption: String,
    /// The measured values: `records.parquet`.
    pub table: Table,
    /// Vectors over time, and matrices at the end, of each process p as `p/name`: `arrays.npz`.
    pub arrays: Arrays,
    /// The saddles that each process passed, in order of time, of those whose saddles were looked for: `manifest.json`.
    pub saddles: BTreeMap<String, Vec<Saddle>>,
    /// What its folder holds and cannot be read, a sentence each: pictures do without. Empty of a run that comes from no folder.
    pub unread: Vec<String>,
}

impl Run {
    /// Whether a column of the flow is zero by a law, so that all of it is error: the residuals of the balance law, and the corrections by
    /// projection; the residual of the ansatz in the last layer, where W_LᵀW_L = J_LᵀJ_L by definition; and, from a balanced start, the gap
    /// itself and the residuals of the ansatz.
    pub fn is_zero_by_law(&self, column: &str) -> bool {
        // From a balanced start the relative residual is undefined.
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

    /// Whether an error of a column is no more than rounding leaves, so that no tolerance changes it. Pure numbers, such as cosines and
    /// relative residuals, divide by the size of what they are made of: its rounding, in sums over the widths, stays where they are 0
    /// themselves. Other columns have no size of their own.
    pub fn is_rounding(&self, column: &str, error: f64) -> bool {
        let pure = registry::find(column).is_some_and(|(_, found)| found.unit == "1");
        pure && error <= 8.0 * f64::EPSILON * self.widths.iter().sum::<usize>() as f64
    }
}

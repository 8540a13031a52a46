//! The figures of the paper: each is a sweep with `pictures:` in a folder of scenarios. Their units are run by one pool of workers, and
//! what has been run before is read again:
//!
//! ```text
//! scenarios/paper/<name>.yaml              the figure: what is run, claimed and drawn
//! runs/figures/<name>-<8 hex>/             its sweep, named by the hash of its plan: units and their arrays, figures/ drawn of them
//! figures/<picture>.svg, <picture>.png     its pictures, called like the figure unless they have names of their own
//! figures/<name>.json                      the manifest that made them, and the verdicts of its units, counted
//! figures/claims.md                        the claims of all figures in one table
//! ```
//!
//! A changed scenario has another plan and another folder. Changed pictures or titles are drawn anew from the runs that stand.

mod carry_out;
mod claims;
mod draw;
mod error;
mod read;

pub use carry_out::{CarriedFigures, FigurePlace, Made, carry_out};
pub use claims::{claim_rows, claims_markdown};
pub use draw::{FigureFiles, draw, shelf, write_claims};
pub use error::PaperError;
pub use read::{Figure, read};

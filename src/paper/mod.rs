//! The figures of the paper: each is a sweep with `pictures:` in a folder of scenarios. One pool of workers runs their units, and units
//! that were run before are read back:
//!
//! ```text
//! scenarios/paper/<name>.yaml              the figure: what is run, claimed and drawn
//! runs/figures/<name>-<8 hex>/             its sweep, named by the hash of its plan: units and their arrays, figures/ drawn from them
//! figures/<picture>.svg, <picture>.png     its pictures, named after the figure unless they have names of their own
//! figures/<name>.json                      its manifest: what the pictures were made from, and the verdicts of its units, counted
//! figures/claims.md                        the claims of all figures in one table
//! ```
//!
//! A changed scenario has another plan and another folder. Changed pictures or titles are drawn again from the same runs.

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

//! What a page asks of a panel: how much room it needs beside the data, and to be drawn.

use super::canvas::{Canvas, DrawError};
use super::frame::Frame;

/// A panel on a page.
pub(super) trait Plot {
    /// The small print under the panel, in lines of at most `width`.
    fn small_print(&self, width: f64) -> Vec<String>;

    /// Width of what stands to the left of the data.
    fn left_margin(&self) -> f64;

    /// Width of what stands to the right of the data.
    fn right_margin(&self) -> f64;

    /// From the data down to the first line of small print.
    fn below(&self) -> f64;

    /// Draws all but the small print: the data in `frame`, what stands beside them from `left` on.
    fn draw(&self, canvas: &mut dyn Canvas, letter: Option<char>, frame: Frame, left: f64) -> Result<(), DrawError>;
}

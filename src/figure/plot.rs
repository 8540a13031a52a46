//! What a page asks of a panel: how much room it needs beside the data, to be changed as a style says, and to be drawn.

use plotters::style::RGBColor;

use crate::scenario::style::{AxisStyle, Family};

use super::canvas::{Canvas, DrawError};
use super::frame::Frame;

/// Which of the axes' labels a panel draws; the others stand beside another panel of its row, or below the row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Labels {
    pub x: bool,
    pub y: bool,
}

/// Where a panel is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub letter: Option<char>,
    /// Of the data.
    pub frame: Frame,
    /// Where what stands beside the data begins.
    pub left: f64,
    pub labels: Labels,
}

/// A panel on a page.
pub(super) trait Plot {
    /// Notes below the panel, each a paragraph.
    fn notes(&self) -> Vec<String>;

    /// What stands below and beside its axes, where panels of a row can share it.
    fn axis_labels(&self) -> Option<[&str; 2]>;

    /// Width of what stands to the left of the data; of its label too, where that stands beside data of the height `label`.
    fn left_margin(&self, family: Family, label: Option<f64>) -> f64;

    /// Lines of its heading, over `width`.
    fn heading_lines(&self, family: Family, width: f64) -> usize;

    /// Width of what stands to the right of the data.
    fn right_margin(&self, family: Family) -> f64;

    /// From the data down to the first line of small print.
    fn below(&self, family: Family) -> f64;

    /// Shows in another colour what is of the colour `from`.
    fn recolor(&mut self, from: RGBColor, to: RGBColor);

    /// Whether its x and y axes have limits and a scale, to be changed.
    fn scaled(&self) -> [bool; 2];

    /// Changes what the axes show. An error: the limits that have no place on their scale.
    fn restyle(&mut self, x: &AxisStyle, y: &AxisStyle) -> Result<(), [f64; 2]>;

    /// Draws all but the small print.
    fn draw(&self, canvas: &mut dyn Canvas, place: Place) -> Result<(), DrawError>;
}

//! What a page needs from a panel: the room beside its data, a way to apply a style, and a way to draw it.

use plotters::style::RGBColor;

use crate::scenario::style::{AxisStyle, Family};

use super::canvas::{Canvas, DrawError};
use super::frame::Frame;
use super::style::Marker;

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
    /// The frame of the data.
    pub frame: Frame,
    /// The left end of what stands beside the data.
    pub left: f64,
    pub labels: Labels,
}

/// A straight line from edge to edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Across {
    /// From bottom to top at this x.
    X(f64),
    /// From left to right at this y.
    Y(f64),
}

/// What is drawn only where it has a place on the axes, so that the legend explains it only there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Explained {
    /// A line from edge to edge.
    Across(Across),
    /// A mark of this kind at the upper edge.
    Overhead(Marker),
}

/// A panel on a page.
pub(super) trait Plot {
    /// Notes below the panel, each a paragraph.
    fn notes(&self) -> Vec<String>;

    /// The labels of the x and y axes, where panels of a row can share them.
    fn axis_labels(&self) -> Option<[&str; 2]>;

    /// Width of everything to the left of the data; with `label`, the height of the data, the axis label is included.
    fn left_margin(&self, family: Family, label: Option<f64>) -> f64;

    /// How many lines its heading takes over `width`.
    fn heading_lines(&self, family: Family, width: f64) -> usize;

    /// Width of what stands to the right of the data.
    fn right_margin(&self, family: Family) -> f64;

    /// From the data down to the first line of small print.
    fn below(&self, family: Family) -> f64;

    /// Shows in the colour `to` everything of the colour `from`.
    fn recolor(&mut self, from: RGBColor, to: RGBColor);

    /// Whether the x and the y axis have limits and a scale that a style can change.
    fn scaled(&self) -> [bool; 2];

    /// Applies a style to the axes. `Err`: limits that have no place on their scale.
    fn restyle(&mut self, x: &AxisStyle, y: &AxisStyle) -> Result<(), [f64; 2]>;

    /// The lines from edge to edge and the marks at its upper edge that have a place on its axes.
    fn explained(&self) -> Vec<Explained>;

    /// Draws all but the small print.
    fn draw(&self, canvas: &mut dyn Canvas, place: Place) -> Result<(), DrawError>;
}

//! A panel of cells in colour, with a colour bar: a map over two keys, or a matrix. Cells without a value are hatched, and counted in the
//! small print.

use plotters::style::RGBColor;

use crate::scenario::style::{AxisStyle, Family};

use super::axis::{Axis, Scale};
use super::canvas::{Canvas, DrawError, Point};
use super::font::{Anchor, TextStyle};
use super::frame::Frame;
use super::number::number;
use super::panel::{BELOW_DATA, draw_heading, draw_side_label, heading_lines, side_label_width};
use super::plot::{Explained, Place, Plot};
use super::style::{BLACK, GREY, LABEL_SIZE, SCRIPT_SIZE, SMALL_SIZE, TICK_SIZE, WHITE, diverging, heat, luminance};
use super::text::{draw_label, label_width};

/// Cells in rows from the bottom up, as on axes, or from the top down, as in a matrix.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    /// Beside the panel's letter.
    pub heading: String,
    /// Below the cells, with markup.
    pub x: String,
    /// Beside the cells.
    pub y: String,
    /// Beside the colour bar.
    pub value: String,
    /// Names of the columns, with markup.
    pub columns: Vec<String>,
    /// Names of the rows, with markup.
    pub rows: Vec<String>,
    /// Row by row; NaN where there is none.
    pub values: Vec<Vec<f64>>,
    /// The scale of the colour bar.
    pub scale: Scale,
    /// Square cells, the first row on top.
    pub matrix: bool,
    /// Small print; the count of cells without a value follows it.
    pub notes: Vec<String>,
}

/// Numbers are written into the cells if there are at most this many.
const NUMBERED: usize = 100;
/// The colour bar: its distance from the cells, its width, and the distance of its tick labels.
const BAR: (f64, f64, f64) = (12.0, 11.0, 7.0);
/// Shades that make up the colour bar.
const SHADES: usize = 64;

/// The colour of each value that has one.
struct Shading {
    axis: Axis,
    /// Of a matrix, or with negative values: the largest magnitude. Colours diverge from white at 0.
    around_zero: Option<f64>,
}

impl Shading {
    fn of(cells: &Cells) -> Option<Self> {
        let values = || cells.values.iter().flatten().copied().filter(|value| cells.scale.coordinate(*value).is_some());
        let largest = values().map(f64::abs).fold(0.0, f64::max);
        // Rounding in matrix products turns a zero into some −ε times the largest entry.
        let negative = cells.scale != Scale::Log && values().any(|value| value < -1e-12 * largest);
        let around_zero = ((cells.matrix || negative) && largest > 0.0).then_some(largest);
        let axis = match around_zero {
            Some(largest) if negative => Axis::around(cells.scale, [-largest, largest]),
            Some(largest) => Axis::around(cells.scale, [0.0, largest]),
            None => Axis::around(cells.scale, values()),
        };
        axis.map(|axis| Self { axis, around_zero })
    }

    fn color(&self, value: f64) -> Option<RGBColor> {
        let fraction = self.axis.fraction(value)?;
        Some(self.color_at(fraction))
    }

    /// The colour at this fraction of the axis.
    fn color_at(&self, fraction: f64) -> RGBColor {
        let value = self.axis.low + fraction * (self.axis.high - self.axis.low);
        // The axis goes a little beyond the largest values.
        self.around_zero.map_or_else(|| heat(fraction), |largest| diverging(value / largest))
    }
}

impl Cells {
    /// Whether the names of columns stand upright, for want of room.
    fn upright(&self, family: Family) -> bool {
        const NARROW: f64 = 215.0;
        let slot = NARROW / self.columns.len().max(1) as f64;
        !self.matrix && self.columns.iter().any(|name| label_width(name, family.regular(TICK_SIZE)) + 5.0 > slot)
    }

    fn widest(names: &[String], family: Family) -> f64 {
        names.iter().map(|name| label_width(name, family.regular(TICK_SIZE))).fold(0.0, f64::max)
    }

    fn without_value(&self) -> Vec<String> {
        let all: Vec<f64> = self.values.iter().flatten().copied().collect();
        let count = |is: &dyn Fn(f64) -> bool| all.iter().filter(|value| is(**value)).count();
        let sentences = [
            (count(&|value| !value.is_finite()), "have no value"),
            (count(&|value| value.is_finite() && self.scale.coordinate(value).is_none()), "are not positive"),
        ];
        let said = sentences.into_iter().filter(|(n, _)| *n > 0);
        said.map(|(n, what)| format!("{n} of {} cells {what}: hatched.", all.len())).collect()
    }

    /// Where the cells are: all of the frame, or a square in it.
    fn area(&self, frame: Frame) -> Frame {
        if !self.matrix {
            return frame;
        }
        let side = (frame.right - frame.left).min(frame.bottom - frame.top);
        Frame { right: frame.left + side, bottom: frame.top + side, ..frame }
    }

    fn corners(&self, frame: Frame, row: usize, column: usize) -> [Point; 4] {
        let (n, m) = (self.rows.len() as f64, self.columns.len() as f64);
        let row = if self.matrix { self.rows.len() - 1 - row } else { row } as f64;
        let (left, right) = (frame.x(column as f64 / m), frame.x((column as f64 + 1.0) / m));
        let (bottom, top) = (frame.y(row / n), frame.y((row + 1.0) / n));
        [(left, bottom), (left, top), (right, top), (right, bottom)]
    }

    /// Whether there are few enough cells to write their numbers into them.
    fn are_few(&self) -> bool {
        self.values.iter().map(Vec::len).sum::<usize>() <= NUMBERED
    }

    /// Explains the − in cells without room for their numbers, as in narrow maps and large matrices.
    fn about_signs(&self) -> Option<String> {
        let negative = self.values.iter().flatten().any(|value| *value < 0.0);
        (negative && !(self.matrix && self.are_few())).then(|| "Cells with − are below 0.".to_string())
    }

    fn draw_cells(&self, canvas: &mut dyn Canvas, frame: Frame, shading: Option<&Shading>) -> Result<(), DrawError> {
        let largest = self.values.iter().flatten().map(|value| value.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let few = self.are_few();
        let corners = self.corners(frame, 0, 0);
        let (width, height) = (corners[2].0 - corners[0].0, corners[0].1 - corners[1].1);
        let written = |value: f64, digits| number(if self.matrix { rounded(value, largest) } else { value }, digits);
        // One size for all, at which the widest number fits, with fewer digits if need be. Illegibly small numbers are left out.
        let size = |digits| {
            let finite = self.values.iter().flatten().filter(|value| value.is_finite());
            let widest = finite.map(|&value| canvas.family().regular(1.0).width(&written(value, digits))).fold(0.1, f64::max);
            (0.62 * height).min(SMALL_SIZE).min((width - 2.0) / widest)
        };
        let sizes = [3, 2].map(|digits| (digits, if few { size(digits) } else { 0.0 }));
        let (digits, em) = sizes.into_iter().find(|(_, em)| *em >= SCRIPT_SIZE).unwrap_or((0, SCRIPT_SIZE));
        for (i, row) in self.values.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let corners = self.corners(frame, i, j);
                let Some(color) = shading.and_then(|shading| shading.color(value)) else {
                    hatch(canvas, corners)?;
                    continue;
                };
                canvas.fill(&corners, color)?;
                let text = match digits {
                    1.. => written(value, digits),
                    // In grey, colours of negative and positive values look alike.
                    _ if rounded(value, largest) < 0.0 && width > 7.0 => "−".to_string(),
                    _ => continue,
                };
                let ink = if luminance(color) > 0.45 { BLACK } else { WHITE };
                let at = ((corners[0].0 + corners[2].0) / 2.0, (corners[0].1 + corners[1].1) / 2.0 + 0.36 * em);
                canvas.text(&text, at, TextStyle::new(canvas.family().regular(em)).anchored(Anchor::Middle).colored(ink))?;
            }
        }
        Ok(())
    }

    fn draw_names(&self, canvas: &mut dyn Canvas, frame: Frame) -> Result<(), DrawError> {
        let family = canvas.family();
        let (upright, style) = (self.upright(family), TextStyle::new(family.regular(TICK_SIZE)));
        let stride = |count: usize, room: f64, each: f64| ((count as f64 * each / room).ceil() as usize).max(1);
        let each = if upright { TICK_SIZE + 2.0 } else { Self::widest(&self.columns, family) + 5.0 };
        let every = stride(self.columns.len(), frame.right - frame.left, each);
        for (j, name) in self.columns.iter().enumerate().step_by(every) {
            let [left, .., right] = self.corners(frame, 0, j);
            let x = (left.0 + right.0) / 2.0;
            if upright {
                let style = TextStyle { upwards: true, ..style.anchored(Anchor::End) };
                draw_label(canvas, name, (x + 0.36 * TICK_SIZE, frame.bottom + 5.0), style)?;
            } else {
                draw_label(canvas, name, (x, frame.bottom + 14.0), style.anchored(Anchor::Middle))?;
            }
        }
        let every = stride(self.rows.len(), frame.bottom - frame.top, TICK_SIZE + 2.0);
        for (i, name) in self.rows.iter().enumerate().step_by(every) {
            let [bottom, top, ..] = self.corners(frame, i, 0);
            let y = (bottom.1 + top.1) / 2.0;
            draw_label(canvas, name, (frame.left - 5.0, y + 0.36 * TICK_SIZE), style.anchored(Anchor::End))?;
        }
        Ok(())
    }

    fn draw_bar(&self, canvas: &mut dyn Canvas, frame: Frame, shading: &Shading) -> Result<(), DrawError> {
        let (left, right) = (frame.right + BAR.0, frame.right + BAR.0 + BAR.1);
        for shade in 0..SHADES {
            let (from, to) = (shade as f64 / SHADES as f64, (shade as f64 + 1.0) / SHADES as f64);
            let (bottom, top) = (frame.y(from), frame.y(to));
            canvas.fill(&[(left, bottom), (left, top), (right, top), (right, bottom)], shading.color_at((from + to) / 2.0))?;
        }
        let family = canvas.family();
        let style = TextStyle::new(family.regular(TICK_SIZE));
        for tick in &shading.axis.ticks {
            let y = frame.y(shading.axis.fraction_of_coordinate(tick.at));
            canvas.stroke(&[(right, y), (right + 3.0, y)], 0.8, BLACK)?;
            draw_label(canvas, &tick.label, (right + BAR.2 - 2.0, y + 0.36 * TICK_SIZE), style)?;
        }
        let label = TextStyle::new(family.regular(LABEL_SIZE)).anchored(Anchor::Middle);
        let at = (right + self.bar_ticks(shading, family) + LABEL_SIZE + 2.0, (frame.top + frame.bottom) / 2.0);
        draw_label(canvas, &self.value, at, TextStyle { upwards: true, ..label })
    }

    fn bar_ticks(&self, shading: &Shading, family: Family) -> f64 {
        let labels: Vec<String> = shading.axis.ticks.iter().map(|tick| tick.label.clone()).collect();
        BAR.2 + Self::widest(&labels, family)
    }
}

/// `value` rounded to the second digit of `largest`: anything smaller is noise beside it.
fn rounded(value: f64, largest: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let step = 10f64.powf(1.0 - largest.log10().floor());
    let whole = (value * step).round();
    // No −0.
    if whole == 0.0 { 0.0 } else { whole / step }
}

/// Diagonal strokes over a cell.
fn hatch(canvas: &mut dyn Canvas, corners: [Point; 4]) -> Result<(), DrawError> {
    const APART: f64 = 6.0;
    let ([left, bottom], [right, top]) = ([corners[0].0, corners[0].1], [corners[2].0, corners[2].1]);
    let (width, height) = (right - left, bottom - top);
    let mut offset = APART / 2.0;
    while offset < width + height {
        // From the left or lower edge up to the upper or right one.
        let from = if offset <= height { (left, top + offset) } else { (left + offset - height, bottom) };
        let to = if offset <= width { (left + offset, top) } else { (right, top + offset - width) };
        canvas.stroke(&[from, to], 0.6, GREY)?;
        offset += APART;
    }
    Ok(())
}

impl Plot for Cells {
    fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.about_signs()).chain(self.without_value()).collect()
    }

    /// Not shared: cells have rows and columns of their own.
    fn axis_labels(&self) -> Option<[&str; 2]> {
        None
    }

    /// A label longer than the cells are high takes several lines.
    fn left_margin(&self, family: Family, label: Option<f64>) -> f64 {
        let label = label.map_or(0.0, |height| 10.0 + side_label_width(&self.y, family, height));
        label + Self::widest(&self.rows, family) + 5.0
    }

    fn heading_lines(&self, family: Family, width: f64) -> usize {
        heading_lines(&self.heading, family, width).len()
    }

    fn right_margin(&self, family: Family) -> f64 {
        Shading::of(self).map_or(0.0, |shading| BAR.0 + BAR.1 + self.bar_ticks(&shading, family) + LABEL_SIZE + 6.0)
    }

    fn below(&self, family: Family) -> f64 {
        if self.upright(family) { BELOW_DATA - TICK_SIZE + Self::widest(&self.columns, family) } else { BELOW_DATA }
    }

    /// Nothing to change: the colours of cells stand for values.
    fn recolor(&mut self, _from: RGBColor, _to: RGBColor) {}

    fn scaled(&self) -> [bool; 2] {
        [false; 2]
    }

    /// Every row and column is shown: only the labels can be changed.
    fn restyle(&mut self, x: &AxisStyle, y: &AxisStyle) -> Result<(), [f64; 2]> {
        for (own, style) in [(&mut self.x, x), (&mut self.y, y)] {
            if let Some(label) = &style.label {
                own.clone_from(label);
            }
        }
        Ok(())
    }

    fn explained(&self) -> Vec<Explained> {
        Vec::new()
    }

    fn draw(&self, canvas: &mut dyn Canvas, place: Place) -> Result<(), DrawError> {
        let family = canvas.family();
        draw_heading(canvas, &self.heading, place)?;
        let area = self.area(place.frame);
        let label = TextStyle::new(family.regular(LABEL_SIZE)).anchored(Anchor::Middle);
        draw_label(canvas, &self.x, ((area.left + area.right) / 2.0, area.bottom + self.below(family) - 18.0), label)?;
        draw_side_label(canvas, &self.y, place.left, area)?;
        if self.values.iter().all(Vec::is_empty) {
            let centre = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
            return canvas.text("nothing to draw", centre, label.colored(GREY));
        }
        let shading = Shading::of(self);
        self.draw_cells(canvas, area, shading.as_ref())?;
        let [bottom_left, top_left, top_right, bottom_right] =
            [(area.left, area.bottom), (area.left, area.top), (area.right, area.top), (area.right, area.bottom)];
        canvas.stroke(&[bottom_left, top_left, top_right, bottom_right, bottom_left], 0.8, BLACK)?;
        self.draw_names(canvas, area)?;
        shading.map_or(Ok(()), |shading| self.draw_bar(canvas, area, &shading))
    }
}

//! One picture: title, caption, one legend in a strip above the panels (where it covers no data), panels in rows.

use super::canvas::{Canvas, DrawError};
use super::font::{Font, TextStyle};
use super::frame::Frame;
use super::panel::Panel;
use super::pen::draw_sample;
use super::plot::Plot;
use super::style::{GREY, Look, SMALL_SIZE, TITLE_SIZE};
use super::text::{draw_label, label_width, wrap};

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// With markup.
    pub label: String,
    /// `None` for words alone.
    pub look: Option<Look>,
}

impl Entry {
    pub(super) fn new(label: impl Into<String>, look: Look) -> Self {
        Self { label: label.into(), look: Some(look) }
    }

    pub(super) fn words(label: impl Into<String>) -> Self {
        Self { label: label.into(), look: None }
    }

    fn width(&self) -> f64 {
        label_width(&self.label, LEGEND) + if self.look.is_some() { SAMPLE + 5.0 } else { 0.0 }
    }
}

/// Up to so many things of one kind have an entry each.
pub(super) const FULL_LEGEND: usize = 6;

/// The entries of `count` things of one kind: all of few, or the first `leading` and the last.
pub(super) fn abridged(count: usize, leading: usize, entry: impl Fn(usize) -> Entry) -> Vec<Entry> {
    if count <= FULL_LEGEND {
        return (0..count).map(entry).collect();
    }
    let mut entries: Vec<Entry> = (0..leading).map(&entry).collect();
    entries.extend([Entry::words("…"), entry(count - 1)]);
    entries
}

/// A picture, ready to be drawn.
#[derive(Debug, Clone)]
pub(super) struct Picture<P = Panel> {
    /// Stem of the files' names.
    pub name: String,
    pub title: String,
    pub caption: String,
    pub legend: Vec<Entry>,
    pub panels: Vec<P>,
    /// Panels in a row.
    pub columns: usize,
}

const LEGEND: Font = Font { em: 9.5, bold: false };
const SAMPLE: f64 = 24.0;
const BETWEEN_ENTRIES: f64 = 16.0;
const LEGEND_ROW: f64 = 15.0;
const CAPTION_ROW: f64 = 12.0;
const SMALL_ROW: f64 = 11.0;
const EDGE: f64 = 14.0;
const BETWEEN_PANELS: f64 = 20.0;
const DATA_HEIGHT: f64 = 262.0;
/// From the small print of the one before, or from the legend, down to the data of a row: room for the panels' headings.
const ABOVE_DATA: f64 = 30.0;

impl<P: Plot> Picture<P> {
    /// Panels side by side.
    pub(super) fn new(name: &str, title: String, caption: String, legend: Vec<Entry>, panels: Vec<P>) -> Self {
        Self { name: name.to_string(), title, caption, legend, columns: panels.len(), panels }
    }

    /// Panels in the widest row.
    fn across(&self) -> usize {
        self.columns.min(self.panels.len()).max(1)
    }

    fn width(&self) -> f64 {
        match self.across() {
            1 => 460.0,
            2 => 720.0,
            n => 350.0 * n as f64 + 20.0,
        }
    }

    fn title_lines(&self) -> Vec<String> {
        wrap(&self.title, Font::bold(TITLE_SIZE), self.width() - 2.0 * EDGE)
    }

    fn caption_lines(&self) -> Vec<String> {
        wrap(&self.caption, Font::regular(SMALL_SIZE), self.width() - 2.0 * EDGE)
    }

    /// Row and left end of each entry.
    fn legend_places(&self) -> Vec<(usize, f64)> {
        let (mut row, mut x) = (0, EDGE);
        let mut places = Vec::new();
        for entry in &self.legend {
            if x > EDGE && x + entry.width() > self.width() - EDGE {
                (row, x) = (row + 1, EDGE);
            }
            places.push((row, x));
            x += entry.width() + BETWEEN_ENTRIES;
        }
        places
    }

    fn legend_top(&self) -> f64 {
        10.0 + 17.0 * self.title_lines().len() as f64 + CAPTION_ROW * self.caption_lines().len() as f64 + 4.0
    }

    fn data_top(&self) -> f64 {
        let rows = self.legend_places().last().map_or(0, |(row, _)| row + 1);
        self.legend_top() + LEGEND_ROW * rows as f64 + ABOVE_DATA
    }

    fn cell_width(&self) -> f64 {
        let n = self.across() as f64;
        (self.width() - 2.0 * EDGE - BETWEEN_PANELS * (n - 1.0)) / n
    }

    /// From the data of a row down to the first line of its small print, the same for its panels.
    fn below_data(row: &[P]) -> f64 {
        row.iter().map(Plot::below).fold(0.0, f64::max)
    }

    /// From the top of the data of a row to the end of its small print.
    fn row_height(&self, row: &[P]) -> f64 {
        let small_print = row.iter().map(|panel| panel.small_print(self.cell_width()).len()).max().unwrap_or(0);
        DATA_HEIGHT + Self::below_data(row) + SMALL_ROW * small_print as f64
    }

    /// Width and height in logical pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        let rows: Vec<f64> = self.panels.chunks(self.across()).map(|row| self.row_height(row)).collect();
        let between = ABOVE_DATA * rows.len().saturating_sub(1) as f64;
        let height = self.data_top() + rows.iter().sum::<f64>() + between;
        (self.width() as u32, height.ceil() as u32)
    }

    pub(super) fn draw(&self, canvas: &mut dyn Canvas) -> Result<(), DrawError> {
        let mut y = 10.0;
        for line in self.title_lines() {
            y += 17.0;
            canvas.text(&line, (EDGE, y - 3.0), TextStyle::new(Font::bold(TITLE_SIZE)))?;
        }
        let small = TextStyle::new(Font::regular(SMALL_SIZE)).colored(GREY);
        for line in self.caption_lines() {
            y += CAPTION_ROW;
            canvas.text(&line, (EDGE, y), small)?;
        }
        for (entry, (row, x)) in self.legend.iter().zip(self.legend_places()) {
            let baseline = self.legend_top() + LEGEND_ROW * (row + 1) as f64;
            let mut x = x;
            if let Some(look) = entry.look {
                draw_sample(canvas, look, (x, baseline - 0.36 * LEGEND.em), SAMPLE)?;
                x += SAMPLE + 5.0;
            }
            draw_label(canvas, &entry.label, (x, baseline), TextStyle::new(LEGEND))?;
        }
        let mut top = self.data_top();
        for (i, row) in self.panels.chunks(self.across()).enumerate() {
            for (j, panel) in row.iter().enumerate() {
                let left = EDGE + j as f64 * (self.cell_width() + BETWEEN_PANELS);
                let right = left + self.cell_width() - panel.right_margin();
                let frame = Frame { left: left + panel.left_margin(), right, top, bottom: top + DATA_HEIGHT };
                let letter = (self.panels.len() > 1).then(|| letter(i * self.across() + j));
                panel.draw(canvas, letter, frame, left)?;
                for (k, line) in panel.small_print(self.cell_width()).iter().enumerate() {
                    let baseline = frame.bottom + Self::below_data(row) + SMALL_ROW * k as f64;
                    canvas.text(line, (left, baseline), small)?;
                }
            }
            top += self.row_height(row) + ABOVE_DATA;
        }
        Ok(())
    }
}

/// a, b, …, z, and again.
pub(super) fn letter(panel: usize) -> char {
    char::from(b'a' + (panel % 26) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::style;

    #[test]
    fn a_long_legend_takes_more_rows_and_stays_on_the_page() {
        let legend = (0..30).map(|i| Entry::new(format!("process {i}"), style::process(i))).collect();
        let mut picture: Picture = Picture::new("p", "run".into(), "λ".into(), legend, Vec::new());
        for (entry, (_, x)) in picture.legend.iter().zip(picture.legend_places()) {
            assert!(x >= EDGE && x + entry.width() <= picture.width() - EDGE);
        }
        let long = picture.size();
        picture.legend.truncate(1);
        assert!(picture.size().1 < long.1 && picture.size().0 == long.0);
    }
}

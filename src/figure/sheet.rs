//! A picture laid out on its sheet: title, caption, one legend beside the panels (where it covers no data), panels in rows.
//!
//! Sizes are in logical pixels, in which text always has the same size. A font size in points sets how large a logical pixel is, and a width
//! in inches how many of them the sheet is wide. Panels that no longer fit go to the next row.

mod legend;

use crate::scenario::style::{Family, Legend, Style};

use super::canvas::{Canvas, DrawError, Paper};
use super::font::{Anchor, TextStyle};
use super::frame::Frame;
use super::page::{Picture, letter};
use super::panel::LINE_HEIGHT;
use super::plot::{Labels, Place, Plot};
use super::style::{GREY, LABEL_SIZE, SMALL_SIZE, TITLE_SIZE};
use super::text::{draw_label, wrap};

const TITLE_ROW: f64 = 17.0;
const CAPTION_ROW: f64 = 12.0;
const SMALL_ROW: f64 = 11.0;
const EDGE: f64 = 14.0;
/// The edge of a sheet whose width is given: the page that it is put on has margins of its own.
const NARROW_EDGE: f64 = 3.0;
const BETWEEN_PANELS: f64 = 20.0;
const DATA_HEIGHT: f64 = 262.0;
/// From the small print of the row before, or from the legend, down to the data of a row: room for the panels' headings.
const ABOVE_DATA: f64 = 30.0;
/// Width of the narrowest panel, with what stands beside its data: on a sheet of given width, a row has no more panels than fit.
const NARROWEST_PANEL: f64 = 205.0;

/// A picture and the sheet that it is drawn on.
pub(super) struct Sheet<'p, P> {
    picture: &'p Picture<P>,
    style: &'p Style,
}

/// One row of panels.
struct Row<'p, P> {
    panels: &'p [P],
    /// The index of the first of them.
    first: usize,
    /// Which axes' labels each panel draws.
    labels: Vec<Labels>,
    /// The x label that all panels of the row share.
    shared: Option<String>,
}

impl<'p, P: Plot> Sheet<'p, P> {
    pub(super) fn new(picture: &'p Picture<P>, style: &'p Style) -> Self {
        Self { picture, style }
    }

    fn family(&self) -> Family {
        self.style.font
    }

    /// Points per logical pixel, where the style sets a size.
    fn points(&self) -> Option<f64> {
        self.style.letters().map(|letters| letters / LABEL_SIZE)
    }

    /// The width in logical pixels, where the style sets it.
    fn fixed_width(&self) -> Option<f64> {
        Some(self.style.width?.points() / self.points()?)
    }

    fn edge(&self) -> f64 {
        if self.style.width.is_some() { NARROW_EDGE } else { EDGE }
    }

    /// Panels in the widest row.
    fn across(&self) -> usize {
        let asked = self.picture.columns.min(self.picture.panels.len()).max(1);
        let Some(width) = self.fixed_width() else { return asked };
        let room = width - 2.0 * self.edge() - self.legend().1;
        let fitting = ((room + BETWEEN_PANELS) / (NARROWEST_PANEL + BETWEEN_PANELS)) as usize;
        asked.min(fitting.max(1))
    }

    fn width(&self) -> f64 {
        let own = match self.across() {
            1 => 460.0,
            2 => 720.0,
            n => 350.0 * n as f64 + 20.0,
        };
        self.fixed_width().unwrap_or((own + self.legend().1).ceil())
    }

    fn title_lines(&self) -> Vec<String> {
        let title = if self.style.title { self.picture.title.as_str() } else { "" };
        wrap(title, self.family().bold(TITLE_SIZE), self.width() - 2.0 * self.edge())
    }

    fn caption_lines(&self) -> Vec<String> {
        let caption = if self.style.title { self.picture.caption.as_str() } else { "" };
        wrap(caption, self.family().regular(SMALL_SIZE), self.width() - 2.0 * self.edge())
    }

    /// Where title and caption end.
    fn head(&self) -> f64 {
        let titles = TITLE_ROW * self.title_lines().len() as f64 + CAPTION_ROW * self.caption_lines().len() as f64;
        let above = if self.style.width.is_some() { 0.0 } else { 10.0 };
        above + titles + if titles > 0.0 { 4.0 } else { 0.0 }
    }

    /// Where the first row's headings begin.
    fn panels_top(&self) -> f64 {
        let legend = if self.style.legend == Legend::Top { self.legend_height() } else { 0.0 };
        // Without anything above them the headings need less room.
        self.head() + legend - if self.head() + legend > 0.0 { 0.0 } else { 8.0 }
    }

    /// Room above the data of a row, for headings of one line or more.
    fn above_data(&self, row: &Row<P>) -> f64 {
        let lines = row.panels.iter().map(|panel| panel.heading_lines(self.family(), self.cell_width())).max().unwrap_or(1);
        ABOVE_DATA + LINE_HEIGHT * lines.saturating_sub(1) as f64
    }

    fn cell_width(&self) -> f64 {
        let n = self.across() as f64;
        (self.width() - 2.0 * self.edge() - self.legend().1 - BETWEEN_PANELS * (n - 1.0)) / n
    }

    fn data_height(&self) -> f64 {
        if self.style.width.is_some() { (0.72 * self.cell_width()).clamp(120.0, DATA_HEIGHT) } else { DATA_HEIGHT }
    }

    /// The rows of panels. Neighbours with the same y label show it once; so does a row whose panels all have the same x label.
    fn rows(&self) -> Vec<Row<'p, P>> {
        let across = self.across();
        let row = |(i, panels): (usize, &'p [P])| {
            let labels: Vec<Option<[&str; 2]>> = panels.iter().map(Plot::axis_labels).collect();
            let x = |j: usize| labels[j].map(|[x, _]| x);
            let y = |j: usize| labels[j].map(|[_, y]| y);
            let common = x(0).filter(|_| panels.len() > 1 && (1..panels.len()).all(|j| x(j) == x(0)));
            let own = |j: usize| Labels { x: common.is_none(), y: j == 0 || y(j).is_none() || y(j) != y(j - 1) };
            Row { panels, first: i * across, labels: (0..panels.len()).map(own).collect(), shared: common.map(str::to_string) }
        };
        self.picture.panels.chunks(across).enumerate().map(row).collect()
    }

    /// From the data of a row down to the first line of its small print, the same for its panels.
    fn below_data(&self, row: &Row<P>) -> f64 {
        row.panels.iter().map(|panel| panel.below(self.family())).fold(0.0, f64::max)
    }

    /// Small print in lines of at most `width`.
    fn small_print(&self, notes: &[String], width: f64) -> Vec<String> {
        let font = self.family().regular(SMALL_SIZE);
        notes.iter().flat_map(|note| wrap(note, font, width)).collect()
    }

    /// The notes of a row: those of each panel, and those that all of them have, which are printed once.
    fn notes(&self, row: &Row<P>) -> (Vec<Vec<String>>, Vec<String>) {
        let mut notes: Vec<Vec<String>> =
            row.panels.iter().map(|panel| if self.style.notes { panel.notes() } else { Vec::new() }).collect();
        let everywhere = |note: &String| notes.len() > 1 && notes.iter().all(|others| others.contains(note));
        let common: Vec<String> = notes.first().into_iter().flatten().filter(|note| everywhere(note)).cloned().collect();
        notes.iter_mut().for_each(|own| own.retain(|note| !common.contains(note)));
        let own = notes.iter().map(|notes| self.small_print(notes, self.cell_width())).collect();
        (own, self.small_print(&common, self.width() - 2.0 * self.edge() - self.legend().1))
    }

    /// From the headings of a row to the end of its small print.
    fn row_height(&self, row: &Row<P>) -> f64 {
        let (own, common) = self.notes(row);
        let small_print = common.len() + own.iter().map(Vec::len).max().unwrap_or(0);
        // Without small print, the line on which it would begin is not needed.
        let below = self.below_data(row) - if small_print == 0 && self.style.width.is_some() { 10.0 } else { 0.0 };
        self.above_data(row) + self.data_height() + below + SMALL_ROW * small_print as f64
    }

    /// Where the last row ends.
    fn data_bottom(&self) -> f64 {
        self.panels_top() + self.rows().iter().map(|row| self.row_height(row)).sum::<f64>()
    }

    pub(super) fn paper(&self) -> Paper {
        let legend = match self.style.legend {
            Legend::Bottom => self.data_bottom() + self.legend_height() + 6.0,
            Legend::Right => self.legend_top() + self.legend_height() + 6.0,
            Legend::Top | Legend::None => 0.0,
        };
        Paper {
            width: self.width(),
            height: self.data_bottom().max(legend).ceil(),
            points: self.points(),
            dpi: self.style.dpi.unwrap_or(if self.style.width.is_some() { 300.0 } else { 192.0 }),
            family: self.family(),
            theme: self.style.theme,
        }
    }

    pub(super) fn draw(&self, canvas: &mut dyn Canvas) -> Result<(), DrawError> {
        let mut y = if self.style.width.is_some() { 0.0 } else { 10.0 };
        for line in self.title_lines() {
            y += TITLE_ROW;
            canvas.text(&line, (self.edge(), y - 3.0), TextStyle::new(self.family().bold(TITLE_SIZE)))?;
        }
        let small = TextStyle::new(self.family().regular(SMALL_SIZE)).colored(GREY);
        for line in self.caption_lines() {
            y += CAPTION_ROW;
            canvas.text(&line, (self.edge(), y), small)?;
        }
        self.draw_legend(canvas)?;
        let mut top = self.panels_top();
        for row in self.rows() {
            self.draw_row(canvas, &row, top + self.above_data(&row), small)?;
            top += self.row_height(&row);
        }
        Ok(())
    }

    fn draw_row(&self, canvas: &mut dyn Canvas, row: &Row<P>, top: f64, small: TextStyle) -> Result<(), DrawError> {
        let below = self.below_data(row);
        let (own, common) = self.notes(row);
        let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
        for (j, (panel, labels)) in row.panels.iter().zip(&row.labels).enumerate() {
            let left = self.edge() + j as f64 * (self.cell_width() + BETWEEN_PANELS);
            let right = left + self.cell_width() - panel.right_margin(self.family());
            let data_left = left + panel.left_margin(self.family(), labels.y.then(|| self.data_height()));
            let frame = Frame { left: data_left, right, top, bottom: top + self.data_height() };
            let letter = (self.picture.panels.len() > 1).then(|| letter(row.first + j));
            panel.draw(canvas, Place { letter, frame, left, labels: *labels })?;
            ends = (ends.0.min(frame.left), ends.1.max(frame.right));
            for (k, line) in own[j].iter().enumerate() {
                canvas.text(line, (left, frame.bottom + below + SMALL_ROW * k as f64), small)?;
            }
        }
        let after = own.iter().map(Vec::len).max().unwrap_or(0);
        for (k, line) in common.iter().enumerate() {
            let baseline = top + self.data_height() + below + SMALL_ROW * (after + k) as f64;
            canvas.text(line, (self.edge(), baseline), small)?;
        }
        if let Some(label) = &row.shared {
            let style = TextStyle::new(self.family().regular(LABEL_SIZE)).anchored(Anchor::Middle);
            let at = ((ends.0 + ends.1) / 2.0, top + self.data_height() + below - 18.0);
            draw_label(canvas, label, at, style)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::figure::axis::Scale;
    use crate::figure::panel::{AxisSpec, Panel};

    pub(in super::super) fn picture(panels: usize) -> Picture {
        let panel = || Panel::new("", AxisSpec::new("time t", Scale::Linear), AxisSpec::new("loss", Scale::Linear));
        Picture::new("p", "run".into(), "λ".into(), Vec::new(), (0..panels).map(|_| panel()).collect())
    }

    pub(in super::super) fn style(text: &str) -> Style {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn panels_that_do_not_fit_go_to_further_rows() {
        let picture = picture(4);
        let rows =
            |text: &str| Sheet::new(&picture, &style(text)).rows().iter().map(|row| row.panels.len()).collect::<Vec<_>>();
        assert_eq!(rows("{}"), [4]);
        assert_eq!(rows(r#"{"width":"5.5in"}"#), [2, 2]);
        assert_eq!(rows(r#"{"width":"3.25in"}"#), [1; 4]);
        assert_eq!(rows(r#"{"width":"5.5in","font_size":"6pt"}"#), [3, 1]);
    }

    #[test]
    fn panels_of_a_row_share_their_labels() {
        let mut picture = picture(3);
        picture.panels[2].y.label = "distance".into();
        let plain = Style::default();
        let row = &Sheet::new(&picture, &plain).rows()[0];
        assert_eq!(row.shared.as_deref(), Some("time t"));
        assert_eq!(
            row.labels.iter().map(|labels| (labels.x, labels.y)).collect::<Vec<_>>(),
            [(false, true), (false, false), (false, true)]
        );
        picture.panels[1].x.label = "steps".into();
        let row = &Sheet::new(&picture, &plain).rows()[0];
        assert!(row.shared.is_none() && row.labels.iter().all(|labels| labels.x));
    }

    #[test]
    fn what_all_panels_of_a_row_say_is_said_once() {
        let mut picture = picture(2);
        picture.panels.iter_mut().for_each(|panel| panel.notes.push("the same".into()));
        picture.panels[1].notes.push("its own".into());
        let plain = Style::default();
        let sheet = Sheet::new(&picture, &plain);
        let (own, common) = sheet.notes(&sheet.rows()[0]);
        assert_eq!(common, ["the same"]);
        assert_eq!(own, [vec![], vec!["its own".to_string()]]);
    }
}

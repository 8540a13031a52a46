//! The legend of a sheet: one entry after the other in rows above or below the panels, or one below the other beside them.

use crate::figure::canvas::{Canvas, DrawError};
use crate::figure::font::{Font, TextStyle};
use crate::figure::page::Entry;
use crate::figure::pen::draw_sample;
use crate::figure::plot::Plot;
use crate::figure::text::{draw_label, label_width, wrap_label};
use crate::scenario::style::Legend;

use super::{ABOVE_DATA, Sheet};

const LEGEND_SIZE: f64 = 9.5;
const SAMPLE: f64 = 24.0;
const BESIDE_SAMPLE: f64 = 5.0;
const BETWEEN_ENTRIES: f64 = 16.0;
const LEGEND_ROW: f64 = 15.0;

/// Where an entry of the legend stands: its first row, its left end, and its label in lines.
struct EntryPlace {
    row: usize,
    x: f64,
    lines: Vec<String>,
}

impl<P: Plot> Sheet<'_, P> {
    pub(super) fn legend_font(&self) -> Font {
        self.family().regular(LEGEND_SIZE)
    }

    /// The entries of the legend, and the width that they take beside the panels.
    pub(super) fn legend(&self) -> (&[Entry], f64) {
        let widest = || self.picture.legend.iter().map(|entry| self.entry_width(entry)).fold(0.0, f64::max);
        match self.style.legend {
            Legend::None => (&[], 0.0),
            Legend::Right if !self.picture.legend.is_empty() => (&self.picture.legend, BETWEEN_ENTRIES + widest()),
            _ => (&self.picture.legend, 0.0),
        }
    }

    pub(super) fn entry_width(&self, entry: &Entry) -> f64 {
        label_width(&entry.label, self.legend_font()) + self.before_label(entry)
    }

    pub(super) fn before_label(&self, entry: &Entry) -> f64 {
        if entry.look.is_some() { SAMPLE + BESIDE_SAMPLE } else { 0.0 }
    }

    /// Where each entry stands. One that is wider than the page has rows of its own.
    fn legend_places(&self) -> Vec<EntryPlace> {
        let (entries, beside) = self.legend();
        let whole = |entry: &Entry| vec![entry.label.clone()];
        if beside > 0.0 {
            let x = self.width() - self.edge() - beside + BETWEEN_ENTRIES;
            return entries.iter().enumerate().map(|(row, entry)| EntryPlace { row, x, lines: whole(entry) }).collect();
        }
        let room = self.width() - 2.0 * self.edge();
        let (mut row, mut x) = (0, self.edge());
        let mut places = Vec::new();
        for entry in entries {
            let width = self.entry_width(entry);
            if x > self.edge() && x + width > self.edge() + room {
                (row, x) = (row + 1, self.edge());
            }
            if width <= room {
                places.push(EntryPlace { row, x, lines: whole(entry) });
                x += width + BETWEEN_ENTRIES;
            } else {
                let lines = wrap_label(&entry.label, self.legend_font(), room - self.before_label(entry));
                let next = row + lines.len();
                places.push(EntryPlace { row, x, lines });
                row = next;
            }
        }
        places
    }

    pub(super) fn legend_height(&self) -> f64 {
        LEGEND_ROW * self.legend_places().last().map_or(0, |place| place.row + place.lines.len()) as f64
    }

    pub(super) fn legend_top(&self) -> f64 {
        match self.style.legend {
            Legend::Bottom => self.data_bottom(),
            Legend::Right => self.panels_top() + ABOVE_DATA - LEGEND_ROW,
            Legend::Top | Legend::None => self.head(),
        }
    }

    pub(super) fn draw_legend(&self, canvas: &mut dyn Canvas) -> Result<(), DrawError> {
        for (entry, EntryPlace { row, x, lines }) in self.legend().0.iter().zip(self.legend_places()) {
            let baseline = |line: usize| self.legend_top() + LEGEND_ROW * (row + line + 1) as f64;
            if let Some(look) = entry.look {
                draw_sample(canvas, look, (x, baseline(0) - 0.36 * LEGEND_SIZE), SAMPLE)?;
            }
            for (i, line) in lines.iter().enumerate() {
                let at = (x + self.before_label(entry), baseline(i));
                draw_label(canvas, line, at, TextStyle::new(self.legend_font()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::sheet::EDGE;
    use crate::figure::sheet::tests::{picture, style as styled};
    use crate::figure::style;
    use crate::scenario::style::Style;

    #[test]
    fn a_long_legend_takes_more_rows_and_stays_on_the_page() {
        let mut picture = picture(0);
        picture.legend = (0..30).map(|i| Entry::new(format!("process {i}"), style::process(i))).collect();
        let plain = Style::default();
        let sheet = Sheet::new(&picture, &plain);
        for (entry, EntryPlace { x, .. }) in picture.legend.iter().zip(sheet.legend_places()) {
            assert!(x >= EDGE && x + sheet.entry_width(entry) <= sheet.width() - EDGE);
        }
        let long = sheet.paper();
        let mut short = picture.clone();
        short.legend.truncate(1);
        let short = Sheet::new(&short, &plain).paper();
        assert!(short.height < long.height && short.width == long.width);
    }

    #[test]
    fn a_legend_stands_where_it_is_asked_for() {
        let mut picture = picture(1);
        picture.legend = vec![Entry::new("flow", style::process(0))];
        let place = |text: &str| {
            let style = styled(text);
            let sheet = Sheet::new(&picture, &style);
            (sheet.legend_top(), sheet.legend_places(), sheet.paper())
        };
        let (top, _, paper) = place("{}");
        let (bottom, _, longer) = place(r#"{"legend":"bottom"}"#);
        assert!(top < 100.0 && bottom > 200.0 && longer.height <= paper.height + 10.0);
        let (_, places, wider) = place(r#"{"legend":"right"}"#);
        assert!(wider.width > paper.width && places[0].x > paper.width - 30.0);
        let (_, places, lower) = place(r#"{"legend":"none"}"#);
        assert!(places.is_empty() && lower.height < paper.height);
    }

    #[test]
    fn an_entry_that_is_wider_than_the_page_has_rows_of_its_own() {
        let mut picture = picture(1);
        let entry = |label: String| Entry::new(label, style::process(0));
        picture.legend = vec![entry("flow".into()), entry("word ".repeat(60).trim().into()), entry("gd".into())];
        let plain = Style::default();
        let sheet = Sheet::new(&picture, &plain);
        let places = sheet.legend_places();
        let long = &places[1];
        assert!(long.row == 1 && long.lines.len() > 2 && places[2].row == 1 + long.lines.len());
        let room = sheet.width() - EDGE - long.x - sheet.before_label(&picture.legend[1]);
        assert!(long.lines.iter().all(|line| label_width(line, sheet.legend_font()) <= room));
        assert_eq!(long.lines.join(" "), picture.legend[1].label);
        assert_eq!(sheet.legend_height(), LEGEND_ROW * (places[2].row + 1) as f64);
    }
}

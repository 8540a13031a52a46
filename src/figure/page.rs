//! One picture: title, caption, legend and panels, as they are before a style has laid them out ([`super::sheet`]).

use crate::scenario::style::{Axes, Color, Style};
use plotters::style::RGBColor;

use super::panel::Panel;
use super::plot::{Across, Explained, Plot};
use super::style::{BLACK, Look};
use super::text::unmarked;

/// A line of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// With markup.
    pub label: String,
    /// `None` for words alone.
    pub look: Option<Look>,
    /// The lines across panels and marks at their upper edge that it explains: it stands only where one of them is drawn. Empty where it
    /// explains something else.
    pub explains: Vec<Explained>,
}

impl Entry {
    pub(super) fn new(label: impl Into<String>, look: Look) -> Self {
        Self { look: Some(look), ..Self::words(label) }
    }

    /// Of marks at the upper edge.
    pub(super) fn overhead(label: impl Into<String>, look: Look) -> Self {
        Self { explains: look.marker.map(Explained::Overhead).into_iter().collect(), ..Self::new(label, look) }
    }

    /// Of lines across panels.
    pub(super) fn across(label: impl Into<String>, lines: &[Across]) -> Self {
        Self { explains: lines.iter().copied().map(Explained::Across).collect(), ..Self::new(label, Look::guide()) }
    }

    pub(super) fn words(label: impl Into<String>) -> Self {
        Self { label: label.into(), look: None, explains: Vec::new() }
    }

    /// Whether nobody could tell the two apart.
    pub(super) fn reads_like(&self, other: &Self) -> bool {
        self.label == other.label && self.look == other.look
    }
}

/// Up to this many things of one kind have an entry each.
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

/// A picture, ready to be laid out and drawn.
#[derive(Debug, Clone)]
pub(super) struct Picture<P = Panel> {
    /// Stem of the files' names.
    pub name: String,
    pub title: String,
    pub caption: String,
    pub legend: Vec<Entry>,
    pub panels: Vec<P>,
    /// Panels in a row, at most.
    pub columns: usize,
}

/// Limits that have no place on the scale of an axis, and the letter of the panel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Misplaced {
    pub letter: char,
    pub limits: [f64; 2],
}

impl<P: Plot> Picture<P> {
    /// Panels side by side.
    pub(super) fn new(name: &str, title: String, caption: String, legend: Vec<Entry>, panels: Vec<P>) -> Self {
        Self { name: name.to_string(), title, caption, legend, columns: panels.len(), panels }
    }

    /// With the colours and axes that a style asks for, and without entries of the legend for marks and lines that then have no place.
    pub(super) fn styled(mut self, style: &Style) -> Result<Self, Misplaced> {
        // All colours at once: two curves may swap theirs.
        let asked = style.colors.iter().filter_map(|wanted| {
            let (_, color) = self.curves().find(|(name, _)| *name == wanted.curve)?;
            let Color(red, green, blue) = wanted.color;
            Some((color, RGBColor(red, green, blue)))
        });
        let changes: Vec<(RGBColor, RGBColor)> = asked.collect();
        // By way of colours that nothing has, so that nothing is changed twice.
        let between = |i: usize| RGBColor(1, 254, i as u8);
        for (i, (from, _)) in changes.iter().enumerate() {
            self.recolor(*from, between(i));
        }
        for (i, (_, to)) in changes.iter().enumerate() {
            self.recolor(between(i), *to);
        }
        for (i, panel) in self.panels.iter_mut().enumerate() {
            let letter = letter(i);
            for Axes { x, y, .. } in style.axes.iter().filter(|axes| axes.are_of(&self.name, letter)) {
                panel.restyle(x, y).map_err(|limits| Misplaced { letter, limits })?;
            }
        }
        let drawn: Vec<Explained> = self.panels.iter().flat_map(P::explained).collect();
        self.legend
            .retain(|entry| entry.explains.is_empty() || entry.explains.iter().any(|explained| drawn.contains(explained)));
        Ok(self)
    }

    /// The names and colours of the curves that may take another colour: those that have one of their own. Where colours distinguish layers or
    /// modes, all processes are grey, and recolouring one would recolour all.
    pub(super) fn curves(&self) -> impl Iterator<Item = (String, RGBColor)> {
        let looks = || self.legend.iter().filter_map(|entry| Some((entry, entry.look.filter(may_change)?)));
        let alone = move |color| looks().filter(|(_, look)| look.color == color).count() == 1;
        looks().filter(move |(_, look)| alone(look.color)).map(|(entry, look)| (unmarked(&entry.label), look.color))
    }

    fn recolor(&mut self, from: RGBColor, to: RGBColor) {
        let looks = self.legend.iter_mut().filter_map(|entry| entry.look.as_mut());
        let looks = looks.filter(|look| look.color == from && may_change(look));
        looks.for_each(|look| look.color = to);
        self.panels.iter_mut().for_each(|panel| panel.recolor(from, to));
    }
}

/// Black dashes are a law, or explain dashes in the legend.
fn may_change(look: &Look) -> bool {
    look.color != BLACK || look.dash.is_none()
}

/// a, b, …, z, and again.
pub(super) fn letter(panel: usize) -> char {
    char::from(b'a' + (panel % 26) as u8)
}

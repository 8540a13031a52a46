//! Pictures of a sweep: panels over its units, as its scenario asks for them ([`crate::scenario::picture`]).
//!
//! Units that a panel's keys do not distinguish, usually seeds, are drawn as a median with a band from the 10th to the 90th percentile. Each
//! value of a key has one look in all panels of a picture: a colour, and a marker that identifies it in grey.

mod at_end;
mod course;
mod groups;
mod looks;
mod map;
mod matrix;
mod over_time;
mod peaks;
mod scatter;
mod spectra;
#[cfg(test)]
mod tests;
mod words;

use plotters::style::RGBColor;

use crate::folder::Ensemble;
use crate::scenario::picture::{self, Mark, Show};
use crate::scenario::style::{AxisStyle, Family};

use super::canvas::{Canvas, DrawError};
use super::cells::Cells;
use super::page::{self, Entry, letter};
use super::panel;
use super::plot::{self, Across, Explained, Place};
use super::style::Look;
use groups::{Trace, chosen};
use looks::Looks;

/// A panel of either form.
#[derive(Debug, Clone)]
pub(super) enum Plot {
    /// Curves or dots over two axes.
    Curves(panel::Panel),
    /// Cells in colour.
    Cells(Cells),
}

impl Plot {
    fn whole(&self) -> &dyn plot::Plot {
        match self {
            Self::Curves(panel) => panel,
            Self::Cells(cells) => cells,
        }
    }

    fn whole_mut(&mut self) -> &mut dyn plot::Plot {
        match self {
            Self::Curves(panel) => panel,
            Self::Cells(cells) => cells,
        }
    }

    fn own_notes(&mut self) -> &mut Vec<String> {
        match self {
            Self::Curves(panel) => &mut panel.notes,
            Self::Cells(cells) => &mut cells.notes,
        }
    }

    /// How it shows the spread about its medians, in words that follow them; a cell shows its median alone.
    fn spread(&self) -> &'static str {
        match self {
            Self::Curves(_) => ", bands and bars from 10 to 90 %",
            Self::Cells(_) => "",
        }
    }
}

impl plot::Plot for Plot {
    fn notes(&self) -> Vec<String> {
        self.whole().notes()
    }

    fn axis_labels(&self) -> Option<[&str; 2]> {
        self.whole().axis_labels()
    }

    fn left_margin(&self, family: Family, label: Option<f64>) -> f64 {
        self.whole().left_margin(family, label)
    }

    fn heading_lines(&self, family: Family, width: f64) -> usize {
        self.whole().heading_lines(family, width)
    }

    fn right_margin(&self, family: Family) -> f64 {
        self.whole().right_margin(family)
    }

    fn below(&self, family: Family) -> f64 {
        self.whole().below(family)
    }

    fn recolor(&mut self, from: RGBColor, to: RGBColor) {
        self.whole_mut().recolor(from, to);
    }

    fn scaled(&self) -> [bool; 2] {
        self.whole().scaled()
    }

    fn restyle(&mut self, x: &AxisStyle, y: &AxisStyle) -> Result<(), [f64; 2]> {
        self.whole_mut().restyle(x, y)
    }

    fn explained(&self) -> Vec<Explained> {
        self.whole().explained()
    }

    fn draw(&self, canvas: &mut dyn Canvas, place: Place) -> Result<(), DrawError> {
        self.whole().draw(canvas, place)
    }
}

/// A panel with what it adds to the picture's legend and says of its units.
struct Drawn {
    plot: Plot,
    /// Beside the curves' own.
    legend: Vec<Entry>,
    /// What varies within its medians: `5 seeds`.
    over: Option<String>,
}

/// What a panel is drawn from.
struct Content<'a> {
    panel: &'a picture::PanelSettings,
    units: Vec<Trace<'a>>,
    looks: Option<&'a Looks>,
}

impl<'a> Content<'a> {
    /// The units of each curve with its look; all of them are one curve where the panel names no `lines`.
    fn curves(&self) -> Vec<(Look, Vec<Trace<'a>>)> {
        match self.looks {
            Some(looks) => looks.split(&self.units),
            None if self.units.is_empty() => Vec::new(),
            None => vec![(looks::only(), self.units.clone())],
        }
    }

    fn heading(&self) -> String {
        self.panel.heading.clone()
    }
}

/// The picture of `ensemble` that `asked` asks for.
pub(super) fn picture_of(ensemble: &Ensemble, asked: &picture::Picture) -> page::Picture<Plot> {
    let units: Vec<Vec<Trace>> = asked.panels.iter().map(|panel| chosen(ensemble, panel)).collect();
    let looks = Looks::of(asked, &units);
    let drawn: Vec<Drawn> = asked
        .panels
        .iter()
        .zip(units)
        .map(|(panel, units)| {
            let looks = panel.lines.as_ref().and_then(|key| looks.iter().find(|looks| looks.key() == key));
            draw(&Content { panel, units, looks }, ensemble)
        })
        .collect();
    let legend = legend(asked, &looks, &drawn);
    let mut caption = ensemble.caption.clone();
    let common = drawn.iter().filter_map(|drawn| drawn.over.clone()).reduce(|a, b| if a == b { a } else { String::new() });
    let mut panels: Vec<Plot> = Vec::new();
    for Drawn { mut plot, over, .. } in drawn {
        if let Some(over) = over.filter(|over| Some(over) != common.as_ref()) {
            let spread = plot.spread();
            plot.own_notes().insert(0, format!("Medians over {over}{spread}."));
        }
        panels.push(plot);
    }
    if let Some(over) = common.filter(|over| !over.is_empty()) {
        // Of several panels, those that have any.
        let spread = panels.iter().map(Plot::spread).find(|spread| !spread.is_empty()).unwrap_or_default();
        caption.push_str(&format!("; medians over {over}{spread}"));
    }
    let name = asked.name.as_ref().unwrap_or(&ensemble.name);
    let picture = page::Picture::new(name, asked.title.clone(), caption, legend, panels);
    page::Picture { columns: asked.columns, ..picture }
}

fn draw(content: &Content, ensemble: &Ensemble) -> Drawn {
    let mut drawn = match &content.panel.show {
        Show::OverTime { y, y_scale, envelope } => over_time::draw(content, y, *y_scale, *envelope),
        Show::AtEnd { x, y, also, take, x_scale, y_scale, slope } => {
            let (take, x_scale, y_scale, slope) = (*take, *x_scale, *y_scale, *slope);
            at_end::draw(content, at_end::AtEnd { x, y, also, take, x_scale, y_scale, slope })
        }
        Show::Peaks => peaks::draw(content),
        Show::Map { x, y, value, take, scale } => map::draw(content, [x, y], value, *take, *scale),
        Show::Scatter { x, y, x_scale, y_scale } => scatter::draw(content, [x, y], [*x_scale, *y_scale]),
        Show::Spectra { of, rank } => spectra::draw(content, of, *rank),
        Show::Matrix { of } => matrix::draw(content, *of),
    };
    if let (Plot::Curves(panel), Some(Mark { x, y, label })) = (&mut drawn.plot, &content.panel.mark) {
        let lines: Vec<Across> = x.map(Across::X).into_iter().chain(y.map(Across::Y)).collect();
        panel.across.extend(&lines);
        drawn.legend.push(Entry::across(label, &lines));
    }
    let notes = drawn.plot.own_notes();
    notes.splice(0..0, selection(content));
    notes.extend((!content.panel.note.is_empty()).then(|| content.panel.note.clone()));
    if content.units.is_empty() {
        notes.push(format!("No unit matches (of {}).", ensemble.members.len()));
    }
    drawn
}

/// Which units a panel shows, in words.
fn selection(content: &Content) -> Option<String> {
    if content.units.is_empty() {
        let wanted =
            content.panel.only.iter().map(|(key, value)| words::label(key, &serde_json::to_value(value).unwrap_or_default()));
        let wanted: Vec<String> = wanted.collect();
        return (!wanted.is_empty()).then(|| format!("{}.", wanted.join(", ")));
    };
    let mut words: Vec<String> = Vec::new();
    for key in content.panel.only.keys() {
        let values = groups::values_of(&content.units, key);
        words.push(values.iter().map(|value| words::label(key, value)).collect::<Vec<_>>().join(" or "));
    }
    let told = content.panel.lines.as_deref() == Some("process") || content.panel.only.contains_key("process");
    let drawn = groups::processes(&content.units);
    if !told && drawn != ["flow"] {
        words.push(drawn.join(", "));
    }
    (!words.is_empty()).then(|| format!("{}.", words.join(", ")))
}

/// The looks of every key that `lines` names, then everything else that is drawn; with the panels' letters where panels differ.
fn legend(asked: &picture::Picture, looks: &[Looks], drawn: &[Drawn]) -> Vec<Entry> {
    let letters = |is: &dyn Fn(usize) -> bool| {
        let which: Vec<String> = (0..drawn.len()).filter(|&i| is(i)).map(|i| letter(i).to_string()).collect();
        format!("({})", which.join(", "))
    };
    let mut legend = Vec::new();
    for own in looks {
        if looks.len() > 1 {
            legend.push(Entry::words(letters(&|i| asked.panels[i].lines.as_deref() == Some(own.key()))));
        }
        legend.extend(own.entries());
    }
    let mut others: Vec<Entry> = Vec::new();
    for entry in drawn.iter().flat_map(|drawn| &drawn.legend) {
        match others.iter_mut().find(|known| known.reads_like(entry)) {
            Some(known) => known.explains.extend(&entry.explains),
            None => others.push(entry.clone()),
        }
    }
    for entry in others {
        let has = |i: usize| drawn[i].legend.iter().any(|own| own.reads_like(&entry));
        let everywhere = (0..drawn.len()).all(has);
        let label = if everywhere { entry.label.clone() } else { format!("{} {}", letters(&has), entry.label) };
        legend.push(Entry { label, ..entry });
    }
    legend
}

//! One column against another: a dot for each unit, as it ended.

use crate::ode::Reason;
use crate::scenario::picture::{Spread, Take};

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::panel::{AxisSpec, Panel, Series};
use super::super::quantity;
use super::super::style::{Body, Look};
use super::course::{endings, taken};
use super::groups::processes;
use super::{Content, Drawn, Plot};

pub(super) fn draw(content: &Content, columns: [&str; 2], scales: [Option<Spread>; 2]) -> Drawn {
    let mut series: Vec<Series> = Vec::new();
    for (look, units) in content.curves() {
        let dot = |unit| -> Point {
            let [x, y] = columns.map(|column| taken(unit, column, Take::Last));
            // A dot without an x has no place at all.
            if x.is_nan() { (f64::NAN, f64::NAN) } else { (x, y) }
        };
        // Rings instead of small dots, or of no marker: where many overlap, each is seen.
        let look = look.dotted();
        let marker = look.marker.map(|marker| super::super::style::Marker {
            body: if marker.body == Body::Dot { Body::Ring } else { marker.body },
            ..marker
        });
        // The small print counts those that diverged.
        let there = units.iter().filter(|unit| unit.termination() != Some(Reason::Diverged));
        series.push(Series::dots(there.map(dot).collect(), Look { marker, ..look }));
    }
    let axis = |which: usize| {
        let values = series.iter().flat_map(|series| &series.points).map(|p| if which == 0 { p.0 } else { p.1 });
        let scale = scales[which].map_or_else(|| quantity::scale(values), Scale::from);
        AxisSpec::new(quantity::label(columns[which]), scale)
    };
    let mut panel = Panel::new(content.heading(), axis(0), axis(1));
    panel.notes = endings(&content.units);
    let several = processes(&content.units).len() > 1;
    let (dots, each) =
        (series.iter().map(|series| series.points.len()).sum::<usize>(), if several { "process of a unit" } else { "unit" });
    panel.notes.insert(0, format!("{dots} dots, one for each {each}, at its end."));
    panel.series = series;
    Drawn { plot: Plot::Curves(panel), legend: Vec::new(), over: None }
}

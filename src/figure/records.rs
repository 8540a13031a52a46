//! What the pictures read from the records, in the form in which they draw it.

use crate::npz::Array;
use crate::record::Run;

use super::axis::Scale;
use super::canvas::Point;
use super::findings::{findings, title};
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel};
use super::quantity;
use super::style::{self, Look};
use super::text::verbatim;

/// The values of `column` over time, or `None` where the records have no such column of numbers.
pub(super) fn over_time(run: &Run, process: &str, column: &str) -> Option<Vec<Point>> {
    let (t, values) = (run.table.floats(process, "t"), run.table.floats(process, column));
    (!values.is_empty() && t.len() == values.len()).then(|| t.into_iter().zip(values).collect())
}

/// The array `process/name`, if it is a matrix that is not empty.
pub(super) fn matrix<'a>(run: &'a Run, process: &str, name: &str) -> Option<&'a Array> {
    let array = run.arrays.get(&format!("{process}/{name}"))?;
    (array.shape.len() == 2 && array.shape[0] * array.shape[1] == array.data.len() && !array.data.is_empty()).then_some(array)
}

/// The vector `process/name`; empty if there is none.
pub(super) fn vector<'a>(run: &'a Run, process: &str, name: &str) -> &'a [f64] {
    run.arrays.get(&format!("{process}/{name}")).map_or(&[], |array| &array.data)
}

/// The time axis of every panel: log if the positive recorded times of all processes span more than two decades.
pub(super) fn time_axis(run: &Run) -> AxisSpec {
    let times = run.table.processes().into_iter().flat_map(|process| run.table.floats(process, "t"));
    let positive = times.filter(|t| *t > 0.0 && t.is_finite());
    let (first, last) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), t| (low.min(t), high.max(t)));
    AxisSpec::new(quantity::label("t"), if first < f64::INFINITY && last / first > 100.0 { Scale::Log } else { Scale::Linear })
}

/// Processes with fewer records than this show each of them: a line through two points is no law.
const FEW: usize = 16;

/// The processes with their looks.
pub(super) fn processes(run: &Run) -> Vec<(&str, Look)> {
    let look = |(i, process)| {
        let few = run.table.count_of(process) < FEW;
        (process, if few { style::process(i).dotted() } else { style::process(i) })
    };
    run.table.processes().into_iter().enumerate().map(look).collect()
}

/// Legend entries of the processes; in `color`, if given, for panels whose colours mean something else.
pub(super) fn process_entries(run: &Run, color: Option<plotters::style::RGBColor>) -> Vec<Entry> {
    let entry = |(process, look): (&str, Look)| Entry::new(verbatim(process), color.map_or(look, |c| look.colored(c)));
    processes(run).into_iter().map(entry).collect()
}

/// The picture of these panels; `None` if none of them has a point. Its title is the first finding, or `subject` where the records yield
/// none.
pub(super) fn picture(name: &'static str, run: &Run, subject: &str, legend: Vec<Entry>, panels: Vec<Panel>) -> Option<Picture> {
    let title = title(&run.name, &findings(run, name), subject);
    panels.iter().any(Panel::has_points).then(|| Picture::new(name, title, run.caption.clone(), legend, panels))
}

/// Depth L.
pub(super) fn depth(run: &Run) -> usize {
    run.widths.len().saturating_sub(1)
}

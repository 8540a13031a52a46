//! (a) Loss ℒ and objective J = ℒ + (λ/2)‖θ‖² over time, and the loss on test samples where there are some, with the saddles that were
//! passed at the upper edge; (b) the optimizers' distance to the flow.

use crate::record::Run;

use super::axis::Scale;
use super::number::number;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Overhead, Panel, Series};
use super::quantity;
use super::records::{over_time, picture, process_entries, processes, time_axis};
use super::style::{BLACK, Body, DASHED, DOTTED, Look, Marker, Shape};

/// The mark of a visit to a saddle, and of one where no saddle was found.
const SADDLE: Marker = Marker { shape: Shape::Diamond, body: Body::Disc };
const NO_SADDLE: Marker = Marker { body: Body::Ring, ..SADDLE };

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let mut panels = Vec::new();
    let mut loss = Panel::new("loss and objective", time_axis(run), AxisSpec::new("loss ℒ, objective J", Scale::Log));
    let mut tested = false;
    let mut distance =
        Panel::new("distance to the flow", time_axis(run), AxisSpec::new(quantity::label("distance_to_flow"), Scale::Log));
    for (i, (process, look)) in processes(run).into_iter().enumerate() {
        if let Some(points) = over_time(run, process, "loss") {
            loss.series.push(Series::new(points, look));
        }
        if let Some(points) = over_time(run, process, "objective") {
            loss.series.push(Series::new(points, Look { marker: None, ..look }.dashed(DASHED)));
        }
        if let Some(points) = over_time(run, process, "test_loss") {
            tested = true;
            loss.series.push(Series::new(points, Look { marker: None, ..look }.dashed(DOTTED)));
        }
        // The first process is what the others are compared with.
        if let Some(points) = over_time(run, process, "distance_to_flow").filter(|_| i > 0) {
            distance.series.push(Series::new(points, look));
        }
    }
    let marks = mark(&mut loss, run);
    panels.extend([loss, distance].into_iter().filter(|panel| !panel.series.is_empty()));
    let mut legend = process_entries(run, None);
    let line = Look::line(BLACK);
    legend.extend([Entry::new("loss ℒ", line), Entry::new("objective J = ℒ + ½λ‖θ‖²", line.dashed(DASHED))]);
    if tested {
        legend.push(Entry::new("loss ℒ on test samples", line.dashed(DOTTED)));
    }
    legend.extend(marks);
    picture("loss", run, "loss", legend, panels)
}

fn marker(is_saddle: bool) -> Marker {
    if is_saddle { SADDLE } else { NO_SADDLE }
}

/// Marks the visits of each process in a row at the upper edge, saddles with their index. Returns the entries of the legend.
fn mark(panel: &mut Panel, run: &Run) -> Vec<Entry> {
    let visited = processes(run).into_iter().filter_map(|(process, look)| Some((process, look, run.saddles.get(process)?)));
    for (row, (process, look, visits)) in visited.filter(|(_, _, visits)| !visits.is_empty()).enumerate() {
        panel.overhead.extend(visits.iter().map(|visit| {
            let (is_saddle, x) = (visit.is_saddle(), visit.t);
            let index = visit.point.and_then(|point| point.index).map_or("?".to_string(), |index| index.to_string());
            let what = if is_saddle {
                format!("near a saddle of index {index}")
            } else {
                "where ‖∇J‖ is least, at no saddle,".to_string()
            };
            let words = Some(format!("{process} {what} at t = {}", number(x, 3)));
            let look = Look { line: None, marker: Some(marker(is_saddle)), ..look };
            Overhead { x, row, look, label: is_saddle.then_some(index), words }
        }));
    }
    let marks = |is_saddle: bool| panel.overhead.iter().any(|mark| mark.label.is_some() == is_saddle);
    let kinds = [(true, "near a saddle of this index"), (false, "‖∇J‖ least, no saddle found")];
    let look = |is_saddle| Look { line: None, marker: Some(marker(is_saddle)), ..Look::line(BLACK) };
    kinds
        .into_iter()
        .filter(|(is_saddle, _)| marks(*is_saddle))
        .map(|(kind, label)| Entry::overhead(label, look(kind)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::findings::findings;
    use crate::figure::plot::Plot;
    use crate::figure::tests::sample;

    /// Two layers pass a saddle for each singular value of the target: of index (n − k)², with k of n learned.
    #[test]
    fn saddles_are_marked_with_their_index_in_a_row_for_each_process() {
        let picture = picture_of(&sample::passing_saddles()).unwrap();
        let marks = &picture.panels[0].overhead;
        let of = |row: usize| -> Vec<(&str, f64)> {
            let own = marks.iter().filter(|mark| mark.row == row);
            own.map(|mark| (mark.label.as_deref().unwrap(), mark.x)).collect()
        };
        for row in [0, 1] {
            let [("9", start), ("4", first), ("1", second)] = of(row)[..] else { panic!("{marks:?}") };
            assert!(start == 0.0 && 1.0 < first && first + 1.0 < second, "{marks:?}");
        }
        assert!(marks.len() == 6 && marks[0].look.color != marks[3].look.color);
        assert_eq!(picture.legend.iter().filter(|entry| entry.label == "near a saddle of this index").count(), 1);
        // The start has no place on a log axis of time.
        let told = |picture: &Picture| picture.panels[0].notes().join(" ");
        let words = "flow near a saddle of index 9 at t = 0, gd near a saddle of index 9 at t = 0.";
        assert!(!told(&picture).contains("near a saddle"));
        let mut log = picture.clone();
        log.panels[0].x.scale = Scale::Log;
        assert!(told(&log).contains(&format!("Off the log axis: {words}")), "{}", told(&log));
    }

    /// The saddles are passed at 0, about 3 and about 7.
    #[test]
    fn the_legend_explains_marks_only_where_one_is_drawn() {
        let mut run = sample::passing_saddles();
        run.saddles.get_mut("gd").unwrap()[1].point = None;
        let entries = |x: &str| -> Vec<bool> {
            let style = format!(r#"{{"axes":[{{"picture":"loss","panel":"a","x":{x}}}]}}"#);
            let picture = picture_of(&run).unwrap().styled(&serde_json::from_str(&style).unwrap()).unwrap();
            let has = |label: &str| picture.legend.iter().any(|entry| entry.label == label);
            assert!(has("flow") && has("gd"), "{:?}", picture.legend);
            ["near a saddle of this index", "‖∇J‖ least, no saddle found"].map(has).to_vec()
        };
        assert_eq!(entries("{}"), [true, true]);
        assert_eq!(entries(r#"{"limits":[0, 0.5]}"#), [true, false]);
        assert_eq!(entries(r#"{"limits":[12, 20]}"#), [false, false]);
        // On a log axis the start has no place, and the others do.
        assert_eq!(entries(r#"{"scale":"log"}"#), [true, true]);
        run.saddles.values_mut().for_each(|visits| visits.truncate(1));
        let log = serde_json::from_str(r#"{"axes":[{"picture":"loss","panel":"a","x":{"scale":"log"}}]}"#).unwrap();
        let picture = picture_of(&run).unwrap().styled(&log).unwrap();
        assert!(!picture.legend.iter().any(|entry| !entry.explains.is_empty()), "{:?}", picture.legend);
    }

    #[test]
    fn the_caption_names_them_and_what_is_no_saddle_is_marked_without_index() {
        let mut run = sample::passing_saddles();
        let caption = findings(&run, "loss").join(" ");
        assert!(caption.contains("Saddles passed by flow: index 9 at t = 0, index 4 at t = "), "{caption}");
        for visit in run.saddles.get_mut("gd").unwrap() {
            visit.point = None;
        }
        let picture = picture_of(&run).unwrap();
        assert!(picture.panels[0].overhead[3..].iter().all(|mark| mark.label.is_none()));
        assert!(picture.legend.iter().any(|entry| entry.label == "‖∇J‖ least, no saddle found"));
        assert!(!findings(&run, "loss").join(" ").contains("passed by gd"));
        let without = picture_of(&sample::decaying(20, &[("gd", 0.1)])).unwrap();
        assert!(without.panels[0].overhead.is_empty() && without.legend.len() == 4);
    }
}

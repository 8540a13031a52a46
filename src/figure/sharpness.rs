//! (a) Sharpness, the largest eigenvalue λ_max of ∇²J, over time, and the edge of stability of each optimizer, 2/η for gradient descent;
//! (b) η·λ_max over its bound: above 1 no flow describes the optimizer.

use crate::record::Run;

use super::axis::Scale;
use super::canvas::Point;
use super::number::number;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::quantity;
use super::records::{over_time, picture, processes, time_axis};
use super::style::{BLACK, DASHED, Look};
use super::text::verbatim;

/// A process is drawn up to this multiple of its edge: beyond, it diverges and would squeeze all others into a corner.
const FAR: f64 = 100.0;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let mut sharpness = Panel::new("sharpness", time_axis(run), AxisSpec::new(quantity::label("sharpness"), Scale::Log));
    let share = AxisSpec::new("η·λ_{max} / bound", Scale::Log);
    let mut share = Panel::new("share of the edge of stability", time_axis(run), share);
    let mut legend = Vec::new();
    let defined = |points: &Vec<Point>| points.iter().any(|p| p.1.is_finite());
    for (process, look) in processes(run) {
        let Some(mut points) = over_time(run, process, "sharpness").filter(defined) else { continue };
        legend.push(Entry::new(verbatim(process), look));
        if let Some(mut edge) = over_time(run, process, "sharpness_bound").filter(defined) {
            let mut ratio: Vec<Point> = points.iter().zip(&edge).map(|(&(t, value), &(_, edge))| (t, value / edge)).collect();
            if let Some(far) = ratio.iter().position(|p| p.1 > FAR) {
                share
                    .notes
                    .push(format!("{process} passes {FAR} times its edge: not drawn from t = {} on.", number(ratio[far].0, 3)));
                for curve in [&mut points, &mut edge, &mut ratio] {
                    curve.truncate(far);
                }
            }
            share.series.push(Series::new(ratio, look));
            sharpness.series.push(Series::guide(edge, Look { marker: None, ..look }.dashed(DASHED)));
        }
        sharpness.series.push(Series::new(points, look));
    }
    if legend.is_empty() {
        return None;
    }
    let mut panels = vec![sharpness];
    if !share.series.is_empty() {
        legend.push(Entry::new("edge of stability, 2/η for gd", Look::line(BLACK).dashed(DASHED)));
        let mut edge: Vec<Point> = share.series.iter().flat_map(|series| &series.points).map(|p| (p.0, 1.0)).collect();
        edge.sort_by(|a, b| a.0.total_cmp(&b.0));
        share.series.push(Series::guide(edge, Look::line(BLACK).dashed(DASHED)));
        panels.push(share);
    }
    picture("sharpness", run, "sharpness", legend, panels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;

    #[test]
    fn a_process_past_its_edge_is_drawn_up_to_where_it_leaves_the_others() {
        let settled = picture_of(&sample::decaying(20, &[("gd", 0.1)])).unwrap();
        assert!(settled.panels[1].notes.is_empty());
        let diverged = picture_of(&sample::decaying(20, &[("gd", 0.1), ("too_fast", 5.0)])).unwrap();
        assert!(diverged.panels[1].notes[0].contains("too_fast passes 100 times its edge"), "{:?}", diverged.panels[1].notes);
        let most = |picture: &Picture| picture.panels[1].series.iter().flat_map(|s| &s.points).map(|p| p.1).fold(0.0, f64::max);
        assert!(most(&diverged) <= FAR && most(&diverged) > most(&settled));
    }

    #[test]
    fn a_flow_alone_has_no_edge_and_what_was_not_measured_no_picture() {
        assert_eq!(picture_of(&sample::decaying(20, &[])).unwrap().panels.len(), 1);
        assert!(picture_of(&sample::single_record()).is_none());
    }
}

//! Alignment of W₁ᵀW₁ with the powers A_f^{α̃/L} against α̃, at a few recorded times: (a) the cosine, (b) its distance
//! from 1. By the ansatz, the alignment is best at α̃ = 1.

use crate::record::Run;

use super::axis::Scale;
use super::canvas::Point;
use super::number::{cosine, number};
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::plot::Across;
use super::quantity;
use super::records::{matrix, over_time, picture, processes, time_axis, vector};
use super::style::{self, BLACK, Body, Look, Marker, Shape};
use super::text::verbatim;

/// Curves drawn of the first process: at its start, at its end and at times between.
const CURVES: usize = 6;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let mut curves: Vec<(Vec<Point>, Look)> = Vec::new();
    let mut legend = Vec::new();
    // The marker of the peak: drawn last, so that no curve covers it.
    let mut top = None;
    for (i, (process, look)) in processes(run).into_iter().enumerate() {
        let (Some(array), t) = (matrix(run, process, "nfa_curve"), vector(run, process, "t")) else { continue };
        let alpha = vector(run, process, "nfa_alpha_tilde");
        let rows = array.rows().min(t.len());
        if rows == 0 || alpha.len() != array.shape[1] {
            continue;
        }
        let curve = |row: usize| alpha.iter().copied().zip(array.row(row).iter().copied()).collect::<Vec<Point>>();
        if i > 0 {
            let label = format!("{}, t = {}", verbatim(process), number(t[rows - 1], 3));
            curves.push((curve(rows - 1), look));
            legend.push(Entry::new(label, look));
            continue;
        }
        let chosen = landmarks(&t[..rows], time_axis(run).scale, CURVES);
        for (k, &row) in chosen.iter().enumerate() {
            // The last is the darkest.
            let look = Look::line(style::sequential(chosen.len() - 1 - k, chosen.len()));
            curves.push((curve(row), look));
            let time = format!("t = {}", number(t[row], 3));
            legend.push(Entry::new(if k == 0 { format!("{}, {time}", verbatim(process)) } else { time }, look));
        }
        if let Some(peak) = peak(run, process) {
            let marker = Some(Marker { shape: Shape::Diamond, body: Body::Dot });
            let look = Look { line: None, marker, ..Look::line(BLACK) };
            top = Some((vec![peak], look));
            let place = format!("peak at t = {}: α̃ = {}, cosine {}", number(t[rows - 1], 3), number(peak.0, 4), cosine(peak.1));
            legend.push(Entry::new(place, look));
        } else {
            legend.push(Entry::words(format!("no peak within [¼, 3] at t = {}", number(t[rows - 1], 3))));
        }
    }
    curves.extend(top);
    if curves.is_empty() {
        return None;
    }
    legend.push(Entry::across("α̃ = 1", &[Across::X(1.0)]));
    let panel = |heading: &str, y: AxisSpec, of: fn(f64) -> f64| {
        let mut panel = Panel::new(heading, AxisSpec::new(quantity::array_label("nfa_alpha_tilde"), Scale::Linear), y);
        panel.across.push(Across::X(1.0));
        let series = |(points, look): &(Vec<Point>, Look)| {
            let points = points.iter().map(|&(alpha, value)| (alpha, of(value))).collect();
            // The peak, which has no line, is a point of its curve: as a guide it is not counted twice.
            Series { guide: look.line.is_none(), ..Series::new(points, *look) }
        };
        panel.series = curves.iter().map(series).collect();
        panel
    };
    let panels = vec![
        panel("alignment", AxisSpec::new(quantity::array_label("nfa_curve"), Scale::Linear), |c| c),
        panel("distance of the alignment from 1", AxisSpec::new("1 − cosine", Scale::Log), |c| 1.0 - c),
    ];
    picture("alignment", run, "alignment against the exponent", legend, panels)
}

/// The recorded peak of the last curve, if it has one.
fn peak(run: &Run, process: &str) -> Option<Point> {
    let last = |column| over_time(run, process, column)?.last().map(|point| point.1).filter(|value| value.is_finite());
    Some((last("nfa_peak")?, last("nfa_peak_cosine")?))
}

/// At most `n` rows: the first, the last, and those nearest to equally spaced places on the time axis.
fn landmarks(t: &[f64], scale: Scale, n: usize) -> Vec<usize> {
    let places: Vec<(usize, f64)> = (0..t.len()).filter_map(|row| Some((row, scale.coordinate(t[row])?))).collect();
    let mut rows = vec![0, t.len() - 1];
    if let (Some(&(_, first)), Some(&(_, last))) = (places.first(), places.last()) {
        for k in 1..n - 1 {
            let target = first + (last - first) * k as f64 / (n - 1) as f64;
            let nearest = places.iter().min_by(|a, b| (a.1 - target).abs().total_cmp(&(b.1 - target).abs()));
            rows.extend(nearest.map(|&(row, _)| row));
        }
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_rise_from_the_first_row_to_the_last() {
        let t: Vec<f64> = std::iter::once(0.0).chain((0..300).map(|i| 10f64.powf(f64::from(i) / 100.0))).collect();
        let rows = landmarks(&t, Scale::Log, CURVES);
        assert_eq!((rows[0], rows[rows.len() - 1], rows.len()), (0, 300, CURVES));
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(landmarks(&[0.0], Scale::Log, CURVES), [0]);
        assert_eq!(landmarks(&[f64::NAN, f64::NAN], Scale::Linear, CURVES), [0, 1]);
    }
}

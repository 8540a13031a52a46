//! cos(W₁ᵀW₁, A_f^{α̃/L}) at the end against α̃, with a diamond at each curve's best α̃. In theory it is 1.

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::page::Entry;
use super::super::panel::{AxisSpec, Band, Panel, Series};
use super::super::plot::Across;
use super::super::quantiles::{Summary, summary};
use super::super::quantity;
use super::super::records::{matrix, vector};
use super::super::style::{BLACK, Body, Look, Marker, Shape};
use super::course::endings;
use super::groups::{Trace, spread};
use super::{Content, Drawn, Plot};

pub(super) fn draw(content: &Content) -> Drawn {
    let x = AxisSpec::new(quantity::array_label("nfa_alpha_tilde"), Scale::Linear);
    let mut panel = Panel::new(content.heading(), x, AxisSpec::new(quantity::array_label("nfa_curve"), Scale::Linear));
    panel.across.push(Across::X(1.0));
    panel.notes = endings(&content.units);
    let peak = Look { color: BLACK, line: None, dash: None, marker: Some(Marker { shape: Shape::Diamond, body: Body::Dot }) };
    let (mut groups, mut peaks, mut without) = (Vec::new(), Vec::new(), 0);
    for (look, units) in content.curves() {
        let curves: Vec<Vec<Point>> = units.iter().map(last_curve).collect();
        without += curves.iter().filter(|curve| !curve.iter().any(|p| p.1.is_finite())).count();
        let places: Vec<f64> = curves.iter().find(|curve| !curve.is_empty()).into_iter().flatten().map(|p| p.0).collect();
        let summaries: Vec<(f64, Option<Summary>)> =
            places.iter().map(|&alpha| (alpha, summary(&at(&curves, alpha)))).collect();
        let edges = summaries.iter().filter_map(|(alpha, s)| s.and_then(|s| s.band).map(|band| (*alpha, band.0, band.1)));
        panel.bands.push(Band { points: edges.collect(), color: look.color });
        // Undefined curves are counted as curves, not point by point.
        let median: Vec<Point> = summaries.iter().filter_map(|(alpha, s)| s.map(|s| (*alpha, s.median))).collect();
        peaks.extend(median.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)));
        panel.series.push(Series::new(median, look));
        groups.push(units);
    }
    if without > 0 {
        panel.notes.push(format!(
            "{without} of {} units have no curve: their alignment is not defined, or their arrays were not kept.",
            content.units.len()
        ));
    }
    panel.series.push(Series { guide: true, ..Series::dots(peaks, peak) });
    let legend = vec![Entry::across("α̃ = 1", &[Across::X(1.0)]), Entry::new("best α̃", peak)];
    Drawn { plot: Plot::Curves(panel), legend, over: spread(&groups) }
}

/// (α̃, cosine) at the last record; empty where there is none.
fn last_curve(unit: &Trace) -> Vec<Point> {
    let run = &unit.member.run;
    let alpha = vector(run, unit.process, "nfa_alpha_tilde");
    let Some(curve) = matrix(run, unit.process, "nfa_curve").filter(|curve| curve.shape[1] == alpha.len()) else {
        return Vec::new();
    };
    alpha.iter().copied().zip(curve.row(curve.rows() - 1).iter().copied()).collect()
}

/// The values at α̃ of the curves that have it.
fn at(curves: &[Vec<Point>], alpha: f64) -> Vec<f64> {
    curves.iter().filter_map(|curve| curve.iter().find(|p| p.0 == alpha)).map(|p| p.1).collect()
}

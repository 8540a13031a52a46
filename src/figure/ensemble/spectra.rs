//! Eigenvalues of matrices at the end, relative to the largest, against their index: how many directions a network, or its target, uses.

use nalgebra::DMatrix;

use crate::data::{Data, Target};
use crate::linalg::Eigen;
use crate::scenario::Scenario;
use crate::scenario::picture::MatrixName;

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::number::number;
use super::super::page::Entry;
use super::super::panel::{AxisSpec, Band, Panel, Series};
use super::super::plot::Across;
use super::super::quantiles::summary;
use super::super::records::matrix;
use super::super::rounding;
use super::super::style::{BLACK, Body, DASHED, DOTTED, Look, Marker, Shape, categorical};
use super::course::endings;
use super::groups::{Trace, spread};
use super::{Content, Drawn, Plot};

pub(super) fn draw(content: &Content, of: &[MatrixName], rank: bool) -> Drawn {
    let x = AxisSpec::new("index k", Scale::Index);
    let mut panel = Panel::new(content.heading(), x, AxisSpec::new("eigenvalue λ_k / λ_1", Scale::Log));
    panel.notes = endings(&content.units);
    let (mut groups, mut without, mut rounded) = (Vec::new(), 0, 0);
    for (look, units) in content.curves() {
        for (i, name) in of.iter().enumerate() {
            let spectra: Vec<Vec<f64>> = units.iter().filter_map(|unit| relative_spectrum(unit, *name)).collect();
            without += units.len() - spectra.len();
            let longest = spectra.iter().map(Vec::len).max().unwrap_or(0);
            let (mut median, mut band): (Vec<Point>, Vec<(f64, f64, f64)>) = Default::default();
            for k in 0..longest {
                let values: Vec<f64> = spectra.iter().filter_map(|spectrum| spectrum.get(k).copied()).collect();
                let Some(summary) = summary(&values) else { continue };
                let least = rounding::share(longest);
                if summary.median <= least {
                    rounded += 1;
                    continue;
                }
                median.push(((k + 1) as f64, summary.median));
                band.extend(summary.band.map(|band| ((k + 1) as f64, band.0.max(least), band.1)));
            }
            let look = matrix_look(content, look, *name, i);
            panel.bands.push(Band { points: band, color: look.color });
            panel.series.push(Series { each: true, ..Series::new(median, look) });
        }
        groups.push(units);
    }
    panel.notes.extend(rounding::note(rounded, ""));
    if without > 0 {
        panel.notes.push(format!("{without} matrices are zero, not known, or not kept: not drawn."));
    }
    let mut legend: Vec<Entry> = Vec::new();
    let base = Look { marker: None, ..Look::line(BLACK) };
    legend.extend(of.iter().enumerate().map(|(i, name)| Entry::new(label(*name), matrix_look(content, base, *name, i))));
    if rank {
        let mut ranks: Vec<usize> = content.units.iter().filter_map(|unit| target_rank(&unit.member.scenario)).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let lines: Vec<Across> = ranks.iter().map(|rank| Across::X(*rank as f64 + 0.5)).collect();
        panel.across.extend(&lines);
        let names = ranks.iter().map(|rank| number(*rank as f64, 3)).collect::<Vec<_>>().join(", ");
        if !ranks.is_empty() {
            legend.push(Entry::across(format!("rank of the target: {names}"), &lines));
        }
    }
    Drawn { plot: Plot::Curves(panel), legend, over: spread(&groups) }
}

/// Matrices differ in dash and marker; and in colour where colours mean nothing else.
fn matrix_look(content: &Content, look: Look, name: MatrixName, place: usize) -> Look {
    let (dash, shape, body) = match name {
        MatrixName::Gram => (None, Shape::Circle, Body::Disc),
        MatrixName::Agop => (Some(DOTTED), Shape::Square, Body::Ring),
        MatrixName::TargetAgop => (Some(DASHED), Shape::Diamond, Body::Ring),
    };
    let color = if content.looks.is_some() { look.color } else { categorical(place) };
    Look { color, dash, marker: Some(Marker { shape, body }), ..look }
}

/// The name of a matrix, with markup.
pub(super) fn label(name: MatrixName) -> &'static str {
    match name {
        MatrixName::Gram => "W_1^TW_1",
        MatrixName::Agop => "AGOP A_f",
        MatrixName::TargetAgop => "the target’s AGOP A_{f*}",
    }
}

/// The matrix of a unit at its end, if it was kept.
pub(super) fn matrix_of<'a>(unit: &Trace<'a>, name: MatrixName) -> Option<&'a crate::npz::Array> {
    let run = &unit.member.run;
    let array = match name {
        MatrixName::Gram => matrix(run, unit.process, "gram_W1"),
        MatrixName::Agop => matrix(run, unit.process, "agop"),
        MatrixName::TargetAgop => matrix(run, "target", "agop"),
    };
    array.filter(|array| array.shape[0] == array.shape[1])
}

/// λ_k/λ_1 in descending order; `None` of a matrix that is zero or was not kept.
fn relative_spectrum(unit: &Trace, name: MatrixName) -> Option<Vec<f64>> {
    let array = matrix_of(unit, name)?;
    let matrix = DMatrix::from_row_slice(array.shape[0], array.shape[1], &array.data);
    let values = Eigen::symmetric(matrix.as_view())?.values;
    let largest = values[values.len() - 1];
    (largest > 0.0).then(|| values.iter().rev().map(|value| value / largest).collect())
}

/// How many directions the target depends on, where its definition says.
fn target_rank(scenario: &Scenario) -> Option<usize> {
    let Data::Synthetic(data) = &scenario.data else { return None };
    Some(match &data.target {
        Target::LowRank(target) => target.rank,
        Target::MultiIndex(target) => target.rank,
        Target::SingleIndex(_) => 1,
        Target::Parity(parity) => parity.k,
        Target::Counterexample(sum) => sum.k,
        // As many as its first layer has outputs.
        Target::Teacher(teacher) => teacher.widths.get(1).copied()?.min(data.inputs.dim),
    })
}

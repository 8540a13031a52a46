//! Singular values against their index at the last record: (a) of every layer, (b) of the AGOP, with the target's where that is known, and,
//! where the network is linear, of the product, whose squares they are.

use crate::record::Run;

use super::axis::Scale;
use super::canvas::Point;
use super::number::number;
use super::page::{Entry, Picture, abridged};
use super::panel::{AxisSpec, Panel, Series};
use super::records::{depth, matrix, picture, process_entries, processes, vector};
use super::rounding;
use super::style::{self, Body, GREY, Look, Marker, Shape};
use super::text::verbatim;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let layers = depth(run);
    let layer_color = |l: usize| style::sequential(l - 1, layers);
    let (product_color, agop_color) = (style::categorical(1), style::categorical(3));
    let by_layer: Vec<_> = (1..=layers).map(|l| (format!("sv_W{l}"), layer_color(l))).collect();
    let mut whole = vec![("sv_agop".to_string(), agop_color)];
    if run.linear {
        whole.insert(0, ("sv_product".to_string(), product_color));
    }
    let heading_of_whole = if run.linear { "product and AGOP" } else { "AGOP" };
    let (known, rounded) = rounding::target_spectrum(run);
    let target: Vec<Point> = known.iter().enumerate().map(|(k, &value)| ((k + 1) as f64, value)).collect();
    let panels: Vec<Panel> = [("layers", by_layer.as_slice()), (heading_of_whole, whole.as_slice())]
        .into_iter()
        .filter_map(|(heading, arrays)| {
            let mut series = Vec::new();
            // The first process on top: its dots fit into the others' rings.
            for (i, (process, look)) in processes(run).into_iter().enumerate().rev() {
                for (name, color) in arrays {
                    series.extend(
                        last_spectrum(run, process, name).map(|points| Series::new(points, by_index(look, i).colored(*color))),
                    );
                }
            }
            // Behind the others.
            if heading == heading_of_whole && !target.is_empty() {
                series.insert(0, Series::guide(target.clone(), Look::guide()));
            }
            let is_whole = heading == heading_of_whole;
            let label = match is_whole {
                true if run.linear => "singular values σ_k (AGOP: eigenvalues)",
                true => "eigenvalues",
                false => "singular values σ_k",
            };
            let y = AxisSpec::new(label, scale(&series));
            let mut panel = Panel::new(heading, AxisSpec::new("index k", Scale::Index), y);
            panel.series = series;
            if is_whole {
                panel.notes.extend(rounding::note(rounded, " of the target's AGOP"));
            }
            (!panel.series.is_empty()).then_some(panel)
        })
        .collect();

    let look = |color| by_index(style::process(0), 0).colored(color);
    let entry = |k: usize| Entry::new(format!("W_{{{}}}", k + 1), look(layer_color(k + 1)));
    let mut legend = abridged(layers, 5, entry);
    legend.extend(run.linear.then(|| Entry::new("product W_L⋯W_1", look(product_color))));
    legend.push(Entry::new("AGOP A_f", look(agop_color)));
    if !target.is_empty() {
        legend.push(Entry::new("target's AGOP", Look::guide()));
    }
    for (i, mut of_process) in process_entries(run, Some(GREY)).into_iter().enumerate() {
        let (process, _) = processes(run)[i];
        let end = vector(run, process, "t").last().map_or(String::new(), |&t| format!(", t = {}", number(t, 3)));
        of_process.label = format!("{}{end}", verbatim(process));
        of_process.look = of_process.look.map(|look| by_index(look, i));
        legend.push(of_process);
    }
    picture("spectra-by-index", run, "singular values by index", legend, panels)
}

/// Spectra are points: the first process is dots on a line, the others are rings.
fn by_index(look: Look, process: usize) -> Look {
    if process > 0 {
        Look { line: None, ..look }
    } else {
        Look { marker: Some(Marker { shape: Shape::Circle, body: Body::Dot }), ..look }
    }
}

/// (k, σ_k) at the last record.
fn last_spectrum(run: &Run, process: &str, name: &str) -> Option<Vec<Point>> {
    let array = matrix(run, process, name)?;
    let last = array.row(array.rows() - 1);
    Some(last.iter().enumerate().map(|(k, &value)| ((k + 1) as f64, value)).collect())
}

/// Log if the positive values span more than a decade.
fn scale(series: &[Series]) -> Scale {
    let values = series.iter().flat_map(|s| s.points.iter().map(|p| p.1)).filter(|v| *v > 0.0 && v.is_finite());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    if low < f64::INFINITY && high.log10() - low.log10() > 1.0 { Scale::Log } else { Scale::Linear }
}

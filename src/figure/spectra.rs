//! Singular values over time: (a) of the first layer, with those that the ansatz W_1ᵀW_1 = A^{1/L} predicts from the target's AGOP A where
//! that is known, (b) of the product or, where the network is not linear, of the square root of the AGOP; one curve per mode, dark to light.

use crate::record::Run;

use super::axis::Scale;
use super::page::{Entry, Picture, abridged};
use super::panel::{AxisSpec, Panel, Series};
use super::quantity;
use super::records::{depth, matrix, picture, process_entries, processes, time_axis, vector};
use super::rounding;
use super::style::{self, GREY, Look};

/// Modes that have their own entry in the legend, and a name at the end of their curve.
const NAMED: usize = 4;
/// Modes of the optimizers that are drawn: more would hide the flow's.
const OPTIMIZER_MODES: usize = 4;

pub(super) fn picture_of(run: &Run) -> Option<Picture> {
    let whole = if run.linear { "product" } else { "square root of the AGOP" };
    let arrays = [("sv_W1", "first layer"), ("sv_product", whole)];
    let width = |(name, _): &(&str, _)| {
        processes(run).iter().filter_map(|(process, _)| matrix(run, process, name)).map(|array| array.shape[1]).max()
    };
    // A mode has one colour in both panels.
    let modes = arrays.iter().filter_map(width).max()?;
    // To the power 1/(2L): the singular values that W_1 has where W_1ᵀW_1 is the target's AGOP to the power 1/L.
    let (known, rounded) = rounding::target_spectrum(run);
    let wanted: Vec<f64> = known.iter().map(|s| s.powf(0.5 / depth(run) as f64)).collect();
    let panels = arrays.map(|(name, heading)| {
        let mut panel = Panel::new(heading, time_axis(run), AxisSpec::new(quantity::spectrum_label(run, name), Scale::Log));
        let mut left_out = false;
        for (i, (process, look)) in processes(run).into_iter().enumerate() {
            let Some(array) = matrix(run, process, name) else { continue };
            let drawn = if i == 0 { array.shape[1] } else { array.shape[1].min(OPTIMIZER_MODES) };
            left_out |= drawn < array.shape[1];
            for k in 0..drawn {
                let points = vector(run, process, "t").iter().copied().zip(array.column(k)).collect();
                let mut series = Series::new(points, look.colored(style::sequential(k, modes)));
                series.end_label = (i == 0 && k < NAMED).then(|| format!("σ_{}", k + 1));
                panel.series.push(series);
            }
        }
        if name == "sv_W1" {
            let times = processes(run).first().map_or(&[][..], |(process, _)| vector(run, process, "t"));
            let mut positive = times.iter().copied().filter(|t| *t > 0.0);
            if let (Some(first), Some(&last)) = (positive.next(), times.last()) {
                panel
                    .series
                    .extend(wanted.iter().take(modes).map(|&s| Series::guide(vec![(first, s), (last, s)], Look::guide())));
                panel.notes.extend(rounding::note(rounded, " of the target's AGOP"));
            }
        }
        if left_out {
            panel.notes.push(format!("Of the optimizers, only the leading {OPTIMIZER_MODES} modes are drawn."));
        }
        panel
    });

    let entry = |k: usize| Entry::new(format!("σ_{{{}}}", k + 1), Look::line(style::sequential(k, modes)));
    let mut legend = abridged(modes, NAMED, entry);
    legend.extend(process_entries(run, Some(GREY)));
    if !wanted.is_empty() {
        legend.push(Entry::new("target's AGOP^{1/(2L)}", Look::guide()));
    }
    let panels = panels.into_iter().filter(|panel| !panel.series.is_empty()).collect();
    picture("spectra", run, "singular values over time", legend, panels)
}

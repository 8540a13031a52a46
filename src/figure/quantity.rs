//! What the columns of the records and the arrays are called on an axis: words and formula, the same in every picture, as observables
//! declare them.

use crate::observe::registry;
use crate::record::Run;

use super::axis::Scale;
use super::text::verbatim;

/// The axis label of `column`, with markup; the column's name where no observable declares a label.
pub(super) fn label(column: &str) -> String {
    let declared = registry::find(column).and_then(|(_, found)| found.label_of(column));
    declared.unwrap_or_else(|| verbatim(column))
}

/// The axis label of `array`, a key of `arrays.npz` without its owner, likewise.
pub(super) fn array_label(array: &str) -> String {
    registry::arrays().find_map(|(_, declared)| declared.label_of(array)).unwrap_or_else(|| verbatim(array))
}

/// The same for an array of singular values of `run`. In a nonlinear network the product of the layers stands for A_f^½.
pub(super) fn spectrum_label(run: &Run, array: &str) -> String {
    match array {
        "sv_product" if !run.linear => "singular values of A_f^{ ½}".to_string(),
        _ => array_label(array),
    }
}

/// Log where all of `values` that are defined are positive and span more than two decades.
pub(super) fn scale(values: impl IntoIterator<Item = f64>) -> Scale {
    let defined = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = defined.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    if low > 0.0 && low < f64::INFINITY && high.log10() - low.log10() > 2.0 { Scale::Log } else { Scale::Linear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_label_has_its_name() {
        assert_eq!(label("nfa_cosine"), "cosine of W_1^TW_1 and A_f^{ 1/L}");
        assert_eq!(label("effective_rank_W3"), "effective rank of W_{3}");
        assert_eq!(label("of_the_future"), "of\\_the\\_future");
        assert_eq!(array_label("sv_W12"), "singular values of W_{12}");
        assert_eq!(array_label("sv_of_the_future"), "sv\\_of\\_the\\_future");
    }

    #[test]
    fn two_decades_make_an_axis_logarithmic() {
        assert_eq!(scale([1e-3, 1.0, f64::NAN]), Scale::Log);
        assert_eq!(scale([0.0, 1e-3, 1.0]), Scale::Linear);
        assert_eq!(scale([0.5, 1.0]), Scale::Linear);
        assert_eq!(scale([]), Scale::Linear);
    }
}

//! Medians, and the band from the tenth to the ninetieth percentile.

/// The quantile `share` ∈ [0, 1] of `values`, at least one and in ascending order, interpolated linearly.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    values[below] + (values[above] - values[below]) * place.fract()
}

/// The summary of several values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub median: f64,
    /// From the tenth to the ninetieth percentile; `None` of a single value.
    pub band: Option<(f64, f64)>,
}

/// The summary of the finite `values`; `None` if fewer than half are finite: their median would say more about which ones are missing.
pub(super) fn summary(values: &[f64]) -> Option<Summary> {
    let mut defined: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if defined.is_empty() || 2 * defined.len() < values.len() {
        return None;
    }
    defined.sort_by(f64::total_cmp);
    let band = (defined.len() > 1).then(|| (quantile(&defined, 0.1), quantile(&defined, 0.9)));
    Some(Summary { median: quantile(&defined, 0.5), band })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let values: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!([0.0, 0.1, 0.5, 0.9, 1.0].map(|share| quantile(&values, share)), [0.0, 1.0, 5.0, 9.0, 10.0]);
        assert_eq!((quantile(&[3.0], 0.9), quantile(&[1.0, 2.0], 0.5)), (3.0, 1.5));
    }

    #[test]
    fn a_summary_leaves_out_what_is_not_defined_but_not_most_of_all() {
        let eleven: Vec<f64> = (0..=10).rev().map(f64::from).chain([f64::NAN, f64::INFINITY]).collect();
        assert_eq!(summary(&eleven), Some(Summary { median: 5.0, band: Some((1.0, 9.0)) }));
        assert_eq!(summary(&[7.0, f64::NAN]), Some(Summary { median: 7.0, band: None }));
        assert_eq!(summary(&[7.0, f64::NAN, f64::NAN]), None);
        assert_eq!(summary(&[]), None);
    }
}

//! Numbers in equations that are shown to people.

/// Six digits at most, as short as they can be written: `0.005`, `1e-8`, `100`.
pub(super) fn number(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    format!("{rounded:?}").trim_end_matches(".0").to_string()
}

/// A bound from above, rounded down to six digits: who sets what is told keeps to the bound, even where it has lost its last digit.
pub(super) fn at_most(bound: f64) -> String {
    rounded(bound, bound * (1.0 - 1e-5), |shown| shown <= bound)
}

/// A bound from below, rounded up to six digits.
pub(super) fn at_least(bound: f64) -> String {
    rounded(bound, bound * (1.0 + 1e-5), |shown| shown >= bound)
}

/// `bound` to six digits, or `inside` it by one of them.
fn rounded(bound: f64, inside: f64, keeps: impl Fn(f64) -> bool) -> String {
    let text = number(bound);
    if text.parse().is_ok_and(keeps) { text } else { number(inside) }
}

#[cfg(test)]
mod tests {
    use super::{at_least, at_most, number};

    #[test]
    fn a_bound_is_short_and_holds_as_it_is_shown() {
        // 0.9999999999999998, 0.30000000000000004 and 5.
        for (bound, most, least) in [(10.0 * (1.0 - 0.9), "0.99999", "1"), (3.0 * 0.1, "0.3", "0.300003"), (5.0, "5", "5")] {
            assert_eq!((at_most(bound), at_least(bound)), (most.to_string(), least.to_string()));
        }
        for bound in (1..2000).map(|i| 1.1f64.powi(i - 1000) / 3.0) {
            let [most, least] = [at_most(bound), at_least(bound)].map(|text| text.parse::<f64>().unwrap());
            assert!(most <= bound && bound <= least && least - most <= 3e-5 * bound, "{most} {bound} {least}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (x, text) in [(0.1 + 0.2, "0.3"), (1e-8, "1e-8"), (100.0, "100"), (1.0 / 3.0, "0.333333"), (9.999999999, "10")] {
            assert_eq!(number(x), text);
        }
    }
}

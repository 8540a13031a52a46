//! Numbers in equations that are shown to people.

/// Six digits at most, as short as they can be written: `0.005`, `1e-8`, `100`.
pub(super) fn number(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    format!("{rounded:?}").trim_end_matches(".0").to_string()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [(0.1 + 0.2, "0.3"), (1e-8, "1e-8"), (100.0, "100"), (1.0 / 3.0, "0.333333"), (9.999999999, "10")] {
            assert_eq!(number(x), text);
        }
    }
}

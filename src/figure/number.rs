//! Numbers as a reader writes them: 0.02, 3000, 2×10⁻⁷.

/// `n` in Unicode superscripts: ⁻³⁰⁰.
pub(super) fn superscript(n: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

/// `value` to `digits` significant digits, without trailing zeros, and with a power of ten where it is very small or large.
pub fn number(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}").replace('-', "−");
    }
    // Formatting rounds correctly down to subnormal numbers, where dividing by a power of ten would not.
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return trim(&format!("{value:.decimals$}"));
    }
    match trim(mantissa).as_str() {
        "1" => format!("10{}", superscript(exponent)),
        "−1" => format!("−10{}", superscript(exponent)),
        mantissa => format!("{mantissa}×10{}", superscript(exponent)),
    }
}

/// `2.1×10⁻⁹ to 3×10⁻⁷`, and one number where both read the same.
pub fn number_range([low, high]: [f64; 2], digits: usize) -> String {
    let (from, to) = (number(low, digits), number(high, digits));
    if from == to { from } else { format!("{from} to {to}") }
}

/// A cosine; within 10⁻⁵ of 1, as its distance from 1.
pub fn cosine(value: f64) -> String {
    match 1.0 - value {
        // Cosines are accurate to a few ε, on either side of 1.
        gap if gap.abs() < 1e-14 => "1 to rounding".to_string(),
        gap if gap.abs() < 1e-5 => {
            format!("1 {} {}", if gap > 0.0 { '−' } else { '+' }, number(gap.abs(), 2))
        }
        _ => number(value, 5),
    }
}

/// Without the zeros at the end of its decimals; a true minus sign.
fn trim(decimal: &str) -> String {
    let trimmed = if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal };
    trimmed.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_readers_write_them() {
        for (value, text) in [
            (0.02, "0.02"),
            (3000.0, "3000"),
            (-1.5, "−1.5"),
            (0.0, "0"),
            (2e-7, "2×10⁻⁷"),
            (1e-300, "10⁻³⁰⁰"),
            (-1e7, "−10⁷"),
            (9.9999e5, "10⁶"),
            (123.456, "123"),
        ] {
            assert_eq!(number(value, 3), text);
        }
    }

    #[test]
    fn a_cosine_near_one_shows_its_distance() {
        assert_eq!(cosine(1.0 - 3e-8), "1 − 3×10⁻⁸");
        assert_eq!(cosine(0.96593), "0.96593");
        assert_eq!(cosine(1.0 + f64::EPSILON), "1 to rounding");
    }
}

//! Learning rates as they are typed: `0.1`, or `1e-4..1e-1` for both ends and what lies between them on a log scale.

use std::str::FromStr;

/// One item of `--lr`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rates {
    /// A single rate.
    One(f64),
    /// From the first to the last, both included.
    Range(f64, f64),
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let positive = |text: &str| text.trim().parse::<f64>().ok().filter(|rate| *rate > 0.0 && rate.is_finite());
        let found = match text.split_once("..") {
            None => positive(text).map(Self::One),
            Some((from, to)) => match (positive(from), positive(to)) {
                (Some(from), Some(to)) if from < to => Some(Self::Range(from, to)),
                _ => None,
            },
        };
        found.ok_or_else(|| "must be a rate greater than 0, or FROM..TO with FROM less than TO, such as 1e-4..1e-1".to_string())
    }
}

/// More than this in a decade is a mistake: a curve on a log scale is smooth.
pub const MOST_PER_DECADE: u32 = 100;

/// All rates of `items` once, in ascending order. A range has `per_decade` rates in every decade, or a little more where its ends are not
/// whole decades apart; rates between its ends are rounded to 12 digits, so that a decade reads 0.001 and not 0.0010000000000000002.
pub fn rates(items: &[Rates], per_decade: u32) -> Vec<f64> {
    let mut rates: Vec<f64> = items
        .iter()
        .flat_map(|item| match *item {
            Rates::One(rate) => vec![rate],
            Rates::Range(from, to) => {
                // The quotient to/from may overflow.
                let span = to.ln() - from.ln();
                // Logarithms are rounded: three decades are not three and a bit.
                let intervals = (f64::from(per_decade) * span / std::f64::consts::LN_10 - 1e-9).ceil().max(1.0) as u32;
                let between = |i: u32| rounded((from.ln() + span * f64::from(i) / f64::from(intervals)).exp());
                std::iter::once(from).chain((1..intervals).map(between)).chain([to]).collect()
            }
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

fn rounded(rate: f64) -> f64 {
    // What was just written parses.
    format!("{rate:.11e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str], per_decade: u32) -> Vec<f64> {
        rates(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>(), per_decade)
    }

    #[test]
    fn a_range_has_both_ends_and_so_many_rates_a_decade() {
        assert_eq!(read(&["1e-3..1"], 1), [1e-3, 1e-2, 0.1, 1.0]);
        assert_eq!(read(&["1e-4..1e-1"], 4).len(), 13);
        assert_eq!(read(&["0.02..0.05"], 1), [0.02, 0.05]);
        let odd = read(&["1e-3..0.05"], 4);
        assert!(odd.len() == 8 && odd.windows(2).all(|pair| pair[1] / pair[0] <= 10f64.powf(0.25) * (1.0 + 1e-9)), "{odd:?}");
    }

    /// The quotient of its ends is beyond the largest number.
    #[test]
    fn a_range_over_all_numbers_has_so_many_too() {
        assert_eq!(read(&["1e-300..1e300"], 1).len(), 601);
    }

    #[test]
    fn items_join_rise_and_come_once() {
        assert_eq!(read(&["0.1", "1e-3..0.1", "0.5", "0.01"], 1), [1e-3, 1e-2, 0.1, 0.5]);
    }

    #[test]
    fn what_is_no_rate_is_told_what_would_be() {
        for wrong in ["0", "-1", "nan", "inf", "x", "1..0.1", "0.1..0.1", "..1", "1e-3..", ""] {
            assert!(wrong.parse::<Rates>().unwrap_err().contains("FROM..TO"), "{wrong}");
        }
    }
}

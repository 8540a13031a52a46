//! An axis: the range it covers, where a value lies on it, its ticks. Pure functions of the data's range.
//!
//! A log axis is a linear one in log₁₀ of the values; what is not positive has no place on it.

use crate::scenario::style::Spread;

use super::number::{number, superscript};

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
    /// Linear, with ticks at whole numbers only.
    Index,
}

impl Scale {
    /// The coordinate of `value`, if it has one.
    pub(super) fn coordinate(self, value: f64) -> Option<f64> {
        match self {
            _ if !value.is_finite() => None,
            Self::Log => (value > 0.0).then(|| value.log10()),
            Self::Linear | Self::Index => Some(value),
        }
    }
}

impl From<Spread> for Scale {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Linear => Self::Linear,
            Spread::Log => Self::Log,
        }
    }
}

/// A tick at the coordinate `at`, its label with markup.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

/// A range of coordinates (values, or their log₁₀) with its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<Tick>,
    /// Coordinates of the ticks without labels.
    pub minor: Vec<f64>,
}

/// A range below this fraction of the values' size is rounding error, not data.
const CONSTANT: f64 = 1e-6;
/// Decades below which a log axis is widened: a curve that changes less is flat.
const FLAT_DECADES: f64 = 0.1;
const MOST_DECADE_LABELS: i64 = 7;

impl Axis {
    /// The axis that holds all of `values` that have a place on it, with room at both ends; `None` if none has.
    pub(super) fn around(scale: Scale, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let coordinates = values.into_iter().filter_map(|value| scale.coordinate(value));
        let (low, high) = coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)));
        if low > high {
            return None;
        }
        Some(match scale {
            Scale::Linear => Self::linear(low, high),
            Scale::Log => Self::log(low, high),
            Scale::Index => Self::index(low, high),
        })
    }

    /// The axis from `low` to `high` exactly; `None` if either has no place on it.
    pub(super) fn between(scale: Scale, [low, high]: [f64; 2]) -> Option<Self> {
        let (low, high) = (scale.coordinate(low)?, scale.coordinate(high)?);
        Some(match scale {
            Scale::Linear => {
                Self { scale, low, high, ticks: linear_ticks(low, high, high / 7.0 - low / 7.0), minor: Vec::new() }
            }
            Scale::Log => Self::decades(low, high),
            Scale::Index => Self::whole(low, high),
        })
    }

    /// The axis with `names` at 0, 1, …
    pub(super) fn names(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| Tick { at: i as f64, label: name.clone() });
        Self { scale: Scale::Index, low: -0.5, high: names.len() as f64 - 0.5, ticks: ticks.collect(), minor: Vec::new() }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub(super) fn fraction(&self, value: f64) -> Option<f64> {
        self.scale.coordinate(value).map(|c| self.fraction_of_coordinate(c))
    }

    /// The same; `None` beyond the ends.
    pub(super) fn inside(&self, value: f64) -> Option<f64> {
        self.fraction(value).filter(|at| (0.0..=1.0).contains(at))
    }

    /// Where the coordinate `c` lies.
    pub(super) fn fraction_of_coordinate(&self, c: f64) -> f64 {
        // Halved before the subtraction: the range of the largest numbers would overflow.
        let span = self.high / 2.0 - self.low / 2.0;
        (c / 2.0 - self.low / 2.0) / span
    }

    fn linear(low: f64, high: f64) -> Self {
        let size = low.abs().max(high.abs());
        let (low, high) = match size {
            // Below this, steps between ticks would be subnormal.
            _ if size < 1e-290 => (-1.0, 1.0),
            _ if high / 2.0 - low / 2.0 < CONSTANT / 2.0 * size => (low - 0.05 * size, high + 0.05 * size),
            _ => (low, high),
        };
        // Values near the largest number leave no room outside them.
        let (low, high) = (low.max(-1e308), high.min(1e308));
        let room = 0.05 * (high / 2.0 - low / 2.0) * 2.0;
        let (low, high) = (low - room, high + room);
        Self { scale: Scale::Linear, low, high, ticks: linear_ticks(low, high, high / 7.0 - low / 7.0), minor: Vec::new() }
    }

    fn index(low: f64, high: f64) -> Self {
        let room = 0.5_f64.max(0.03 * (high - low));
        Self::whole(low - room, high + room)
    }

    fn whole(low: f64, high: f64) -> Self {
        Self {
            scale: Scale::Index,
            low,
            high,
            ticks: linear_ticks(low, high, ((high - low) / 10.0).max(1.0)),
            minor: Vec::new(),
        }
    }

    fn log(low: f64, high: f64) -> Self {
        let (low, high) =
            if high - low < FLAT_DECADES { ((low + high) / 2.0 - 0.25, (low + high) / 2.0 + 0.25) } else { (low, high) };
        let room = 0.04 * (high - low);
        Self::decades(low - room, high + room)
    }

    fn decades(low: f64, high: f64) -> Self {
        let decades = (low.ceil() as i64)..=(high.floor() as i64);
        let count = decades.clone().count() as i64;
        let (ticks, minor) = if count >= 2 { decade_ticks(low, high, count) } else { few_decades_ticks(low, high) };
        Self { scale: Scale::Log, low, high, ticks, minor }
    }
}

/// Ticks 1, 2 or 5 times a power of ten apart, and no closer than `least_step`.
fn linear_ticks(low: f64, high: f64, least_step: f64) -> Vec<Tick> {
    let step = nice_step(least_step);
    let size = low.abs().max(high.abs());
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    // Labels that would be long have a power of ten. The log₁₀ of a step of 1e-5 may be rounded to just below −5: hence the 1e-9.
    let exponent = size.log10().floor() as i32;
    let scientific = !(-3..6).contains(&exponent);
    let step_exponent = (step.log10() + 1e-9).floor() as i32;
    let label = |value: f64| {
        if value == 0.0 {
            "0".to_string()
        } else if scientific {
            let decimals = (exponent - step_exponent).max(0) as usize;
            format!("{:.decimals$}×10{}", value / 10f64.powi(exponent), superscript(exponent)).replace('-', "−")
        } else {
            format!("{value:.*}", (-step_exponent).max(0) as usize).replace('-', "−")
        }
    };
    (first..=last).map(|k| k as f64 * step).map(|value| Tick { at: value, label: label(value) }).collect()
}

/// The least of 1, 2, 5 times a power of ten that is not below `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    // The allowance keeps a step of 1 that rounding made 1.0000000000000002.
    [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * power >= step * (1.0 - 1e-9)).unwrap_or(10.0) * power
}

/// Labels at powers of ten, at most [`MOST_DECADE_LABELS`]; minor ticks at the other powers, or at 2 … 9 times each within 3.5 decades.
fn decade_ticks(low: f64, high: f64, count: i64) -> (Vec<Tick>, Vec<f64>) {
    let stride = [1, 2, 3, 5, 10, 20, 50, 100].into_iter().find(|s| count <= s * MOST_DECADE_LABELS).unwrap_or(100);
    let (first, last) = (low.ceil() as i64, high.floor() as i64);
    let labelled = |k: &i64| k.rem_euclid(stride) == 0;
    let ticks = (first..=last).filter(labelled).map(|k| Tick { at: k as f64, label: format!("10{}", superscript(k as i32)) });
    let minor: Vec<f64> = if stride > 10 {
        Vec::new()
    } else if high - low > 3.5 {
        (first..=last).filter(|k| !labelled(k)).map(|k| k as f64).collect()
    } else {
        let digits = |k: i64| (2..=9).map(move |digit| k as f64 + f64::from(digit).log10());
        (first - 1..=last).flat_map(digits).filter(|at| (low..=high).contains(at)).collect()
    };
    (ticks.collect(), minor)
}

/// Ticks of a range that holds at most one power of ten: 1, 2, 5 if three of them fit, else equal steps of the value.
fn few_decades_ticks(low: f64, high: f64) -> (Vec<Tick>, Vec<f64>) {
    let tick = |value: f64| Tick { at: value.log10(), label: number(value, 6) };
    let inside = |tick: &Tick| tick.at.is_finite() && (low..=high).contains(&tick.at);
    let digits = |mantissas: &[i32]| -> Vec<Tick> {
        let decades = (low.floor() as i32)..=(high.floor() as i32);
        // Parsed: 2e-7 is the nearest number to 2·10⁻⁷, and 2.0 * 1e-7 need not be.
        let values = decades.flat_map(|k| mantissas.iter().filter_map(move |m| format!("{m}e{k}").parse::<f64>().ok()));
        values.filter(|v| *v > 0.0).map(tick).filter(inside).collect()
    };
    let few = digits(&[1, 2, 5]);
    if few.len() >= 3 {
        let minor = digits(&[3, 4, 6, 7, 8, 9]).into_iter().map(|tick| tick.at).collect();
        return (few, minor);
    }
    let (first, last) = (10f64.powf(low), 10f64.powf(high));
    if !last.is_finite() || first < 1e-290 {
        // Steps between such numbers would overflow or be subnormal.
        return (digits(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), Vec::new());
    }
    let step = nice_step(last / 6.0 - first / 6.0);
    let ticks = ((first / step).ceil() as i64..=(last / step).floor() as i64).map(|k| tick(k as f64 * step)).filter(inside);
    (ticks.collect(), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn check(axis: &Axis, values: &[f64]) -> Result<(), TestCaseError> {
        prop_assert!(axis.low < axis.high);
        prop_assert!(axis.ticks.len() <= 12, "{:?}", axis);
        prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at), "{:?}", axis);
        let inside = |c: f64| (0.0..=1.0).contains(&axis.fraction_of_coordinate(c));
        prop_assert!(axis.ticks.iter().all(|tick| inside(tick.at)) && axis.minor.iter().all(|&at| inside(at)), "{:?}", axis);
        for (i, label) in labels(axis).iter().enumerate() {
            prop_assert!(!labels(axis)[..i].contains(label), "{:?}", axis);
        }
        for &value in values {
            prop_assert!(axis.fraction(value).is_none_or(|f| (0.0..=1.0).contains(&f)), "{value} on {:?}", axis);
        }
        Ok(())
    }

    /// Numbers of every size and sign.
    fn any_number() -> impl Strategy<Value = f64> {
        (-9.99f64..9.99, -300i32..300).prop_map(|(mantissa, exponent)| mantissa * 10f64.powi(exponent))
    }

    proptest! {
        #[test]
        fn ticks_of_any_data_rise_within_the_range_and_have_different_labels(values in prop::collection::vec(any_number(), 1..5)) {
            for scale in [Scale::Linear, Scale::Log] {
                if let Some(axis) = Axis::around(scale, values.iter().copied()) {
                    check(&axis, &values)?;
                    prop_assert!(axis.ticks.len() >= 2, "{axis:?}");
                }
            }
        }

        #[test]
        fn ticks_of_nearly_constant_data_too(centre in 1e-3f64..1e3, log_width in -18.0f64..0.0) {
            let values = [centre, centre * (1.0 - 10f64.powf(log_width))];
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::around(scale, values).unwrap();
                check(&axis, &values)?;
                prop_assert!(axis.ticks.len() >= 2, "{axis:?}");
            }
        }

        #[test]
        fn indices_are_whole(n in 1u32..500) {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let axis = Axis::around(Scale::Index, values.iter().copied()).unwrap();
            check(&axis, &values)?;
            prop_assert!(axis.ticks.iter().all(|tick| tick.at.fract() == 0.0) && !axis.ticks.is_empty());
        }
    }

    #[test]
    fn values_without_a_place_are_told() {
        assert_eq!(Axis::around(Scale::Log, [0.0, -1.0, f64::NAN]), None);
        assert_eq!(Axis::around(Scale::Linear, [f64::INFINITY]), None);
        let axis = Axis::around(Scale::Log, [1e-300, 0.0, 1.0]).unwrap();
        assert_eq!(axis.fraction(0.0), None);
        assert!(axis.ticks.len() <= 7 && axis.ticks.iter().all(|tick| tick.label.starts_with("10")));
    }

    #[test]
    fn limits_are_the_ends_of_the_axis() {
        let axis = Axis::between(Scale::Log, [1e-6, 1.0]).unwrap();
        assert_eq!((axis.low, axis.high), (-6.0, 0.0));
        assert_eq!((labels(&axis)[0], labels(&axis).len()), ("10⁻⁶", 7));
        let axis = Axis::between(Scale::Linear, [-1.0, 1.0]).unwrap();
        assert_eq!((axis.low, axis.high, labels(&axis)[0]), (-1.0, 1.0, "−1.0"));
        assert_eq!(Axis::between(Scale::Log, [0.0, 1.0]), None);
    }

    #[test]
    fn labels_read_as_on_paper() {
        assert_eq!(labels(&Axis::around(Scale::Log, [1e-3, 1.0]).unwrap()), ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(&Axis::around(Scale::Log, [0.015, 0.11]).unwrap()), ["0.02", "0.05", "0.1"]);
        assert_eq!(labels(&Axis::around(Scale::Linear, [0.99999, 1.0]).unwrap())[0], "0.999990");
        assert_eq!(
            labels(&Axis::around(Scale::Linear, [0.0, 3000.0]).unwrap()),
            ["0", "500", "1000", "1500", "2000", "2500", "3000"]
        );
    }
}

//! A column over time, of several units: their summary at common times, and one number for each unit.

use crate::linalg::Line;
use crate::ode::Reason;
use crate::scenario::picture::Take;

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::quantiles::{Summary, summary};
use super::super::quantity;
use super::groups::Trace;

/// Values of a decaying course below this fraction of its largest are taken for rounding error.
const ROUNDING: f64 = 1e-11;

/// Counts of units that need a word in the small print.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ends {
    pub units: usize,
    /// Converged before the others' last record: their last value is carried forward.
    pub carried: usize,
    /// The same for units at rest that are not known to be at a minimum.
    pub rested: usize,
    /// Ended before the others' last record: no values from there on.
    pub short: usize,
    /// The same for units that met the scenario's stopping condition.
    pub reached: usize,
    pub diverged: usize,
    /// Recorded at other times than the rest: their values are interpolated.
    pub interpolated: usize,
}

impl Ends {
    pub fn add(&mut self, other: Self) {
        self.units += other.units;
        self.carried += other.carried;
        self.rested += other.rested;
        self.short += other.short;
        self.reached += other.reached;
        self.diverged += other.diverged;
        self.interpolated += other.interpolated;
    }

    /// As sentences for the small print.
    pub fn notes(self) -> Vec<String> {
        let sentences = [
            (self.carried, "converged: last value carried forward."),
            (self.rested, "at rest, not known to be at a minimum: last value carried forward."),
            (self.short, "ended early: not in the medians from there on."),
            (self.reached, "met their stopping condition: not in the medians from there on."),
            (self.diverged, "diverged."),
            (self.interpolated, "recorded at other times: interpolated."),
        ];
        let said = sentences.into_iter().filter(|(count, _)| *count > 0);
        said.map(|(count, what)| format!("{count} of {} {what}", processes(self.units))).collect()
    }
}

/// `1 process`, `12 processes`; each is that of one unit.
fn processes(count: usize) -> String {
    format!("{count} {}", if count == 1 { "process" } else { "processes" })
}

/// The summary of `column` over `units` at each of their times; `None` where it is defined for fewer than half of them.
pub(super) fn over_time(units: &[Trace], column: &str) -> (Vec<(f64, Option<Summary>)>, Ends) {
    let courses: Vec<(Trace, Vec<Point>)> = units.iter().map(|unit| (*unit, unit.over_time(column))).collect();
    let at_rest = |unit: &Trace| stays(unit.termination()).then_some(unit.member.scenario.flow.t_end);
    // A process at rest ends when it is found to be so, off the others' time grid; so does one that meets a stopping condition.
    let off_grid = |unit: &Trace| stays(unit.termination()) || unit.termination() == Some(Reason::Reached);
    let of_its_own = |unit: &Trace, course: &[Point]| usize::from(units.len() > 1 && off_grid(unit) && !course.is_empty());
    let on_grid = |(unit, course): &(Trace, Vec<Point>)| course.len() - of_its_own(unit, course);
    let mut times: Vec<f64> = courses.iter().flat_map(|both| both.1[..on_grid(both)].iter().map(|p| p.0)).collect();
    times.extend(courses.iter().filter(|(_, course)| !course.is_empty()).filter_map(|(unit, _)| at_rest(unit)));
    times.retain(|t| t.is_finite());
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut ends = Ends { units: units.len(), ..Ends::default() };
    for both @ (unit, course) in &courses {
        let Some(&(last, _)) = course.last() else { continue };
        let before = times.last().is_some_and(|end| last < *end);
        ends.diverged += usize::from(unit.termination() == Some(Reason::Diverged));
        ends.carried += usize::from(before && unit.termination() == Some(Reason::Converged));
        ends.rested += usize::from(before && unit.termination() == Some(Reason::AtRest));
        ends.reached += usize::from(before && unit.termination() == Some(Reason::Reached));
        ends.short += usize::from(
            before && !matches!(unit.termination(), Some(Reason::Diverged | Reason::Reached)) && !stays(unit.termination()),
        );
        let seen = course[..on_grid(both)].last().map_or(0, |last| times.partition_point(|t| *t <= last.0));
        ends.interpolated += usize::from(on_grid(both) != seen);
    }
    let at = |t: f64| {
        let values: Vec<f64> = courses.iter().map(|(unit, course)| value_at(course, t, unit.termination())).collect();
        (t, summary(&values))
    };
    (times.iter().map(|&t| at(t)).collect(), ends)
}

/// Whether a process that ended so is at rest.
fn stays(termination: Option<Reason>) -> bool {
    termination.is_some_and(Reason::stays)
}

/// The value at `t`: as recorded, interpolated linearly between records, after the last one carried forward at rest; otherwise NaN.
fn value_at(course: &[Point], t: f64, termination: Option<Reason>) -> f64 {
    let after = course.partition_point(|p| p.0 < t);
    match (course.get(after.wrapping_sub(1)), course.get(after)) {
        (_, Some(&(time, value))) if time == t => value,
        (Some(&(t0, before)), Some(&(t1, behind))) => before + (behind - before) * (t - t0) / (t1 - t0),
        (Some(&(_, last)), None) if stays(termination) => last,
        _ => f64::NAN,
    }
}

/// The axis label of what is taken of `column`, with markup.
pub(super) fn label(column: &str, take: Take) -> String {
    match take {
        Take::Last => quantity::label(column),
        Take::Largest => format!("largest {}", quantity::label(column)),
        Take::Rate => format!("rate of decay of the {}", quantity::label(column)),
        Take::ExcessRate => "rate of decay/2λ − 1".to_string(),
    }
}

/// A band, or a bar, whose lower edge has no place on a log axis would vanish without a word.
pub(super) fn without_edge(scale: Scale, what: &str, mut lower: impl Iterator<Item = f64>) -> Option<String> {
    let gone = scale == Scale::Log && lower.any(|edge| edge <= 0.0);
    gone.then(|| format!("No {what} where its lower edge is not positive."))
}

/// How a rate is found, for the small print.
pub(super) fn method(take: Take) -> Option<String> {
    let words = "Rates: least squares of the logarithm over the later half of the time above rounding.";
    matches!(take, Take::Rate | Take::ExcessRate).then(|| words.to_string())
}

/// The number taken of a unit's course; NaN where the unit diverged or has no value.
pub(super) fn taken(unit: &Trace, column: &str, take: Take) -> f64 {
    let course = unit.over_time(column);
    match take {
        _ if unit.termination() == Some(Reason::Diverged) => f64::NAN,
        Take::Last => course.last().map_or(f64::NAN, |point| point.1),
        Take::Largest => course.iter().map(|p| p.1).filter(|value| !value.is_nan()).reduce(f64::max).unwrap_or(f64::NAN),
        Take::Rate => rate(&course),
        // Without weight decay there is no rate to compare with.
        Take::ExcessRate => match unit.member.scenario.balance_law().rate().filter(|decay| *decay > 0.0) {
            Some(decay) => rate(&course) / (2.0 * decay) - 1.0,
            None => f64::NAN,
        },
    }
}

/// Small print on units that ended early, where one number is drawn for each.
pub(super) fn endings(units: &[Trace]) -> Vec<String> {
    let mut early: Vec<(Reason, usize)> = Vec::new();
    let is_early = |reason: &Reason| !matches!(reason, Reason::TEnd | Reason::Steps) && !reason.stays();
    for reason in units.iter().filter_map(Trace::termination).filter(is_early) {
        match early.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => early.push((reason, 1)),
        }
    }
    let said = early.into_iter().map(|(word, count)| match word {
        Reason::Diverged => format!("{count} of {} diverged: not drawn.", processes(units.len())),
        Reason::Reached => format!("{count} of {} met their stopping condition: drawn there.", processes(units.len())),
        word => format!("{count} of {} ended early ({word}): drawn as they ended.", processes(units.len())),
    });
    said.collect()
}

/// r of e^{−rt}: minus the slope of the logarithm over the later half of the time in which the course is above rounding error.
fn rate(course: &[Point]) -> f64 {
    let seen = above_rounding(course);
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return f64::NAN };
    let middle = (first.0 + last.0) / 2.0;
    let (t, logs): (Vec<f64>, Vec<f64>) = seen.iter().filter(|p| p.0 >= middle).map(|&(t, value)| (t, value.ln())).unzip();
    Line::through(&t, &logs).map_or(f64::NAN, |line| -line.slope)
}

/// The positive values of the course until it first sinks to rounding error.
pub(super) fn above_rounding(course: &[Point]) -> Vec<Point> {
    let largest = course.iter().map(|p| p.1).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let seen = course.iter().copied().take_while(|p| p.1.is_nan() || p.1 > ROUNDING * largest);
    seen.filter(|p| p.1 > 0.0 && p.1.is_finite()).collect()
}

/// ln C of the least C for which C·e^{−2λt} bounds the later half, in log t, of the course above rounding error.
pub(super) fn envelope(course: &[Point], decay: f64) -> Option<f64> {
    let seen: Vec<Point> = above_rounding(course).into_iter().filter(|p| p.0 > 0.0).collect();
    let middle = (seen.first()?.0 * seen.last()?.0).sqrt();
    let constants = seen.iter().filter(|p| p.0 >= middle).map(|&(t, value)| value.ln() + 2.0 * decay * t);
    constants.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decaying(rate: f64, floor: f64) -> Vec<Point> {
        (0..200).map(|i| f64::from(i) * 5.0).map(|t| (t, (3.0 * (-rate * t).exp()).max(floor))).collect()
    }

    #[test]
    fn a_rate_is_that_of_the_later_half_above_rounding() {
        assert!((rate(&decaying(0.02, 0.0)) - 0.02).abs() < 1e-14);
        // e^{−0.1·1000} is far below rounding: the floor does not bend the slope.
        assert!((rate(&decaying(0.1, 1e-15)) - 0.1).abs() < 1e-13);
        // The first half does not count.
        let late: Vec<Point> = decaying(0.01, 0.0).into_iter().map(|(t, y)| (t, if t < 400.0 { 2.0 } else { y })).collect();
        assert!((rate(&late) - 0.01).abs() < 1e-13);
        assert!(rate(&[(0.0, 1.0), (1.0, 0.5)]).is_nan() && rate(&[]).is_nan() && rate(&[(0.0, -1.0); 5]).is_nan());
    }

    #[test]
    fn only_what_is_taken_as_a_rate_is_said_to_be_one() {
        assert!(method(Take::Last).is_none() && method(Take::ExcessRate) == method(Take::Rate));
        assert_eq!(label("balance_gap", Take::ExcessRate), "rate of decay/2λ − 1");
    }

    #[test]
    fn the_envelope_of_the_law_is_the_law_and_of_less_touches_it() {
        let constant = envelope(&decaying(0.02, 1e-15), 0.01).unwrap();
        assert!((constant - 3f64.ln()).abs() < 1e-12, "{constant}");
        // A course that decays more slowly touches the envelope at its end, and lies below it in the rest of the later half.
        let slow = decaying(0.015, 0.0);
        let constant = envelope(&slow, 0.01).unwrap();
        let above = |p: &Point| constant - 0.02 * p.0 >= p.1.ln() - 1e-12;
        assert!(slow.iter().filter(|p| p.0 > 100.0).all(above) && (constant - (3f64.ln() + 0.005 * 995.0)).abs() < 1e-12);
        assert_eq!(envelope(&[], 0.1), None);
    }

    #[test]
    fn only_a_flow_at_rest_goes_on() {
        let course = [(0.0, 1.0), (2.0, 3.0), (4.0, 8.0)];
        assert_eq!([0.0, 1.0, 4.0].map(|t| value_at(&course, t, Some(Reason::TEnd))), [1.0, 2.0, 8.0]);
        assert_eq!(value_at(&course, 9.0, Some(Reason::Converged)), 8.0);
        assert!(
            value_at(&course, 9.0, Some(Reason::MaxSteps)).is_nan() && value_at(&[], 0.0, Some(Reason::Converged)).is_nan()
        );
    }
}

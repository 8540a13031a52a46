//! What `gramflow run` prints: how the processes ended, the verdicts, where the time went, and what to do next. Numbers have the digits
//! that mean something; the manifest and the records have all of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::claim::shown;
use crate::ode::{EventKind, Termination, short};
use crate::record::{Outcome, Verdict};
use crate::run::Finished;

use crate::cli::output::{aligned, seconds, unprinted};
use crate::report::shell_word;

/// How long the parts of the command took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    /// The run itself, the certificate and the verdicts included.
    pub run: Duration,
    /// Whether the run was begun by an earlier command, whose time is in that of the processes.
    pub goes_on: bool,
    /// Drawing the pictures.
    pub pictures: Duration,
    /// From reading the scenario to the published folder.
    pub total: Duration,
}

/// One row per process: what it cost, and its last record. `quiet`: the warnings have not been printed.
pub(super) fn summary(finished: &Finished, folder: &Path, spent: Spent, quiet: bool) -> String {
    let mut text = format!("{}\n{}\n\n", finished.run.name, finished.run.caption);
    text.push_str(&processes(finished));
    // Writing to a string cannot fail.
    for (name, termination) in &finished.terminations {
        if termination.stays() || matches!(termination, Termination::Reached { .. }) {
            let _ = writeln!(text, "\n{name}: {termination}");
        }
    }
    for (name, process) in &finished.manifest.processes {
        for (which, companion) in &process.companions {
            let distance = finished.run.table.floats(name, &format!("distance_to_{which}_relative"));
            if let Some(distance) = distance.last().filter(|distance| distance.is_finite()) {
                let _ = writeln!(
                    text,
                    "\n{name}: relative distance {distance:.1e} to its {}, {}",
                    which.replace('_', " "),
                    companion.formula
                );
            }
        }
    }
    for (name, process) in &finished.manifest.processes {
        let visits = process.events.iter().filter_map(|event| match event.kind {
            EventKind::Saddle => Some(("near a saddle", event)),
            EventKind::LeastGradient => Some(("‖∇J‖ was least", event)),
            _ => None,
        });
        for (place, (what, event)) in visits.enumerate() {
            let gap = if place == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{name}: {what} at t = {}: {}", time(event.t), event.detail);
        }
    }
    if let Some(certificate) = &finished.manifest.processes["flow"].certificate {
        let (run, all) = (&finished.run, certificate.columns.iter());
        let errors = all.filter(|(name, error)| !run.is_zero_by_law(name) && !run.is_rounding(name, error.max_error));
        let worst = errors.max_by(|a, b| a.1.max_relative_error.total_cmp(&b.1.max_relative_error));
        // At the start there is nothing to certify.
        if let Some((name, error)) = worst.filter(|_| certificate.t_compared > 0.0) {
            let (t, share) = (time(certificate.t_compared), error.max_relative_error);
            let _ = writeln!(text, "\ncertified to t = {t}: the largest error of a column is {share:.1e} of its size ({name})");
        }
    }
    text.push_str(&claims(&finished.manifest.verdicts));
    if quiet {
        text.push_str(&unprinted(&finished.manifest.warnings));
    }
    let _ = writeln!(text, "\n{}", where_time_went(finished, spent));
    let _ = writeln!(text, "records, weights and figures: {}", folder.display());
    let _ = writeln!(text, "next: gramflow report {} makes one page of them", shell_word(folder));
    text
}

fn processes(finished: &Finished) -> String {
    let head = [
        "process",
        "ended",
        "at t",
        "steps",
        "rejected",
        "gradients",
        "seconds",
        "observing",
        "loss",
        "D/e^-2λt",
        "NFA cosine",
        "peak α̃",
        "α̂",
    ];
    let mut rows = vec![head.map(str::to_string)];
    for (name, termination) in &finished.terminations {
        let cost = &finished.manifest.processes[name];
        let last = |column: &str| finished.run.table.floats(name, column).last().copied().unwrap_or(f64::NAN);
        let fitted = |value: f64| if value.is_nan() { "-".to_string() } else { short(value, 4) };
        rows.push([
            name.clone(),
            termination.reason().to_string(),
            time(cost.t_reached),
            cost.steps_accepted.to_string(),
            cost.steps_rejected.to_string(),
            cost.gradients.to_string(),
            seconds(cost.wall_seconds),
            seconds(cost.observation_seconds),
            if last("loss").is_nan() { "-".to_string() } else { format!("{:.3e}", last("loss")) },
            near_one(last("balance_gap_over_envelope")),
            near_one(last("nfa_cosine")),
            fitted(last("nfa_peak")),
            fitted(last("nfa_exponent")),
        ]);
    }
    // Without layers, or in a network whose imbalance obeys no law, some columns have no value at all.
    let kept: Vec<usize> = (0..head.len()).filter(|&i| rows[1..].iter().any(|row| row[i] != "-")).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| kept.iter().map(|&i| row[i].clone()).collect()).collect();
    aligned(&rows)
}

/// Six digits: `233.7` of 233.70000000000002.
fn time(t: f64) -> String {
    short(t, 6)
}

/// A share or a cosine; so close to 1 that its digits would all be 9, as its distance from 1.
fn near_one(value: f64) -> String {
    match 1.0 - value {
        _ if value.is_nan() => "-".to_string(),
        _ if value.abs() >= 1e4 => format!("{value:.3e}"),
        gap if gap.abs() < 1e-14 => "1".to_string(),
        gap if gap.abs() < 1e-4 => format!("1 {} {:.1e}", if gap > 0.0 { '-' } else { '+' }, gap.abs()),
        _ => short(value, 5),
    }
}

/// `0.85 s: steps 0.17, observing 0.27, pictures 0.31, other 0.10`; where processes and observation overlap
/// `0.85 s: run 0.44 (side by side: steps 0.40, observing 0.27), pictures 0.31, other 0.10`. The certificate's integration runs beside the
/// others: it costs the time that it still takes when they are done.
fn where_time_went(finished: &Finished, spent: Spent) -> String {
    let processes = || finished.manifest.processes.values();
    let steps: f64 = processes().map(|process| process.wall_seconds).sum();
    let observing: f64 = processes().map(|process| process.observation_seconds).sum();
    let companions: f64 = processes().flat_map(|p| p.companions.values()).map(|companion| companion.wall_seconds).sum();
    let [run, pictures, total] = [spent.run, spent.pictures, spent.total].map(|part| part.as_secs_f64());
    // Parts of less than a hundredth are left out.
    let listed = |parts: &[(&str, f64)]| -> String {
        let parts = parts.iter().filter(|(_, part)| *part >= 0.01 * total);
        parts.map(|(name, part)| format!("{name} {}", seconds(*part))).collect::<Vec<_>>().join(", ")
    };
    let busy = [("steps", steps), ("observing", observing), ("modified flows and limits", companions)];
    let sum = steps + observing + companions;
    let rest = if spent.goes_on { 0.0 } else { (run - sum).max(0.0) };
    let (certificate, idle) = if finished.finer.is_some() { (rest, 0.0) } else { (0.0, rest) };
    let after = [
        ("waiting for the certificate", certificate),
        ("pictures", pictures),
        ("other", (total - run - pictures).max(0.0) + idle),
    ];
    let within = if spent.goes_on {
        format!("run {} (since it was begun: {})", seconds(run), listed(&busy))
    } else if sum <= run {
        listed(&busy)
    } else {
        format!("run {} (side by side: {})", seconds(run), listed(&busy))
    };
    let parts = [within, listed(&after)].into_iter().filter(|part| !part.is_empty());
    format!("{} s: {}", seconds(total), parts.collect::<Vec<_>>().join(", "))
}

/// One row per claim, and a sentence for each that does not hold; nothing where there are no claims.
fn claims(verdicts: &BTreeMap<String, Verdict>) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut rows = vec![["claim", "verdict", "value", "claimed", "error"].map(str::to_string)];
    rows.extend(verdicts.iter().map(|(claim, verdict)| {
        let sign = verdict.bound.sign();
        let claimed = if verdict.threshold.is_nan() { "-".to_string() } else { format!("{sign} {}", shown(verdict.threshold)) };
        let error = if verdict.error.is_finite() { format!("{:.1e}", verdict.error) } else { "-".to_string() };
        [claim.clone(), verdict.verdict.to_string(), shown(verdict.value), claimed, error]
    }));
    let quantities = ["value of"].into_iter().chain(verdicts.values().map(|verdict| verdict.quantity.as_str()));
    let mut text = "\n".to_string();
    for (row, quantity) in aligned(&rows).lines().zip(quantities) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{row}  {quantity}");
    }
    for (claim, verdict) in verdicts.iter().filter(|(_, verdict)| verdict.verdict != Outcome::Holds) {
        let _ = writeln!(text, "{claim} {}: {}", verdict.verdict, verdict.statement);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_have_the_digits_that_mean_something() {
        assert_eq!(time(0.20704002240018549), "0.20704");
        assert_eq!(time(233.70000000000002), "233.7");
        assert_eq!(time(3000.0), "3000");
        assert_eq!(near_one(1.0 - 3.04e-7), "1 - 3.0e-7");
        assert_eq!(near_one(1.0 + 6.1e-9), "1 + 6.1e-9");
        assert_eq!(near_one(0.9967332), "0.99673");
        assert_eq!(near_one(1.0 - f64::EPSILON), "1");
        assert_eq!(near_one(1.7e300), "1.700e300");
        assert_eq!(near_one(f64::NAN), "-");
    }
}

//! `gramflow sweep plan`: the units, what varies between them, and what they cost.

use std::time::Duration;

use clap::Args;
use indicatif::HumanDuration;
use serde_json::{Value, json};

use crate::cli::output::{aligned, counted, listed, print, seconds};
use crate::cli::run::interval;
use crate::cli::{CliError, Selection};
use crate::sweep::{self, Probe, SweepPlan, Unit};

use super::{failure_json, planned, unit_json, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Run a few units for about this time in all, such as 20s or 5m, keep nothing of them, and estimate what every unit costs on one core
    #[arg(long, value_name = "TIME", value_parser = interval)]
    probe: Option<Duration>,
    /// Print the plan as JSON, every unit of it
    #[arg(long)]
    json: bool,
}

pub(super) fn plan(arguments: &Arguments) -> Result<(), CliError> {
    let (sweep, plan) = planned(&arguments.selection)?;
    let probe = arguments.probe.map(|budget| sweep::probe(&sweep, &plan, budget));
    print(&if arguments.json { json(&plan, probe.as_ref()) } else { table(&plan, probe.as_ref()) })?;
    Ok(())
}

fn json(plan: &SweepPlan, probe: Option<&Probe>) -> String {
    let unit = |unit| {
        let mut value = unit_json(plan, unit);
        if let Some(probe) = probe {
            value["seconds"] = probe.seconds(unit).into();
        }
        value
    };
    let mut text = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "sweep_folder": sweep::default_folder(plan).display().to_string(),
        "duplicates": plan.duplicates(),
        "varied": plan.keys(),
        "units": plan.units().into_iter().map(unit).collect::<Vec<Value>>(),
    });
    if let Some(probe) = probe {
        let failed: Vec<Value> = probe.failures.iter().map(|(unit, reason)| failure_json(plan, *unit, reason)).collect();
        text["probe"] = json!({"whole": probe.whole, "cut": probe.cut, "failed": failed});
    }
    format!("{text:#}\n")
}

fn table(plan: &SweepPlan, probe: Option<&Probe>) -> String {
    /// The most units that are listed: nobody reads more.
    const MOST: usize = 1000;
    let all = plan.units();
    let mut text = format!("{}: {}", plan.name, units(all.len()));
    match plan.duplicates() {
        0 => {}
        repeated => text.push_str(&format!(
            " ({repeated} of {} combinations repeat another one: each scenario is run once)",
            all.len() + repeated
        )),
    }
    text.push_str("\n\n");
    let cost = |unit: &Unit| probe.map(|probe| probe.seconds(*unit).map_or("?".to_string(), seconds));
    let costs = probe.map(|_| "seconds");
    let head = std::iter::once("unit").chain(plan.keys()).chain(costs).map(str::to_string).collect();
    let row = |unit: &Unit| std::iter::once(unit.id.to_string()).chain(plan.texts(*unit)).chain(cost(unit)).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.iter().take(MOST).map(row)).collect();
    text.push_str(&aligned(&rows));
    if all.len() > MOST {
        text.push_str(&format!("… and {} more: --json lists them all\n", all.len() - MOST));
    }
    if let Some(probe) = probe {
        text.push_str(&costs_of(plan, &all, probe));
    }
    text
}

/// What all units cost together and how that is known, the dearest of them, and how many make a task of an hour.
fn costs_of(plan: &SweepPlan, all: &[Unit], probe: &Probe) -> String {
    const HOUR: f64 = 3600.0;
    let line = |(unit, reason): &(Unit, String)| format!("not measured: unit {} ({}): {reason}", unit.id, plan.label(*unit));
    let mut text = format!("\n{}", listed(&probe.failures, line, "gramflow sweep plan --probe --json"));
    let known = all.iter().filter_map(|unit| Some((*unit, probe.seconds(*unit)?)));
    let Some((dearest, most)) = known.clone().max_by(|(_, a), (_, b)| a.total_cmp(b)) else {
        text.push_str("no unit could be measured: what they cost is not known; allow more time with --probe\n");
        return text;
    };
    let total: f64 = known.map(|(_, seconds)| seconds).sum();
    text.push_str(&format!(
        "about {} on one core of this machine; the dearest unit takes about {} ({})\n",
        duration(total),
        duration(most),
        plan.label(dearest)
    ));
    let cut = match probe.cut {
        0 => String::new(),
        cut => format!(
            " and from {} stopped early and extrapolated: allow more time with --probe for a better estimate",
            counted(cut, "unit")
        ),
    };
    text.push_str(&format!("estimated from {} run to the end{cut}\n", units(probe.whole)));
    let per_task = (HOUR * all.len() as f64 / total).floor().clamp(1.0, all.len() as f64);
    text.push_str(&format!(
        "sweep submit --units-per-task {per_task} makes tasks of about {}\n",
        duration(per_task * total / all.len() as f64)
    ));
    text
}

/// `12 s`, `3 minutes`, `5 hours`.
fn duration(of: f64) -> String {
    match of {
        short if short < 60.0 => format!("{} s", seconds(short)),
        long => HumanDuration(Duration::try_from_secs_f64(long).unwrap_or(Duration::MAX)).to_string(),
    }
}

//! `gramflow sweep plan`: the units and what varies between them.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::{aligned, print};
use crate::cli::{CliError, Selection};
use crate::sweep::{self, SweepPlan, Unit};

use super::{planned, unit_json, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Print the plan as JSON, every unit of it
    #[arg(long)]
    json: bool,
}

pub(super) fn plan(arguments: &Arguments) -> Result<(), CliError> {
    let (_, plan) = planned(&arguments.selection)?;
    print(&if arguments.json { json(&plan) } else { table(&plan) })?;
    Ok(())
}

fn json(plan: &SweepPlan) -> String {
    let units: Vec<Value> = plan.units().into_iter().map(|unit| unit_json(plan, unit)).collect();
    let plan = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "sweep_folder": sweep::default_folder(plan).display().to_string(),
        "duplicates": plan.duplicates(),
        "varied": plan.keys(),
        "units": units,
    });
    format!("{plan:#}\n")
}

fn table(plan: &SweepPlan) -> String {
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
    let head = std::iter::once("unit").chain(plan.keys()).map(str::to_string).collect();
    let row = |unit: &Unit| std::iter::once(unit.id.to_string()).chain(plan.texts(*unit)).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.iter().take(MOST).map(row)).collect();
    text.push_str(&aligned(&rows));
    if all.len() > MOST {
        text.push_str(&format!("… and {} more: --json lists them all\n", all.len() - MOST));
    }
    text
}

//! Reads the finished units of a sweep, from which its pictures are drawn.

use crate::folder::{Ensemble, Member, read_manifest, read_unit_run};
use crate::scenario::common_caption;

use super::{Folder, SweepError, SweepPlan, Unit};

/// The finished units in `folders`, all of one sweep, in the order of the plan. They are all in memory at once, with their arrays if these
/// were kept.
pub fn ensemble(folders: &[Folder], plan: &SweepPlan) -> Result<Ensemble, SweepError> {
    let place = |unit: Unit| Some((folders.iter().find(|folder| folder.is_done(unit.id))?, unit));
    let done = plan.units().into_iter().filter_map(place);
    let members = done.map(|(folder, unit)| member(folder, plan, unit)).collect::<Result<Vec<_>, _>>()?;
    let caption = common_caption(members.iter().map(|member| &member.scenario));
    Ok(Ensemble { name: plan.name.clone(), caption, members })
}

fn member(folder: &Folder, plan: &SweepPlan, unit: Unit) -> Result<Member, SweepError> {
    let path = folder.unit(unit.id);
    let (scenario, run) = read_unit_run(&path)?;
    let values = plan.keys().into_iter().map(str::to_string).zip(plan.values(unit).into_iter().cloned()).collect();
    Ok(Member { values, scenario, run, manifest: read_manifest(&path)? })
}

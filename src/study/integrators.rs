//! Work against precision: what every method pays, in gradients and in time, for the accuracy it achieves on one flow.
//!
//! Each method integrates the scenario's flow from its start to T = `t_end` in one piece, at each tolerance. Its error is
//!
//! ‖θ(T) − θ_ref(T)‖/‖θ_ref(T)‖
//!
//! over all weights. It is taken at T alone: landing on times in between would cost the stabilised methods steps, so that counts and errors
//! would belong to different integrations. Where the flow contracts, the state at T forgets earlier errors; a shorter `t_end` shows them.
//! The residual of the balance law at T is recorded as well: it needs no reference, and no contraction but the law's own hides it.
//! The scenario's integrator, projection and optimizers are not used; its `max_steps` bounds every integration, the references included,
//! and its ratio atol/rtol is kept. Points are integrated one after the other: side by side their wall times would be wrong.
//!
//! Diagrams of this kind: Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, II.10.

mod line_up;
mod point;
mod reference;
mod setting;

pub use line_up::{Method, UnknownMethod, line_up, method};
pub use point::Point;
pub use setting::Setting;

use crate::folder::{Study, StudyManifest};
use crate::observe::Balance;
use crate::ode::{Interrupt, Tolerance, short};
use crate::run::Problem;
use crate::scenario::Scenario;
use crate::scenario::setting;
use crate::session;

use point::table;
use reference::Reference;
use setting::tolerance;

/// The methods to compare, and the relative tolerances.
#[derive(Debug, Clone)]
pub struct StudySettings {
    /// In the order of the table.
    pub methods: Vec<Method>,
    /// The relative tolerances, from loose to tight.
    pub rtols: Vec<f64>,
}

/// The hρ of a method with a fixed step: rk4 is stable to 2.785, and ρ is known to a few percent.
const STEPS: [f64; 4] = [2.4, 1.2, 0.6, 0.3];

/// What is integrated.
struct Task<'a> {
    scenario: &'a Scenario,
    problem: &'a Problem,
    interrupt: &'a Interrupt,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// No method reached T.
    #[error("no reference reaches t = {t_end}: {}", .failures.join("; "))]
    NoReference {
        /// The time T.
        t_end: f64,
        /// What was tried, and where and why it stopped.
        failures: Vec<String>,
    },
    /// The user interrupted the study.
    #[error("interrupted: the same command starts again from the beginning")]
    Interrupted,
}

/// The results of a study.
pub struct FinishedStudy {
    /// Its table and caption.
    pub study: Study,
    /// What was studied, where, against which reference, and the warnings.
    pub manifest: StudyManifest,
    /// The points, in the order of the table.
    pub points: Vec<Point>,
}

/// Studies a scenario on its own problem, until it is done or `interrupt` is raised. `progress` is called with the number of integrations
/// done, their total and the name of the next.
///
/// # Errors
/// If no reference reaches T, or the study was interrupted.
pub fn study(
    scenario: &Scenario,
    problem: &Problem,
    settings: &StudySettings,
    interrupt: &Interrupt,
    mut progress: impl FnMut(usize, usize, &str),
) -> Result<FinishedStudy, StudyError> {
    let task = Task { scenario, problem, interrupt };
    // The references count as one.
    let settings_of = |method: &Method| if method.is_adaptive() { settings.rtols.len() } else { STEPS.len() };
    let total = 1 + settings.methods.iter().map(settings_of).sum::<usize>();
    let reference = Reference::find(&task, |name| progress(0, total, &format!("reference {name}")))?;
    let balance = Balance::new(&problem.start, scenario.balance_law());
    let mut points = Vec::with_capacity(total);
    for method in &settings.methods {
        let chosen: Vec<Setting> = if method.is_adaptive() {
            settings.rtols.iter().map(|&rtol| Setting::Tolerance(tolerance(rtol, scenario))).collect()
        } else {
            STEPS.iter().map(|hrho| Setting::Step((hrho / reference.spectral_radius).min(scenario.flow.t_end))).collect()
        };
        for setting in chosen {
            progress(1 + points.len(), total, &format!("{} at {setting}", method.name));
            points.push(Point::measure(method, setting, &task, &reference, &balance));
            if interrupt.is_raised() {
                return Err(StudyError::Interrupted);
            }
        }
    }
    let mut manifest = StudyManifest::new(problem.scenario_hash.clone(), scenario.seed);
    manifest.methods = settings.methods.iter().map(|method| method.name).collect();
    manifest.rtol = settings.rtols.clone();
    manifest.spectral_radius = reference.spectral_radius;
    manifest.reference = reference.attempts.clone();
    manifest.warnings = reference.warnings();
    manifest.warnings.extend(unresolved(&task, settings, &reference));
    manifest.reference_floor = Some(reference.floor).filter(|floor| floor.is_finite());
    let study = Study {
        name: scenario.name.clone(),
        caption: format!(
            "{}, T = {}, fastest rate times T = {:.1e}, atol = {}·rtol. {}",
            setting(scenario),
            scenario.flow.t_end,
            reference.spectral_radius * scenario.flow.t_end,
            short(scenario.flow.atol / scenario.flow.rtol, 6),
            reference.describe()
        ),
        table: table(&points, reference.floor),
    };
    manifest.caption = study.caption.clone();
    Ok(FinishedStudy { study, manifest, points })
}

/// The warning about a start that methods do not resolve even at the tightest tolerance, or the reference does not.
fn unresolved(task: &Task, settings: &StudySettings, reference: &Reference) -> Option<String> {
    let flow = &task.scenario.flow;
    let at = |rtol: f64| {
        let tolerance = tolerance(rtol, task.scenario);
        Some((session::unresolved(tolerance, flow.t_end, task.problem)?, tolerance))
    };
    let adaptive = settings.methods.iter().any(Method::is_adaptive);
    let of_methods = settings.rtols.last().filter(|_| adaptive).and_then(|&rtol| at(rtol));
    // The last that was tried is the check, if there is one: its tolerance is that of the reference or ten times as large.
    let of_reference = reference.attempts.last().and_then(|attempt| at(attempt.rtol));
    let who = match (&of_methods, &of_reference) {
        (Some(_), Some(_)) => "methods and reference",
        (Some(_), None) => "the methods",
        (None, _) => "the reference",
    };
    let (found, Tolerance { rtol, atol }) = of_methods.or(of_reference)?;
    // The ratio of flow.atol to flow.rtol is what the study keeps.
    Some(found.warning(&format!("atol = {atol:.0e} at rtol = {rtol:.0e}"), who, flow.rtol / rtol))
}

//! The models that claims compare an optimizer with, integrated once more and more finely, to know their errors.
//!
//! Flows take a tenth of the tolerance, or half the step of `rk4`; central flows take half their step. They are beside one optimizer and
//! go where its companions go, so that errors are known at exactly the times of its records.

use std::time::Duration;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::norm;
use crate::observe::{CompanionKind, Measure};
use crate::ode::{Interrupt, Termination};
use crate::optim::Optimizer;

use super::central::CentralCompanion;
use super::certificate::more_finely_to_the_end;
use super::companion::{CompanionFlow, companions};
use super::schedule::SAME;
use super::{Flight, Plan, Problem};

/// The finer models beside one optimizer; none where no claim asks for them.
pub(super) struct FinerModels<'a> {
    flow: Option<Flight<'a>>,
    companions: Vec<CompanionFlow<'a>>,
    central: Option<CentralCompanion<'a>>,
    /// The end of the flow.
    t_end: f64,
    interrupt: Interrupt,
}

impl<'a> FinerModels<'a> {
    pub(super) fn new(settings: &Optimizer, plan: &Plan, problem: &'a Problem, interrupt: &Interrupt) -> Self {
        let asked = plan.models();
        let is_asked = |kind: CompanionKind| asked.contains(&kind);
        let is_measured = |measure: &Measure| asked.iter().any(|kind| kind.measure() == Some(measure.name()));
        let measure = plan.measure.iter().copied().filter(is_measured);
        let asking = Plan { measure: measure.collect(), ..plan.clone() };
        let mut own = companions(settings, &asking, problem, interrupt, true);
        own.flows.retain(|companion| is_asked(companion.kind()));
        let flow = is_asked(CompanionKind::Flow).then(|| {
            Flight::new(&more_finely_to_the_end(&plan.flow), problem, interrupt)
                .expect("a validated scenario can be integrated")
                .landing_between()
        });
        Self { flow, companions: own.flows, central: own.central, t_end: plan.flow.t_end, interrupt: interrupt.clone() }
    }

    /// Advances them to time `t`, where their optimizer has taken `step` steps, or as far as they get. Returns whether one of them was paused
    /// on the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        let mut paused = false;
        let on_flow = self.on_the_flow(t);
        if let Some(flow) = self.flow.as_mut().filter(|_| on_flow <= self.t_end) {
            flow.advance(on_flow);
            paused = self.interrupt.is_pause() && matches!(flow.stop(), Some(Termination::Interrupted { .. }));
        }
        for companion in &mut self.companions {
            paused |= companion.advance(t, step);
        }
        paused | self.central.as_mut().is_some_and(|central| central.advance(t, step))
    }

    /// t, or the end of the flow if the two differ by rounding alone: the time of a step, Σ η_j, may pass it.
    fn on_the_flow(&self, t: f64) -> f64 {
        if (t - self.t_end).abs() <= SAME * self.t_end { self.t_end } else { t }
    }

    /// ‖θ_c − θ_c′‖ at time `t` for each of `models` θ_c whose finer partner θ_c′ is there.
    pub(super) fn errors<'m>(
        &self,
        t: f64,
        models: impl Iterator<Item = (CompanionKind, &'m DVector<f64>)>,
    ) -> Vec<(CompanionKind, f64)> {
        let error = |(kind, theta): (CompanionKind, &DVector<f64>)| Some((kind, norm(&(theta - self.at(kind, t)?))));
        models.filter_map(error).collect()
    }

    /// θ_c′ at time `t`.
    fn at(&self, kind: CompanionKind, t: f64) -> Option<&DVector<f64>> {
        match kind {
            CompanionKind::Flow => {
                let there = |flow: &&Flight| flow.t() == self.on_the_flow(t) && flow.stop().is_none();
                self.flow.as_ref().filter(there).map(|flow| flow.parameters().values())
            }
            CompanionKind::CentralFlow => self.central.as_ref()?.at(t).map(|(_, theta, _)| theta),
            _ => self.companions.iter().find_map(|companion| companion.at(t).filter(|(own, _)| *own == kind)).map(|(_, at)| at),
        }
    }

    /// Gradients that they have taken.
    pub(super) fn gradients(&self) -> u64 {
        let flow = self.flow.as_ref().map_or(0, |flow| flow.work().evaluations);
        let central = self.central.as_ref().map_or(0, CentralCompanion::gradients);
        flow + central + self.companions.iter().map(CompanionFlow::gradients).sum::<u64>()
    }

    /// Time that they have taken.
    pub(super) fn time(&self) -> Duration {
        let flow = self.flow.as_ref().map_or(Duration::ZERO, Flight::time);
        let central = self.central.as_ref().map_or(Duration::ZERO, CentralCompanion::time);
        flow + central + self.companions.iter().map(CompanionFlow::time).sum::<Duration>()
    }

    /// Takes or replaces their state.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.flow.as_mut().map_or(Ok(()), |flow| flow.archive(archive))?;
        self.companions.iter_mut().try_for_each(|companion| companion.archive(archive))?;
        self.central.as_mut().map_or(Ok(()), |central| central.archive(archive))
    }
}

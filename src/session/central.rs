//! The central flow beside one optimizer, on its clock: a step of its own for every step of the optimizer.

use std::time::Duration;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{CompanionKind, Prediction};
use crate::ode::{Interrupt, Termination, short};
use crate::optim::{CentralFlow, CentralFlowError};
use crate::record;

use super::walk::Walk;

/// The share of looks at the Hessian that may fall short without a warning.
const SHORT: f64 = 0.01;

/// A central flow beside one optimizer.
pub(super) struct CentralCompanion<'a> {
    flow: CentralFlow<'a>,
    walk: Walk,
    /// Where oscillation begins: the first recorded time at which it has directions.
    entered: Option<f64>,
}

impl<'a> CentralCompanion<'a> {
    pub(super) fn new(flow: CentralFlow<'a>, interrupt: &Interrupt) -> Self {
        Self { flow, walk: Walk::new(interrupt), entered: None }
    }

    /// Advances it to the optimizer's step `step`, which stands at time `t`, or as far as it gets. Returns whether it was paused on the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        let Self { flow, walk, entered } = self;
        let missing = step.saturating_sub(flow.steps());
        let paused = walk.advance(t, missing, |t| {
            flow.step().map_err(|error| {
                let stop = match error {
                    CentralFlowError::Overflow => Termination::Diverged { t, norm: flow.theta().norm() },
                    CentralFlowError::Crowded { .. } | CentralFlowError::PreconditionedCrowded { .. } => {
                        Termination::MaxSteps { t, steps: flow.steps() }
                    }
                };
                (stop, error.to_string())
            })
        });
        if walk.is_at(t) && entered.is_none() && flow.oscillating() > 0 {
            *entered = Some(t);
        }
        paused
    }

    /// Gradients that it has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.flow.gradients()
    }

    /// Time that it has taken so far.
    pub(super) fn time(&self) -> Duration {
        self.walk.time()
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.flow.archive(archive)?;
        self.walk.archive(archive)?;
        archive.item(&mut self.entered)
    }

    /// Its kind, and θ at time `t`, with what it predicts there; `None` if it is not at `t`, or still takes the steps of its rule.
    pub(super) fn at(&self, t: f64) -> Option<(CompanionKind, &DVector<f64>, Prediction)> {
        let predicted = || Prediction { mean: self.flow.mean_value(), directions: self.flow.oscillating() };
        (self.walk.is_at(t) && self.flow.has_begun()).then(|| (CompanionKind::CentralFlow, self.flow.theta(), predicted()))
    }

    /// Its entry in the manifest, and warnings. `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Vec<String>) {
        let Self { flow, walk, entered } = self;
        let remark = match entered {
            Some(entered) => format!("; at the edge of stability from t = {}", short(entered, 6)),
            None if !flow.has_begun() => "; it had not begun".to_string(),
            None => "; it never came to the edge of stability".to_string(),
        };
        let never = (!flow.has_begun() && !interrupted && !walk.has_ended()).then(|| {
            let (opening, steps) = (flow.opening(), flow.steps());
            format!(
                "its central flow is not compared: it begins after the first {opening} steps of the rule, and there are {steps}"
            )
        });
        let unsettled = (flow.unsettled() > SHORT).then(|| {
            format!(
                "its central flow follows eigenvectors that are uncertain at {:.0} % of its steps, because the limit of products with the \
                 Hessian was reached: compare it with care",
                100.0 * flow.unsettled()
            )
        });
        let (entry, early) = walk.ended(CompanionKind::CentralFlow, interrupted, (flow.formula(), flow.gradients()), &remark);
        (entry, early.into_iter().chain(unsettled).chain(never).collect())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::claim::Claim;
    use crate::data::{Dataset, Moments};
    use crate::flow::Flow;
    use crate::network::{Architecture, Parameters};
    use crate::objective::LinearObjective;
    use crate::observe::Measure;
    use crate::optim::{Adam, Gd};
    use crate::record::Outcome;
    use crate::session::{Finished, Session};

    /// Two layers on the target diag(2, 1), with a record at each of so many steps.
    fn compared(steps: u32) -> Finished {
        let net = Architecture::new(&[2, 2, 2]);
        let x = DMatrix::identity(2, 2);
        let y = DMatrix::from_diagonal(&DVector::from_vec(vec![2.0, 1.0]));
        let objective = LinearObjective::new(net.clone(), Moments::new(&Dataset { x, y }).unwrap(), 0.0);
        let start = Parameters::from_weights(&net, &vec![DMatrix::from_row_slice(2, 2, &[0.8, 0.1, -0.2, 0.6]); 2]);
        Session::new(objective, start.values().clone())
            .flow(Flow::new(0.01 * f64::from(steps)))
            .record((0..=steps).map(|step| 0.01 * f64::from(step)))
            .optimizer(Adam::new(0.01))
            .optimizer(Gd::new(0.01))
            .measure(Measure::CentralFlow)
            .claim(Claim::FollowsCentralFlow)
            .run()
            .unwrap()
    }

    /// Where it is the rule itself, it has no columns and no verdict; that of gradient descent begins at once.
    #[test]
    fn the_steps_of_the_rule_are_not_compared() {
        let (short, long) = (compared(10), compared(20));
        let of = |run: &Finished, process: &str| run.run.table.floats(process, "distance_to_central_flow");
        for column in ["distance_to_central_flow", "central_flow_loss", "central_flow_error"] {
            let there: Vec<bool> = long.run.table.floats("adam", column).iter().map(|value| value.is_finite()).collect();
            assert_eq!(there, (0..=20).map(|step| step > 10).collect::<Vec<_>>(), "{column}");
        }
        assert!(
            of(&short, "adam").iter().all(|value| value.is_nan()) && of(&short, "gd").iter().all(|value| value.is_finite())
        );
        let outcome = |run: &Finished, process: &str| {
            run.manifest.verdicts.get(&format!("follows-central-flow/{process}")).map(|verdict| verdict.verdict)
        };
        assert_eq!((outcome(&short, "adam"), outcome(&short, "gd")), (None, Some(Outcome::Holds)));
        assert_eq!(outcome(&long, "adam"), Some(Outcome::Holds));
        let warned = |run: &Finished| {
            run.manifest
                .warnings
                .iter()
                .any(|warning| warning.to_string().contains("after the first 10 steps of the rule, and there are 10"))
        };
        assert!(warned(&short) && !warned(&long), "{:?}", short.manifest.warnings);
    }
}

//! What goes to the end: seeds of an optimizer, and paths of its equation.

use nalgebra::DVector;

use crate::network::WeightDecay;
use crate::ode::{Interrupt, has_blown_up};
use crate::optim::{Ground, Optimizer, SdeWalker, SgdEquation};
use crate::rng::{Purpose, named_stream};
use crate::run::Problem;
use crate::session::Gradients;
use crate::study::lr::LrError;

use super::control::Control;
use super::ensemble::{Law, Lost, Member, gather, workers};

/// What the members of all laws at one rate have in common.
pub(super) struct Course<'a> {
    pub(super) problem: &'a Problem,
    pub(super) decay: &'a WeightDecay,
    /// The optimizer at its rate; its name is that of the random streams.
    pub(super) optimizer: &'a Optimizer,
    /// K.
    pub(super) steps: u64,
    pub(super) control: Option<&'a Control>,
    /// Of the random streams.
    pub(super) seed: u64,
    /// N.
    pub(super) count: u64,
    pub(super) threads: usize,
}

impl Course<'_> {
    fn start(&self) -> &DVector<f64> {
        self.problem.start.values()
    }

    /// The law of θ_K over N seeds, or the step in which one diverged.
    pub(super) fn seeds(&self, interrupt: &Interrupt, progress: impl FnMut(f64)) -> Result<Result<Law, u64>, LrError> {
        let &Self { decay, optimizer, steps, control, seed, .. } = self;
        let (rate, norm) = (optimizer.lr(), self.start().norm());
        let time = optimizer.step_time(rate);
        let own = || (self.problem.clone(), self.start().clone(), self.start().clone(), self.start().clone());
        let walk = |(problem, theta, gradient, scratch): &mut (Problem, DVector<f64>, DVector<f64>, DVector<f64>),
                    chunk: u64,
                    size: u64,
                    members: &mut Vec<Member>| {
            let settings = optimizer.at_rate(&format!("{}-e{chunk}", optimizer.name()), rate, steps);
            let mut gradients = Gradients::new(&settings, seed, problem);
            for _ in 0..size {
                let mut rule = settings.rule_of(problem.start.architecture(), decay, &problem.rates);
                let mut controls = [0.0; 2];
                theta.copy_from(problem.start.values());
                for step in 0..steps {
                    proceed(interrupt)?;
                    gradients.form(time, theta, false, gradient);
                    if let Some(control) = control.filter(|_| !gradients.batch().is_empty()) {
                        control.add_batch(step as usize, gradients.batch(), theta, &mut controls, scratch);
                    }
                    rule.step(rate, gradient.as_slice(), theta.as_mut_slice());
                    if has_blown_up(theta.norm(), norm) {
                        return Err(Lost::Diverged(step + 1));
                    }
                }
                members.push(Member { values: [problem.objective.value(theta), theta.norm_squared()], controls });
            }
            Ok(())
        };
        gather(self.count, workers(self.threads, self.count, own), walk, interrupt, progress)
    }

    /// The law of X(Kη) over N paths of `equation`, likewise. `word` tells their random streams from those of other equations.
    ///
    /// # Panics
    /// If the equation cannot be followed on this problem.
    pub(super) fn paths(
        &self,
        equation: SgdEquation,
        word: &str,
        interrupt: &Interrupt,
        progress: impl FnMut(f64),
    ) -> Result<Result<Law, u64>, LrError> {
        let &Self { optimizer, steps, control, seed, .. } = self;
        let (start, norm) = (self.start(), self.start().norm());
        let own = || {
            let walker = SdeWalker::on(&self.ground(), equation).expect("whoever asks has made one");
            (walker, self.start().clone(), self.start().clone())
        };
        let walk = |(walker, theta, scratch): &mut (SdeWalker, DVector<f64>, DVector<f64>),
                    chunk: u64,
                    size: u64,
                    members: &mut Vec<Member>| {
            let name = format!("{}-{word}/{chunk}", optimizer.name());
            let mut rng = named_stream(seed, Purpose::Sde, &name);
            for _ in 0..size {
                let mut controls = [0.0; 2];
                theta.copy_from(start);
                for step in 0..steps {
                    proceed(interrupt)?;
                    walker.step(theta, &mut rng, |kick| {
                        if let Some(control) = control.filter(|_| !kick.weights.is_empty()) {
                            control.add_kick(step as usize, &kick, &mut controls, scratch);
                        }
                    });
                    if has_blown_up(theta.norm(), norm) {
                        return Err(Lost::Diverged(step + 1));
                    }
                }
                members.push(Member { values: [walker.value(theta), theta.norm_squared()], controls });
            }
            Ok(())
        };
        gather(self.count, workers(self.threads, self.count, own), walk, interrupt, progress)
    }

    /// What the optimizer's equation is made of.
    pub(super) fn ground(&self) -> Ground<'_> {
        let Problem { objective, samples, start, .. } = self.problem;
        Ground { objective: &**objective, samples: samples.as_ref(), start: start.values(), steps: self.steps }
    }
}

fn proceed(interrupt: &Interrupt) -> Result<(), Lost> {
    if interrupt.is_raised() { Err(Lost::Interrupted) } else { Ok(()) }
}

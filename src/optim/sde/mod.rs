//! Stochastic gradient descent with replacement as a stochastic differential equation. With η the time of a step, batches of B and
//! Σ = (1/n) Σ_i (∇ℓ_i − ∇ℒ)(∇ℓ_i − ∇ℒ)ᵀ the covariance of the samples' gradients,
//!
//! - order 1: dX = −∇J dt + √(ηΣ/B) dW;
//! - order 2: dX = −∇(J + (η/4)‖∇J‖²) dt + √(ηΣ/B) dW,
//!
//! both from X(0) = θ_0: Li, Tai & E, *Stochastic modified equations and adaptive stochastic gradient algorithms*, ICML 2017, and *Stochastic
//! modified equations and dynamics of stochastic gradient algorithms I*, JMLR 20, 2019. X has the law of the iterates, to a weak order: for
//! smooth f, E f(X(kη)) − E f(θ_k) = O(η) or O(η²) over a fixed time. No path of X is near the iterates of one seed. So the equation is
//! solved along many paths, each with noise of its own, and what they have in common is compared: their mean and their spread.
//!
//! The covariance of the iterates is itself of order η, and both orders give it up to O(η²); order 2 gives the mean to one order more.
//!
//! With momentum β and dampening τ the noise of a gradient has moved the iterate by η(1 − τ)/(1 − β) times itself in the end, as far as the
//! gradient itself, and the clock of the iterates goes by as much a step: on that clock order 1 holds with η(1 − τ)/(1 − β) in the place of
//! η, of heavy ball and of Nesterov's momentum alike. Order 2 would need the velocity as a state.
//!
//! Noise that the optimizer adds by itself ([`Noise`]) is part of the equation: label noise of variance σ² adds (ησ²/B)·(1/n) Σ_i J_iᵀJ_i, J_i =
//! ∂f(x_i)/∂θ, to ηΣ/B, and Langevin noise of temperature T adds √(2T) dW′, which does not vanish with η: the iterates then are an
//! Euler–Maruyama method for the equation of order 1, of weak order 1, and no order 2 is known here. Without batches these are all the noise.
//!
//! Without replacement the noise of an epoch adds up to nothing to leading order: its batches are negatively correlated, and the variance of
//! the iterates is O(η²), where that of the equation is O(η). What epochs follow is [`ModifiedFlow`](super::ModifiedFlow).

mod scheme;
#[cfg(test)]
mod tests;
mod walker;

use std::sync::Arc;

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{at_most_threads, each_on_threads, threads_granted};
use crate::objective::{Objective, Samples};
use crate::ode::has_blown_up;
use crate::rng::{Purpose, named_stream};

use super::Noise;
use super::formula::number;
use super::settings::Ground;

pub(crate) use walker::{Kick, SdeWalker};

/// The largest λ_max times step of the scheme, which is stable up to 2.51.
const STABLE: f64 = 2.5;

/// What a warning advises where the equation describes what a flow does not. Others than a run put their own word for it in its place.
pub(crate) const MEASURE_SDE: &str = "measure sde";

/// Why an optimizer has no such equation, or none that can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoEquation {
    /// Nothing is drawn.
    #[error("on all samples there is no noise")]
    NoNoise,
    /// Batches that depend on each other.
    #[error("without replacement the noise of an epoch cancels to leading order, and that of the equation does not")]
    Epochs,
    /// Of order 2.
    #[error("with momentum it is known to order 1 only")]
    Momentum,
    /// Of order 2.
    #[error("with a temperature it is known to order 1 only")]
    Temperature,
    /// Of order 2.
    #[error("order 2 needs products with the Hessian, which the objective does not offer")]
    NoHessian,
    /// The noise cannot be drawn.
    #[error("the objective gives no weighted gradients of its samples")]
    NoWeights,
}

impl NoEquation {
    /// The warning where paths along an optimizer were asked for, with what to ask for instead. Others who ask have remedies of their own.
    pub(super) fn warning(self) -> String {
        let remedy = match self {
            Self::NoNoise => "; measure modified_flow",
            Self::Epochs => "; set replacement: true, or measure modified_flow, which describes epochs",
            Self::Momentum | Self::Temperature | Self::NoHessian => "; set `order: 1`",
            Self::NoWeights => "",
        };
        format!("its stochastic differential equation is not compared: {self}{remedy}")
    }
}

/// How closely the equation follows stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakOrder {
    /// Expectations to O(η).
    First,
    /// Expectations to O(η²).
    Second,
}

/// How many paths are followed, with which noise, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdeSettings {
    /// The number of paths, 2 at least.
    pub paths: usize,
    /// The seed of the noise.
    pub seed: u64,
    /// Threads at most; paths have the same bits for any number.
    pub threads: usize,
}

/// The equation of one optimizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdEquation {
    /// η, the time of a step.
    pub rate: f64,
    /// B, of samples that are drawn independently of each other; `None` where each step takes every sample once.
    pub batch: Option<usize>,
    /// What the optimizer adds by itself.
    pub noise: Noise,
    /// Its order.
    pub order: WeakOrder,
    /// Steps of the scheme for each step of the optimizer.
    pub substeps: u32,
}

impl SgdEquation {
    /// Of steps of time η = `rate` in such batches and with such noise, where the rule is stable while η·λ_max(∇²J) < `bound`.
    ///
    /// A step is cut into as many as keep the scheme stable wherever the rule is: 1 of plain stochastic gradient descent at order 1, where the
    /// drift decays at λ, and 2 at order 2, where it decays at λ + ηλ²/2.
    pub fn new(rate: f64, batch: Option<usize>, noise: Noise, order: WeakOrder, bound: f64) -> Self {
        let stiffness = match order {
            WeakOrder::First => bound,
            WeakOrder::Second => bound * (1.0 + 0.5 * bound),
        };
        Self { rate, batch, noise, order, substeps: (stiffness / STABLE).ceil().max(1.0) as u32 }
    }

    /// Whether this objective has all that its drift needs.
    fn check(&self, objective: &dyn Objective) -> Result<(), NoEquation> {
        let lacks = self.order == WeakOrder::Second && objective.hessian().is_none();
        if lacks { Err(NoEquation::NoHessian) } else { Ok(()) }
    }

    /// c of the drift −∇J − c·∇²J∇J.
    fn curvature(&self) -> f64 {
        match self.order {
            WeakOrder::First => 0.0,
            WeakOrder::Second => 0.5 * self.rate,
        }
    }

    /// The equation with its numbers.
    fn formula(&self) -> String {
        let drift = match self.order {
            WeakOrder::First => "−∇J dt".to_string(),
            WeakOrder::Second => format!("−(∇J + {}·∇²J∇J) dt", number(self.curvature())),
        };
        let Noise { temperature, labels } = self.noise;
        let (mut formula, mut meanings) = (format!("dX = {drift}"), String::new());
        if let Some(batch) = self.batch {
            formula += &format!(" + √({}·Σ) dW", number(self.rate / batch as f64));
            meanings += ", Σ = (1/n) Σ_i (∇ℓ_i − ∇ℒ)(∇ℓ_i − ∇ℒ)ᵀ";
        }
        if labels > 0.0 {
            let variance = self.rate * labels * labels;
            let share = self.batch.map_or_else(|| format!("{}/n", number(variance)), |batch| number(variance / batch as f64));
            formula += &format!(" + √({share}·K) dW′");
            meanings += ", K = (1/n) Σ_i J_iᵀJ_i";
        }
        if temperature > 0.0 {
            formula += &format!(" + {} dW″", number((2.0 * temperature).sqrt()));
        }
        formula + &meanings
    }

    /// Gradients that a step of the optimizer takes along one path, a product with the Hessian counting 2, and the noise of batches and of
    /// labels 1 each.
    pub(crate) fn gradients_per_step(&self) -> u64 {
        let drift = if self.order == WeakOrder::Second { 3 } else { 1 };
        let noise = u64::from(self.batch.is_some()) + u64::from(self.noise.labels > 0.0);
        u64::from(self.substeps) * (3 * drift + noise)
    }
}

/// A path that has diverged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("path {path} has diverged: lower the learning rate, or take larger batches")]
pub struct PathDiverged {
    /// Which, from 0.
    pub path: usize,
    /// ‖θ‖ before.
    pub norm: f64,
}

/// Paths of the equation of stochastic gradient descent, step by step on the clock of its iterates.
pub struct Sde {
    equation: SgdEquation,
    crews: Vec<Crew>,
    threads: usize,
    steps: u64,
    start_norm: f64,
}

/// Some paths, one after the other on one thread.
struct Crew {
    walker: SdeWalker,
    /// The index of the first.
    first: usize,
    paths: Vec<Path>,
    /// One that has diverged.
    lost: Option<PathDiverged>,
    /// J on each.
    values: Vec<f64>,
}

struct Path {
    theta: DVector<f64>,
    rng: ChaCha8Rng,
}

impl Sde {
    /// Paths from `start` for the process `name`; path i has a random stream of its own, of seed, name and i. `None` if the equation
    /// has noise of batches or labels and the objective gives no weighted gradients of `samples`, which must be those of ℒ.
    ///
    /// # Panics
    /// If there are fewer than 2 paths.
    pub fn new(
        objective: &dyn Objective,
        samples: Option<&Arc<Samples>>,
        start: &DVector<f64>,
        equation: SgdEquation,
        settings: &SdeSettings,
        name: &str,
    ) -> Option<Self> {
        let &SdeSettings { paths, seed, threads, .. } = settings;
        assert!(paths >= 2, "the spread of {paths} paths is unknown");
        let path =
            |index: usize| Path { theta: start.clone(), rng: named_stream(seed, Purpose::Sde, &format!("{name}/{index}")) };
        let threads = threads_granted(threads).clamp(1, paths);
        let each = paths.div_ceil(threads);
        let crew = |first: usize| {
            let own = first..paths.min(first + each);
            Some(Crew {
                walker: SdeWalker::new(objective, samples, equation)?,
                first,
                values: vec![0.0; own.len()],
                paths: own.map(path).collect(),
                lost: None,
            })
        };
        let crews = (0..paths).step_by(each).map(crew).collect::<Option<_>>()?;
        Some(Self { equation, crews, threads, steps: 0, start_norm: start.norm() })
    }

    /// The paths of `equation` on this ground for the process `name`, or why there are none.
    pub(super) fn on(ground: &Ground, equation: SgdEquation, settings: &SdeSettings, name: &str) -> Result<Self, NoEquation> {
        equation.check(ground.objective)?;
        Self::new(ground.objective, ground.samples, ground.start, equation, settings, name).ok_or(NoEquation::NoWeights)
    }

    /// Goes on by one step of the optimizer.
    ///
    /// # Errors
    /// [`PathDiverged`] with the first of those that have.
    pub fn step(&mut self) -> Result<(), PathDiverged> {
        let start_norm = self.start_norm;
        each_on_threads(self.threads, &mut self.crews, |_, crew| at_most_threads(1, || crew.step(start_norm)));
        self.steps += 1;
        self.crews.iter().find_map(|crew| crew.lost).map_or(Ok(()), Err)
    }

    /// k, the steps of the optimizer that it has gone on by.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// θ on every path, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &DVector<f64>> {
        self.crews.iter().flat_map(|crew| crew.paths.iter().map(|path| &path.theta))
    }

    /// N, the number of paths.
    pub fn count(&self) -> usize {
        self.crews.iter().map(|crew| crew.paths.len()).sum()
    }

    /// X̄ = (1/N) Σ_i X_i.
    pub fn mean(&self) -> DVector<f64> {
        let mut paths = self.paths();
        let first = paths.next().cloned().unwrap_or_default();
        paths.fold(first, |sum, path| sum + path) / self.count() as f64
    }

    /// √(Σ_i ‖X_i − X̄‖²/(N − 1)), whose square is an unbiased estimate of E‖X − EX‖². `mean`: X̄.
    pub fn spread(&self, mean: &DVector<f64>) -> f64 {
        let squares: f64 = self.paths().map(|path| (path - mean).norm_squared()).sum();
        (squares / (self.count() - 1) as f64).sqrt()
    }

    /// J on every path, in their order.
    pub fn values(&mut self) -> Vec<f64> {
        each_on_threads(self.threads, &mut self.crews, |_, crew| at_most_threads(1, || crew.evaluate()));
        self.crews.iter().flat_map(|crew| crew.values.iter().copied()).collect()
    }

    /// Gradients so far of all paths, a product with the Hessian counting 2, and the noise of batches and of labels 1 each a step.
    pub fn gradients(&self) -> u64 {
        self.steps * self.count() as u64 * self.equation.gradients_per_step()
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        self.equation.formula()
    }

    /// Takes or replaces its state, which does not depend on the number of threads.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged, or that of another number of paths.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.same("number of paths", self.count() as u64)?;
        archive.item(&mut self.steps)?;
        for path in self.crews.iter_mut().flat_map(|crew| &mut crew.paths) {
            archive.item(&mut path.theta)?;
            archive.item(&mut path.rng)?;
        }
        Ok(())
    }
}

impl Crew {
    /// Each path goes on by a step of the optimizer, as far as it does not blow up.
    fn step(&mut self, start_norm: f64) {
        let Self { walker, first, paths, lost, .. } = self;
        for (index, Path { theta, rng }) in paths.iter_mut().enumerate() {
            let norm = theta.norm();
            walker.step(theta, rng, |_| ());
            if has_blown_up(theta.norm(), start_norm) {
                lost.get_or_insert(PathDiverged { path: *first + index, norm });
            }
        }
    }

    fn evaluate(&mut self) {
        for (value, path) in self.values.iter_mut().zip(&self.paths) {
            *value = self.walker.value(&path.theta);
        }
    }
}

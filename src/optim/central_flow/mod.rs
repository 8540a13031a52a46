//! The central flow of gradient descent, RMSProp or Adam, which describes their mean path at the edge of stability, too. With θ⁺ = θ − η·D·m̂
//! the step of the rule, D diagonal (`averages`; D = I and m̂ = g of gradient descent), in the time t = kη:
//!
//! - θ̇ = −D(m̂ + F), F = ½ Σ_{ij} X_ij ∇(u_iᵀHu_j), H = ∇²J, ∇(uᵀHv) = D³J[u, v],
//! - and the averages of g and g∘g follow g and g∘g + diag(HΣH), Σ = Σ_ij X_ij u_iu_jᵀ.
//!
//! u_i = D^{1/2}w_i, with w_1, …, w_k the eigenvectors of A = D^{1/2}HD^{1/2} at the edge e = s/η: s = 2 of gradient descent and RMSProp,
//! 2(1 + β₁)/(1 − β₁) of Adam. X ⪰ 0 is the covariance with which the iterates oscillate along them: it is such that
//! C := −d/dt(WᵀAW) ⪰ 0 and ⟨X, C⟩ = 0 along the flow (`complementarity`; to first order, `critical`). Below the edge X = 0, and it is
//! gradient flow, or the limit of the rule. The mean of J over the oscillation is J + ½⟨H, Σ⟩ = J + (e/2)·tr X; of gradient descent
//! J + tr X/η. Cohen, Damian, Talwalkar, Kolter & Lee, *Understanding optimization in deep learning with central flows*, ICLR 2025 (arXiv
//! 2410.24206); with momentum, ours.
//!
//! # A step of length η
//!
//! 1. The eigenvectors of A whose eigenvalues are near or above the edge (`upper_end`), and D_ij = D³J[u_i, u_j].
//! 2. The flow by RK4, at fixed F and diag(HΣH), with X⁰ the X of the step before, turned to the new eigenvectors.
//! 3. X: where WᵀAW arrives, to first order in the changes of θ and D further on, may not be above e; θ and the average of squares move by what
//!    X − X⁰ adds to their rates.
//!
//! So the flow without oscillation is integrated to fourth order, and the oscillation to first order in η. What a step leaves of an
//! eigenvalue above the edge the next one takes back, by a twentieth of the edge at most: a start beyond the edge returns to it step by step.
//!
//! # Where adaptive rules begin
//!
//! Before their averages hold anything, adaptive rules step by η or more in every entry, and many eigenvalues of A are above the edge. No
//! flow describes that: the first 10 steps are those of the rule itself, and the flow begins with θ and the averages there. Up to there
//! nothing is predicted, and nothing compared.

mod averages;
mod complementarity;
mod critical;
mod error;
#[cfg(test)]
mod tests;
mod upper_end;

use nalgebra::{DMatrix, DVector};
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::Eigen;
use crate::network::Architecture;
use crate::objective::Objective;
use crate::ode::has_blown_up;
use crate::rng::{Purpose, stream};

use super::formula::number;
use super::settings::Ground;
use super::{Decay, Rule};

pub(super) use averages::{Averages, Memory};

pub use error::CentralFlowError;

use averages::{Point, Push};
use complementarity::{lowered, spread};
use critical::Critical;
use upper_end::{Found, UpperEnd};

/// Eigenvalues at least so near to the edge, as a share of it, may reach it within a step.
const NEAR: f64 = 0.02;
/// The share of the edge by which an eigenvalue above it is lowered within a step, at most.
const RETURN: f64 = 0.05;
/// Directions at the edge, at most.
const MOST: usize = 12;
/// The largest rate of the flow times step of RK4, which is stable up to 2.78 for real rates and 2.82 for imaginary ones.
const STABLE: f64 = 2.2;
/// The share of tr X that a direction takes at least to count.
const COUNTS: f64 = 1e-6;
/// The least β of an average of squares: q is a mean over many oscillations.
const LEAST_BETA: f64 = 0.9;

/// Why there is no central flow of a rule that divides by an average of squares at the decay rate β = `beta`, called `key`, if so.
pub(super) fn remembers(beta: f64, key: &str) -> Result<(), String> {
    if beta >= LEAST_BETA {
        return Ok(());
    }
    Err(format!(
        "its central flow is not compared: the average of squares has to remember many oscillations, {key} = {LEAST_BETA} or more, got {beta}"
    ))
}

/// The central flow of a rule at one learning rate, step by step on the clock of its iterates.
pub struct CentralFlow<'a> {
    objective: &'a dyn Objective,
    lr: f64,
    /// s.
    bound: f64,
    averages: Averages,
    decay: Decay,
    /// θ_1, θ_2, … of the rule, up to where the flow begins.
    opening: Vec<DVector<f64>>,
    /// Steps of its own for each step of the rule.
    substeps: u32,
    point: Point,
    steps: u64,
    rng: ChaCha8Rng,
    end: UpperEnd,
    /// W and X of the last step.
    directions: Vec<DVector<f64>>,
    spread: DMatrix<f64>,
    start_norm: f64,
    gradients: u64,
    /// Looks at the Hessian, and those that did not reach their tolerance.
    looks: [u64; 2],
}

impl<'a> CentralFlow<'a> {
    /// Steps of its own by which an adaptive rule leads its central flow to its beginning, each of which is kept.
    pub(crate) const OPENING: usize = 10;

    /// The central flow of gradient descent at the rate `lr` = η > 0 from θ_0 = `start`. Third derivatives are central differences of products
    /// with the Hessian where the objective does not have them; J must be smooth.
    pub fn new(objective: &'a dyn Objective, lr: f64, start: &DVector<f64>) -> Self {
        Self {
            objective,
            lr,
            bound: 2.0,
            averages: Averages::None,
            decay: Decay::Coupled,
            opening: Vec::new(),
            substeps: 1,
            point: Point::plain(start.clone()),
            steps: 0,
            // A fixed stream: what is measured must not depend on the seed of the training.
            rng: stream(0, Purpose::CentralFlow),
            end: UpperEnd::default(),
            directions: Vec::new(),
            spread: DMatrix::zeros(0, 0),
            start_norm: start.norm(),
            gradients: 0,
            looks: [0; 2],
        }
    }

    /// The same with this many steps of its own for each step of the rule, 1 at least: it converges with order 1.
    pub fn with_substeps(self, substeps: u32) -> Self {
        Self { substeps: substeps.max(1), ..self }
    }

    /// The central flow of gradient descent on this ground, or why there is none.
    pub(super) fn of_gradient_descent(ground: &Ground<'a>, lr: f64) -> Result<Self, String> {
        let kink = |net: &Architecture| (1..=net.depth()).find(|&l| net.activation(l).kink().is_some());
        match ground.objective.layers().and_then(|layers| kink(layers.architecture())) {
            Some(l) => Err(format!(
                "its central flow is not compared: it needs third derivatives, and the activation of layer {l} has a kink"
            )),
            None => Ok(Self::new(ground.objective, lr, ground.start)),
        }
    }

    /// The central flow of the adaptive `rule` with these `averages`, or why there is none. `bound` is s, `decay` says where λ enters, and `read`
    /// gives m̂ and v̂ of the rule after a step along g.
    pub(super) fn of_adaptive<R: Rule>(
        ground: &Ground<'a>,
        lr: f64,
        bound: f64,
        averages: Averages,
        decay: Decay,
        mut rule: R,
        read: impl Fn(&R, &DVector<f64>) -> [DVector<f64>; 2],
    ) -> Result<Self, String> {
        let flow = Self::of_gradient_descent(ground, lr)?;
        let (mut theta, mut gradient) = (ground.start.clone(), ground.start.clone());
        let coupled = if decay == Decay::Coupled { ground.objective.weight_decay().single() } else { 0.0 };
        let mut step = |theta: &mut DVector<f64>| {
            ground.objective.loss_gradient(theta, &mut gradient);
            let whole = &gradient + &*theta * coupled;
            rule.step(lr, gradient.as_slice(), theta.as_mut_slice());
            read(&rule, &whole)
        };
        let (mut opening, mut here) = (Vec::new(), [DVector::zeros(0), DVector::zeros(0)]);
        for _ in 0..Self::OPENING {
            here = step(&mut theta);
            opening.push(theta.clone());
        }
        // Those of half a step later.
        let next = step(&mut theta);
        let [mean, square] = [0, 1].map(|i| (&here[i] + &next[i]) * 0.5);
        let point = Point { theta: ground.start.clone(), mean, square };
        Ok(Self { bound, averages, decay, opening, point, gradients: Self::OPENING as u64 + 1, ..flow })
    }

    /// Goes on by η, one step of the rule.
    ///
    /// # Errors
    /// [`CentralFlowError`]; θ then stays where it was last good.
    pub fn step(&mut self) -> Result<(), CentralFlowError> {
        let begun = usize::try_from(self.steps).ok().and_then(|step| self.opening.get(step));
        if let Some(theta) = begun {
            if has_blown_up(theta.norm(), self.start_norm) {
                return Err(CentralFlowError::Overflow);
            }
            self.point.theta.copy_from(theta);
        } else {
            let (h, t) = (self.lr / f64::from(self.substeps), self.t());
            for index in 0..self.substeps {
                self.substep(t + f64::from(index) * h, h)?;
            }
        }
        self.steps += 1;
        Ok(())
    }

    /// The time of its last step by the clock of the averages, which is half a step ahead of that of θ.
    fn t(&self) -> f64 {
        // A count of steps is far below 2^53.
        (self.steps as f64 + 0.5) * self.lr
    }

    /// e at time `t`.
    fn edge(&self, t: f64) -> f64 {
        self.bound / self.lr * self.averages.start(t)
    }

    fn substep(&mut self, t: f64, h: f64) -> Result<(), CentralFlowError> {
        let (edge, after) = (self.edge(t), self.edge(t + h));
        let Found { values, vectors, largest, .. } = self.look(edge)?;
        let critical = self.critical(edge, &vectors);
        let guess = self.turned(&vectors);
        let push = critical.push(&guess);
        let mut point = self.point.clone();
        let parts = (h * self.averages.stiffness(t, largest) / STABLE).ceil().max(1.0);
        for part in 0..parts as u64 {
            self.rk4(t + part as f64 * h / parts, h / parts, &mut point, &push);
        }
        // How fast WᵀAW would rise above the edge without oscillation, and what X has to undo.
        let fading = self.averages.fading(t);
        let gram = critical.gram(fading);
        let mut raised = critical.raised(&(&point.theta - &self.point.theta), &self.averages.factors(&point));
        for (i, value) in values.iter().enumerate() {
            raised[(i, i)] += (value - after).min(RETURN * edge);
        }
        let rise = lowered(&gram, &guess) + raised / h;
        let spread = spread(&rise, &gram);
        critical.shift(&mut point, &critical.push(&(&spread - guess)), fading, h);
        if has_blown_up(point.theta.norm(), self.start_norm) {
            return Err(CentralFlowError::Overflow);
        }
        (self.point, self.directions, self.spread) = (point, vectors, spread);
        Ok(())
    }

    /// The directions at the edge, or near it.
    fn look(&mut self, edge: f64) -> Result<Found, CentralFlowError> {
        let Self { objective, point, end, rng, averages, decay, .. } = self;
        let roots = averages.factors(point).map(f64::sqrt);
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| {
            decay.hessian_vector(*objective, &point.theta, &v.component_mul(&roots), out);
            out.component_mul_assign(&roots);
        };
        let found = end.look(roots.len(), (1.0 - NEAR) * edge, rng, apply).ok_or(CentralFlowError::Overflow)?;
        // What products at one θ share is one gradient.
        self.gradients += 1 + 2 * found.products;
        self.looks[0] += 1;
        self.looks[1] += u64::from(!found.settled);
        match found.values.len() {
            ..=MOST => Ok(found),
            crowd if self.opening.is_empty() => Err(CentralFlowError::Crowded { found: crowd, most: MOST }),
            crowd => Err(CentralFlowError::PreconditionedCrowded { found: crowd, most: MOST }),
        }
    }

    /// What an oscillation along `directions` does, with D³J[u_i, u_j].
    fn critical(&mut self, edge: f64, directions: &[DVector<f64>]) -> Critical {
        let k = directions.len() as u64;
        // Along u = v it is cheaper.
        self.gradients += 5 * k + 6 * (k * k.saturating_sub(1) / 2);
        let third = |u: &DVector<f64>, v: &DVector<f64>| {
            let mut out = DVector::zeros(u.len());
            self.objective.third_along(&self.point.theta, u, v, &mut out);
            out
        };
        Critical::new(&self.averages, &self.point, edge, directions, third)
    }

    /// X of the last step in the new directions.
    fn turned(&self, directions: &[DVector<f64>]) -> DMatrix<f64> {
        let turn = DMatrix::from_fn(directions.len(), self.directions.len(), |i, j| directions[i].dot(&self.directions[j]));
        &turn * &self.spread * turn.transpose()
    }

    /// `point` ← the end of the flow from there after h, by the classical method of order 4, at what `push` adds to the means.
    fn rk4(&mut self, t: f64, h: f64, point: &mut Point, push: &Push) {
        self.gradients += 4;
        let decay = self.decay.rate(self.objective);
        let mut gradient = DVector::zeros(point.theta.len());
        let (mut slope, mut sum, mut at) = (point.clone(), point.zero(), point.clone());
        for (weight, begin, next) in [(1.0, 0.0, 0.5), (2.0, 0.5, 0.5), (2.0, 0.5, 1.0), (1.0, 1.0, 0.0)] {
            self.decay.gradient(self.objective, &at.theta, &mut gradient);
            self.averages.rates(t + begin * h, &gradient, decay, &at, push, &mut slope);
            sum.add(weight, &slope);
            at.clone_from(point);
            at.add(next * h, &slope);
        }
        point.add(h / 6.0, &sum);
    }

    /// θ.
    pub fn theta(&self) -> &DVector<f64> {
        &self.point.theta
    }

    /// k, the steps of the rule that it has gone on by.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The steps of an adaptive rule that it takes over before its own, and that say nothing about it; 0 of gradient descent.
    pub fn opening(&self) -> u64 {
        self.opening.len() as u64
    }

    /// Whether it is beyond its [`opening`](Self::opening).
    pub fn has_begun(&self) -> bool {
        self.opening.is_empty() || self.steps > self.opening()
    }

    /// J + (e/2)·tr X, the mean of J that it predicts for the iterates; of gradient descent J + tr X/η.
    pub fn mean_value(&self) -> f64 {
        let mean = self.objective.value(self.theta());
        if self.directions.is_empty() {
            return mean;
        }
        let decay = self.decay.rate(self.objective);
        // Decay beside the gradient is in J, but not in A.
        let own = if decay > 0.0 { 0.5 * decay * self.variance() } else { 0.0 };
        mean + 0.5 * self.edge(self.t()) * self.spread.trace() + own
    }

    /// tr Σ.
    fn variance(&self) -> f64 {
        let factors = self.averages.factors(&self.point);
        let k = self.directions.len();
        let product = |i: usize, j: usize| self.directions[i].component_mul(&factors).dot(&self.directions[j]);
        DMatrix::from_fn(k, k, product).dot(&self.spread)
    }

    /// The number of directions along which the iterates oscillate: the rank of X.
    pub fn oscillating(&self) -> usize {
        let least = COUNTS * self.spread.trace();
        if least > 0.0 {
            let eigen = Eigen::symmetric(self.spread.as_view());
            eigen.map_or(0, |eigen| eigen.values.iter().filter(|value| **value > least).count())
        } else {
            0
        }
    }

    /// Gradients so far, a product with the Hessian counting 2 and a third derivative 6, or 5 along one direction.
    pub fn gradients(&self) -> u64 {
        self.gradients
    }

    /// The share of looks at the Hessian whose eigenvectors did not reach their tolerance within the limit of products.
    pub fn unsettled(&self) -> f64 {
        let [looks, unsettled] = self.looks;
        unsettled as f64 / looks.max(1) as f64
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        let edge = number(self.bound / self.lr);
        if self.opening.is_empty() {
            return format!(
                "θ̇ = −∇J − ½ Σ X_ij ∇(u_iᵀ∇²J u_j), u_i the eigenvectors of ∇²J at the edge {edge}, X ⪰ 0 keeping them there"
            );
        }
        let (decay, of) = self.decay.formula(self.objective);
        let averages = self.averages.formula();
        format!(
            "θ̇ = −D(m̂ + ½ Σ X_ij ∇(u_iᵀHu_j)){decay}{averages}, Σ = Σ X_ij u_iu_jᵀ, g = {of}, H = ∂g/∂θ, u_i the solutions of \
             Hu = {edge}·D⁻¹u, X ⪰ 0 keeping them there; from step {} of the rule on",
            self.opening.len()
        )
    }

    /// Takes or replaces its state.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.point.archive(archive)?;
        archive.item(&mut self.steps)?;
        archive.item(&mut self.rng)?;
        self.end.archive(archive)?;
        archive.item(&mut self.directions)?;
        archive.item(&mut self.spread)?;
        archive.item(&mut self.gradients)?;
        archive.item(&mut self.looks)
    }
}

//! Sharpness at the recorded moments of one process, and the gate of every comparison with a flow: whether η·λ_max passes the bound up to
//! which the process's rule is stable on a quadratic.
//!
//! The gate is looked at where the process is recorded, with all samples' Hessian. A minibatch's Hessian is sharper: sgd may leave the
//! flow before.

use nalgebra::DVector;

use crate::linalg::LargestEigenvalue;
use crate::observe::Curvature;
use crate::ode::Event;
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::Problem;

/// The residual of an estimate, as a share of the largest curvature. An eigenvalue is within that of it, and usually to its square: three
/// digits on which side of a bound it lies, and more than a picture shows.
const TOLERANCE: f64 = 1e-3;

/// Where the gate was passed first, and by how much at most.
struct Crossing {
    step: u64,
    t: f64,
    first: f64,
    most: f64,
}

/// The sharpness of one process.
pub(super) struct Sharpness<'a> {
    problem: &'a Problem,
    largest: LargestEigenvalue,
    /// Of the rule, if it has one.
    bound: Option<f64>,
    crossing: Option<Crossing>,
    last: Curvature,
}

impl<'a> Sharpness<'a> {
    /// Of a process whose rule is stable up to η·λ_max = `bound`; a flow has none.
    pub(super) fn new(problem: &'a Problem, bound: Option<f64>) -> Self {
        // Always the same numbers: what is measured must not depend on the seed of what is trained.
        let random =
            gaussian_matrix(problem.start.values().len(), 1, &mut stream(0, Purpose::Sharpness)).column(0).into_owned();
        let last = Curvature { sharpness: f64::NAN, lr: f64::NAN, bound: bound.unwrap_or(f64::NAN) };
        Self { problem, largest: LargestEigenvalue::new(&random, TOLERANCE), bound, crossing: None, last }
    }

    /// Measures at θ, which the process reached at time `t` after `step` steps and leaves at rate `lr`, NaN for a flow.
    pub(super) fn look(&mut self, theta: &DVector<f64>, step: u64, t: f64, lr: f64) {
        let objective = &*self.problem.objective;
        let found = self.largest.update(|v, out| objective.hessian_vector(theta, v, out));
        self.last.sharpness = found.unwrap_or(f64::NAN);
        self.last.lr = lr;
        let reached = lr * self.last.sharpness;
        if self.bound.is_some_and(|bound| reached > bound) {
            let crossing = self.crossing.get_or_insert(Crossing { step, t, first: reached, most: reached });
            crossing.most = crossing.most.max(reached);
        }
    }

    /// What was measured last.
    pub(super) fn observed(&self) -> Curvature {
        self.last
    }

    /// Gradients taken for it, a Hessian–vector product counting 2.
    pub(super) fn gradients(&self) -> u64 {
        2 * self.largest.products()
    }

    /// What a reader must know if the gate was passed, and the same as an event.
    pub(super) fn ended(self) -> Option<(String, Event)> {
        let (Crossing { step, t, first, most }, bound) = (self.crossing?, self.bound?);
        let (first, most) = (digits(first), digits(most));
        let reaches = if most == first { String::new() } else { format!(" and reaches {most}") };
        let passes = format!("η·λ_max = {first} passes {} at step {step} (t = {}){reaches}", digits(bound), digits(t));
        let detail = format!("{passes}: neither the flow nor the modified flow describes it from there");
        Some((detail.clone(), Event { t, kind: "unstable", detail }))
    }
}

/// Enough digits to compare.
fn digits(x: f64) -> String {
    if x < 1e4 { format!("{x:.3}").trim_end_matches('0').trim_end_matches('.').to_string() } else { format!("{x:.1e}") }
}

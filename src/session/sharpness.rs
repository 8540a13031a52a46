//! Sharpness at the recorded times of one process, and the validity of every comparison with a flow: whether η·λ_max exceeds the bound up
//! to which the process's rule is stable on a quadratic. With layer rates λ_max is that of K^{1/2}∇²J K^{1/2}, K = diag(κ_l).
//!
//! Sharpness is measured where the process is recorded, with the Hessian of all samples. The Hessian of a minibatch is sharper, so sgd may
//! leave the flow earlier.

use std::borrow::Cow;

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{Largest, largest_eigenvalue};
use crate::observe::Curvature;
use crate::ode::{Event, EventKind};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::Problem;

/// How far λ_max may exceed the recorded value, as a share of the largest |curvature|: three digits tell on which side of a bound it lies,
/// and are more than a picture shows. Usually ten are right.
const TOLERANCE: f64 = 1e-3;

/// Where the bound was first exceeded, and η·λ_max there and at its largest.
#[derive(Serialize, Deserialize)]
struct Crossing {
    step: u64,
    t: f64,
    first: f64,
    most: f64,
}

/// Measurements that are less certain than they should be.
#[derive(Default, Serialize, Deserialize)]
struct Doubt {
    looks: u64,
    /// Those in which products with the Hessian overflowed.
    undefined: u64,
    /// Those that did not reach their tolerance.
    short: u64,
    /// The most by which λ_max may be larger, as a share of the largest |curvature|, and the time of that measurement.
    most: f64,
    t: f64,
}

impl Doubt {
    fn look(&mut self, t: f64, found: Option<Largest>) {
        self.looks += 1;
        let Some(Largest { margin, size, .. }) = found else {
            self.undefined += 1;
            return;
        };
        if margin > TOLERANCE * size {
            self.short += 1;
            if margin > self.most * size {
                (self.most, self.t) = (margin / size, t);
            }
        }
    }

    /// Warnings for a reader of the records, about the column `name`.
    fn complaints(&self, name: &str) -> Vec<String> {
        let &Self { looks, undefined, short, most, t } = self;
        let mut complaints = Vec::new();
        if undefined > 0 {
            complaints
                .push(format!("{name} is null at {undefined} of {looks} records: products with the Hessian overflow there"));
        }
        if short > 0 {
            complaints.push(format!(
                "{name} is a lower bound at {short} of {looks} records: at t = {} λ_max may be larger by {:.1} % of the largest \
                 curvature, because the limit of products was reached",
                digits(t),
                100.0 * most
            ));
        }
        complaints
    }
}

/// The sharpness of one process.
pub(super) struct Sharpness<'a> {
    problem: &'a Problem,
    /// Draws a new vector for every measurement.
    rng: ChaCha8Rng,
    products: u64,
    doubt: Doubt,
    /// The stability bound of the rule, if it has one.
    bound: Option<f64>,
    /// Whether it is measured in the metric of the rule, where not all of θ counts alike.
    preconditioned: bool,
    crossing: Option<Crossing>,
    last: Curvature,
}

impl<'a> Sharpness<'a> {
    /// For a process whose rule is stable up to η·λ_max = `bound`; `None` for a flow.
    pub(super) fn new(problem: &'a Problem, bound: Option<f64>) -> Self {
        // A fixed stream: a measurement must not depend on the seed of the training.
        let rng = stream(0, Purpose::Sharpness);
        let last = Curvature { bound: bound.unwrap_or(f64::NAN), ..Curvature::UNKNOWN };
        Self { problem, rng, products: 0, doubt: Doubt::default(), bound, preconditioned: false, crossing: None, last }
    }

    /// The same in the metric of an adaptive rule.
    pub(super) fn preconditioned(problem: &'a Problem, bound: f64) -> Self {
        Self { preconditioned: true, ..Self::new(problem, Some(bound)) }
    }

    /// Measures at θ, which the process reached at time `t` after `step` steps. `lr` is the rate of its next step, NaN for a flow. With a
    /// `metric`, the roots of D and λ, that of D^{1/2}(∇²J − λI)D^{1/2}.
    pub(super) fn look(&mut self, theta: &DVector<f64>, step: u64, t: f64, lr: f64, metric: Option<(&DVector<f64>, f64)>) {
        let (objective, rates, net) = (&*self.problem.objective, &self.problem.rates, self.problem.start.architecture());
        let random = gaussian_matrix(theta.len(), 1, &mut self.rng).column(0).into_owned();
        let product = |v: &DVector<f64>, out: &mut DVector<f64>| {
            self.products += 1;
            let mut v = Cow::Borrowed(v);
            if !rates.are_one() {
                rates.multiply_root(net, v.to_mut());
            }
            if let Some((roots, _)) = metric {
                v.to_mut().component_mul_assign(roots);
            }
            objective.hessian_vector(theta, &v, out);
            if let Some((roots, decay)) = metric {
                out.axpy(-decay, &v, 1.0);
                out.component_mul_assign(roots);
            }
            rates.multiply_root(net, out);
        };
        let found = largest_eigenvalue(&random, TOLERANCE, product);
        self.last.sharpness = found.map_or(f64::NAN, |found| found.value);
        self.doubt.look(t, found);
        self.last.lr = lr;
        let reached = lr * self.last.sharpness;
        if self.bound.is_some_and(|bound| reached > bound) {
            let crossing = self.crossing.get_or_insert(Crossing { step, t, first: reached, most: reached });
            crossing.most = crossing.most.max(reached);
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.rng)?;
        archive.item(&mut self.products)?;
        archive.item(&mut self.doubt)?;
        archive.item(&mut self.crossing)?;
        archive.item(&mut self.last)
    }

    /// The last measurement.
    pub(super) fn observed(&self) -> Curvature {
        self.last
    }

    /// Gradients spent on it; a Hessian–vector product counts as 2.
    pub(super) fn gradients(&self) -> u64 {
        2 * self.products
    }

    /// Warnings, and the event of exceeding the bound.
    pub(super) fn ended(self) -> (Vec<String>, Option<Event>) {
        let name = if self.preconditioned { "preconditioned_sharpness" } else { "sharpness" };
        let mut complaints = self.doubt.complaints(name);
        let event = self.passed();
        complaints.extend(event.iter().map(|event| event.detail.clone()));
        (complaints, event)
    }

    fn passed(&self) -> Option<Event> {
        let (&Crossing { step, t, first, most }, bound) = (self.crossing.as_ref()?, self.bound?);
        let (first, most) = (digits(first), digits(most));
        let reaches = if most == first { String::new() } else { format!(" and reaches {most}") };
        let (of, consequence) = if self.preconditioned {
            (" of the preconditioned Hessian", "no continuous limit describes it")
        } else {
            ("", "no flow describes it")
        };
        let passes = format!("η·λ_max{of} = {first} passes {} at step {step} (t = {}){reaches}", digits(bound), digits(t));
        let detail = format!("{passes}: {consequence} from there; lower its lr to follow one");
        Some(Event { t, kind: EventKind::Unstable, detail })
    }
}

/// Enough digits to compare.
fn digits(x: f64) -> String {
    if x < 1e4 { format!("{x:.3}").trim_end_matches('0').trim_end_matches('.').to_string() } else { format!("{x:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A measurement that misses its tolerance, and one whose products overflow, are reported with how much is not known.
    #[test]
    fn looks_that_say_less_than_they_should_are_told() {
        let found = |margin: f64| Some(Largest { value: 3.0, margin, size: 4.0, products: 48 });
        let mut doubt = Doubt::default();
        doubt.look(0.0, found(4e-3));
        assert_eq!(doubt.complaints("sharpness"), Vec::<String>::new());
        doubt.look(1.0, found(0.02));
        doubt.look(2.0, found(0.4));
        doubt.look(3.0, found(0.2));
        doubt.look(4.0, None);
        let [undefined, short] = &doubt.complaints("sharpness")[..] else { panic!("{:?}", doubt.complaints("sharpness")) };
        assert!(undefined.starts_with("sharpness is null at 1 of 5 records"), "{undefined}");
        assert!(short.contains("at 3 of 5 records: at t = 2 λ_max may be larger by 10.0 %"), "{short}");
    }
}

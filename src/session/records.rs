//! That records and optimizers leave the flow alone: methods with dense output take the same steps whatever is asked of them in between.
//! And that any number of threads leaves the same records.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use nalgebra::DVector;

use crate::data::Dataset;
use crate::flow::{Flow, Integrator};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::{MlpObjective, Objective};
use crate::observe::{Column, Columns, Group, Measure, Observable, Row, Snapshot};
use crate::ode::{Interrupt, Termination};
use crate::optim::{Adam, Gd};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::{Finished, Session};

/// A tanh network on 40 samples, and its start.
fn problem() -> (MlpObjective, DVector<f64>) {
    let rng = &mut stream(3, Purpose::Inputs);
    let x = gaussian_matrix(40, 5, rng);
    let y = x.columns(0, 1).map(|x| (2.0 * x).sin());
    let net =
        Architecture::with_layers(&[5, 12, 12, 1], &[Activation::Tanh, Activation::Tanh, Activation::Identity], &[true; 3]);
    let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.4;
    (MlpObjective::new(net, Arc::new(Dataset { x, y }), Loss::Mse, 1e-3), start)
}

/// A tanh network's flow to t = 30, recorded `records` times, beside gradient descent with this many steps if any.
fn run(method: Integrator, rtol: f64, records: i32, steps: Option<u32>) -> Finished {
    let (objective, start) = problem();
    let times = (0..records).map(|i| 30.0 * f64::from(i) / f64::from(records - 1));
    let session = Session::new(objective, start).flow(Flow::new(30.0).rtol(rtol).integrator(method)).record(times);
    let session = match steps {
        Some(steps) => session.optimizer(Gd::new(30.0 / f64::from(steps))),
        None => session,
    };
    session.run().unwrap()
}

#[test]
fn records_and_optimizers_change_no_step_of_the_flow() {
    for (method, rtol) in [
        (Integrator::Auto, 1e-3),
        (Integrator::Auto, 1e-5),
        (Integrator::Rkc, 1e-4),
        (Integrator::Rock4, 1e-4),
        (Integrator::Rock4, 1e-7),
        (Integrator::Tsit5, 1e-7),
        (Integrator::Dp8, 1e-8),
        (Integrator::Rk6, 1e-6),
        (Integrator::Auto, 1e-8),
    ] {
        let cost = |run: &Finished| (run.manifest.processes["flow"].gradients, run.manifest.processes["flow"].steps_accepted);
        let [few, many, beside] = [(2, None), (101, None), (2, Some(600))].map(|(records, gd)| run(method, rtol, records, gd));
        let (gradients, steps) = cost(&few);
        for other in [&many, &beside] {
            assert_eq!(other.weights[0].1.values(), few.weights[0].1.values(), "{method:?} {rtol:e}");
            let (more, as_many) = cost(other);
            // The method of order 8, which serves at 1e-8, takes three gradients for each step that holds records.
            let most = if rtol <= 1e-8 { gradients + 3 * steps.min(100) } else { gradients };
            assert!(as_many == steps && more <= most, "{method:?} {rtol:e}: {more} of {gradients}");
        }
    }
    // Control: a method without dense output pays for its records.
    let [few, many] = [2, 101].map(|records| run(Integrator::Dopri5, 1e-6, records, None).manifest.processes["flow"].gradients);
    assert!(many > few + few / 10, "{few} {many}");
}

/// Flow, gradient descent that diverges, and two further optimizers with companions; certified or not, and stopped early or not.
#[test]
fn any_number_of_threads_leaves_the_same_records() {
    for (certified, t_end) in [(false, 12.0), (true, 12.0)] {
        let on = |threads: usize| {
            let (objective, start) = problem();
            let flow = Flow::new(t_end).rtol(1e-5);
            let session = Session::new(objective, start)
                .flow(Flow { certify: certified, ..flow })
                .record((0..=40).map(|i| t_end * f64::from(i) / 40.0))
                .record_weights()
                .optimizer(Gd::new(0.05))
                .optimizer(Gd { name: Some("fast".into()), steps: Some(100), ..Gd::new(8.0) })
                .optimizer(Adam::new(0.01))
                .measure(Measure::ModifiedFlow)
                .measure(Measure::Sharpness);
            session.threads(threads).run().unwrap()
        };
        let one = on(1);
        let (_, fast) = &one.terminations[2];
        assert!(matches!(fast, Termination::Diverged { .. }), "control: {fast}");
        for threads in [2, 3, 8] {
            let several = on(threads);
            // Columns of text, of numbers and of NaN.
            assert_eq!(format!("{:?}", several.run.table), format!("{:?}", one.run.table), "{threads}");
            assert_eq!(format!("{:?}", several.run.arrays), format!("{:?}", one.run.arrays), "{threads}");
            assert_eq!(format!("{:?}", several.trajectory), format!("{:?}", one.trajectory), "{threads}");
            assert_eq!(several.manifest.warnings, one.manifest.warnings);
            assert_eq!(several.terminations, one.terminations);
            for ((name, here), (_, there)) in several.weights.iter().zip(&one.weights) {
                assert_eq!(here.values(), there.values(), "{name}");
            }
        }
    }
}

/// Writes down when it was asked.
struct Clerk(Arc<Mutex<Vec<f64>>>);

impl Observable for Clerk {
    fn columns(&self) -> Columns {
        const LIST: &[Column] = &[Column::new("asked", "t", "t", "time")];
        Columns::new(Group::Own, LIST)
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        self.0.lock().unwrap().push(snapshot.t);
        row.float("asked", snapshot.t);
    }
}

#[test]
fn observables_of_ones_own_are_asked_in_order_of_time() {
    let (objective, start) = problem();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let session = Session::new(objective, start).flow(Flow::new(3.0)).record((0..=30).map(|i| 0.1 * f64::from(i)));
    let run = session.optimizer(Gd::new(0.1)).observe(Clerk(Arc::clone(&asked))).threads(4).run().unwrap();
    let asked = asked.lock().unwrap();
    assert!(asked.is_sorted() && asked.len() == 62, "{asked:?}");
    assert_eq!(run.run.table.floats("flow", "asked"), run.run.table.floats("flow", "t"));
    assert_eq!(run.run.table.floats("gd", "asked"), run.run.table.floats("gd", "t"));
}

/// Raises an interrupt after so many gradients of one duplicate.
struct Interrupting(MlpObjective, Interrupt, Cell<u32>);

impl Objective for Interrupting {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(Self(self.0.clone(), self.1.clone(), Cell::new(0)))
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        self.0.loss(theta)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.2.set(self.2.get() + 1);
        if self.2.get() == 30_000 {
            self.1.raise();
        }
        self.0.loss_gradient(theta, gradient);
    }
}

/// An optimizer far beyond the flow, which by then waits to tell it more: neither waits for ever.
#[test]
fn an_interrupt_ends_optimizers_on_threads_of_their_own() {
    for threads in [1, 2, 4] {
        let ((objective, start), interrupt) = (problem(), Interrupt::default());
        let session = Session::new(Interrupting(objective, interrupt.clone(), Cell::new(0)), start).interrupt(interrupt);
        let far = Gd { steps: Some(1_000_000_000), ..Gd::new(0.01) };
        let run =
            session.flow(Flow::new(1.0).rtol(1e-4)).record([0.0, 0.5, 1.0]).optimizer(far).threads(threads).run().unwrap();
        assert!(matches!(run.terminations[1].1, Termination::Interrupted { .. }), "{threads}: {}", run.terminations[1].1);
        let last = |process: &str| run.run.table.floats(process, "t").last().copied();
        assert_eq!(last("gd"), Some(run.terminations[1].1.t()));
        assert_eq!(last("flow"), Some(run.terminations[0].1.t()));
    }
}

/// Panics over weights that have moved.
#[derive(Clone)]
struct Fragile(MlpObjective, DVector<f64>);

impl Objective for Fragile {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        assert!((theta - &self.1).norm() < 1e-3, "an objective of its user's panics");
        self.0.loss(theta)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.0.loss_gradient(theta, gradient);
    }
}

/// An objective that panics ends the run by a panic, on whatever thread: nobody waits for ever.
#[test]
fn a_panic_reaches_whoever_runs_the_session() {
    for threads in [1, 2, 3] {
        let (objective, start) = problem();
        let session = Session::new(Fragile(objective, start.clone()), start)
            .flow(Flow::new(3.0))
            .record((0..=30).map(|i| 0.1 * f64::from(i)));
        let session = session.optimizer(Gd::new(0.1)).threads(threads);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| session.run().map(|_| ())));
        assert!(outcome.is_err(), "{threads}");
    }
}

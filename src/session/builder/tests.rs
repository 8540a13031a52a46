//! Sessions as a user of the library builds them.

use super::*;
use crate::claim::ClaimError;
use crate::flow::{Integrator, Precision, Preserve};
use crate::objective::{Labels, TangentKernel};
use crate::observe::{
    Column, Columns, Group, HessianError, HessianSpectrum, NamedArray, Row, SdePaths, SdePathsError, Snapshot,
};
use crate::optim::{Adam, Gd, Sgd};
use crate::record::Values;
use crate::session::SaddlesError;
use crate::spool::Spooled;
use nalgebra::DMatrix;

/// ℒ(θ) = ½ Σ (θ_i − 2)².
#[derive(Clone)]
struct Parabola(usize);

impl Objective for Parabola {
    fn dim(&self) -> usize {
        self.0
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        0.5 * theta.add_scalar(-2.0).norm_squared()
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        gradient.copy_from(&theta.add_scalar(-2.0));
    }
}

fn session() -> Session {
    Session::new(Parabola(2), DVector::from_element(2, 1.0))
}

/// θ(t) = 2 − e^{−t}, and for gradient descent 2 − (1 − η)^k; with the trajectory, and a verdict that the flow has converged.
#[test]
fn an_objective_of_a_value_and_a_gradient_is_run() {
    let run = session()
        .flow(Flow::new(40.0))
        .record([0.0, 0.5, 1.0, 40.0])
        .record_weights()
        .optimizer(Gd::new(0.1))
        .claim(Claim::Converged)
        .claim(Claim::FollowsFlow)
        .run()
        .unwrap();
    let trajectory = run.trajectory.as_ref().unwrap();
    assert!((trajectory["flow/theta"].data[4] - (2.0 - (-1f64).exp())).abs() < 1e-7, "{:?}", trajectory["flow/theta"]);
    assert!((trajectory["gd/theta"].data[4] - (2.0 - 0.9f64.powi(10))).abs() < 1e-14);
    assert_eq!(run.manifest.verdicts["converged"].verdict, crate::record::Outcome::Holds);
    // 0.9^{10t} is at most 0.02 from e^{−t}.
    let follows = &run.manifest.verdicts["follows-flow/gd"];
    assert_eq!(follows.verdict, crate::record::Outcome::Holds);
    assert!((follows.value - ((-1f64).exp() - 0.9f64.powi(10))).abs() < 1e-7, "{follows:?}");
    assert!(run.manifest.warnings[0].contains("differences of gradients"), "{:?}", run.manifest.warnings);
}

/// θ(t) = 2 − e^{−t} at each of many records: what is left of a column or of the weights in memory does not grow with their number.
#[test]
fn a_run_of_many_records_has_them_on_disk() {
    let n = 3 * Spooled::<f64>::SHORT;
    let times: Vec<f64> = (0..=n).map(|i| 10.0 * i as f64 / n as f64).collect();
    let run = session().flow(Flow::new(10.0)).record(times.iter().copied()).record_weights().run().unwrap();
    let table = &run.run.table;
    assert_eq!((table.rows(), table.floats("flow", "t")), (n + 1, times.clone()));
    let in_memory = |values: &Values| match values {
        Values::Float(values) => values.in_memory(),
        Values::Integer(values) => values.in_memory(),
        Values::Flag(_) | Values::Text(_) => 0,
    };
    assert!(table.columns.iter().map(|column| in_memory(&column.values)).sum::<usize>() < n * table.columns.len() / 10);
    let trajectory = &run.trajectory.as_ref().unwrap()["flow/theta"];
    assert!(trajectory.shape == [n + 1, 2] && trajectory.data.in_memory() < n / 10);
    for (theta, t) in trajectory.column(1).zip(&times) {
        assert!((theta - (2.0 - (-t).exp())).abs() < 1e-7, "{t}: {theta}");
    }
    assert!(run.manifest.warnings.iter().all(|warning| !warning.contains("temporary file")), "{:?}", run.manifest.warnings);
}

/// Record times are those that were asked for, even if the flow is set after them.
#[test]
fn the_order_of_settings_does_not_matter() {
    let run = session().record([0.0, 1.0]).flow(Flow::new(10.0)).run();
    assert_eq!(run.err(), Some(SessionError::Times { t: 1.0, t_end: 10.0 }));
    let run = session().record([0.0, 5.0, 10.0]).flow(Flow::new(10.0)).run().unwrap();
    assert_eq!(run.run.table.floats("flow", "t"), [0.0, 5.0, 10.0]);
}

/// f(x_i) = θ_i/2 for two samples, without layers.
#[derive(Clone)]
struct Kernelled(Parabola);

impl Objective for Kernelled {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        self.0.loss(theta)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.0.loss_gradient(theta, gradient);
    }

    fn tangent_kernel(&self) -> Option<&dyn TangentKernel> {
        Some(self)
    }
}

impl TangentKernel for Kernelled {
    fn kernel(&self, _theta: &DVector<f64>) -> DMatrix<f64> {
        DMatrix::identity(2, 2) * 0.25
    }

    fn labels(&self) -> Labels {
        Labels { within: DVector::from_element(2, 1.0), norm_squared: 2.0 }
    }
}

#[test]
fn a_kernel_without_layers_is_measured() {
    let session = Session::new(Kernelled(Parabola(2)), DVector::zeros(2)).measure(Measure::Ntk);
    let run = session.run().unwrap();
    let largest = run.run.table.floats("flow", "ntk_max");
    assert_eq!(largest.len(), 2);
    for largest in largest {
        // The eigenvalue comes with the rounding of an iteration.
        assert!((largest - 0.25).abs() <= 4.0 * f64::EPSILON, "{largest}");
    }
    assert_eq!(run.run.table.floats("flow", "ntk_distance"), [0.0; 2]);
}

/// ∇²ℒ = I: two equal eigenvalues, with one to ask for.
#[test]
fn the_hessian_of_an_objective_without_layers_is_measured() {
    let session = Session::new(Parabola(2), DVector::zeros(2)).measure(Measure::Hessian(HessianSpectrum {
        top: 1,
        all: true,
        density: None,
    }));
    let run = session.run().unwrap().run;
    for (name, values) in [("hessian_top", &[1.0][..]), ("hessian_bottom", &[1.0]), ("hessian_spectrum", &[1.0, 1.0])] {
        let array = &run.arrays[&format!("flow/{name}")];
        assert_eq!(array.shape, [2, values.len()]);
        // Parabola's products with the Hessian may be differences.
        assert!((0..2).all(|row| array.row(row).iter().zip(values).all(|(a, b)| (a - b).abs() < 1e-6)), "{name}: {array:?}");
    }
    assert_eq!(run.table.floats("flow", "hessian_index"), [0.0; 2]);
}

/// Declares these columns and arrays and writes what it likes.
struct Wilful(&'static [Column], &'static [NamedArray], fn(f64, &mut Row));

impl Observable for Wilful {
    fn columns(&self) -> Columns {
        Columns::new(Group::Own, self.0).arrays(self.1)
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        self.2(snapshot.t, row);
    }
}

/// An observable that writes under undeclared names, or only now and then, does not break the table, and a warning reports it.
#[test]
fn an_observable_of_ones_own_may_write_what_it_likes() {
    const COLUMNS: &[Column] = &[Column::new("late", "", "1", ""), Column::new("margin", "", "1", "")];
    const ARRAYS: &[NamedArray] = &[NamedArray::new("margins", "T × 2", "1", "")];
    let own = Wilful(COLUMNS, ARRAYS, |t, row| {
        row.float("margin", t);
        row.float("loss", 7.0);
        row.vector("margins", vec![t, -t]);
        row.vector("sv_W1", vec![t]);
        if t > 0.0 {
            row.count("late", 3);
        }
    });
    let run = session().flow(Flow::new(1.0)).observe(own).run().unwrap();
    assert_eq!(run.run.table.floats("flow", "margin"), [0.0, 1.0]);
    assert_eq!(run.run.table.floats("flow", "loss")[0], 1.0);
    let late = run.run.table.floats("flow", "late");
    assert!(late[0].is_nan() && late[1] == 3.0, "{late:?}");
    assert_eq!(run.run.arrays["flow/margins"].data, [0.0, 0.0, 1.0, -1.0]);
    assert!(!run.run.arrays.contains_key("flow/sv_W1"));
    for name in ["loss", "sv_W1"] {
        let told = format!("`{name}` is not recorded");
        assert!(run.manifest.warnings.iter().any(|warning| warning.contains(&told)), "{name}");
    }

    const TAKEN: &[Column] = &[Column::new("grad_norm", "", "1", "")];
    let refused = session().observe(Wilful(TAKEN, &[], |_, _| {})).run().err();
    assert_eq!(refused, Some(SessionError::Column { column: "grad_norm".into() }));
    let columns = || Wilful(COLUMNS, &[], |_, _| {});
    let twice = session().observe(columns()).observe(columns()).run().err();
    assert_eq!(twice, Some(SessionError::Column { column: "late".into() }));
    for taken in ["nfa_curve", "agop", "t", "error_loss"] {
        let array: &'static [NamedArray] = Box::leak(Box::new([NamedArray::new(taken, "T", "1", "")]));
        let refused = session().observe(Wilful(&[], array, |_, _| {})).run().err();
        assert_eq!(refused, Some(SessionError::Column { column: taken.into() }));
    }
    let arrays = || Wilful(&[], ARRAYS, |_, _| {});
    let twice = session().observe(arrays()).observe(arrays()).run().err();
    assert_eq!(twice, Some(SessionError::Column { column: "margins".into() }));
}

#[test]
fn what_cannot_be_run_is_refused_with_its_value() {
    let refused = |session: Session| session.run().err().expect("a refusal");
    let flow = || Flow::new(1.0);
    assert_eq!(refused(Session::new(Parabola(2), DVector::zeros(3))), SessionError::Start { dim: 2, found: 3 });
    assert!(matches!(refused(Session::new(Parabola(1), DVector::from_element(1, f64::NAN))), SessionError::NotFinite { .. }));
    assert_eq!(refused(session().flow(Flow::new(0.0))), SessionError::Horizon { t_end: 0.0 });
    assert!(matches!(refused(session().flow(flow().rtol(f64::NAN))), SessionError::Integrator(_)));
    let stages = flow().integrator(Integrator::Gauss { stages: 9 });
    assert!(matches!(refused(session().flow(stages)), SessionError::Integrator(_)));
    for times in [vec![], vec![0.0], vec![0.5, 1.0], vec![0.0, 0.6, 0.4, 1.0], vec![0.0, 2.0]] {
        assert!(matches!(refused(session().record(times)), SessionError::Times { .. }));
    }
    assert_eq!(refused(session().optimizer(Gd::new(0.1)).optimizer(Gd::new(0.2))), SessionError::Name { name: "gd".into() });
    assert!(matches!(refused(session().optimizer(Adam::new(2.0))), SessionError::Rate { .. }));
    for temperature in [-1.0, f64::NAN, f64::INFINITY] {
        let hot = Sgd { temperature, ..Sgd::new(0.1) };
        assert!(matches!(refused(session().optimizer(hot)), SessionError::Temperature { .. }));
    }
    let noisy = Sgd { label_noise: 0.1, ..Sgd::new(0.1) };
    assert_eq!(refused(session().optimizer(noisy)), SessionError::Batches { name: "sgd".into() });
    let batches = Sgd { batch: Some(4), ..Sgd::new(0.1) };
    assert_eq!(refused(session().optimizer(batches)), SessionError::Batches { name: "sgd".into() });
    assert!(matches!(
        refused(session().claim(Claim::FollowsFlow)),
        SessionError::Claim(ClaimError::Optimizers { claim: "follows-flow" })
    ));
    let followed = session().optimizer(Gd::new(0.1)).claim(Claim::FollowsCentralFlow);
    assert!(matches!(refused(followed), SessionError::Claim(ClaimError::Unmeasured { measure: "central_flow", .. })));
    assert!(matches!(refused(session().claim(Claim::Nfa)), SessionError::Layers { .. }));
    assert!(matches!(refused(session().measure(Measure::Ledger)), SessionError::Layers { .. }));
    assert_eq!(refused(session().measure(Measure::Ntk)), SessionError::Kernel);
    let hessian = |top, all| Measure::Hessian(HessianSpectrum { top, all, density: None });
    assert_eq!(
        refused(session().measure(hessian(0, false))),
        SessionError::Hessian(HessianError::Range { key: "top", value: 0, least: 1, most: 64 })
    );
    let stepwise = session().flow(Flow::new(1.0).integrator(Integrator::Dopri5)).measure(Measure::Saddles);
    assert_eq!(refused(stepwise), SessionError::Saddles(SaddlesError::Steps("dopri5")));
    let one_path = Measure::Sde(SdePaths { paths: 1, order: 2 });
    assert_eq!(refused(session().measure(one_path)), SessionError::Sde(SdePathsError::Paths(1)));
    let accuracy = Stop { accuracy: Some(0.9), ..Stop::default() };
    assert_eq!(refused(session().stop(accuracy)), SessionError::Accuracy);
    let preserve = Flow { preserve: Preserve::Balance(Precision::Float64), ..flow() };
    assert_eq!(refused(session().flow(preserve)), SessionError::Preserve);
}

/// No parameters: the integrator refuses them with an error, not a panic.
#[test]
fn an_objective_without_parameters_is_refused() {
    let refused = Session::new(Parabola(0), DVector::zeros(0)).run().err().expect("a refusal");
    assert!(matches!(refused, SessionError::Integrator(_)), "{refused}");
}

//! An integration that is paused, saved and taken up by a new integrator goes on bit for bit.

use nalgebra::DMatrix;

use super::*;
use crate::archive::{Archive, ArchiveError};
use crate::ode::testing::{check_resumption, resumed};

const TIMES: [f64; 6] = [0.0, 0.01, 0.02, 1.0, 2.5, 4.0];

fn limits(interrupt: Interrupt) -> Limits {
    Limits { t_end: 4.0, interrupt, ..Limits::default() }
}

#[test]
fn every_method_goes_on_bit_for_bit() {
    for &(name, make) in METHODS {
        for rtol in [1e-4, 1e-9] {
            let tolerance = Tolerance { rtol, atol: 1e-3 * rtol };
            check_resumption(name, &|interrupt| make(&Smooth, tolerance, limits(interrupt)), &TIMES, &start(), &[1, 2, 7]);
        }
    }
    check_resumption("rk4", &|interrupt| rk4(&Smooth, 3e-4, limits(interrupt)).unwrap(), &TIMES, &start(), &[1, 2]);
}

/// Symmetric, with eigenvalues from −1 to −2000 that fade from t = 1 on: `auto` changes its method on the way.
struct Fading(DMatrix<f64>);

impl VectorField for Fading {
    fn dim(&self) -> usize {
        self.0.nrows()
    }

    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta.gemv(-1.0 / (1.0 + t.powi(6)), &self.0, theta, 0.0);
        dtheta[0] += 0.3 * (3.0 * t).cos() - theta[0].powi(3);
    }
}

#[test]
fn stiff_fields_and_changes_of_method_go_on_bit_for_bit() {
    let dim = 12;
    let turned = DMatrix::from_fn(dim, dim, |i, j| ((1 + i * j + 2 * i) as f64).sin()).qr().q();
    let rates = DVector::from_fn(dim, |i, _| 2000f64.powf(i as f64 / (dim - 1) as f64));
    let field = Fading(&turned * DMatrix::from_diagonal(&rates) * turned.transpose());
    let start = DVector::from_fn(dim, |i, _| 1.0 / (1.0 + i as f64));
    let mut changes = 0;
    for &(name, make) in METHODS {
        for rtol in [1e-3, 1e-5, 1e-7] {
            let tolerance = Tolerance { rtol, atol: 1e-3 * rtol };
            // The explicit methods take thousands of steps.
            let every = if ["dopri5", "dop853"].contains(&name) { [1, 2, 3] } else { [3, 10, 41] };
            let make = |interrupt| make(&field, tolerance, Limits { t_end: 40.0, ..limits(interrupt) });
            check_resumption(name, &make, &TIMES, &start, &every);
            if name == "auto" {
                let mut integrator = make(Interrupt::default());
                integrator.advance(0.0, 4.0, &mut start.clone()).unwrap();
                changes += integrator.changes().len() - 1;
            }
        }
    }
    assert!(changes > 0, "auto never changed its method");
}

/// The control: an integrator that takes up the state and the time, but not what was saved, goes elsewhere.
#[test]
fn without_what_was_saved_it_goes_elsewhere() {
    for &(name, make) in METHODS {
        let new = |interrupt| make(&Smooth, Tolerance { rtol: 1e-6, atol: 1e-9 }, limits(interrupt));
        let (mut integrator, mut theta) = (new(Interrupt::default().pausing(std::sync::Arc::new(true.into()), 3)), start());
        let segment = integrator.advance(0.0, 4.0, &mut theta).unwrap();
        let Some(Termination::Interrupted { t }) = segment.stop else { continue };
        new(Interrupt::default()).advance(t, 4.0, &mut theta).unwrap();
        let (states, _) = resumed(&new, &[0.0, 4.0], &start(), None);
        assert!(theta != states[states.len() - 1] && off(4.0, &theta) < 1e-3, "{name}");
    }
}

/// What is not the state of such an integrator is refused, not misread.
#[test]
fn the_state_of_another_integrator_is_refused() {
    let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };
    let written = |mut integrator: Integrator| {
        let mut archive = Archive::written();
        integrator.archive(&mut archive).unwrap();
        archive.into_bytes()
    };
    let bytes = written(tsit5(&Smooth, tolerance, Limits::default()).unwrap());
    let refused =
        |mut integrator: Integrator, bytes: &[u8]| integrator.archive(&mut Archive::read(bytes.to_vec())).unwrap_err();
    let another = |what| ArchiveError::Another(what);
    assert_eq!(refused(rkc(&Smooth, tolerance, Limits::default()).unwrap(), &bytes), another("method"));
    assert_eq!(refused(auto(&Smooth, tolerance, Limits::default()).unwrap(), &bytes), another("integrator"));
    let scalar = field(1, |_, _: &DVector<f64>, out: &mut DVector<f64>| out[0] = 1.0);
    assert_eq!(refused(tsit5(scalar, tolerance, Limits::default()).unwrap(), &bytes), another("field"));
    for end in 0..bytes.len() {
        let integrator = tsit5(&Smooth, tolerance, Limits::default()).unwrap();
        assert!(matches!(refused(integrator, &bytes[..end]), ArchiveError::Damaged(_)));
    }
}

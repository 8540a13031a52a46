//! Observables of given weights, without a process, for tests.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use crate::data::{Dataset, Moments};
use crate::network::Parameters;
use crate::objective::LinearObjective;

use super::{Observable, Row, Scalar, Snapshot};

/// Applies `see` to a snapshot of `parameters`, on inputs with Σ_x = I/d and labels 0.
pub(super) fn with_snapshot<T>(parameters: &Parameters, t: f64, see: impl FnOnce(&Snapshot) -> T) -> T {
    let net = parameters.architecture();
    let (d, k) = (net.input_dim(), net.output_dim());
    let data = Dataset { x: DMatrix::identity(d, d), y: DMatrix::zeros(d, k) };
    let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), 0.1);
    see(&Snapshot::new(t, parameters, &objective, None).unwrap())
}

/// The whole row.
pub(super) fn row(observable: &dyn Observable, parameters: &Parameters, t: f64) -> Row {
    let mut row = Row::default();
    with_snapshot(parameters, t, |snapshot| observable.measure(snapshot, &mut row));
    row
}

/// The floats of the row, by name.
pub(super) fn measure(observable: &dyn Observable, parameters: &Parameters, t: f64) -> BTreeMap<String, f64> {
    let number = |(name, scalar)| if let Scalar::Float(value) = scalar { Some((name, value)) } else { None };
    row(observable, parameters, t).scalars.into_iter().filter_map(number).collect()
}

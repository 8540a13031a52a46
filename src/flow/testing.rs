//! What tests of the fields share.

use nalgebra::{DMatrix, DVector};

use crate::data::{Dataset, Moments};
use crate::network::Architecture;
use crate::objective::LinearObjective;
use crate::ode::VectorField;
use crate::rng::{Purpose, gaussian_matrix, stream};

/// A network of widths 4, 5, 3, 2 under decay λ, and weights of moderate size.
pub(super) fn problem(decay: f64) -> (LinearObjective, DVector<f64>) {
    let rng = &mut stream(0, Purpose::Inputs);
    let net = Architecture::new(&[4, 5, 3, 2]);
    let data = Dataset { x: gaussian_matrix(12, 4, rng), y: gaussian_matrix(12, 2, rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.5;
    (LinearObjective::new(net, Moments::new(&data).unwrap(), decay), theta)
}

/// J(w) = (variance + λ)·w²/2 of one weight.
pub(super) fn one_weight(variance: f64, decay: f64) -> LinearObjective {
    let data = Dataset { x: DMatrix::from_element(1, 1, variance.sqrt()), y: DMatrix::zeros(1, 1) };
    LinearObjective::new(Architecture::new(&[1, 1]), Moments::new(&data).unwrap(), decay)
}

/// Products with the Jacobian against a five-point rule on the field, to `tolerance` of their size.
pub(super) fn check_jacobian(field: &dyn VectorField, t: f64, state: &DVector<f64>, tolerance: f64) {
    let v = DVector::from_fn(field.dim(), |i, _| (2.0 * i as f64 + 1.0).cos()).normalize();
    let at = |k: f64| {
        let mut out = DVector::from_element(field.dim(), f64::NAN);
        field.eval(t, &(state + &v * (k * 1e-3)), &mut out);
        out
    };
    let slope = ((at(1.0) - at(-1.0)) * 8.0 - (at(2.0) - at(-2.0))) / 12e-3;
    let mut product = DVector::from_element(field.dim(), f64::NAN);
    field.jacobian_vector(t, state, &v, &mut product);
    let off = (&product - &slope).norm() / (1.0 + slope.norm());
    assert!(off < tolerance, "{off:e}");
}

//! The spectral radius along real flows, against all eigenvalues of the dense Hessian.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::stiff_case;
use crate::flow::GradientFlow;
use crate::ode::testing::radii;
use crate::ode::{Limits, Tolerance, VectorField, auto};

/// max |eigenvalue| of the Jacobian, column by column.
fn dense_radius(field: &dyn VectorField, theta: &DVector<f64>) -> f64 {
    let n = field.dim();
    let mut jacobian = DMatrix::zeros(n, n);
    let (mut unit, mut column) = (DVector::zeros(n), DVector::zeros(n));
    for j in 0..n {
        unit[j] = 1.0;
        field.jacobian().unwrap().jacobian_vector(0.0, theta, &unit, &mut column);
        jacobian.set_column(j, &column);
        unit[j] = 0.0;
    }
    SymmetricEigen::new(jacobian).eigenvalues.amax()
}

/// At 120 times of each flow, every eighth of which is checked: P = 300, 300 and 200 weights.
#[test]
fn the_radius_is_not_underestimated_along_a_flow() {
    for (name, depth, decay) in [("decay", 3, 1e-3), ("saddle", 3, 0.0), ("ill", 2, 0.0)] {
        let (objective, start) = stiff_case(name, 10, depth, decay);
        let field = GradientFlow::new(&objective);
        let mut integrator = auto(&field, Tolerance { rtol: 1e-6, atol: 1e-9 }, Limits::default()).unwrap();
        let mut theta = start.values().clone();
        let (mut states, mut t) = (vec![theta.clone()], 0.0);
        while states.len() < 120 {
            // Times from 0.02 to about 300.
            let next = 0.02 * 1.085f64.powi(states.len() as i32 - 1);
            assert_eq!(integrator.advance(t, next, &mut theta).unwrap().stop, None);
            states.push(theta.clone());
            t = next;
        }
        let estimates = radii(&field, &states);
        for i in (0..states.len()).step_by(8) {
            let ratio = estimates[i] / dense_radius(&field, &states[i]);
            assert!((0.95..=1.0501).contains(&ratio), "{name}, moment {i}: {ratio}");
        }
    }
}

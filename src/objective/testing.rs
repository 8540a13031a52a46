//! What tests of several objectives share.

use nalgebra::DVector;

use super::Objective;

/// What products with the Hessian cost, in gradients of `flops` operations: the first at θ, the second there, and the first at 2θ.
pub(super) fn product_costs(objective: &dyn Objective, flops: u64, theta: &DVector<f64>) -> [f64; 3] {
    let mut hv = DVector::zeros(theta.len());
    let mut cost = |theta: &DVector<f64>| {
        let before = crate::linalg::FLOPS.get();
        objective.hessian_vector(theta, &DVector::from_element(theta.len(), 1.0), &mut hv);
        (crate::linalg::FLOPS.get() - before) as f64 / flops as f64
    };
    [cost(theta), cost(theta), cost(&(theta * 2.0))]
}

//! Gradient flow: θ̇ = −∇J(θ), that is Ẇ_l = −∂ℒ/∂W_l − λW_l with W_l ∈ ℝ^{d_l × d_{l−1}}.

use nalgebra::DVector;

use crate::objective::Objective;
use crate::ode::VectorField;

/// −∇J of one objective. Autonomous; its Jacobian −∇²J is symmetric.
pub struct GradientFlow<'a> {
    objective: &'a dyn Objective,
}

impl<'a> GradientFlow<'a> {
    /// The flow down `objective`.
    pub fn new(objective: &'a dyn Objective) -> Self {
        Self { objective }
    }
}

impl VectorField for GradientFlow<'_> {
    fn dim(&self) -> usize {
        self.objective.architecture().parameter_count()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.objective.loss_gradient(theta, dtheta);
        // −∇ℒ − λθ in one pass.
        dtheta.axpy(-self.objective.weight_decay(), theta, -1.0);
    }
}

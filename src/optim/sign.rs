//! Sign descent with coupled weight decay: θ_{k+1} = θ_k − η·sign(∇ℒ(θ_k) + λθ_k), entry by entry, sign(0) = 0 as `torch.sign` has it.
//!
//! What Adam and RMSProp do without memory and with ε → 0 (Bernstein et al. 2018). Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.sign.html>

use nalgebra::DVector;

use super::Optimizer;

/// Descent by the signs of the gradient.
pub struct Sign {
    weight_decay: f64,
}

impl Sign {
    /// With decay λ ≥ 0.
    pub fn new(weight_decay: f64) -> Self {
        Self { weight_decay }
    }
}

impl Optimizer for Sign {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        for (x, g) in theta.iter_mut().zip(gradient) {
            let g = g + self.weight_decay * *x;
            // `signum` is 1 at 0. NaN stays NaN, so that a divergence shows.
            *x -= lr * if g == 0.0 { 0.0 } else { g.signum() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_the_size_of_lr_and_none_where_the_gradient_is_zero() {
        let gradient = DVector::from_vec(vec![3.0, -1e-300, 0.0, -0.0, f64::NAN]);
        let mut theta = DVector::zeros(5);
        Sign::new(0.0).step(0.5, &gradient, &mut theta);
        assert_eq!(theta.as_slice()[..4], [-0.5, 0.5, 0.0, 0.0]);
        assert!(theta[4].is_nan());
    }
}

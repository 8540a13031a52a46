//! Sign descent with coupled weight decay: θ_{k+1} = θ_k − η·sign(∇ℒ(θ_k) + λθ_k), entry by entry, sign(0) = 0 as `torch.sign` has it.
//!
//! What Adam and RMSProp do without memory and with ε → 0 (Bernstein et al. 2018). Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.sign.html>

use crate::archive::{Archive, ArchiveError};

use super::settings::{Followed, Ground, Settings, optimizer_settings};
use super::{Layout, Rule};

optimizer_settings! {
    /// θ ← θ − lr · sign(g).
    pub struct Sign {}
}

impl Settings for Sign {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(SignDescent { weight_decay: layout.weight_decay })
    }

    fn limit<'a>(&self, _ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(Err("it has no limit to compare with: θ̇ = −sign(∇J) is discontinuous, and where an entry of ∇J reaches 0 it has no solution \
                  in the ordinary sense"
            .to_string()))
    }
}

/// Steps along the signs of the gradient.
struct SignDescent {
    weight_decay: f64,
}

impl Rule for SignDescent {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        for (x, g) in theta.iter_mut().zip(gradient) {
            let g = g + self.weight_decay * *x;
            // `signum` is 1 at 0. NaN stays NaN, so that a divergence shows.
            *x -= lr * if g == 0.0 { 0.0 } else { g.signum() };
        }
    }

    /// It has no state.
    fn archive(&mut self, _: &mut Archive) -> Result<(), ArchiveError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_the_size_of_lr_and_none_where_the_gradient_is_zero() {
        let gradient = [3.0, -1e-300, 0.0, -0.0, f64::NAN];
        let mut theta = [0.0; 5];
        Sign::new(0.5).rule(&Layout::vector(5, 0.0)).step(0.5, &gradient, &mut theta);
        assert_eq!(theta[..4], [-0.5, 0.5, 0.0, 0.0]);
        assert!(theta[4].is_nan());
    }
}

//! A rule for θ that consists of rules for its parts, one after another.

use crate::archive::{Archive, ArchiveError};

use super::Rule;

/// A part of θ and what steps it.
pub(super) struct Part {
    /// The number of its parameters.
    pub length: usize,
    /// The factor on the learning rate of θ.
    pub factor: f64,
    /// `None` for parameters that stay bit for bit as they are.
    pub rule: Option<Box<dyn Rule>>,
}

/// The parts of θ, in their order.
pub(super) struct Parts(pub Vec<Part>);

impl Rule for Parts {
    fn step(&mut self, lr: f64, mut gradient: &[f64], mut theta: &mut [f64]) {
        for Part { length, factor, rule } in &mut self.0 {
            let (of_gradient, of_theta);
            (of_gradient, gradient) = gradient.split_at(*length);
            (of_theta, theta) = theta.split_at_mut(*length);
            if let Some(rule) = rule {
                rule.step(*factor * lr, of_gradient, of_theta);
            }
        }
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.0.iter_mut().filter_map(|part| part.rule.as_mut()).try_for_each(|rule| rule.archive(archive))
    }
}

//! The same functions for callers that take one number at a time and are not themselves compiled for the vectors of the CPU: outside of such
//! code a fused multiplication is a call, and slower than all the rest.

use crate::linalg::vectorised;

vectorised! {
    /// e^x.
    pub fn exp(x: f64) -> f64 {
        super::exp(x)
    }

    /// s(x) and s(−x).
    pub fn sides(x: f64) -> (f64, f64) {
        super::sides(x)
    }

    /// s(x) and its derivative.
    pub fn sigmoid(x: f64) -> (f64, f64) {
        super::sigmoid(x)
    }

    /// log(1 + e^x).
    pub fn softplus(x: f64) -> f64 {
        super::softplus(x)
    }
}

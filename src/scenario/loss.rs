//! `loss`: what ℒ measures between f(x_i) and the label y_i.

use serde::{Deserialize, Serialize};

/// ℒ(θ), a mean over the n samples. Labels are brought into the form that it needs, whether they were drawn or read from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// 1/(2n) Σ‖f(x_i) − y_i‖², with the labels as they are.
    #[default]
    Mse,
    /// 1/n Σ_i Σ_j log(1 + e^{f_j(x_i)}) − y_ij f_j(x_i), one binary label per output: y_ij becomes 1 where it is greater than 0, and 0
    /// elsewhere.
    Logistic,
    /// 1/n Σ_i (log Σ_j e^{f_j(x_i)} − ⟨y_i, f(x_i)⟩), one class per output: y_i becomes 1 at its largest entry (the first of equal ones) and 0
    /// elsewhere. A file's single column holds the class itself, counted from 0.
    CrossEntropy,
}

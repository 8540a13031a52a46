//! `loss`: what ℒ measures between f(x_i) and the label y_i.

use serde::{Deserialize, Serialize};

/// ℒ(θ), a mean over the n samples. Classifiers use the labels of a file as they are, classes or probabilities, and refuse all others; of a
/// drawn target they take the class, and a warning says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// 1/(2n) Σ‖f(x_i) − y_i‖², with the labels as they are.
    #[default]
    Mse,
    /// 1/n Σ_i Σ_j log(1 + e^{f_j(x_i)}) − y_ij f_j(x_i), one label from 0 to 1 per output, or −1 and 1, which stand for 0 and 1. Of a drawn
    /// target y_ij is 1 where its value is greater than 0, and 0 elsewhere.
    Logistic,
    /// 1/n Σ_i (log Σ_j e^{f_j(x_i)} − ⟨y_i, f(x_i)⟩), one class per output: y_i one-hot or the probability of each class. A file's single
    /// column holds the class itself, counted from 0. Of a drawn target y_i is 1 at its largest entry (the first of equal ones) and 0 elsewhere.
    CrossEntropy,
}

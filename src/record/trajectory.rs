//! θ of one process over time, as in `trajectory.npz`.

use serde::{Deserialize, Serialize};

use crate::network::Parameters;
use crate::npz::{Array, Arrays};

/// The weights at the recorded times of one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trajectory {
    process: String,
    t: Vec<f64>,
    states: Vec<Parameters>,
}

impl Trajectory {
    /// For the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        Self { process: process.into(), t: Vec::new(), states: Vec::new() }
    }

    /// Adds θ at time `t`; its architecture is the same every time.
    pub fn push(&mut self, t: f64, theta: &Parameters) {
        self.t.push(t);
        self.states.push(theta.clone());
    }

    /// `process/t` of shape (times,), and `process/W1` of shape (times, out, in), `process/b1` of shape (times, out), ….
    pub fn into_arrays(self) -> Arrays {
        let Self { process, t, states } = self;
        let times = t.len();
        let mut arrays = Arrays::new();
        // State by state, each freed once it is laid out.
        for state in states {
            for (name, Array { shape, data }) in state.to_arrays() {
                let over_time = || Array {
                    shape: std::iter::once(times).chain(shape).collect(),
                    data: Vec::with_capacity(times * data.len()),
                };
                arrays.entry(format!("{process}/{name}")).or_insert_with(over_time).data.extend_from_slice(&data);
            }
        }
        arrays.insert(format!("{process}/t"), Array::vector(t));
        arrays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Architecture};
    use nalgebra::DVector;

    #[test]
    fn every_state_stands_at_its_time() {
        let net = Architecture::with_layers(&[3, 2, 1], &[Activation::Relu, Activation::Identity], &[true, false]);
        let state = |k: usize| {
            let values = DVector::from_fn(net.parameter_count(), |i, _| (100 * k + i) as f64);
            Parameters::from_values(&net, values)
        };
        let mut trajectory = Trajectory::new("gd");
        (0..3).for_each(|k| trajectory.push(0.5 * k as f64, &state(k)));
        let arrays = trajectory.into_arrays();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["gd/W1", "gd/W2", "gd/b1", "gd/t"]);
        assert_eq!((&arrays["gd/W1"].shape[..], &arrays["gd/b1"].shape[..]), (&[3, 2, 3][..], &[3, 2][..]));
        assert_eq!(arrays["gd/t"].data, [0.0, 0.5, 1.0]);
        for k in 0..3 {
            for (name, array) in state(k).to_arrays() {
                assert_eq!(arrays[&format!("gd/{name}")].row(k), array.data, "{name}");
            }
        }
    }
}

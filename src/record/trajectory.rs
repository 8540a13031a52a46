//! θ of one process over time, as in `trajectory.npz`.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::network::{Architecture, Parameters};
use crate::npz::{Array, Arrays};
use crate::spool::Spooled;

/// The weights at the recorded times of one process. Of a long one, most are on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trajectory {
    process: String,
    t: Spooled<f64>,
    /// That of every θ, once there is one.
    architecture: Option<Architecture>,
    /// One θ after another.
    states: Spooled<f64>,
}

impl Trajectory {
    /// For the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        Self { process: process.into(), t: Spooled::new(), architecture: None, states: Spooled::new() }
    }

    /// Adds θ at time `t`; its architecture is the same every time.
    pub fn push(&mut self, t: f64, theta: &Parameters) {
        self.t.push(t);
        self.architecture.get_or_insert_with(|| theta.architecture().clone());
        self.states.extend_from_slice(theta.values().as_slice());
    }

    /// Why what should be on disk is in memory, if it is.
    pub fn complaint(&self) -> Option<&str> {
        self.states.complaint().or(self.t.complaint())
    }

    /// `process/t` of shape (times,), and `process/W1` of shape (times, out, in), `process/b1` of shape (times, out), ….
    pub fn into_arrays(self) -> Arrays {
        let Self { process, t, architecture, states } = self;
        let times = t.len();
        let mut arrays = Arrays::from([(format!("{process}/t"), Array::vector(t))]);
        let Some(architecture) = architecture else { return arrays };
        let mut values = states.values();
        for _ in 0..times {
            let dim = states.len() / times;
            let state = Parameters::from_values(&architecture, DVector::from_iterator(dim, values.by_ref().take(dim)));
            for (name, Array { shape, data }) in state.to_arrays() {
                let over_time = || Array { shape: std::iter::once(times).chain(shape).collect(), data: Spooled::new() };
                let array = arrays.entry(format!("{process}/{name}")).or_insert_with(over_time);
                array.data.extend_from_slice(&data);
            }
        }
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
                assert_eq!(array.data, *arrays[&format!("gd/{name}")].row(k), "{name}");
            }
        }
    }
}

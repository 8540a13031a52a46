//! Laws of the flow that hold whatever the method.

mod oracles;
mod rates;
mod resumption;
mod saddle;
mod sliding;
mod stiffness;

use std::path::Path;

use crate::data::{Dataset, Moments};
use crate::network::{Architecture, Parameters};
use crate::npz;
use crate::objective::LinearObjective;
use nalgebra::DMatrix;

/// The linear network that some weights belong to, on some data.
fn objective(start: &[DMatrix<f64>], data: &Dataset, weight_decay: f64) -> LinearObjective {
    let mut widths = vec![start[0].ncols()];
    widths.extend(start.iter().map(DMatrix::nrows));
    LinearObjective::new(Architecture::new(&widths), Moments::new(data).unwrap(), weight_decay)
}

/// A case of `tests/references/stiff`: its objective and start.
fn stiff_case(name: &str, width: usize, depth: usize, weight_decay: f64) -> (LinearObjective, Parameters) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references/stiff");
    let read = |what: &str| npz::read(&folder.join(format!("{name}-{what}.npz"))).unwrap();
    let data = read("data");
    let matrix = |key: &str| DMatrix::from_row_slice(data[key].shape[0], data[key].shape[1], &data[key].data);
    let architecture = Architecture::new(&vec![width; depth + 1]);
    let start = Parameters::from_arrays(&architecture, &read("w0")).unwrap();
    let moments = Moments::new(&Dataset { x: matrix("X"), y: matrix("Y") }).unwrap();
    (LinearObjective::new(architecture, moments, weight_decay), start)
}

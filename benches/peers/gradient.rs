//! One side of a race of gradients: reads commands from standard input, one per line, and answers each with one line.
//!
//! `case FOLDER THREADS` reads X, Y, W1, b1, … from FOLDER/case.npz, the activations from FOLDER/activations, writes the gradient of
//! 1/(2n) Σ‖f(x_i) − y_i‖² to FOLDER/gradient.npz, keeps the case, and answers `ready`. `time REPETITIONS` times that many gradients of the case
//! read last and answers with the median and the least in seconds. `race.py` is the other side.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gramflow::data::Dataset;
use gramflow::loss::Loss;
use gramflow::network::{Activation, Architecture, Parameters};
use gramflow::npz::{self, Array};
use gramflow::objective::{MlpObjective, Objective};
use nalgebra::{DMatrix, DVector};

fn main() -> Result<(), Box<dyn Error>> {
    let mut case = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &case) {
            (["case", folder, threads], _) => {
                case = Some(read(Path::new(folder), threads.parse()?)?);
                println!("ready");
            }
            (["time", repetitions], Some((objective, theta))) => {
                let [median, least] = time(objective, theta, repetitions.parse()?);
                println!("{median:e} {least:e}");
            }
            _ => return Err(format!("no command, or no case to time: {line}").into()),
        }
        stdout().flush()?;
    }
    Ok(())
}

fn matrix(array: &Array) -> DMatrix<f64> {
    DMatrix::from_row_slice(array.shape[0], array.shape[1], &array.data)
}

/// The objective and the parameters of the case in a folder, where its gradient is written.
fn read(folder: &Path, threads: usize) -> Result<(MlpObjective, DVector<f64>), Box<dyn Error>> {
    let mut arrays = npz::read(&folder.join("case.npz"))?;
    let [x, y] = ["X", "Y"].map(|name| arrays.remove(name).ok_or(name));
    let data = Dataset { x: matrix(&x?), y: matrix(&y?) };
    let activations = std::fs::read_to_string(folder.join("activations"))?;
    let activations = activations.split_whitespace().map(activation).collect::<Result<Vec<_>, _>>()?;
    let mut widths = vec![data.x.ncols()];
    widths.extend((1..=activations.len()).map(|l| arrays[&format!("b{l}")].data.len()));
    let net = Architecture::with_layers(&widths, &activations, &vec![true; activations.len()]);
    let theta = Parameters::from_arrays(&net, &arrays)?;
    let objective = MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.0).with_threads(threads);
    let mut gradient = theta.clone();
    objective.gradient(theta.values(), gradient.values_mut());
    npz::write(&folder.join("gradient.npz"), &gradient.to_arrays().into_iter().collect())?;
    Ok((objective, theta.values().clone()))
}

fn activation(name: &str) -> Result<Activation, String> {
    match name {
        "identity" => Ok(Activation::Identity),
        "relu" => Ok(Activation::Relu),
        "tanh" => Ok(Activation::Tanh),
        "gelu" => Ok(Activation::Gelu),
        _ => Err(format!("no activation of this race: {name}")),
    }
}

/// The median and the least time of a gradient, in seconds.
fn time(objective: &MlpObjective, theta: &DVector<f64>, repetitions: usize) -> [f64; 2] {
    let mut gradient = theta.clone();
    let mut once = || {
        let start = Instant::now();
        objective.gradient(theta, &mut gradient);
        start.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> = (0..repetitions.max(1)).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0]]
}

//! One side of a race of flows: reads commands from standard input, one per line, and answers each with one line.
//!
//! `case FOLDER DECAY T_END [THREADS]` reads X, Y from FOLDER/data.npz and W1, … from FOLDER/w0.npz, forms the moments, and answers `ready`.
//! `run INTEGRATOR RTOL ATOL` carries the flow of the case read last from its start to T_END, writes the weights to FOLDER/end.npz, and
//! answers with the seconds that the integration took and its gradients; INTEGRATOR is a scenario's word for it, or `formed`, tsit5 that
//! forms its stages whatever their rank. `flows.py` is the other side.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

use gramflow::data::{Dataset, Moments};
use gramflow::flow::GradientFlow;
use gramflow::network::{Architecture, Parameters};
use gramflow::npz::{self, Array};
use gramflow::objective::LinearObjective;
use gramflow::ode::{self, JacobianProducts, Limits, Tolerance, VectorField};
use nalgebra::{DMatrix, DVector};

struct Case {
    folder: PathBuf,
    objective: LinearObjective,
    start: Parameters,
    t_end: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut case = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), &case) {
            (["case", folder, decay, t_end, threads @ ..], _) => {
                let threads = threads.first().map_or(Ok(1), |word| word.parse())?;
                case = Some(Case::read(Path::new(folder), decay.parse()?, t_end.parse()?, threads)?);
                println!("ready");
            }
            (["run", integrator, rtol, atol], Some(case)) => {
                let tolerance = Tolerance { rtol: rtol.parse()?, atol: atol.parse()? };
                let (seconds, gradients) = case.run(integrator, tolerance)?;
                println!("{seconds:e} {gradients}");
            }
            _ => return Err(format!("no command, or no case to run: {line}").into()),
        }
        stdout().flush()?;
    }
    Ok(())
}

impl Case {
    fn read(folder: &Path, decay: f64, t_end: f64, threads: usize) -> Result<Self, Box<dyn Error>> {
        let mut arrays = npz::read(&folder.join("data.npz"))?;
        let [x, y] = ["X", "Y"].map(|name| arrays.remove(name).ok_or(name));
        let data = Dataset { x: matrix(&x?), y: matrix(&y?) };
        let weights = npz::read(&folder.join("w0.npz"))?;
        let mut widths = vec![data.x.ncols()];
        widths.extend((1..=weights.len()).map(|l| weights[&format!("W{l}")].shape[0]));
        let net = Architecture::new(&widths);
        let start = Parameters::from_arrays(&net, &weights)?;
        let objective = LinearObjective::new(net, Moments::new(&data)?, decay).with_threads(threads);
        Ok(Self { folder: folder.to_path_buf(), objective, start, t_end })
    }

    /// The seconds and gradients of one integration.
    fn run(&self, integrator: &str, tolerance: Tolerance) -> Result<(f64, u64), Box<dyn Error>> {
        let limits = Limits { t_end: self.t_end, ..Limits::default() };
        let (flow, formed);
        flow = GradientFlow::new(&self.objective);
        formed = Formed(&flow);
        let field: &dyn VectorField = if integrator == "formed" { &formed } else { &flow };
        let mut state = self.start.clone();
        let begin = Instant::now();
        let mut integrator = match integrator {
            "auto" => ode::auto(field, tolerance, limits),
            "tsit5" | "formed" => ode::tsit5(field, tolerance, limits),
            "rkc" => ode::rkc(field, tolerance, limits),
            "rock4" => ode::rock4(field, tolerance, limits),
            "dop853" => ode::dop853(field, tolerance, limits),
            _ => return Err(format!("no integrator of this race: {integrator}").into()),
        }?;
        let segment = integrator.advance(0.0, self.t_end, state.values_mut())?;
        let seconds = begin.elapsed().as_secs_f64();
        if let Some(stop) = segment.stop {
            return Err(format!("stopped short: {stop:?}").into());
        }
        npz::write(&self.folder.join("end.npz"), &state.to_arrays().into_iter().collect())?;
        Ok((seconds, segment.work.evaluations))
    }
}

/// A flow that hides its low rank.
struct Formed<'a>(&'a GradientFlow<'a>);

impl VectorField for Formed<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.0.eval(t, theta, dtheta);
    }

    fn decay(&self) -> f64 {
        self.0.decay()
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Formed<'_> {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        self.0.jacobian_vector(t, theta, v, jv);
    }
}

fn matrix(array: &Array) -> DMatrix<f64> {
    DMatrix::from_row_slice(array.shape[0], array.shape[1], &array.data)
}

//! `tsit5` against `ode_solvers`' Dopri5, from the same start to the same time: wall time at equal achieved error.
//!
//! `cargo bench --bench integrators`. Each method runs at five tolerances; its time at one error is read off its own work–precision
//! line, so that neither gains by a tolerance that means something else. The runs of the two are interleaved, and what is printed is the
//! ratio of medians: machines are noisy.

use std::time::Instant;

use gramflow::data::{Dataset, Moments};
use gramflow::flow::GradientFlow;
use gramflow::network::Architecture;
use gramflow::objective::LinearObjective;
use gramflow::ode::{Integrator, Limits, OdeError, Tolerance, dop853, dopri5, tsit5};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;

/// The error at which times are compared, and the tolerances around it.
const ERROR: f64 = 1e-7;
const RTOLS: [f64; 5] = [1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
/// Runs of each method; the median counts.
const RUNS: usize = 9;

type Method = for<'f> fn(&'f GradientFlow<'static>, Tolerance, Limits) -> Result<Integrator<'f>, OdeError>;

struct Case {
    field: GradientFlow<'static>,
    start: DVector<f64>,
    end: DVector<f64>,
    t_end: f64,
}

impl Case {
    /// L layers of width d with d_out outputs on white inputs, from weights of gain 0.8, over a horizon in which most is learned and
    /// nothing is stiff.
    fn new(d: usize, layers: usize, d_out: usize) -> Self {
        let mut widths = vec![d; layers];
        widths.push(d_out);
        let architecture = Architecture::new(&widths);
        let rng = &mut stream(0, Purpose::Inputs);
        let x = gaussian_matrix(20 * d, d, rng);
        let y = &x * gaussian_matrix(d, d_out, rng) / (d as f64).sqrt();
        let start = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0) * (0.8 / (d as f64).sqrt());
        let moments = Moments::new(&Dataset { x, y }).expect("finite samples");
        // One leaked objective per case: the field borrows it.
        let objective = Box::leak(Box::new(LinearObjective::new(architecture, moments, 0.0)));
        let mut case = Self { field: GradientFlow::new(objective), end: start.clone(), start, t_end: 5.0 };
        case.end =
            case.run(|field, tolerance, limits| dop853(field, tolerance, limits), Tolerance { rtol: 1e-13, atol: 1e-16 }).0;
        case
    }

    fn limits(&self) -> Limits {
        Limits { t_end: self.t_end, ..Limits::default() }
    }

    /// The state at the end, the seconds and the gradients it took.
    fn run(&self, method: Method, tolerance: Tolerance) -> (DVector<f64>, f64, u64) {
        let mut integrator = method(&self.field, tolerance, self.limits()).expect("a positive tolerance");
        let mut theta = self.start.clone();
        let begin = Instant::now();
        let segment = integrator.advance(0.0, self.t_end, &mut theta).expect("a state of the field");
        let seconds = begin.elapsed().as_secs_f64();
        assert_eq!(segment.stop, None);
        (theta, seconds, segment.work.evaluations)
    }

    /// Seconds, medians of interleaved runs, and gradients at [`ERROR`] of two methods.
    fn race(&self, methods: [Method; 2]) -> [(f64, f64); 2] {
        let mut lines = [Vec::new(), Vec::new()];
        for rtol in RTOLS {
            let mut seconds = [Vec::new(), Vec::new()];
            let (mut errors, mut gradients) = ([0.0; 2], [0; 2]);
            for _ in 0..RUNS {
                for (index, method) in methods.iter().enumerate() {
                    let (end, time, evaluations) = self.run(*method, Tolerance { rtol, atol: rtol * 1e-3 });
                    seconds[index].push(time);
                    gradients[index] = evaluations;
                    errors[index] = (end - &self.end).norm() / self.end.norm();
                }
            }
            for (index, seconds) in seconds.iter_mut().enumerate() {
                seconds.sort_by(f64::total_cmp);
                lines[index].push((errors[index], seconds[RUNS / 2], gradients[index] as f64));
            }
        }
        lines.map(|line| at(&line, ERROR))
    }
}

/// Seconds and gradients at `error` on a work–precision line, linear between its points in log–log.
fn at(line: &[(f64, f64, f64)], error: f64) -> (f64, f64) {
    let between =
        line.windows(2).find(|pair| (pair[1].0..=pair[0].0).contains(&error)).expect("the tolerances bracket the error");
    let share = (error / between[0].0).ln() / (between[1].0 / between[0].0).ln();
    let mix = |a: f64, b: f64| a * (b / a).powf(share);
    (mix(between[0].1, between[1].1), mix(between[0].2, between[1].2))
}

fn main() {
    println!("at error {ERROR:e}: milliseconds and gradients");
    println!("{:>5} {:>3} {:>6} {:>10} {:>10} {:>10} {:>10} {:>8}", "d", "L", "d_out", "tsit5", "", "dopri5", "", "ratio");
    for (d, layers, d_out) in [(10, 3, 10), (20, 5, 20), (64, 5, 64), (200, 3, 200), (20, 5, 1), (64, 5, 1), (200, 3, 1)] {
        let case = Case::new(d, layers, d_out);
        let [ours, theirs] = case.race([
            |field, tolerance, limits| tsit5(field, tolerance, limits),
            |field, tolerance, limits| dopri5(field, tolerance, limits),
        ]);
        println!(
            "{d:>5} {layers:>3} {d_out:>6} {:>10.3} {:>10.0} {:>10.3} {:>10.0} {:>8.2}",
            1e3 * ours.0,
            ours.1,
            1e3 * theirs.0,
            theirs.1,
            theirs.0 / ours.0
        );
    }
}

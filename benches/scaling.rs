//! The cost of a gradient against depth, width and number of samples, and of a run against its number of records, each beside its law.
//!
//! `cargo bench --bench scaling` prints the slopes and writes `figures/cost.svg`, `figures/cost.png` and `figures/cost.json`. Times are CPU
//! times of the process, so that the load of others on a shared machine does not count, and the least of many, taken in rounds over all
//! sizes, so that a busy moment, in which caches and clocks are shared, does not fall on one size alone. Slopes are those of straight lines
//! through the logarithms of the larger half of the sizes: at smaller ones, costs that do not grow with the size dominate. The table and the
//! picture say which sizes are fitted.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use gramflow::data::{Dataset, Moments};
use gramflow::figure::{CostCurve, CostPanel, Costs, draw_costs};
use gramflow::linalg::Line;
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective};
use gramflow::ode::Interrupt;
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use gramflow::run::{Problem, run};
use gramflow::scenario;
use gramflow::session::flow_integrator;
use nalgebra::DVector;

/// Rounds over all sizes; the least time counts.
const ROUNDS: usize = 12;
/// A gradient is repeated in each round for this many seconds, at least twice.
const SECONDS: f64 = 0.04;

/// The CPU time that this process has used: all that is measured runs on one thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours, and the clock is one of POSIX.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "a POSIX system");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Seconds on the CPU that `work` takes.
fn seconds_of(work: impl FnOnce()) -> f64 {
    let begin = cpu_time();
    work();
    (cpu_time() - begin).as_secs_f64()
}

/// A cost against a size.
struct Measured {
    label: &'static str,
    sizes: Vec<f64>,
    seconds: Vec<f64>,
    /// Operations, where they are counted.
    flops: Option<Vec<f64>>,
    /// In theory, seconds ∝ size^law for large sizes.
    law: f64,
}

impl Measured {
    /// Index of the first size of the larger half.
    fn half(&self) -> usize {
        self.sizes.len() / 2
    }

    fn line(&self, costs: &[f64]) -> Line {
        let log = |values: &[f64]| values[self.half()..].iter().map(|value| value.ln()).collect::<Vec<_>>();
        Line::through(&log(&self.sizes), &log(costs)).expect("three sizes or more, times above zero")
    }

    fn print(&self) {
        let time = self.line(&self.seconds);
        let flops = self.flops.as_ref().map_or("–".to_string(), |flops| format!("{:.3}", self.line(flops).slope));
        println!(
            "{:<46} time ∝ size^{:.2} ± {:.2}, operations {flops}, law {}",
            self.label, time.slope, time.half_width, self.law
        );
        for (i, (size, seconds)) in self.sizes.iter().zip(&self.seconds).enumerate() {
            let rate = self.flops.as_ref().map_or(String::new(), |flops| format!("{:8.2} GF/s", 1e-9 * flops[i] / seconds));
            let fitted = if i < self.half() { "not fitted" } else { "" };
            println!("{size:>12} {seconds:12.3e} s {rate} {fitted}");
        }
    }

    fn json(&self) -> serde_json::Value {
        let time = self.line(&self.seconds);
        serde_json::json!({
            "label": self.label, "sizes": self.sizes, "seconds": self.seconds, "operations": self.flops,
            "fitted_from": self.sizes[self.half()], "slope": time.slope, "slope_half_width": time.half_width,
            "slope_of_operations": self.flops.as_ref().map(|flops| self.line(flops).slope), "law": self.law,
        })
    }

    fn curve(&self, label: &str) -> CostCurve {
        let points = self.sizes.iter().copied().zip(self.seconds.iter().copied()).collect();
        CostCurve { label: label.to_string(), points, from: self.sizes[self.half()], law: self.law }
    }

    fn note(&self, what: &str) -> String {
        let time = self.line(&self.seconds);
        let operations =
            self.flops.as_ref().map_or(String::new(), |flops| format!("; of operations {:.2}", self.line(flops).slope));
        let (fitted, from) = (self.sizes.len() - self.half(), self.sizes[self.half()]);
        format!(
            "{what}: slope {:.2} ± {:.2} through the {fitted} sizes from {from} on{operations}; law {}.",
            time.slope, time.half_width, self.law
        )
    }
}

/// L layers of width d with d_out outputs on n samples.
fn problem([d, layers, d_out, samples]: [usize; 4]) -> (LinearObjective, DVector<f64>) {
    let mut widths = vec![d; layers];
    widths.push(d_out);
    let net = Architecture::new(&widths);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(samples, d, rng), y: gaussian_matrix(samples, d_out, rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) / (d as f64).sqrt();
    (LinearObjective::new(net, Moments::new(&data).expect("finite samples"), 1e-3), theta)
}

/// The cost of one gradient against a size. `shapes`: each size with its shape (d, L, d_out, n).
fn gradients(label: &'static str, law: f64, shapes: &[(usize, [usize; 4])]) -> Measured {
    let mut problems: Vec<_> = shapes.iter().map(|(_, shape)| problem(*shape)).collect();
    let mut seconds = vec![f64::INFINITY; problems.len()];
    for _ in 0..ROUNDS {
        for ((objective, theta), least) in problems.iter_mut().zip(&mut seconds) {
            let mut gradient = theta.clone();
            objective.gradient(theta, &mut gradient);
            // Several gradients per reading of the clock where they are short.
            let once = seconds_of(|| objective.gradient(theta, &mut gradient));
            let together = (1e-4 / once).ceil().max(1.0) as u32;
            let (mut all, mut readings) = (0.0, 0);
            while readings < 2 || all < SECONDS {
                let taken = seconds_of(|| (0..together).for_each(|_| objective.gradient(black_box(theta), &mut gradient)));
                *least = least.min(taken / f64::from(together));
                all += taken;
                readings += 1;
            }
        }
    }
    let flops = problems.iter().map(|(objective, _)| objective.flops() as f64).collect();
    Measured { label, sizes: shapes.iter().map(|shape| shape.0 as f64).collect(), seconds, flops: Some(flops), law }
}

/// The cost of a run against its number of records: of its flow alone, integrated to the same times, and of the rest, which is observation.
fn runs(integrator: &str, labels: [&'static str; 2]) -> [Measured; 2] {
    let counts: Vec<usize> = (2..=9).map(|k| 1 << k).collect();
    let problems: Vec<_> = counts
        .iter()
        .map(|count| {
            let text = format!(
                "name: cost
data: {{synthetic: {{inputs: {{dim: 20, samples: 500}}, target: {{low_rank: {{rank: 3, outputs: 20}}}}}}}}
network: {{widths: [20, 20, 20, 20, 20]}}
weight_decay: 1.0e-3
flow: {{t_end: 300.0, rtol: 1.0e-8, atol: 1.0e-11, integrator: {integrator}}}
record: {{log: {{points: {count}, first: 1.0e-2}}}}
"
            );
            let (scenario, _) = scenario::parse(&text, Path::new("cost.yaml"), &[]).expect("a valid scenario");
            let problem = Problem::new(&scenario).expect("a problem");
            (scenario, problem)
        })
        .collect();
    let mut seconds = [vec![f64::INFINITY; counts.len()], vec![f64::INFINITY; counts.len()]];
    for _ in 0..ROUNDS / 2 {
        for (i, (scenario, problem)) in problems.iter().enumerate() {
            let whole = seconds_of(|| drop(black_box(run(scenario, problem, &Interrupt::default(), |_| {}))));
            let flow = seconds_of(|| {
                let field = problem.flow();
                let mut integrator = flow_integrator(&scenario.flow, field, &Interrupt::default()).expect("a valid scenario");
                let (mut theta, mut t) = (problem.start.values().clone(), 0.0);
                for next in scenario.record_times() {
                    let segment = integrator.advance(t, next, &mut theta).expect("times in order");
                    assert_eq!(segment.stop, None);
                    t = next;
                }
            });
            for (least, taken) in seconds.iter_mut().zip([flow, whole]) {
                least[i] = least[i].min(taken);
            }
        }
    }
    let sizes: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    let [flow, whole] = seconds;
    let rest = whole.iter().zip(&flow).map(|(whole, flow)| (whole - flow).max(f64::MIN_POSITIVE)).collect();
    let measured = |label, seconds, law| Measured { label, sizes: sizes.clone(), seconds, flops: None, law };
    [measured(labels[0], flow, 0.0), measured(labels[1], rest, 1.0)]
}

/// The model of the CPU, and how many threads there are.
fn machine() -> (String, usize) {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    (model.unwrap_or("unknown CPU").to_string(), std::thread::available_parallelism().map_or(1, usize::from))
}

fn main() {
    let shapes = |sizes: &[usize], shape: fn(usize) -> [usize; 4]| -> Vec<_> { sizes.iter().map(|&s| (s, shape(s))).collect() };
    let widths = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
    let samples = [100, 300, 1000, 3000, 10_000, 30_000, 100_000];
    let depth = gradients("gradient against L (d = 64)", 1.0, &shapes(&[2, 4, 8, 16, 32], |l| [64, l, 64, 500]));
    let width = gradients("gradient against d (L = 3)", 3.0, &shapes(&widths, |d| [d, 3, d, 2 * d]));
    let one = gradients("gradient against d (L = 3, d_out = 1)", 2.0, &shapes(&widths, |d| [d, 3, 1, 2 * d]));
    let many = gradients("gradient against n (d = 32, L = 4)", 0.0, &shapes(&samples, |n| [32, 4, 32, n]));
    let [flow, rest] = runs("auto", ["flow by auto against records (d = 20, L = 4)", "observation against records"]);
    let [dense, _] = runs("tsit5", ["flow by tsit5 against records", "its observation"]);
    let all = [&depth, &width, &one, &many, &flow, &dense, &rest];
    all.iter().for_each(|measured| measured.print());

    let (cpu, threads) = machine();
    let json = serde_json::json!({
        "machine": { "cpu": cpu, "threads": threads, "used": 1 },
        "rounds": ROUNDS,
        "costs": all.map(Measured::json),
    });
    let folder = Path::new("figures");
    std::fs::write(folder.join("cost.json"), serde_json::to_string_pretty(&json).expect("plain numbers") + "\n")
        .expect("run in the folder of Cargo.toml, as cargo does");
    let panel = |heading: &str, x: &str, y: &str, curves: &[(&Measured, &str)]| CostPanel {
        heading: heading.to_string(),
        x: x.to_string(),
        y: y.to_string(),
        curves: curves.iter().map(|(measured, label)| measured.curve(label)).collect(),
        // Small print has no subscripts.
        notes: curves.iter().map(|(measured, label)| measured.note(&label.replace(['{', '}'], ""))).collect(),
    };
    let gradient = "CPU seconds of one gradient";
    let costs = Costs {
        name: "cost".into(),
        title: "Cost against depth, width, samples and records".into(),
        caption: format!("Linear networks, mean squared loss, float64. Least CPU times of many on one thread of {cpu}."),
        panels: vec![
            panel("depth: d = 64", "depth L", gradient, &[(&depth, "L")]),
            panel("width: L = 3", "width d", gradient, &[(&width, "d_{out} = d"), (&one, "d_{out} = 1")]),
            panel("samples: d = 32, L = 4", "samples n", gradient, &[(&many, "n")]),
            panel(
                "records: d = 20, L = 4",
                "record points",
                "CPU seconds",
                &[(&flow, "flow, auto"), (&dense, "flow, tsit5"), (&rest, "observation")],
            ),
        ],
    };
    draw_costs(&costs, folder).expect("figures/ can be written");
}

//! The peak memory of an integration, against the state of its method; and the allocations of later steps, which should be none.
//!
//! `cargo bench --bench memory` (with a number after `--`, that width instead of 512). A linear network of 8 layers of 512 × 512, P = 8·512²
//! numbers in θ, over a few steps. The state of a method is the vectors of length P that its textbook form must hold: θ, F(θ), the next θ and
//! its F, and its stages. All bytes that the process holds from its allocator are counted, the caller's θ, the moments and the objective's
//! products included. `run` is a whole run with four records: observables decompose every layer, and what they hold is counted, too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use gramflow::data::{Dataset, Moments};
use gramflow::flow::GradientFlow;
use gramflow::network::Architecture;
use gramflow::objective::LinearObjective;
use gramflow::ode::{Integrator, Interrupt, Limits, OdeError, Tolerance, dp8, rk6, rkc, rock4, tsit5};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use gramflow::run::{Problem, run};
use gramflow::scenario;
use nalgebra::DVector;

const LAYERS: usize = 8;
const STEP: f64 = 1e-3;
/// Steps in each half of an integration.
const STEPS: u32 = 3;

/// The system's allocator, with counters.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

fn grown(by: usize) {
    CALLS.fetch_add(1, Relaxed);
    PEAK.fetch_max(LIVE.fetch_add(by, Relaxed) + by, Relaxed);
}

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old block stays until the new one is filled.
        grown(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The peak of the process's resident memory in bytes, where the system tells.
fn resident_peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024.0 * line.trim().strip_suffix(" kB")?.parse::<f64>().ok()?)
}

/// Forgets the peak of resident memory so far (Linux, proc(5)).
fn forget_resident_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

type Method = for<'f> fn(&'f GradientFlow<'f>, Tolerance, Limits) -> Result<Integrator<'f>, OdeError>;

/// Methods, and the number of vectors in their state: θ, F, the next θ, the next F, and in tsit5 k_2, …, k_6, a stage and the step's error;
/// in dp8 k_2, …, k_12 and two stages, in rk6 these and one stage; in rock4 K_{j−1} and four F; in rkc three Y and F; in these three a vector with its image for the
/// spectral radius, too.
const METHODS: [(&str, Method, usize); 5] = [
    ("tsit5", |f, t, l| tsit5(f, t, l), 11),
    ("dp8", |f, t, l| dp8(f, t, l), 17),
    ("rk6", |f, t, l| rk6(f, t, l), 18),
    ("rock4", |f, t, l| rock4(f, t, l), 11),
    ("rkc", |f, t, l| rkc(f, t, l), 10),
];

/// The memory that one piece of work took, in bytes.
struct Account {
    peak: usize,
    resident: Option<f64>,
}

/// The peak of all that the process holds while `work` runs.
fn account(work: impl FnOnce()) -> Account {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    forget_resident_peak();
    work();
    Account { peak: PEAK.load(Relaxed), resident: resident_peak() }
}

fn print(name: &str, account: &Account, theta: f64, vectors: usize, later: Option<u64>) {
    let state = theta * vectors as f64;
    let peak = account.peak as f64;
    let resident = account.resident.map_or("–".into(), |bytes| format!("{:.1}", bytes / 1e6));
    let later = later.map_or("–".into(), |calls| calls.to_string());
    println!(
        "{name:>6} {:>9.1} {resident:>12} {:>8} {:>9.1} {:>12.2} {later:>12}",
        peak / 1e6,
        vectors,
        peak / theta,
        peak / state
    );
}

fn integrate(d: usize) {
    let net = Architecture::new(&[d; LAYERS + 1]);
    let theta_bytes = 8.0 * net.parameter_count() as f64;
    for (name, method, vectors) in METHODS {
        let mut later = 0;
        let account = account(|| {
            let rng = &mut stream(0, Purpose::Inputs);
            let moments = {
                let data = Dataset { x: gaussian_matrix(2 * d, d, rng), y: gaussian_matrix(2 * d, d, rng) };
                Moments::new(&data).expect("finite samples")
            };
            let mut theta = DVector::zeros(net.parameter_count());
            for layer in 0..LAYERS {
                let weight = gaussian_matrix(d, d, rng) / (d as f64).sqrt();
                theta.rows_mut(layer * d * d, d * d).copy_from_slice(weight.as_slice());
            }
            let objective = LinearObjective::new(net.clone(), moments, 1e-3);
            let field = GradientFlow::new(&objective);
            let half = f64::from(STEPS) * STEP;
            let limits = Limits { max_step: STEP, t_end: 2.0 * half, ..Limits::default() };
            let mut integrator = method(&field, Tolerance { rtol: 1e-4, atol: 1e-7 }, limits).expect("a positive tolerance");
            let first = integrator.advance(0.0, half, &mut theta).expect("a state of the field");
            let before = CALLS.load(Relaxed);
            let second = integrator.advance(half, 2.0 * half, &mut theta).expect("a state of the field");
            later = CALLS.load(Relaxed) - before;
            assert!(first.stop.is_none() && second.stop.is_none() && second.work.accepted > 0);
        });
        print(name, &account, theta_bytes, vectors, Some(later));
    }
}

fn whole_run(d: usize) {
    let widths = vec![d; LAYERS + 1];
    let text = format!(
        "name: memory
data: {{synthetic: {{inputs: {{dim: {d}, samples: {}}}, target: {{low_rank: {{rank: 3, outputs: {d}}}}}}}}}
network: {{widths: {widths:?}}}
init: {{orthogonal: {{gain: 1.0}}}}
weight_decay: 1.0e-3
flow: {{t_end: {}, rtol: 1.0e-4, integrator: tsit5}}
record: {{linear: {{points: 4}}}}
",
        2 * d,
        f64::from(STEPS) * STEP
    );
    let (scenario, _) = scenario::parse(&text, Path::new("memory.yaml"), &[]).expect("a valid scenario");
    let theta = 8.0 * Architecture::new(&widths).parameter_count() as f64;
    let account = account(|| {
        let problem = Problem::new(&scenario).expect("a problem");
        println!("{:>6} {:>9.1}", "start", PEAK.load(Relaxed) as f64 / 1e6);
        let finished = run(&scenario, &problem, &Interrupt::default(), |_| {});
        assert_eq!(finished.run.table.floats("flow", "t").len(), 4);
    });
    print("run", &account, theta, METHODS[0].2, None);
}

fn main() {
    let d = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(512);
    println!("d = {d}, L = {LAYERS}: MB, and multiples of θ and of the method's state");
    println!(
        "{:>6} {:>9} {:>12} {:>8} {:>9} {:>12} {:>12}",
        "", "peak", "resident", "vectors", "peak/θ", "peak/state", "allocations"
    );
    integrate(d);
    whole_run(d);
}

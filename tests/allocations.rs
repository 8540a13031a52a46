//! The right-hand side of the flow and its Jacobian do not touch the heap after their first call, nor does a step of our methods after the
//! first ones.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use gramflow::data::{Dataset, Moments};
use gramflow::flow::GradientFlow;
use gramflow::loss::Loss;
use gramflow::network::{Activation, Architecture, Parameters};
use gramflow::objective::{BatchGradient, LinearObjective, Minibatch, MlpMinibatch, MlpObjective, Objective, Order, Samples};
use gramflow::ode::{self, Integrator, Limits, OdeError, Tolerance, VectorField};
use gramflow::optim::{
    self, AdamLimit, BatchStream, Decay, ModifiedFlow, Noise, NormalisedFlow, Optimizer, RmspropLimit, Sde, SdeSettings,
    SgdEquation, ThirdOrderFlow, WeakOrder,
};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use gramflow::scenario;
use gramflow::theory::Ledger;
use nalgebra::{DMatrix, DVector};

/// The system's allocator, counting per thread: other tests run beside this one.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being torn down has no counter any more, and nothing to count.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1.0; 10]))) >= 1);
}

#[test]
fn the_right_hand_side_does_not_allocate_after_its_first_call() {
    let shapes: &[&[usize]] =
        &[&[5, 3], &[1, 1, 1], &[10, 10, 10, 10], &[64, 64, 64, 64, 64, 1], &[7, 4, 9, 3, 5], &[200, 200, 200, 200]];
    for widths in shapes {
        for order in [Order::FromInput, Order::FromOutput] {
            let architecture = Architecture::new(widths);
            let rng = &mut stream(0, Purpose::Inputs);
            let data = Dataset {
                x: gaussian_matrix(30, architecture.input_dim(), rng),
                y: gaussian_matrix(30, architecture.output_dim(), rng),
            };
            let theta = DVector::from_element(architecture.parameter_count(), 0.01);
            let objective =
                LinearObjective::with_order(architecture, Moments::new(&data).unwrap(), 1e-3, order).with_threads(1);
            let field = GradientFlow::new(&objective);
            let mut out = theta.clone();
            let mut along = DVector::from_element(theta.len(), 1.0);
            let mut calls = || {
                field.eval(0.0, &theta, &mut out);
                objective.gradient(&theta, &mut out);
                field.jacobian().unwrap().jacobian_vector(0.0, &theta, &along, &mut out);
                // Where θ has moved, the products kept for it are formed anew.
                field.jacobian().unwrap().jacobian_vector(0.0, &out, &theta, &mut along);
            };
            calls();
            let later = allocations(|| (0..50).for_each(|_| calls()));
            assert_eq!(later, 0, "{widths:?} {order:?}");
        }
    }
}

/// Nor do gradients, products with the Hessian and minibatches of nonlinear networks, on one thread: trunks, blocks and lanes included.
#[test]
fn nonlinear_networks_do_not_allocate_after_the_first_call() {
    let (plain, relu, tanh) = (Activation::Identity, Activation::Relu, Activation::Tanh);
    let cases: [(&[usize], &[Activation], usize, Loss); 3] = [
        (&[10, 32, 1], &[tanh, plain], 100, Loss::Mse),
        (&[20, 20, 20, 20, 1], &[plain, plain, relu, plain], 700, Loss::Logistic),
        (&[100, 200, 150, 3], &[relu, tanh, plain], 1500, Loss::CrossEntropy),
    ];
    for (widths, activations, samples, loss) in cases {
        let mut biases = vec![true; activations.len()];
        biases[0] = activations[0] != plain;
        biases[1] = activations[1] != plain;
        let net = Architecture::with_layers(widths, activations, &biases);
        let rng = &mut stream(0, Purpose::Inputs);
        let outputs = net.output_dim();
        let y = DMatrix::from_fn(samples, outputs, |i, k| f64::from(i % outputs == k));
        let data = Arc::new(Dataset { x: gaussian_matrix(samples, widths[0], rng), y });
        let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.1;
        let objective = MlpObjective::new(net, data.clone(), loss, 1e-3).with_threads(1);
        let mut minibatch = MlpMinibatch::new(&objective, Arc::new(Samples::new(&data)), 50);
        let batch: Vec<u32> = (0..50).collect();
        let mut out = theta.clone();
        let mut calls = || {
            objective.value(&theta);
            objective.gradient(&theta, &mut out);
            objective.hessian_vector(&theta, &theta, &mut out);
            minibatch.loss_gradient(&batch[..30], &theta, &mut out);
        };
        calls();
        assert_eq!(allocations(|| (0..5).for_each(|_| calls())), 0, "{widths:?}");
    }
}

/// Nor do the flows that optimizers are compared with.
#[test]
fn companions_do_not_allocate_after_their_first_call() {
    let text = "name: x
data: {synthetic: {inputs: {dim: 6, samples: 30}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [6, 5, 4, 3]}
flow: {t_end: 1}
optimizers: [adam: {lr: 0.01}, rmsprop: {lr: 0.01, centered: true}]
";
    let (scenario, _) = scenario::parse(text, "x.yaml".as_ref(), &[]).unwrap();
    let [Optimizer::Adam(adam), Optimizer::Rmsprop(rmsprop)] = &scenario.optimizers[..] else { panic!() };
    let architecture = Architecture::new(&scenario.network.widths);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(30, 6, rng), y: gaussian_matrix(30, 3, rng) };
    let theta = DVector::from_element(architecture.parameter_count(), 0.1);
    for order in [Order::FromInput, Order::FromOutput] {
        let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), 1e-3, order);
        let (adam, rmsprop) = (AdamLimit::new(&objective, adam, Decay::Coupled), RmspropLimit::new(&objective, rmsprop));
        let cases: [(&dyn VectorField, DVector<f64>); 5] = [
            (&ModifiedFlow::of_gradient_descent(&objective, 0.01), theta.clone()),
            (&ThirdOrderFlow::new(&objective, 0.01), theta.clone()),
            (&NormalisedFlow::new(&objective, 0.01, Decay::Decoupled), theta.clone()),
            (&adam, adam.start(&theta).1),
            (&rmsprop, rmsprop.start(&theta)),
        ];
        for (index, (field, state)) in cases.into_iter().enumerate() {
            let (mut out, along) = (state.clone(), DVector::from_element(state.len(), 1.0));
            let mut calls = || {
                field.eval(0.5, &state, &mut out);
                field.jacobian().unwrap().jacobian_vector(0.5, &state, &along, &mut out);
            };
            calls();
            assert_eq!(allocations(|| (0..10).for_each(|_| calls())), 0, "{index} {order:?}");
        }
    }
}

/// Every rule on batches of both kinds, by whichever way is cheaper for their size, short last batches included.
#[test]
fn a_step_does_not_allocate_after_the_first() {
    let rules = "[gd: {lr: 0.01}, sgd: {lr: 0.01, momentum: 0.9}, adam: {lr: 0.01, amsgrad: true}, adamw: {lr: 0.01}, \
        rmsprop: {lr: 0.01, centered: true}, sign: {lr: 0.01, schedule: {cosine: {t_max: 9}}}, muon: {lr: 0.01}]";
    let text = format!(
        "name: x\ndata: {{synthetic: {{inputs: {{dim: 20, samples: 30}}, target: {{low_rank: {{rank: 1, outputs: 20}}}}}}}}\n\
         network: {{widths: [20, 30, 20]}}\nflow: {{t_end: 1}}\noptimizers: {rules}\n"
    );
    let (scenario, _) = scenario::parse(&text, "x.yaml".as_ref(), &[]).unwrap();
    let architecture = Architecture::new(&scenario.network.widths);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(30, 20, rng), y: gaussian_matrix(30, 20, rng) };
    let mut theta = DVector::from_element(architecture.parameter_count(), 0.01);
    let mut gradient = theta.clone();
    let objective = LinearObjective::new(architecture, Moments::new(&data).unwrap(), 1e-3);
    let samples = std::sync::Arc::new(Samples::new(&data));
    for settings in &scenario.optimizers {
        for (size, replacement) in [(4, false), (4, true), (29, false), (1000, true)] {
            let mut rule = settings.rule(&optim::Layout::new(objective.layers().unwrap().architecture(), 1e-3));
            let mut batches = BatchStream::new(30, size, replacement, 0, settings.name());
            let mut minibatch = Minibatch::new(&objective, samples.clone(), size);
            let mut step = |k| {
                minibatch.loss_gradient(batches.draw(), &theta, &mut gradient);
                rule.step(settings.rate(k), gradient.as_slice(), theta.as_mut_slice());
            };
            step(0);
            assert_eq!(allocations(|| (1..40).for_each(step)), 0, "{settings:?} {size}");
        }
    }
}

/// Nor do the paths of a stochastic differential equation, after their first step.
#[test]
fn paths_do_not_allocate_after_their_first_step() {
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(40, 6, rng), y: gaussian_matrix(40, 3, rng) };
    let samples = Arc::new(Samples::new(&data));
    let linear = Architecture::new(&[6, 5, 4, 3]);
    let tanh = Architecture::with_layers(&[6, 5, 3], &[Activation::Tanh, Activation::Identity], &[true; 2]);
    let objectives: [Box<dyn Objective>; 2] = [
        Box::new(LinearObjective::new(linear, Moments::new(&data).unwrap(), 0.1)),
        Box::new(MlpObjective::new(tanh, Arc::new(data), Loss::Mse, 0.1)),
    ];
    for objective in objectives {
        for order in [WeakOrder::First, WeakOrder::Second] {
            let settings = SdeSettings { paths: 3, seed: 0, threads: 1 };
            let start = DVector::from_fn(objective.dim(), |i, _| 0.3 * (i as f64).sin());
            let equation = SgdEquation::new(0.01, Some(4), Noise::default(), order, 2.0);
            let mut sde = Sde::new(&*objective, Some(&samples), &start, equation, &settings, "sgd").unwrap();
            sde.step().unwrap();
            assert_eq!(allocations(|| (0..5).for_each(|_| sde.step().unwrap())), 0, "{order:?}");
        }
    }
}

/// The ledger of the balance, entered step by step.
#[test]
fn a_ledger_does_not_allocate_after_its_first_step() {
    let architecture = Architecture::new(&[20, 30, 7, 1]);
    let theta = gaussian_matrix(architecture.parameter_count(), 1, &mut stream(0, Purpose::Init)).column(0).into_owned();
    let mut ledger = Ledger::new(&Parameters::from_values(&architecture, theta.clone()), 1e-3);
    let mut step = || ledger.step(0.01, &theta, &theta);
    step();
    assert_eq!(allocations(|| (0..40).for_each(|_| step())), 0);
}

/// Segment by segment: where nothing is new in a later one, it takes no memory at all.
#[test]
fn a_later_segment_does_not_allocate() {
    let architecture = Architecture::new(&[12, 12, 12, 12]);
    let rng = &mut stream(2, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(30, 12, rng), y: gaussian_matrix(30, 12, rng) };
    let start = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0) * 0.3;
    let objective = LinearObjective::new(architecture, Moments::new(&data).unwrap(), 1e-3);
    let field = GradientFlow::new(&objective);
    let limits = || Limits { max_step: 0.01, t_end: 2.0, ..Limits::default() };
    let tolerance = Tolerance { rtol: 1e-4, atol: 1e-7 };
    type Make<'f> = fn(&'f dyn VectorField, Tolerance, Limits) -> Result<Integrator<'f>, OdeError>;
    let methods: [(&str, Make); 5] =
        [("tsit5", ode::tsit5), ("dp8", ode::dp8), ("rk6", ode::rk6), ("rkc", ode::rkc), ("rock4", ode::rock4)];
    for (name, method) in methods {
        let (mut integrator, mut theta) = (method(&field, tolerance, limits()).unwrap(), start.clone());
        let mut advance = |from: f64, to: f64| {
            let segment = integrator.advance(from, to, &mut theta).unwrap();
            assert!(segment.stop.is_none() && segment.work.accepted >= 50);
        };
        // Long enough for an estimate of the spectral radius, which some methods put off, and to an end inside a step.
        advance(0.0, 1.2501);
        assert_eq!(allocations(|| advance(1.2501, 1.9999)), 0, "{name}");
    }
}

/// A stiff flow in ten times as many steps: as many allocations, but for a few where a step is the longest so far, and for the searches for
/// the spectral radius: a few in thousands of steps, of a dozen vectors each.
#[test]
fn more_steps_do_not_take_more_allocations() {
    let architecture = Architecture::new(&[6, 6, 6]);
    let rng = &mut stream(1, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(30, 6, rng) * 3.0, y: gaussian_matrix(30, 6, rng) };
    let start = gaussian_matrix(72, 1, rng).column(0) * 0.4;
    let objective = LinearObjective::new(architecture, Moments::new(&data).unwrap(), 1e-3);
    let field = GradientFlow::new(&objective);
    type Make<'f> = fn(&'f dyn VectorField, Tolerance, Limits) -> Result<Integrator<'f>, OdeError>;
    let methods: [(&str, Make); 6] = [
        ("tsit5", ode::tsit5),
        ("dp8", ode::dp8),
        ("rk6", ode::rk6),
        ("rkc", ode::rkc),
        ("rock4", ode::rock4),
        ("auto", ode::auto),
    ];
    for (name, method) in methods {
        let run = |max_step: f64| {
            let mut integrator =
                method(&field, Tolerance { rtol: 1e-4, atol: 1e-7 }, Limits { max_step, t_end: 20.0, ..Limits::default() })
                    .unwrap();
            let (mut theta, mut accepted) = (start.clone(), 0);
            let taken = allocations(|| {
                let segment = integrator.advance(0.0, 20.0, &mut theta).unwrap();
                assert_eq!(segment.stop, None);
                accepted = segment.work.accepted;
            });
            (accepted, taken)
        };
        // Coefficients of rock4 are derived once in a process.
        run(0.1);
        run(0.01);
        let (few, many) = (run(0.1), run(0.01));
        assert!(many.0 >= 2 * few.0.min(1000) && many.0 >= 1000, "{name}: {few:?} {many:?}");
        assert!(many.1 <= few.1 + 400, "{name}: {few:?} {many:?}");
    }
}

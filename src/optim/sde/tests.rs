//! Laws of the equation and of its paths. With few samples the noise has few dimensions, so that expectations over it are exact sums: of
//! stochastic gradient descent over all sequences of batches, of the equation over the nodes of a quadrature at each step.

mod own_noise;

use std::cmp::Ordering;

use super::scheme::Scheme;
use super::*;
use crate::data::{Dataset, Moments};
use crate::loss::Loss;
use crate::network::{Activation, Architecture, Parameters};
use crate::objective::{LinearObjective, MlpObjective};
use crate::rng::{gaussian_matrix, stream};

/// An objective, its samples and a start.
struct Problem {
    objective: Box<dyn Objective>,
    samples: Arc<Samples>,
    start: DVector<f64>,
}

/// What expectations are taken of, several numbers at once: where one of their errors happens to change sign, the others do not.
type Measured<'a> = &'a dyn Fn(&DVector<f64>) -> DVector<f64>;

impl Problem {
    /// A linear network on n samples under decay λ.
    fn linear(widths: &[usize], n: usize, decay: f64) -> Self {
        let (net, data) = (Architecture::new(widths), data(widths, n));
        let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), decay);
        Self { objective: Box::new(objective), samples: Arc::new(Samples::new(&data)), start: start(&net) }
    }

    /// A network of one hidden tanh layer, likewise.
    fn tanh(widths: [usize; 3], n: usize, decay: f64) -> Self {
        let net = Architecture::with_layers(&widths, &[Activation::Tanh, Activation::Identity], &[true, false]);
        let (data, start) = (data(&widths, n), start(&net));
        let samples = Arc::new(Samples::new(&data));
        Self { objective: Box::new(MlpObjective::new(net, Arc::new(data), Loss::Mse, decay)), samples, start }
    }

    /// J, ‖θ‖² and θ.
    fn measured(&self, theta: &DVector<f64>) -> DVector<f64> {
        let numbers = [self.objective.value(theta), theta.norm_squared()].into_iter();
        DVector::from_iterator(theta.len() + 2, numbers.chain(theta.iter().copied()))
    }

    fn count(&self) -> usize {
        self.samples.count()
    }

    /// An orthonormal basis of the ξ ∈ ℝⁿ with ξ̄ = 0, all that the noise depends on.
    fn noise(&self) -> Vec<DVector<f64>> {
        let entry = |i: usize, k: usize| match i.cmp(&k) {
            Ordering::Less => 1.0,
            Ordering::Equal => -(k as f64),
            Ordering::Greater => 0.0,
        };
        (1..self.count()).map(|k| DVector::from_fn(self.count(), |i, _| entry(i, k)).normalize()).collect()
    }

    /// All batches of B samples with replacement, in order.
    fn batches(&self, size: usize) -> Vec<Vec<u32>> {
        let longer = |batches: Vec<Vec<u32>>| {
            let with = |batch: &Vec<u32>| (0..self.count() as u32).map(|i| [&batch[..], &[i]].concat()).collect::<Vec<_>>();
            batches.iter().flat_map(with).collect()
        };
        (0..size).fold(vec![Vec::new()], |batches, _| longer(batches))
    }

    /// E f(θ_k) of stochastic gradient descent in batches of B, over all sequences of them.
    fn descended(&self, lr: f64, size: usize, steps: usize, f: Measured) -> DVector<f64> {
        let batches = self.batches(size);
        let mut minibatch = self.objective.batches().unwrap().minibatch(self.samples.clone(), size);
        let mut open = vec![(self.start.clone(), 0)];
        let (mut total, mut gradient) = (f(&self.start) * 0.0, self.start.clone());
        while let Some((theta, taken)) = open.pop() {
            if taken == steps {
                total += f(&theta);
                continue;
            }
            for batch in &batches {
                minibatch.loss_gradient(batch, &theta, &mut gradient);
                self.objective.add_decay(1.0, &theta, &mut gradient);
                open.push((&theta - &gradient * lr, taken + 1));
            }
        }
        total / (batches.len() as f64).powi(steps as i32)
    }

    /// E f(X) after so many steps, by quadrature in each direction of the noise.
    fn followed(&self, equation: SgdEquation, steps: usize, f: Measured) -> DVector<f64> {
        let mut scheme = Scheme::new(&*self.objective, Some(&self.samples), &equation).unwrap();
        let (last, h) = (steps * equation.substeps as usize, equation.rate / f64::from(equation.substeps));
        let nodes = nodes(&self.noise());
        let mut open = vec![(self.start.clone(), 1.0, 0)];
        let mut total = f(&self.start) * 0.0;
        while let Some((theta, weight, taken)) = open.pop() {
            if taken == last {
                total += f(&theta) * weight;
                continue;
            }
            for (xi, share) in &nodes {
                let mut theta = theta.clone();
                scheme.normals().copy_from_slice(xi.as_slice());
                scheme.step(h, &mut theta);
                open.push((theta, weight * share, taken + 1));
            }
        }
        total
    }
}

/// The nodes and weights of Gauss and Hermite, three in each of these orthonormal directions: of degree 5.
fn nodes(directions: &[DVector<f64>]) -> Vec<(DVector<f64>, f64)> {
    let one = [(-3f64.sqrt(), 1.0 / 6.0), (0.0, 2.0 / 3.0), (3f64.sqrt(), 1.0 / 6.0)];
    let mut nodes = vec![(DVector::zeros(directions[0].len()), 1.0)];
    for direction in directions {
        let along = |(at, weight): &(DVector<f64>, f64)| one.map(|(z, share)| (at + direction * z, weight * share));
        nodes = nodes.iter().flat_map(along).collect();
    }
    nodes
}

fn data(widths: &[usize], n: usize) -> Dataset {
    let rng = &mut stream(0, Purpose::Inputs);
    let root = (widths[0] as f64).sqrt();
    Dataset { x: gaussian_matrix(n, widths[0], rng) / root, y: gaussian_matrix(n, widths[widths.len() - 1], rng) }
}

fn start(net: &Architecture) -> DVector<f64> {
    let widest = net.widths().iter().copied().fold(1, usize::max) as f64;
    gaussian_matrix(net.parameter_count(), 1, &mut stream(0, Purpose::Init)).column(0) * (0.7 / widest.sqrt())
}

/// The equation of plain stochastic gradient descent in batches of this size.
fn drawn(lr: f64, batch: usize, order: WeakOrder) -> SgdEquation {
    SgdEquation::new(lr, Some(batch), Noise::default(), order, 2.0)
}

const ORDERS: [(WeakOrder, f64); 2] = [(WeakOrder::First, 1.0), (WeakOrder::Second, 2.0)];

/// log₂ of ‖error(η)‖/‖error(η/2)‖.
fn slope(eta: f64, error: impl Fn(f64) -> DVector<f64>) -> f64 {
    (error(eta).norm() / error(0.5 * eta).norm()).log2()
}

/// From one start, one step of the optimizer: an equation of weak order p is off by O(η^{p + 1}), and no less.
#[test]
fn after_one_step_expectations_are_off_by_one_power_more_than_the_order() {
    for problem in [Problem::linear(&[1, 1, 1], 3, 0.1), Problem::linear(&[2, 3, 2], 3, 0.0), Problem::tanh([2, 2, 1], 3, 0.1)]
    {
        let cubes = |theta: &DVector<f64>| theta.map(|x| x.powi(3));
        let measured = |theta: &DVector<f64>| problem.measured(theta);
        for (f, (order, p)) in [&measured as Measured, &cubes].into_iter().flat_map(|f| ORDERS.map(|order| (f, order))) {
            let slope = slope(1.0 / 1024.0, |lr| {
                let equation = drawn(lr, 2, order);
                problem.followed(equation, 1, f) - problem.descended(lr, 2, 1, f)
            });
            assert!((slope - p - 1.0).abs() < 0.1, "{order:?}: {slope}");
        }
    }
}

/// The weak order over the time T, between T/`steps` and half of it. At order 2 a step of the optimizer is one of the method.
fn weak_order(problem: &Problem, order: WeakOrder, t: f64, steps: usize) -> f64 {
    let f: Measured = &|theta| problem.measured(theta);
    slope(t / steps as f64, |lr| {
        let steps = (t / lr).round() as usize;
        let equation = SgdEquation { substeps: 1, ..drawn(lr, 1, order) };
        problem.followed(equation, steps, f) - problem.descended(lr, 1, steps, f)
    })
}

/// Over a fixed time they are off by O(η) at order 1 and by O(η²) at order 2.
#[test]
fn weak_orders_are_1_and_2() {
    for problem in [Problem::linear(&[1, 1, 1], 2, 0.1), Problem::linear(&[5, 5, 5], 2, 0.0), Problem::tanh([2, 3, 1], 2, 0.1)]
    {
        for (order, p) in ORDERS {
            let found = weak_order(&problem, order, 0.2, 4);
            assert!((found - p).abs() < 0.1, "{order:?}: {found}");
        }
    }
}

/// `cargo test --release --lib -- --ignored over_a_longer_time --nocapture` prints the orders.
#[test]
#[ignore = "half a million courses of the noise"]
fn weak_orders_are_the_same_over_a_longer_time() {
    let problem = Problem::linear(&[5, 5, 5], 2, 0.0);
    for (order, p) in ORDERS {
        let found = weak_order(&problem, order, 0.5, 6);
        println!("{order:?}: {found}");
        assert!((found - p).abs() < 0.15, "{order:?}: {found}");
    }
}

/// After one step the method is off by O(η⁴), so that over a fixed time the equation's own error is what remains.
#[test]
fn the_method_converges_faster_than_the_equation() {
    for problem in [Problem::linear(&[1, 1, 1], 2, 0.1), Problem::tanh([2, 3, 1], 2, 0.1)] {
        for (order, _) in ORDERS {
            let slope = slope(1.0 / 32.0, |lr| {
                let of = |substeps| {
                    let equation = SgdEquation { substeps, ..drawn(lr, 1, order) };
                    problem.followed(equation, 1, &|theta| problem.measured(theta))
                };
                of(1) - of(4)
            });
            assert!((slope - 4.0).abs() < 0.2, "{order:?}: {slope}");
        }
    }
}

/// D⁺ = (1 − ηλ)²D + η²(G₂ᵀG₂ − G₁G₁ᵀ) for the gradient G of each batch, in the mean: what order 2 gives up to O(η³), mean and noise of G
/// alike, and order 1 only as far as the noise does it.
#[test]
fn the_mean_imbalance_is_that_of_the_ledger() {
    let (decay, size) = (0.2, 1);
    let problem = Problem::linear(&[2, 3, 2], 3, decay);
    let net = problem.objective.layers().unwrap().architecture();
    let imbalance = |theta: &DVector<f64>| {
        let all = Parameters::from_values(net, theta.clone()).imbalances();
        DVector::from_column_slice(all[0].as_slice())
    };
    let mut minibatch = problem.objective.batches().unwrap().minibatch(problem.samples.clone(), size);
    let before = imbalance(&problem.start);
    let (mut created, mut gradient) = (&before * 0.0, problem.start.clone());
    for batch in problem.batches(size) {
        minibatch.loss_gradient(&batch, &problem.start, &mut gradient);
        created += imbalance(&gradient) / 3.0;
    }
    for (order, p) in ORDERS {
        let slope = slope(1.0 / 256.0, |lr| {
            let ledger = &before * (1.0 - lr * decay).powi(2) + &created * (lr * lr);
            problem.followed(drawn(lr, size, order), 1, &imbalance) - ledger
        });
        assert!((slope - p - 1.0).abs() < 0.1, "{order:?}: {slope}");
    }
}

/// One layer on x = ±√d·e_j, so that Σ_x = I, with labels w*ᵀx + ε_j: about w* the drift is −ax, a = 1 or 1 + η/2, and Σ_jj = (d − 1)x_j² +
/// ε_j², Σ_jk = −x_jx_k. A stationary covariance has (2a − (η/B)(d − 1))C_jj = (η/B)ε_j² and is diagonal.
#[test]
fn an_ornstein_uhlenbeck_process_has_its_stationary_covariance() {
    let (d, paths, batch, lr) = (2, 4000, 1, 0.1);
    let noise = [0.5, 1.5];
    let x = nalgebra::DMatrix::from_fn(2 * d, d, |i, j| f64::from(i / 2 == j) * [1.0, -1.0][i % 2] * (d as f64).sqrt());
    let target = DVector::from_vec(vec![1.0, -0.5]);
    let y = nalgebra::DMatrix::from_fn(2 * d, 1, |i, _| x.row(i).transpose().dot(&target) + noise[i / 2]);
    let data = Dataset { x, y };
    let objective = LinearObjective::new(Architecture::new(&[d, 1]), Moments::new(&data).unwrap(), 0.0);
    let samples = Arc::new(Samples::new(&data));
    for (order, a) in [(WeakOrder::First, 1.0), (WeakOrder::Second, 1.0 + lr / 2.0)] {
        let settings = SdeSettings { paths, seed: 1, threads: 2 };
        let equation = drawn(lr, batch, order);
        let mut sde = Sde::new(&objective, Some(&samples), &target, equation, &settings, "sgd").unwrap();
        (0..50).for_each(|_| sde.step().unwrap());
        let mean = |f: &dyn Fn(&DVector<f64>) -> f64| {
            let values: Vec<f64> = sde.paths().map(|path| f(&(path - &target))).collect();
            let mean = values.iter().sum::<f64>() / paths as f64;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (mean, 3.0 * squares.sqrt() / paths as f64)
        };
        let strength = lr / batch as f64;
        for j in 0..d {
            let expected = strength * noise[j].powi(2) / (2.0 * a - strength * (d as f64 - 1.0));
            let (found, bound) = mean(&|x| x[j] * x[j]);
            assert!((found - expected).abs() < bound && bound < 0.1 * expected, "{order:?} {j}: {found} {expected} {bound}");
            let (found, bound) = mean(&|x| x[j]);
            assert!(found.abs() < bound, "{order:?} {j}: {found} {bound}");
        }
        let (found, bound) = mean(&|x| x[0] * x[1]);
        assert!(found.abs() < bound, "{order:?}: {found} {bound}");
        // What the session records of them.
        let (spread, total) = (sde.spread(&sde.mean()).powi(2), (0..d).map(|j| mean(&|x| x[j] * x[j]).0).sum::<f64>());
        assert!((spread / total - 1.0).abs() < 2e-3, "{spread} {total}");
    }
}

fn paths_of(problem: &Problem, threads: usize, seed: u64, name: &str) -> Sde {
    let settings = SdeSettings { paths: 5, seed, threads };
    let equation = drawn(0.1, 2, WeakOrder::Second);
    Sde::new(&*problem.objective, Some(&problem.samples), &problem.start, equation, &settings, name).unwrap()
}

#[test]
fn paths_depend_on_seed_name_and_index_alone() {
    let problem = Problem::tanh([3, 4, 2], 9, 0.1);
    let ends = |threads: usize, seed: u64, name: &str| {
        let mut sde = paths_of(&problem, threads, seed, name);
        (0..4).for_each(|_| sde.step().unwrap());
        (sde.values(), sde.paths().cloned().collect::<Vec<_>>())
    };
    let one = ends(1, 7, "sgd");
    assert!([2, 3, 5, 16].iter().all(|threads| ends(*threads, 7, "sgd") == one));
    for (index, path) in one.1.iter().enumerate() {
        assert!(one.1[..index].iter().all(|other| other != path));
    }
    assert!(ends(1, 8, "sgd").1[0] != one.1[0] && ends(1, 7, "other").1[0] != one.1[0]);
}

/// One that is taken up goes on bit for bit, on another number of threads.
#[test]
fn their_state_is_all_that_they_remember() {
    let problem = Problem::linear(&[3, 4, 2], 9, 0.1);
    let (mut first, mut second) = (paths_of(&problem, 1, 0, "sgd"), paths_of(&problem, 3, 0, "sgd"));
    (0..4).for_each(|_| first.step().unwrap());
    let mut written = Archive::written();
    first.archive(&mut written).unwrap();
    second.archive(&mut Archive::read(written.into_bytes())).unwrap();
    for _ in 0..4 {
        first.step().unwrap();
        second.step().unwrap();
    }
    assert!(first.paths().eq(second.paths()) && first.values() == second.values());
    assert_eq!((first.steps(), first.gradients()), (8, second.gradients()));
    // Two steps of the method, with three drifts of 1 + 2 gradients and one noise, on five paths.
    assert_eq!(first.gradients(), 8 * 5 * 2 * (3 * 3 + 1));
}

/// A path that diverges says which.
#[test]
fn a_path_that_diverges_ends_them() {
    let problem = Problem::linear(&[2, 2], 9, 0.0);
    let settings = SdeSettings { paths: 3, seed: 0, threads: 1 };
    let equation = SgdEquation { substeps: 1, ..drawn(100.0, 1, WeakOrder::First) };
    let mut sde = Sde::new(&*problem.objective, Some(&problem.samples), &problem.start, equation, &settings, "sgd").unwrap();
    let lost = (0..200).find_map(|_| sde.step().err()).unwrap();
    assert!(lost.path < 3 && lost.norm.is_finite(), "{lost:?}");
}

/// Where the rule is stable, up to its bound 2(1 + β)/(1 − τ) on ηλ, the method is: it multiplies by 1 + z + z²/2 + z³/6, z minus the drift's
/// rate times h.
#[test]
fn the_method_is_stable_wherever_the_rule_is() {
    let grows = |z: f64| (1.0 + z * (1.0 + z / 2.0 * (1.0 + z / 3.0))).abs() > 1.0;
    assert!(!grows(-STABLE) && grows(-STABLE - 0.02));
    let parts = |bound, order| SgdEquation::new(0.1, Some(1), Noise::default(), order, bound).substeps;
    assert_eq!((parts(2.0, WeakOrder::First), parts(2.0, WeakOrder::Second)), (1, 2));
    // Heavy ball with β = 0.9 moves by ten steps' worth, and is stable up to ηλ = 3.8.
    assert_eq!(parts(38.0, WeakOrder::First), 16);
}

#[test]
fn its_formula_has_its_numbers() {
    let of = |order| drawn(0.02, 4, order).formula();
    let noise = "√(0.005·Σ) dW, Σ = (1/n) Σ_i (∇ℓ_i − ∇ℒ)(∇ℓ_i − ∇ℒ)ᵀ";
    assert_eq!(of(WeakOrder::First), format!("dX = −∇J dt + {noise}"));
    assert_eq!(of(WeakOrder::Second), format!("dX = −(∇J + 0.01·∇²J∇J) dt + {noise}"));
}

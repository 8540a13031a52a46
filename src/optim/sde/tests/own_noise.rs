//! Label noise and Langevin noise in the equation.

use super::*;

/// The unit vectors of ℝⁿ.
fn basis(n: usize) -> Vec<DVector<f64>> {
    (0..n).map(|i| DVector::from_fn(n, |j, _| f64::from(i == j))).collect()
}

/// E f(θ_1) − E f(X(η)) for an optimizer on all samples with this noise, by quadrature over it.
fn error(problem: &Problem, lr: f64, noise: Noise, order: WeakOrder, f: Measured) -> DVector<f64> {
    let Problem { objective, samples, start } = problem;
    let (n, dim) = (problem.count() * samples.outputs(), start.len());
    let equation = SgdEquation { substeps: 1, ..SgdEquation::new(lr, None, noise, order, 2.0) };
    let mut scheme = Scheme::new(&**objective, Some(samples), &equation).unwrap();
    let mut minibatch = objective.batches().unwrap().minibatch(samples.clone(), problem.count());
    let batch: Vec<u32> = (0..problem.count() as u32).collect();
    let (mut total, mut gradient) = (f(start) * 0.0, start.clone());
    let parts = [noise.labels > 0.0, noise.temperature > 0.0];
    assert_eq!(parts.iter().filter(|there| **there).count(), 1, "the quadrature is over one kind of noise");
    for (at, weight) in nodes(&basis(if parts[0] { n } else { dim })) {
        if parts[0] {
            minibatch.moved_gradient(&batch, (&at * noise.labels).as_slice(), start, &mut gradient);
        } else {
            minibatch.loss_gradient(&batch, start, &mut gradient);
            gradient.axpy((2.0 * noise.temperature / lr).sqrt(), &at, 1.0);
        }
        objective.add_decay(1.0, start, &mut gradient);
        total += f(&(start - &gradient * lr)) * weight;
        let mut theta = start.clone();
        scheme.normals().copy_from_slice(at.as_slice());
        scheme.step(lr, &mut theta);
        total -= f(&theta) * weight;
    }
    total
}

/// Label noise is noise of order √η, as that of batches, to either order.
#[test]
fn with_label_noise_expectations_are_off_by_one_power_more_than_the_order() {
    let noise = Noise { labels: 0.8, temperature: 0.0 };
    for problem in [Problem::linear(&[1, 1, 1], 2, 0.1), Problem::linear(&[2, 3, 2], 2, 0.0), Problem::tanh([2, 2, 1], 3, 0.1)]
    {
        for (order, p) in ORDERS {
            let slope = slope(1.0 / 1024.0, |lr| error(&problem, lr, noise, order, &|theta| problem.measured(theta)));
            assert!((slope - p - 1.0).abs() < 0.1, "{order:?}: {slope}");
        }
    }
}

/// Langevin noise does not vanish with η, and the iterates have weak order 1.
#[test]
fn with_a_temperature_expectations_are_off_by_the_square_of_the_step() {
    let noise = Noise { labels: 0.0, temperature: 0.3 };
    for problem in [Problem::linear(&[1, 1, 1], 2, 0.1), Problem::tanh([2, 2, 1], 3, 0.1)] {
        let found = slope(1.0 / 1024.0, |lr| error(&problem, lr, noise, WeakOrder::First, &|theta| problem.measured(theta)));
        assert!((found - 2.0).abs() < 0.1, "{found}");
    }
}

/// One layer with Σ_x = I about its minimum: dX = −X dt + √(ησ²/n + 2T) dW, and the stationary covariance is half of ησ²/n + 2T, times I.
#[test]
fn either_noise_has_its_stationary_covariance() {
    let (d, paths, lr) = (2, 4000, 0.1);
    let x = nalgebra::DMatrix::from_fn(2 * d, d, |i, j| f64::from(i / 2 == j) * [1.0, -1.0][i % 2] * (d as f64).sqrt());
    let target = DVector::from_vec(vec![1.0, -0.5]);
    let data = Dataset { y: nalgebra::DMatrix::from_column_slice(2 * d, 1, (&x * &target).as_slice()), x };
    let objective = LinearObjective::new(Architecture::new(&[d, 1]), Moments::new(&data).unwrap(), 0.0);
    let samples = Arc::new(Samples::new(&data));
    for noise in [(0.8, 0.0), (0.0, 0.02), (0.8, 0.02)].map(|(labels, temperature)| Noise { labels, temperature }) {
        let settings = SdeSettings { paths, seed: 1, threads: 2 };
        let equation = SgdEquation::new(lr, None, noise, WeakOrder::First, 2.0);
        let mut sde = Sde::new(&objective, Some(&samples), &target, equation, &settings, "sgd").unwrap();
        (0..80).for_each(|_| sde.step().unwrap());
        let variance = 0.5 * (lr * noise.labels.powi(2) / samples.count() as f64 + 2.0 * noise.temperature);
        // Σ over d entries of paths, of relative standard deviation √2 each.
        let found = sde.spread(&sde.mean()).powi(2) / d as f64;
        let bound = 3.0 * (2.0 / (d * paths) as f64).sqrt();
        assert!((found / variance - 1.0).abs() < bound, "{noise:?}: {found} {variance}");
    }
}

/// Langevin noise needs no samples, and an objective of any kind has it; noise of labels does.
#[test]
fn langevin_noise_needs_no_samples() {
    let problem = Problem::linear(&[2, 3, 2], 3, 0.1);
    let of = |labels, temperature| {
        let equation = SgdEquation::new(0.1, None, Noise { labels, temperature }, WeakOrder::First, 2.0);
        Sde::new(&*problem.objective, None, &problem.start, equation, &SdeSettings { paths: 3, seed: 0, threads: 1 }, "sgd")
    };
    let mut sde = of(0.0, 0.1).unwrap();
    sde.step().unwrap();
    assert!(sde.spread(&sde.mean()) > 0.0);
    assert!(of(0.1, 0.1).is_none());
}

#[test]
fn its_formula_names_each_noise() {
    let of = |batch, labels, temperature| {
        SgdEquation::new(0.02, batch, Noise { labels, temperature }, WeakOrder::First, 2.0).formula()
    };
    assert_eq!(of(None, 0.0, 0.5), "dX = −∇J dt + 1 dW″");
    assert_eq!(of(None, 0.5, 0.0), "dX = −∇J dt + √(0.005/n·K) dW′, K = (1/n) Σ_i J_iᵀJ_i");
    let all =
        "dX = −∇J dt + √(0.005·Σ) dW + √(0.00125·K) dW′ + 1 dW″, Σ = (1/n) Σ_i (∇ℓ_i − ∇ℒ)(∇ℓ_i − ∇ℒ)ᵀ, K = (1/n) Σ_i J_iᵀJ_i";
    assert_eq!(of(Some(4), 0.5, 0.5), all);
}

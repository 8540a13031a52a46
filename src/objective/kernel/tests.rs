//! Kernels against J formed entry by entry by dual numbers, and the laws they obey.

use std::sync::Arc;

use nalgebra::SymmetricEigen;

use super::*;
use crate::data::{Dataset, Moments};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::testing::outputs_and_jacobian;
use crate::objective::{LinearObjective, MlpObjective, Objective};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// A network of these widths, the last layer's outputs as they are, with samples and weights.
fn problem(activation: Activation, bias: bool, widths: &[usize], n: usize) -> (Architecture, Dataset, DVector<f64>) {
    let (rng, depth) = (&mut stream(5, Purpose::Inputs), widths.len() - 1);
    let mut activations = vec![activation; depth];
    activations[depth - 1] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![bias; depth]);
    let data = Dataset { x: gaussian_matrix(n, net.input_dim(), rng), y: gaussian_matrix(n, net.output_dim(), rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.6;
    (net, data, theta)
}

fn by_samples(net: &Architecture, data: &Dataset) -> MlpObjective {
    MlpObjective::new(net.clone(), Arc::new(data.clone()), Loss::Mse, 0.0)
}

fn by_moments(net: &Architecture, data: &Dataset) -> LinearObjective {
    LinearObjective::new(net.clone(), Moments::new(data).unwrap(), 0.0)
}

fn reference(net: &Architecture, data: &Dataset, theta: &DVector<f64>) -> DMatrix<f64> {
    let (_, jacobian) = outputs_and_jacobian(net, theta, &data.x);
    &jacobian * jacobian.transpose() / data.x.nrows() as f64
}

/// Largest first.
fn eigenvalues(kernel: DMatrix<f64>) -> Vec<f64> {
    let mut values: Vec<f64> = SymmetricEigen::new(kernel).eigenvalues.iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// One output and several, with and without biases, in one block and in several; linear ones are multiplied out for their gradients only.
#[test]
fn the_kernel_of_samples_is_that_of_the_jacobian() {
    for (activation, bias, widths, n) in [
        (Activation::Tanh, true, &[3, 4, 5, 2][..], 7),
        (Activation::Tanh, false, &[3, 4, 3], 6),
        (Activation::Relu, true, &[2, 5, 1], 9),
        (Activation::Identity, false, &[4, 3, 3, 2], 8),
        (Activation::Tanh, true, &[1, 2, 1], 700),
    ] {
        let (net, data, theta) = problem(activation, bias, widths, n);
        let expected = reference(&net, &data, &theta);
        for threads in [1, 3] {
            let objective = by_samples(&net, &data).with_threads(threads);
            // Nothing of the first call may leak into the second.
            objective.kernel(&(&theta * 2.0));
            let kernel = objective.kernel(&theta);
            assert!((&kernel - &expected).norm() < 1e-12 * expected.norm(), "{activation:?} {widths:?}");
            assert_eq!(kernel, kernel.transpose());
        }
    }
}

/// Everything that columns are made of, with more samples than inputs and with fewer.
#[test]
fn the_kernel_of_moments_is_that_of_the_samples_in_another_basis() {
    for (widths, n) in [(&[3, 4, 5, 2][..], 11), (&[4, 3, 3], 2), (&[3, 2], 5)] {
        let (net, data, theta) = problem(Activation::Identity, false, widths, n);
        let (long, short) = (by_samples(&net, &data), by_moments(&net, &data));
        let other = &theta * 1.3;
        let [a, b] = [&theta, &other].map(|theta| reference(&net, &data, theta));
        let [c, d] = [&theta, &other].map(|theta| short.kernel(theta));
        let close = |x: f64, y: f64| assert!((x - y).abs() <= 1e-12 * y.abs(), "{x} {y}");
        close(c.norm(), a.norm());
        close((c.clone() - d).norm(), (a.clone() - b).norm());
        let (of_samples, of_moments) = (long.labels(), short.labels());
        close(of_moments.norm_squared, data.y.norm_squared() / n as f64);
        close(of_samples.norm_squared, of_moments.norm_squared);
        close(of_moments.within.dot(&(&c * &of_moments.within)), of_samples.within.dot(&(&a * &of_samples.within)));
        let (a, c) = (eigenvalues(a), eigenvalues(c));
        assert!(a.iter().zip(&c).all(|(x, y)| (x - y).abs() < 1e-12 * a[0]), "{a:?} {c:?}");
    }
}

/// (1/n) JᵀJ, which of one linear layer is ∇²ℒ.
#[test]
fn its_eigenvalues_are_those_of_the_gauss_newton_matrix() {
    let (net, data, theta) = problem(Activation::Identity, false, &[3, 2], 8);
    let objective = by_samples(&net, &data);
    let mut hessian = DMatrix::zeros(theta.len(), theta.len());
    for p in 0..theta.len() {
        let mut unit = DVector::zeros(theta.len());
        unit[p] = 1.0;
        let mut column = unit.clone();
        objective.loss_hessian_vector(&theta, &unit, &mut column);
        hessian.set_column(p, &column);
    }
    let (kernel, hessian) = (eigenvalues(objective.kernel(&theta)), eigenvalues(hessian));
    assert!(hessian.iter().zip(&kernel).all(|(x, y)| (x - y).abs() < 1e-12 * kernel[0]), "{hessian:?} {kernel:?}");
    assert!(kernel[hessian.len()..].iter().all(|x| x.abs() < 1e-12 * kernel[0]));
}

/// θ after time h along θ̇ = −∇ℒ: one step of the classical Runge–Kutta method, off by h⁵.
fn flown(objective: &dyn Objective, theta: &DVector<f64>, h: f64) -> DVector<f64> {
    let field = |theta: &DVector<f64>| {
        let mut gradient = theta.clone();
        objective.loss_gradient(theta, &mut gradient);
        -gradient
    };
    let k1 = field(theta);
    let k2 = field(&(theta + &k1 * (h / 2.0)));
    let k3 = field(&(theta + &k2 * (h / 2.0)));
    let k4 = field(&(theta + &k3 * h));
    theta + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0)
}

/// ḟ = −K(f − y): central differences approach it with their order. Control: without the labels they do not.
#[test]
fn outputs_of_the_flow_move_by_the_kernel() {
    let (net, data, theta) = problem(Activation::Tanh, true, &[3, 6, 2], 5);
    let objective = by_samples(&net, &data);
    let outputs = |theta: &DVector<f64>| {
        let (values, _) = outputs_and_jacobian(&net, theta, &data.x);
        DVector::from_column_slice(values.as_slice())
    };
    let (kernel, y) = (objective.kernel(&theta), DVector::from_column_slice(data.y.as_slice()));
    let (law, wrong) = (-&kernel * (outputs(&theta) - &y), -&kernel * outputs(&theta));
    let speed = |h: f64| (outputs(&flown(&objective, &theta, h)) - outputs(&flown(&objective, &theta, -h))) / (2.0 * h);
    let [far, near] = [0.02, 0.01].map(|h| (speed(h) - &law).norm() / law.norm());
    assert!(near < 1e-3 && ((far / near).log2() - 2.0).abs() < 0.05, "{far:e} {near:e}");
    assert!((speed(0.01) - wrong).norm() > 0.1 * law.norm());
}

/// Of L positively homogeneous layers without biases K(cθ) = c^{2(L−1)}K(θ), to the bit at powers of two. Control: biases.
#[test]
fn homogeneous_networks_scale_their_kernel() {
    for (bias, factor, off) in [(false, 2.0, 0.0..=0.0), (false, 1.7, 0.0..=1e-14), (true, 2.0, 0.01..=1.0)] {
        let (net, data, theta) = problem(Activation::Relu, bias, &[3, 5, 4, 2], 6);
        let objective = by_samples(&net, &data);
        let expected = objective.kernel(&theta) * f64::powi(factor, 4);
        let error = (objective.kernel(&(&theta * factor)) - &expected).norm() / expected.norm();
        assert!(off.contains(&error), "{bias} {factor}: {error:e}");
    }
}

use std::sync::Arc;

use super::*;
use crate::data::Dataset;
use crate::flow::GradientFlow;
use crate::loss::Loss;
use crate::network::Activation;
use crate::objective::Objective;
use crate::ode::{Limits, Switching, Tolerance, VectorField, tsit5};
use crate::rng::{Purpose, gaussian_matrix, stream};

fn problem(seed: u64, widths: &[usize]) -> (MlpObjective, DVector<f64>) {
    let (rng, depth) = (&mut stream(seed, Purpose::Inputs), widths.len() - 1);
    let mut activations = vec![Activation::Relu; depth];
    activations[depth - 1] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![true; depth]);
    let data = Dataset { x: gaussian_matrix(12, widths[0], rng), y: gaussian_matrix(12, widths[depth], rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.7;
    (MlpObjective::new(net, Arc::new(data), Loss::Mse, 1e-2).with_kinks().unwrap(), theta)
}

/// P·dF(θ)[Pu] = −P(∇²ℒ + λ)Pu, P the projection away from ∇z of what slides; and ∇z is in its kernel.
#[test]
fn the_hessian_along_kinks_differentiates_the_velocity() {
    let mut compared = 0;
    for seed in 0..40 {
        let widths: &[usize] = if seed % 2 == 0 { &[2, 3, 3, 1] } else { &[2, 4, 1] };
        let (sliding, mut theta) = problem(seed, widths);
        let field = GradientFlow::new(&sliding);
        let tolerance = Tolerance { rtol: 1e-7, atol: 1e-10 };
        let segment = tsit5(&field, tolerance, Limits::default()).unwrap().advance(0.0, 10.0, &mut theta).unwrap();
        assert_eq!(segment.stop, None);
        let held = sliding.kinks.as_ref().unwrap().borrow().held.clone();
        // Where no slope is about to leave its range, and no other sample is on a kink: beyond is another field.
        let inside = |(place, slope): &(Place, f64)| *slope > sliding.left(*place) + 1e-3 && *slope < 1.0 - 1e-3;
        let others = sliding.on_kinks(&theta, 1e-4).len() > held.len();
        if held.is_empty() || others || !held.iter().all(inside) {
            continue;
        }
        compared += 1;
        let project = |v: &DVector<f64>| {
            let mut out = v.clone();
            let normals = sliding.normals(&sliding.kinks.as_ref().unwrap().borrow(), &theta).unwrap();
            normals.project(&mut out);
            out
        };
        let velocity = |theta: &DVector<f64>| {
            let mut out = theta.clone();
            field.eval(0.0, theta, &mut out);
            out
        };
        let u = project(&gaussian_matrix(theta.len(), 1, &mut stream(seed, Purpose::Noise)).column(0).into_owned()).normalize();
        let small = 1e-6;
        let differences = project(&((velocity(&(&theta + &u * small)) - velocity(&(&theta - &u * small))) / (2.0 * small)));
        let mut product = u.clone();
        sliding.hessian_vector(&theta, &u, &mut product);
        let off = (&differences + &product).norm() / product.norm();
        assert!(off < 1e-3, "{seed}: {off:e} of {held:?}");

        let velocity = Velocity::new(&sliding, theta.as_slice(), held.clone());
        let mut normal = DVector::zeros(theta.len());
        velocity.add(&DVector::from_element(held.len(), 1.0), normal.as_mut_slice());
        sliding.loss_hessian_vector(&theta, &normal, &mut product);
        assert!(product.norm() < 1e-9 * normal.norm(), "{seed}: {:e}", product.norm());
    }
    assert!(compared > 3, "{compared}");
}

/// A stage that has blown up leaves nothing behind: slopes and products with the Hessian are those of where the step began.
#[test]
fn a_step_that_failed_leaves_no_trace() {
    let mut compared = 0;
    for seed in 0..8 {
        let (sliding, mut theta) = problem(seed, &[2, 4, 1]);
        let tolerance = Tolerance { rtol: 1e-7, atol: 1e-10 };
        tsit5(GradientFlow::new(&sliding), tolerance, Limits::default()).unwrap().advance(0.0, 10.0, &mut theta).unwrap();
        let field = GradientFlow::new(&sliding);
        let (mut velocity, mut product) = (theta.clone(), theta.clone());
        field.eval(0.0, &theta, &mut velocity);
        sliding.settle(&theta, &mut velocity, 1e-2, 1e-6);
        let held = || sliding.kinks.as_ref().unwrap().borrow().held.clone();
        let before = held();
        if before.is_empty() {
            continue;
        }
        compared += 1;
        let v = DVector::from_fn(theta.len(), |i, _| (i as f64).cos());
        sliding.hessian_vector(&theta, &v, &mut product);
        for far in [1e3, 1e160] {
            field.eval(0.0, &(&theta * far), &mut velocity.clone());
            sliding.give_up();
            assert_eq!(held(), before, "{seed}");
            let mut again = theta.clone();
            sliding.hessian_vector(&theta, &v, &mut again);
            assert_eq!(again, product, "{seed}");
        }
    }
    assert!(compared > 1, "{compared}");
}

/// ∇z of a neuron, by differences of z, and the products that are made of it.
#[test]
fn what_enters_a_neuron_depends_on_the_weights_as_it_is_said() {
    let (objective, theta) = problem(3, &[2, 4, 3, 1]);
    let places = [(0, 1, 0), (0, 2, 1), (1, 2, 2), (1, 1, 3)].map(|(sample, layer, neuron)| Place { sample, layer, neuron });
    let velocity = Velocity::with_sides(&objective, theta.as_slice(), Vec::new(), &places);
    let held = &velocity.held;
    let gradient = |j: usize| {
        let mut out = DVector::zeros(theta.len());
        velocity.add(&DVector::from_fn(held.len(), |i, _| f64::from(u8::from(i == j))), out.as_mut_slice());
        out
    };
    let gram = velocity.gram();
    for j in 0..held.len() {
        let of_j = gradient(j);
        let z = |theta: &DVector<f64>| Velocity::with_sides(&objective, theta.as_slice(), Vec::new(), &[held[j].0]).z(0);
        for i in 0..theta.len() {
            let mut unit = DVector::zeros(theta.len());
            unit[i] = 1e-6;
            let slope = (z(&(&theta + &unit)) - z(&(&theta - &unit))) / 2e-6;
            assert!((slope - of_j[i]).abs() < 1e-8, "{j} {i}");
        }
        assert!((0..held.len()).all(|k| (gram[(j, k)] - of_j.dot(&gradient(k))).abs() < 1e-12));
        let v = DVector::from_fn(theta.len(), |i, _| (i as f64).sin());
        assert!((velocity.dots(v.as_slice())[j] - of_j.dot(&v)).abs() < 1e-12);
    }
}

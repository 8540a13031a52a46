//! Third derivatives of smooth networks.

use super::*;
use crate::objective::testing::third_costs;

const SMOOTH: [Activation; 8] = [
    Activation::Identity,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Gelu,
    Activation::Softplus,
    Activation::Erf,
    Activation::Quadratic,
    Activation::Swish,
];

/// As [`layer`], without kinks.
fn smooth() -> impl Strategy<Value = (usize, Activation, bool)> {
    let linear = (1usize..6, Just(Activation::Identity), Just(false));
    prop_oneof![linear, (1usize..6, prop::sample::select(&SMOOTH[..]), any::<bool>())]
}

/// D³J[u, v] against a five-point rule on ∇²J·v, and its symmetry in all three arguments.
fn check(objective: &MlpObjective, theta: &DVector<f64>, seed: u64) {
    let rng = &mut stream(seed, Purpose::Noise);
    let [u, v, w] = [(); 3].map(|()| gaussian_matrix(theta.len(), 1, rng).column(0).normalize());
    let slope = |h: f64| {
        let moved = |k: f64| product(objective, &(theta + &u * (k * h)), &v);
        ((moved(1.0) - moved(-1.0)) * 8.0 - (moved(2.0) - moved(-2.0))) / (12.0 * h)
    };
    let [uv, uw, vw, uu] = [(&u, &v), (&u, &w), (&v, &w), (&u, &u)].map(|(a, b)| third(objective, theta, a, b));
    let scale = 1.0 + product(objective, theta, &v).norm() + uv.norm() + uw.norm() + vw.norm();
    // Truncation, as h⁴, of which the rule at another h tells, and rounding as ε/h.
    let (coarse, fine) = (slope(2e-3), slope(1e-3));
    let allowed = 1e-10 * scale + (&coarse - &fine).norm() / 10.0;
    assert!(allowed < 1e-6 * scale, "{allowed:e} of {scale}");
    assert!((&uv - &fine).norm() < allowed, "{:e} of {allowed:e}", (&uv - &fine).norm());
    let values = [uv.dot(&w), third(objective, theta, &v, &u).dot(&w), uw.dot(&v), third(objective, theta, &w, &u).dot(&v)];
    let others = [vw.dot(&u), third(objective, theta, &w, &v).dot(&u)];
    assert!(values.iter().chain(&others).all(|value| (value - values[0]).abs() < 1e-13 * scale), "{values:?} {others:?}");
    // The shorter way where both are the same.
    let nearly = &u * (1.0 + f64::EPSILON);
    assert!((third(objective, theta, &u, &nearly) - &uu).norm() < 1e-13 * scale);
}

proptest! {
    /// Linear runs among the layers, multiplied out or not, in one block or in many.
    #[test]
    fn they_are_the_derivatives_of_the_hessian_and_symmetric(
        d_in in 1usize..5, layers in prop::collection::vec(smooth(), 1..5), loss in prop::sample::select(&LOSSES[..]),
        samples in 1usize..40, decay in 0.0f64..1.0, seed in 0u64..10_000,
    ) {
        let net = network(d_in, &layers);
        let (data, theta) = problem(&net, samples, seed);
        for objective in [in_lanes(&net, &data, loss, decay), MlpObjective::new(net.clone(), data.clone(), loss, decay)] {
            check(&objective, &theta, seed);
        }
    }

    #[test]
    fn any_number_of_threads_and_what_is_kept_give_the_same_bits(
        layers in prop::collection::vec(smooth(), 1..5), samples in 1usize..100, loss in prop::sample::select(&LOSSES[..]), seed in 0u64..1000,
    ) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let v = vector(theta.len(), seed, Purpose::Noise);
        let by = |threads: usize| in_lanes(&net, &data, loss, 0.1).with_threads(threads);
        let one = third(&by(1), &theta, &theta, &v);
        prop_assert!((2..5).all(|threads| third(&by(threads), &theta, &theta, &v) == one));
        let objective = by(2);
        let mut tangent = Tangent::new(&objective, 0, Keep::Twists);
        assert!(!tangent.kept);
        let mut out = theta.clone();
        tangent.settle(&objective, &theta, &mut out);
        tangent.third_derivative(&objective, [theta.as_slice(), v.as_slice()], out.as_mut_slice());
        prop_assert_eq!(&out, &one);
        // Products with the Hessian, before and after it.
        let fresh = product(&by(1), &theta, &v);
        prop_assert_eq!(product(&objective, &theta, &v), fresh.clone());
        third(&objective, &theta, &v, &v);
        prop_assert_eq!(product(&objective, &theta, &v), fresh);
    }
}

/// Each with each loss, as the hidden and as the last layer.
#[test]
fn every_smooth_activation_has_them_under_every_loss() {
    for activation in SMOOTH {
        for loss in LOSSES {
            for (index, layers) in [
                [(5, activation, true), (4, activation, true), (3, Activation::Identity, true)],
                [(4, Activation::Identity, false), (3, Activation::Tanh, true), (3, activation, true)],
            ]
            .iter()
            .enumerate()
            {
                let net = network(3, layers);
                let (data, theta) = problem(&net, 20, index as u64);
                check(&in_lanes(&net, &data, loss, 0.3), &theta, 7);
            }
        }
    }
}

#[test]
fn a_network_with_a_kink_has_none() {
    for (activation, there) in [(Activation::Relu, false), (Activation::LeakyRelu, false), (Activation::Tanh, true)] {
        let net = network(3, &[(4, activation, true), (2, Activation::Identity, true)]);
        let objective = MlpObjective::new(net.clone(), problem(&net, 10, 0).0, Loss::Mse, 0.0);
        assert_eq!(objective.third().is_some(), there, "{activation:?}");
    }
}

/// As the flows that use it count it, and less along a single direction; one gradient more for the first at a θ.
#[test]
fn one_costs_six_gradients() {
    let net = network(6, &[(20, Activation::Tanh, true), (20, Activation::Erf, true), (3, Activation::Identity, true)]);
    let (data, theta) = problem(&net, 100, 0);
    let objective = MlpObjective::new(net, data, Loss::Mse, 0.0).with_threads(1);
    let [first, second, once] = third_costs(&objective, objective.flops(), &theta);
    assert!(second <= 6.0 && second > 5.0 && first <= second + 1.0, "{first} {second}");
    assert!(once <= 14.0 / 3.0, "{once}");
}

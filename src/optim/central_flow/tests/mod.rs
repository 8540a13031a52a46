//! Central flows in closed form, and of deep linear networks.

mod adaptive;

use super::*;
use crate::data::{Dataset, Moments};
use crate::linalg::{Line, largest_eigenvalue};
use crate::objective::{HessianProducts, LinearObjective, ThirdDerivative};
use crate::rng::gaussian_matrix;

/// J = Σ_i ½(y_i² + z_i²)x_i² − s_i·y_i over θ = (x_1, y_1, z_1, x_2, …): valleys along x_i = 0 of curvature y_i² + z_i², which slope towards
/// larger y_i.
#[derive(Clone)]
struct Valleys(Vec<f64>);

impl Objective for Valleys {
    fn dim(&self) -> usize {
        3 * self.0.len()
    }
    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
    fn loss(&self, theta: &DVector<f64>) -> f64 {
        let of = |(i, s): (usize, &f64)| {
            let [x, y, z] = [theta[3 * i], theta[3 * i + 1], theta[3 * i + 2]];
            0.5 * (y * y + z * z) * x * x - s * y
        };
        self.0.iter().enumerate().map(of).sum()
    }
    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        for (i, s) in self.0.iter().enumerate() {
            let [x, y, z] = [theta[3 * i], theta[3 * i + 1], theta[3 * i + 2]];
            gradient.rows_mut(3 * i, 3).copy_from_slice(&[(y * y + z * z) * x, y * x * x - s, z * x * x]);
        }
    }
    fn hessian(&self) -> Option<&dyn HessianProducts> {
        Some(self)
    }
    fn third(&self) -> Option<&dyn ThirdDerivative> {
        Some(self)
    }
}

impl HessianProducts for Valleys {
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        for i in 0..self.0.len() {
            let [x, y, z] = [theta[3 * i], theta[3 * i + 1], theta[3 * i + 2]];
            let [a, b, c] = [v[3 * i], v[3 * i + 1], v[3 * i + 2]];
            let of_x = (y * y + z * z) * a + 2.0 * x * (y * b + z * c);
            hv.rows_mut(3 * i, 3).copy_from_slice(&[of_x, 2.0 * x * y * a + x * x * b, 2.0 * x * z * a + x * x * c]);
        }
    }
}

impl ThirdDerivative for Valleys {
    /// Of x²(y² + z²)/2: 2y for x, x, y; 2x for x, y, y; and likewise for z.
    fn third_derivative(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>) {
        for i in 0..self.0.len() {
            let at = |w: &DVector<f64>| [w[3 * i], w[3 * i + 1], w[3 * i + 2]];
            let ([x, y, z], [a, b, c], [d, e, f]) = (at(theta), at(u), at(v));
            let of_x = 2.0 * (y * (a * e + b * d) + z * (a * f + c * d) + x * (b * e + c * f));
            let of_y = 2.0 * (y * a * d + x * (a * e + b * d));
            out.rows_mut(3 * i, 3).copy_from_slice(&[of_x, of_y, 2.0 * (z * a * d + x * (a * f + c * d))]);
        }
    }
}

/// η at which the edge is the circle of radius 10.
const LR: f64 = 0.02;
const RADIUS: f64 = 10.0;

/// On the circle, at the angle φ from the slope.
fn on_circle(angles: &[f64]) -> DVector<f64> {
    let of = |&angle: &f64| [0.0, RADIUS * angle.cos(), RADIUS * angle.sin()];
    DVector::from_vec(angles.iter().flat_map(of).collect())
}

/// At the edge (y, z) slides along the circle, ψ̇ = −(s/ρ) sin ψ, so that tan(ψ/2) falls as e^{−st/ρ}, with X = s cos ψ/ρ.
fn angle(start: f64, slope: f64, t: f64) -> f64 {
    2.0 * ((0.5 * start).tan() * (-slope * t / RADIUS).exp()).atan()
}

fn run<'a>(objective: &'a dyn Objective, start: &DVector<f64>, substeps: u32, steps: u64) -> CentralFlow<'a> {
    let mut flow = CentralFlow::new(objective, LR, start).with_substeps(substeps);
    (0..steps).for_each(|_| flow.step().unwrap());
    flow
}

/// With one direction, with two that meet the edge with equal eigenvalues, and with order 1 in the length of its steps.
#[test]
fn it_slides_along_the_edge_as_its_closed_form_does() {
    for (slopes, angles) in
        [(vec![5.0], vec![1.2]), (vec![5.0, 2.0], vec![1.2, 0.7]), (vec![3.0, 3.0, 3.0], vec![0.3, 0.9, 1.5])]
    {
        let objective = Valleys(slopes.clone());
        let end = |index: usize, t: f64| angle(angles[index], slopes[index], t);
        let expected = on_circle(&(0..slopes.len()).map(|i| end(i, 2.0)).collect::<Vec<f64>>());
        let substeps = [1, 2, 4, 8];
        let errors = substeps.map(|substeps| (run(&objective, &on_circle(&angles), substeps, 100).theta() - &expected).norm());
        let (x, y): (Vec<f64>, Vec<f64>) =
            substeps.iter().zip(errors).map(|(n, error)| (f64::from(*n).ln(), error.ln())).unzip();
        let order = -Line::through(&x, &y).unwrap().slope;
        assert!(errors[0] < 0.03 && (order - 1.0).abs() < 0.15, "{order} {errors:?}");
        let flow = run(&objective, &on_circle(&angles), 8, 100);
        // J + tr X/η = −Σ s ρ cos ψ + Σ s cos ψ/(ρη).
        let per = |index: usize| slopes[index] * end(index, 2.0).cos() * (1.0 / (RADIUS * LR) - RADIUS);
        let mean: f64 = (0..slopes.len()).map(per).sum();
        assert!((flow.mean_value() - mean).abs() < 2e-3 * mean.abs(), "{} {mean}", flow.mean_value());
        assert_eq!(flow.oscillating(), slopes.len());
        // The control: gradient flow leaves the circle along the slope.
        let free =
            &on_circle(&angles) + DVector::from_fn(3 * slopes.len(), |i, _| if i % 3 == 1 { 2.0 * slopes[i / 3] } else { 0.0 });
        assert!((free - &expected).norm() > 100.0 * errors[0]);
    }
}

/// What gradient descent itself does: it oscillates across the valley, and its mean over two of the slow swings of its amplitude, of 53 steps
/// each, follows.
#[test]
fn gradient_descent_slides_with_it() {
    let objective = Valleys(vec![1.0]);
    let mut theta = on_circle(&[1.2]);
    let mut flow = CentralFlow::new(&objective, LR, &theta);
    // As far out as X says: x² = s cos ψ/ρ.
    theta[0] = (1.2f64.cos() / RADIUS).sqrt();
    let (mut gradient, mut mean, mut predicted, mut off): (_, f64, f64, f64) = (theta.clone(), 0.0, 0.0, 0.0);
    for step in 0..500 {
        objective.gradient(&theta, &mut gradient);
        theta.axpy(-LR, &gradient, 1.0);
        flow.step().unwrap();
        if step >= 394 {
            mean += objective.value(&theta) / 106.0;
            predicted += flow.mean_value() / 106.0;
        }
        off = off.max((theta.rows(1, 2) - flow.theta().rows(1, 2)).norm());
    }
    // It has gone half way around, by some 7.
    assert!(off < 0.3, "{off}");
    assert!((predicted / mean - 1.0).abs() < 0.02, "{predicted} {mean}");
}

/// From 1.5 times the edge it is back within ten steps, and stays; a valley that nothing presses outward is left.
#[test]
fn beyond_the_edge_it_returns_and_below_it_is_gradient_flow() {
    let objective = Valleys(vec![5.0]);
    let curvature = |flow: &CentralFlow| flow.theta().rows(1, 2).norm_squared() * LR / 2.0;
    let mut flow = CentralFlow::new(&objective, LR, &(on_circle(&[0.4]) * 1.5f64.sqrt()));
    let mut before = 1.5;
    for _ in 0..12 {
        flow.step().unwrap();
        assert!(curvature(&flow) < before + 1e-3 && curvature(&flow) > before - 0.06, "{before} {}", curvature(&flow));
        before = curvature(&flow);
    }
    assert!((before - 1.0).abs() < 1e-3, "{before}");
    let inside = on_circle(&[2.5]) * 0.9;
    let flow = run(&objective, &inside, 1, 50);
    let expected = inside + DVector::from_vec(vec![0.0, 5.0, 0.0]);
    assert!((flow.theta() - expected).norm() < 1e-12 && flow.oscillating() == 0);
    assert_eq!(flow.mean_value(), objective.value(flow.theta()));
}

/// At the edge of a deep linear network: eigenvalues stay there, and one direction costs at most 30 gradients a step.
#[test]
fn eigenvalues_of_a_network_stay_at_the_edge() {
    let rng = &mut stream(3, Purpose::Inputs);
    let net = Architecture::new(&[5, 8, 8, 3]);
    let x = gaussian_matrix(40, 5, rng);
    let y = &x * gaussian_matrix(5, 3, rng);
    let objective = LinearObjective::new(net.clone(), Moments::new(&Dataset { x, y }).unwrap(), 0.0);
    let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.25;
    let lr = 0.2;
    let mut flow = CentralFlow::new(&objective, lr, &start);
    let (mut most, mut at_edge): (f64, u32) = (0.0, 0);
    for step in 0..300 {
        let before = flow.gradients();
        flow.step().unwrap();
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| objective.hessian_vector(flow.theta(), v, out);
        let random = gaussian_matrix(start.len(), 1, rng).column(0).into_owned();
        let sharpness = largest_eigenvalue(&random, 1e-6, apply).unwrap().value;
        // At first curvatures rise by more than a twentieth within a step.
        assert!(step < 20 || lr * sharpness < 2.0 * 1.01, "{step}: {}", lr * sharpness);
        if flow.oscillating() == 1 {
            at_edge += 1;
            most = most.max((flow.gradients() - before) as f64);
        }
    }
    assert!(at_edge > 100 && most <= 30.0, "{at_edge} {most}");
    assert_eq!(flow.unsettled(), 0.0);
}

/// One that is taken up goes on bit for bit.
#[test]
fn its_state_is_all_that_it_remembers() {
    let objective = Valleys(vec![5.0, 2.0]);
    check_taken_up(|| CentralFlow::new(&objective, LR, &on_circle(&[1.2, 0.7])), 20);
}

/// A flow that takes up the state of another after so many steps goes on as that does.
fn check_taken_up<'a>(make: impl Fn() -> CentralFlow<'a>, steps: usize) {
    let (mut first, mut second) = (make(), make());
    (0..steps).for_each(|_| first.step().unwrap());
    let mut written = Archive::written();
    first.archive(&mut written).unwrap();
    second.archive(&mut Archive::read(written.into_bytes())).unwrap();
    for _ in 0..20 {
        first.step().unwrap();
        second.step().unwrap();
    }
    assert_eq!((first.theta(), first.gradients(), first.steps()), (second.theta(), second.gradients(), second.steps()));
    assert_eq!(first.mean_value(), second.mean_value());
}

#[test]
fn it_says_when_it_cannot_go_on() {
    let crowd = Valleys(vec![1.0; MOST + 1]);
    let mut flow = CentralFlow::new(&crowd, LR, &on_circle(&[0.5; MOST + 1]));
    // Equal eigenvalues are found one more at each look.
    let ended = (0..MOST).find_map(|_| flow.step().err());
    assert_eq!(ended, Some(CentralFlowError::Crowded { found: MOST + 1, most: MOST }));
    let objective = Valleys(vec![f64::INFINITY]);
    assert_eq!(CentralFlow::new(&objective, LR, &on_circle(&[0.5])).step(), Err(CentralFlowError::Overflow));
}

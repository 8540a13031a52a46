//! An optimizer of one's own: Lion (Chen et al., *Symbolic discovery of optimization algorithms*, 2023) on a quadratic, beside its flow.

use gramflow::archive::{Archive, ArchiveError};
use gramflow::flow::Flow;
use gramflow::objective::Objective;
use gramflow::optim::{Custom, Rule};
use gramflow::session::Session;
use nalgebra::DVector;

/// θ ← θ − η·sign(β₁m + (1 − β₁)g), m ← β₂m + (1 − β₂)g.
struct Lion {
    mean: Vec<f64>,
}

impl Rule for Lion {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        for ((x, m), g) in theta.iter_mut().zip(&mut self.mean).zip(gradient) {
            *x -= lr * (0.9 * *m + 0.1 * g).signum();
            *m = 0.99 * *m + 0.01 * g;
        }
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.mean)
    }
}

/// ℒ(θ) = ½ Σ_i h_i θ_i².
#[derive(Clone)]
struct Quadratic(DVector<f64>);

impl Objective for Quadratic {
    fn dim(&self) -> usize {
        self.0.len()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        0.5 * theta.map(|x| x * x).dot(&self.0)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        gradient.copy_from(&theta.component_mul(&self.0));
    }
}

/// Runs both and prints the loss of each.
pub fn main() {
    let objective = Quadratic(DVector::from_vec(vec![1.0, 10.0, 100.0]));
    let lion = Custom::new("lion", 1e-3, |layout| Lion { mean: vec![0.0; layout.dim()] });
    let session = Session::new(objective, DVector::from_element(3, 1.0)).flow(Flow::new(5.0)).optimizer(lion);
    let run = session.run().expect("the settings can be run");
    let [flow, lion] = ["flow", "lion"].map(|process| run.run.table.floats(process, "loss"));
    println!("flow {flow:?}, lion {lion:?}");
    // Lion moves every entry by η a step, whatever its curvature: 1 to 0 in 1,000 steps. The flow's loss e^{−2t}/2 is that of the flattest.
    assert!(lion[1] < 1e-4 && (flow[1] / (0.5 * (-10.0f64).exp()) - 1.0).abs() < 1e-6, "{flow:?} {lion:?}");
}

//! An objective of one's own, logistic regression with decay: integrated by `auto`, with Adam beside the flow and a verdict on where it ends.

use gramflow::claim::Claim;
use gramflow::flow::Flow;
use gramflow::network::WeightDecay;
use gramflow::objective::Objective;
use gramflow::optim::Adam;
use gramflow::record::Outcome;
use gramflow::session::Session;
use nalgebra::{DMatrix, DVector};

/// ℒ(θ) = (1/n) Σ_i log(1 + e^{−y_i⟨x_i, θ⟩}), y_i = ±1, x_i the rows of X ∈ ℝ^{n × d}.
#[derive(Clone)]
struct Logistic {
    x: DMatrix<f64>,
    y: DVector<f64>,
    decay: WeightDecay,
}

impl Objective for Logistic {
    fn dim(&self) -> usize {
        self.x.ncols()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn weight_decay(&self) -> &WeightDecay {
        &self.decay
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        (&self.x * theta).component_mul(&self.y).map(|margin| (-margin).exp().ln_1p()).mean()
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let slopes = (&self.x * theta).zip_map(&self.y, |f, y| -y / (1.0 + (y * f).exp()));
        gradient.gemv_tr(1.0 / self.y.len() as f64, &self.x, &slopes, 0.0);
    }
}

/// Trains the model and prints where both processes end, and the verdict.
pub fn main() {
    let x = DMatrix::from_fn(50, 4, |i, j| (1.7 * (4 * i + j) as f64).sin());
    let y = DVector::from_fn(50, |i, _| if x[(i, 0)] > 0.5 * x[(i, 1)] { 1.0 } else { -1.0 });
    let run = Session::new(Logistic { x, y, decay: 0.01.into() }, DVector::zeros(4))
        .flow(Flow::new(5000.0))
        .optimizer(Adam { steps: Some(5000), ..Adam::new(0.01) })
        .claim(Claim::Converged)
        .run()
        .expect("the settings can be run");
    let [flow, adam] = ["flow", "adam"].map(|process| *run.run.table.floats(process, "objective").last().unwrap());
    let verdict = &run.manifest.verdicts["converged"];
    println!("flow {flow:.9}, adam {adam:.9}; {}", verdict.statement);
    assert!((flow - adam).abs() < 1e-6 && verdict.verdict == Outcome::Holds, "{flow} {adam} {verdict:?}");
}

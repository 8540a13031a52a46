//! A residual network f(x) = aᵀ(x + V tanh(Wx)) with its gradient written by hand.

use gramflow::network::WeightDecay;
use gramflow::objective::Objective;
use nalgebra::{DMatrix, DVector};

/// θ = (W, V, a), W and V in ℝ^{d × d}, on samples x_i, the columns of X, with labels y: ℒ = 1/(2n) Σ (f(x_i) − y_i)².
#[derive(Clone)]
struct Residual {
    x: DMatrix<f64>,
    y: DVector<f64>,
    decay: WeightDecay,
}

impl Objective for Residual {
    fn dim(&self) -> usize {
        let d = self.x.nrows();
        2 * d * d + d
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn weight_decay(&self) -> &WeightDecay {
        &self.decay
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        let (_, _, _, _, residual) = self.forward(theta);
        residual.norm_squared() / (2.0 * self.y.len() as f64)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let (d, (v, a, h, z, residual)) = (self.x.nrows(), self.forward(theta));
        let df = &a * (&residual / self.y.len() as f64).transpose();
        let dh = (v.transpose() * &df).component_mul(&h.map(|h| 1.0 - h * h));
        let da = &z * &residual / self.y.len() as f64;
        let (dw, dv) = (dh * self.x.transpose(), &df * h.transpose());
        gradient.rows_mut(0, d * d).copy_from_slice(dw.as_slice());
        gradient.rows_mut(d * d, d * d).copy_from_slice(dv.as_slice());
        gradient.rows_mut(2 * d * d, d).copy_from(&da);
    }
}

type Pass = (DMatrix<f64>, DVector<f64>, DMatrix<f64>, DMatrix<f64>, DVector<f64>);

impl Residual {
    /// V, a, h = tanh(WX), z = X + Vh and f − y.
    fn forward(&self, theta: &DVector<f64>) -> Pass {
        let (d, theta) = (self.x.nrows(), theta.as_slice());
        let [w, v] = [0, d * d].map(|at| DMatrix::from_column_slice(d, d, &theta[at..at + d * d]));
        let (a, h) = (DVector::from_column_slice(&theta[2 * d * d..]), (w * &self.x).map(f64::tanh));
        let z = &self.x + &v * &h;
        let residual = z.transpose() * &a - &self.y;
        (v, a, h, z, residual)
    }
}

/// 20 samples in three dimensions, and a start.
pub fn problem() -> (impl Objective, DVector<f64>) {
    let x = DMatrix::from_fn(3, 20, |i, j| (1.7 * (i * 20 + j) as f64).sin());
    let y = DVector::from_fn(20, |j, _| x[(0, j)] - 0.5 * x[(1, j)]);
    (Residual { x, y, decay: 0.01.into() }, DVector::from_fn(21, |i, _| 0.5 * (2.3 * i as f64 + 0.4).cos()))
}

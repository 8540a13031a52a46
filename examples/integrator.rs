//! An integrator of one's own, from its tableau: Bogacki & Shampine 3(2) (Appl. Math. Lett. 2, 1989), on a field from a closure.

use gramflow::ode::{Limits, Tableau, Tolerance, embedded, field};
use nalgebra::DVector;

/// The coefficients: stages, weights of order 3, and their differences from those of order 2.
fn bogacki_shampine() -> Tableau {
    Tableau {
        name: "bs32",
        order: 3,
        stages: vec![vec![], vec![1.0 / 2.0], vec![0.0, 3.0 / 4.0], vec![2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
        weights: vec![2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0, 0.0],
        error: vec![-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0],
    }
}

/// Integrates a stiff decay beside a slow oscillation, and prints the work and the error.
pub fn main() {
    let stiff = field(3, |_t, y: &DVector<f64>, dy: &mut DVector<f64>| {
        (dy[0], dy[1], dy[2]) = (y[1], -y[0], -1000.0 * y[2]);
    });
    let limits = Limits { t_end: 6.0, ..Limits::default() };
    let mut method =
        embedded(bogacki_shampine(), stiff, Tolerance { rtol: 1e-6, atol: 1e-9 }, limits).expect("a sound tableau");
    let mut y = DVector::from_vec(vec![1.0, 0.0, 1.0]);
    let segment = method.advance(0.0, 6.0, &mut y).expect("times in order");
    let off = (y[0] - 6f64.cos()).hypot(y[1] + 6f64.sin());
    println!("{} steps, {} evaluations, error {off:.1e}", segment.work.accepted, segment.work.evaluations);
    // Stability sets the step: |R(−hρ)| ≤ 1 up to hρ = 2.52, so at least 6·1000/2.52 steps, and hardly any rejections.
    assert!(segment.stop.is_none() && off < 1e-4 && y[2].abs() < 1e-4, "{segment:?} {y}");
    assert!(segment.work.accepted >= 2380 && segment.work.rejected < segment.work.accepted / 20, "{segment:?}");
}

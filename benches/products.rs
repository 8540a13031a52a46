use gramflow::data::{Dataset, Moments};
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;
use std::time::Instant;
fn main() {
    for (d, layers, d_out) in
        [(10, 3, 10), (20, 5, 20), (64, 5, 64), (200, 3, 200), (20, 5, 1), (64, 5, 1), (200, 3, 1), (64, 5, 3), (512, 4, 512)]
    {
        let mut widths = vec![d; layers];
        widths.push(d_out);
        let architecture = Architecture::new(&widths);
        let rng = &mut stream(0, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(2 * d, d, rng), y: gaussian_matrix(2 * d, d_out, rng) };
        let theta: DVector<f64> = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0) / (d as f64).sqrt();
        let objective = LinearObjective::new(architecture, Moments::new(&data).unwrap(), 0.0);
        let mut g = theta.clone();
        let flops = objective.flops() as f64;
        let reps = ((2e7 / flops) as usize).clamp(1, 10000);
        let mut best = [f64::MAX; 2];
        for _ in 0..30 {
            let t = Instant::now();
            for _ in 0..reps {
                objective.loss_gradient(&theta, &mut g);
            }
            best[0] = best[0].min(t.elapsed().as_secs_f64() / reps as f64);
            let t = Instant::now();
            for _ in 0..reps {
                objective.loss_hessian_vector(&theta, &theta, &mut g);
            }
            best[1] = best[1].min(t.elapsed().as_secs_f64() / reps as f64);
        }
        println!(
            "d={d} L={layers} out={d_out}: gradient {:.2} us, {:.1} GF/s; hvp {:.2} us",
            best[0] * 1e6,
            flops / best[0] / 1e9,
            best[1] * 1e6
        );
    }
}

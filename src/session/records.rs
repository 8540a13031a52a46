//! That records and optimizers leave the flow alone: methods with dense output take the same steps whatever is asked of them in between.

use std::sync::Arc;

use crate::data::Dataset;
use crate::flow::{Flow, Integrator};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::MlpObjective;
use crate::optim::Gd;
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::{Finished, Session};

/// A tanh network's flow to t = 30, recorded `records` times, beside gradient descent with this many steps if any.
fn run(method: Integrator, rtol: f64, records: i32, steps: Option<u32>) -> Finished {
    let rng = &mut stream(3, Purpose::Inputs);
    let x = gaussian_matrix(40, 5, rng);
    let y = x.columns(0, 1).map(|x| (2.0 * x).sin());
    let net =
        Architecture::with_layers(&[5, 12, 12, 1], &[Activation::Tanh, Activation::Tanh, Activation::Identity], &[true; 3]);
    let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.4;
    let objective = MlpObjective::new(net, Arc::new(Dataset { x, y }), Loss::Mse, 1e-3);
    let times = (0..records).map(|i| 30.0 * f64::from(i) / f64::from(records - 1));
    let session = Session::new(objective, start).flow(Flow::new(30.0).rtol(rtol).integrator(method)).record(times);
    let session = match steps {
        Some(steps) => session.optimizer(Gd::new(30.0 / f64::from(steps))),
        None => session,
    };
    session.run().unwrap()
}

#[test]
fn records_and_optimizers_change_no_step_of_the_flow() {
    for (method, rtol) in [
        (Integrator::Auto, 1e-3),
        (Integrator::Auto, 1e-5),
        (Integrator::Rkc, 1e-4),
        (Integrator::Rock4, 1e-4),
        (Integrator::Rock4, 1e-7),
        (Integrator::Tsit5, 1e-7),
        (Integrator::Dp8, 1e-8),
        (Integrator::Auto, 1e-8),
    ] {
        let cost = |run: &Finished| (run.manifest.processes["flow"].gradients, run.manifest.processes["flow"].steps_accepted);
        let [few, many, beside] = [(2, None), (101, None), (2, Some(600))].map(|(records, gd)| run(method, rtol, records, gd));
        let (gradients, steps) = cost(&few);
        for other in [&many, &beside] {
            assert_eq!(other.weights[0].1.values(), few.weights[0].1.values(), "{method:?} {rtol:e}");
            let (more, as_many) = cost(other);
            // Three gradients for a step that holds records, of the method of order 8, which serves at 1e-8.
            let most = if rtol <= 1e-8 { gradients + 3 * steps.min(100) } else { gradients };
            assert!(as_many == steps && more <= most, "{method:?} {rtol:e}: {more} of {gradients}");
        }
    }
    // Control: a method without dense output pays for its records.
    let [few, many] = [2, 101].map(|records| run(Integrator::Dopri5, 1e-6, records, None).manifest.processes["flow"].gradients);
    assert!(many > few + few / 10, "{few} {many}");
}

//! An observable of one's own: the share of W_1 in the squared norm of a deep linear network's weights.

use gramflow::data::{Dataset, Moments};
use gramflow::flow::Flow;
use gramflow::network::Architecture;
use gramflow::objective::LinearObjective;
use gramflow::observe::{Column, Columns, Group, Observable, Row, Snapshot};
use gramflow::optim::Gd;
use gramflow::session::Session;
use nalgebra::{DMatrix, DVector};

/// ‖W_1‖²/‖θ‖².
struct Share;

impl Observable for Share {
    fn columns(&self) -> Columns {
        const SHARE: &[Column] = &[Column::new("share_W1", "‖W_1‖²/‖θ‖²", "1", "share of W_{1}")];
        Columns::new(Group::Own, SHARE)
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let first = snapshot.parameters.weight(1).norm_squared();
        row.float("share_W1", first / snapshot.parameters.values().norm_squared());
    }
}

/// Trains the network and prints the share over time.
pub fn main() {
    let x = DMatrix::from_fn(30, 4, |i, j| (1.3 * (4 * i + j) as f64).sin());
    let data = Dataset { y: &x * DMatrix::from_fn(4, 2, |i, j| if i == j { 2.0 } else { 0.0 }), x };
    let net = Architecture::new(&[4, 5, 2]);
    let start = DVector::from_fn(net.parameter_count(), |i, _| 0.3 * (1.9 * i as f64).cos());
    let objective = LinearObjective::new(net, Moments::new(&data).expect("X has singular values"), 1e-2);
    let run = Session::new(objective, start)
        .flow(Flow::new(100.0))
        .record([0.0, 1.0, 10.0, 100.0])
        .optimizer(Gd::new(0.05))
        .observe(Share)
        .run()
        .expect("the settings can be run");
    let [flow, gd] = ["flow", "gd"].map(|process| run.run.table.floats(process, "share_W1"));
    println!("{flow:?}\n{gd:?}");
    // ‖W_2‖² − ‖W_1‖² = tr D decays, so that each layer ends with half.
    assert!((flow[3] - 0.5).abs() < (flow[0] - 0.5).abs() && (flow[3] - gd[3]).abs() < 0.01, "{flow:?} {gd:?}");
}

//! Flows an objective of its own by `auto`, steps Adam beside it, records a column of its own, and gets a verdict.

mod residual;

use gramflow::flow::Flow;
use gramflow::observe::{Column, Columns, Group, Observable, Row, Snapshot};
use gramflow::optim::Adam;
use gramflow::record::Outcome;
use gramflow::session::Session;
use gramflow::claim::Claim;

/// The norm of the last layer of the residual network.
struct Readout;

impl Observable for Readout {
    fn columns(&self) -> Columns {
        const READOUT: &[Column] = &[Column::new("readout", "‖a‖", "θ", "readout ‖a‖")];
        Columns::new(Group::Own, READOUT)
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        row.float("readout", snapshot.parameters.values().rows(18, 3).norm());
    }
}

fn main() {
    let (objective, start) = residual::problem();
    let run = Session::new(objective, start)
        .name("outside")
        .flow(Flow::new(100_000.0))
        .record((0..=40).map(|k| 2500.0 * f64::from(k)))
        .optimizer(Adam { eps: 1e-3, steps: Some(20_000), ..Adam::new(0.01) })
        .observe(Readout)
        .claim(Claim::Converged)
        .run()
        .expect("the settings can be run");
    let table = &run.run.table;
    for process in ["flow", "adam"] {
        let (loss, readout) = (table.floats(process, "loss"), table.floats(process, "readout"));
        println!("{process}: loss {:.3e}, readout {:.3}", loss.last().unwrap(), readout.last().unwrap());
        assert!(readout.iter().all(|norm| *norm > 0.0) && loss.last() < loss.first());
    }
    let verdict = &run.manifest.verdicts["converged"];
    println!("converged: {:?}, {}\n{:#?}", verdict.verdict, verdict.statement, run.manifest.warnings);
    assert_eq!(verdict.verdict, Outcome::Holds);
    assert!(run.manifest.warnings.iter().any(|warning| warning.contains("differences of gradients")));
}

//! Whole runs of bundled scenarios, from the problem to the records: flow, optimizers, observation; without files and pictures.
//!
//! `cargo bench --bench runs`. `depth5-decay` (d = 20, L = 5) ends at t = 300; claims are left out, as they integrate a scenario again.

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gramflow::ode::Interrupt;
use gramflow::run::{Problem, run};
use gramflow::scenario;

fn runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(10));
    let shorter = "flow.t_end=300.0";
    let cases: [(&str, &str, &[&str]); 3] = [
        ("quickstart", "scenarios/quickstart.yaml", &["claims=[]"]),
        ("depth5-decay, the flow alone", "scenarios/depth5-decay.yaml", &["claims=[]", shorter, "optimizers=[]"]),
        ("depth5-decay, with gd", "scenarios/depth5-decay.yaml", &["claims=[]", shorter]),
    ];
    for (name, path, sets) in cases {
        let text = std::fs::read_to_string(path).expect("run in the folder of Cargo.toml, as cargo does");
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        let (scenario, _) = scenario::parse(&text, Path::new(path), &sets).expect("bundled scenarios are valid");
        let problem = Problem::new(&scenario).expect("a bundled problem");
        group.bench_function(name, |bencher| bencher.iter(|| run(&scenario, &problem, &Interrupt::default(), |_| {})));
    }
    group.finish();
}

criterion_group!(benches, runs);
criterion_main!(benches);

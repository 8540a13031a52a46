//! The examples run, and assert what they show.

#[path = "../examples/integrator.rs"]
mod integrator;
#[path = "../examples/objective.rs"]
mod objective;
#[path = "../examples/observable.rs"]
mod observable;
#[path = "../examples/optimizer.rs"]
mod optimizer;

#[test]
fn a_method_of_ones_own_integrates_a_stiff_field() {
    integrator::main();
}

#[test]
fn an_objective_of_ones_own_is_integrated_optimized_and_judged() {
    objective::main();
}

#[test]
fn an_observable_of_ones_own_is_recorded() {
    observable::main();
}

#[test]
fn an_optimizer_of_ones_own_steps_beside_the_flow() {
    optimizer::main();
}

/// What the guide to extending promises of them.
#[test]
fn each_example_is_short() {
    for name in ["integrator", "objective", "observable", "optimizer"] {
        let text = std::fs::read_to_string(format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.lines().count() <= 60, "{name}: {}", text.lines().count());
    }
}

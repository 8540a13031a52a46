use std::path::Path;

use proptest::prelude::*;

use super::*;

const BASE: &str = "\
name: base
seed: 5
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [4, 3, 2]}
flow: {t_end: 10}
optimizers: [{gd: {lr: 0.1}}]
";

fn sweep(block: &str, sets: &[&str]) -> Result<Sweep, String> {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let text = format!("{BASE}sweep:\n{block}");
    Sweep::parse(&text, Path::new("s.yaml"), &sets).map(Option::unwrap).map_err(|error| error.to_string())
}

/// What a user sees first.
fn complaint(block: &str, sets: &[&str]) -> String {
    match sweep(block, sets) {
        Err(message) => message,
        Ok(sweep) => (0..sweep.len()).find_map(|index| sweep.unit(index).err()).expect(block).to_string(),
    }
}

#[test]
fn grid_zip_and_seeds_are_the_factors_of_the_product() {
    let block = "  grid: {weight_decay: [0, 0.1], 'optimizers[0].gd.lr': [0.5, 0.25, 0.125]}\n  zip: {network.widths: [[4, 2], [4, 5, 2]], flow.t_end: [1, 2]}\n  seeds: 3\n";
    let sweep = sweep(block, &[]).unwrap();
    assert_eq!(sweep.len(), 2 * 3 * 2 * 3);
    let units: Vec<Scenario> = (0..sweep.len()).map(|index| sweep.unit(index).unwrap()).collect();
    let seen: Vec<_> = units.iter().map(|u| (u.weight_decay.single(), u.network.layers(), u.flow.t_end, u.seed)).collect();
    assert_eq!(seen[..4], [(0.0, 1, 1.0, 5), (0.0, 1, 1.0, 6), (0.0, 1, 1.0, 7), (0.0, 2, 2.0, 5)]);
    assert_eq!(seen[35], (0.1, 2, 2.0, 7));
    // Zipped keys stay together.
    assert!(seen.iter().all(|unit| unit.1 as f64 == unit.2));
    assert!(units.iter().enumerate().all(|(i, a)| units[..i].iter().all(|b| a != b)));
}

#[test]
fn a_unit_is_the_scenario_that_set_would_make() {
    let sweep = sweep("  grid: {init.gaussian.std: [0.1], optimizers.0.gd.lr: [0.5]}\n  seeds: [9]\n", &[]).unwrap();
    let sets = ["init.gaussian.std=0.1", "optimizers[0].gd.lr=0.5", "seed=9"].map(str::to_string);
    let (set, _) = super::super::parse(BASE, Path::new("s.yaml"), &sets).unwrap();
    assert_eq!(sweep.unit(0).unwrap(), set);
    assert_eq!(sweep.unit(0).unwrap().hash().unwrap(), set.hash().unwrap());
}

#[test]
fn the_block_may_be_set_and_missing_keys_of_the_scenario_given_by_it() {
    let block = "  grid: {weight_decay: [0]}\n  seeds: 4\n";
    assert_eq!(sweep(block, &["sweep.seeds=2", "seed=8"]).unwrap().unit(1).unwrap().seed, 9);
    let text = BASE.replace("flow: {t_end: 10}\n", "") + "sweep: {grid: {flow.t_end: [3]}}\n";
    let sweep = Sweep::parse(&text, Path::new("s.yaml"), &[]).unwrap().unwrap();
    assert_eq!(sweep.unit(0).unwrap().flow.t_end, 3.0);
}

#[test]
fn records_are_always_kept_and_weights_over_time_only_where_there_are_any() {
    let kept = |block: &str, sets: &[&str]| sweep(&format!("  seeds: 2\n{block}"), sets).map(|sweep| sweep.keep().to_vec());
    assert_eq!(kept("", &[]).unwrap(), [KeptFile::Records]);
    assert_eq!(kept("  keep: [arrays, weights]\n", &[]).unwrap(), [KeptFile::Records, KeptFile::Weights, KeptFile::Arrays]);
    let trajectory = "  keep: [records, trajectory]\n";
    for (sets, allowed) in [
        (&[][..], false),
        (&["record.weights=false"], false),
        (&["record.weights=true"], true),
        (&["sweep.grid={record.weights: [false, true]}"], true),
        (&["sweep.grid={record: [{linear: {points: 3}}]}"], true),
        (&["sweep.grid={record.log.points: [3]}"], false),
    ] {
        match kept(trajectory, sets) {
            Ok(kept) => assert!(allowed && kept == [KeptFile::Records, KeptFile::Trajectory], "{sets:?}"),
            Err(message) => {
                assert!(
                    !allowed && message.contains("sweep.keep[1]: no unit records weights over time"),
                    "{sets:?}: {message}"
                );
            }
        }
    }
    for (block, says) in [
        ("  keep: [weigths]\n", "s.yaml:9:10: sweep.keep[0]: "),
        ("  keep: weights\n", "s.yaml:9:3: sweep.keep: must be a list"),
        ("  keep: [weights, arrays, weights]\n", "s.yaml:9:27: sweep.keep[2]: is in the list already"),
    ] {
        let message = kept(block, &[]).unwrap_err();
        assert!(message.starts_with(says), "{block}: {message}");
    }
    assert!(sweep("  keep: [weights]\n", &[]).unwrap_err().contains("nothing to vary: give one of grid, zip, seeds"));
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    for (block, right) in [
        ("  grid: {weight_decay: [0, -1]}\n", "s.yaml:8:28: weight_decay: must be at least 0, got -1.0"),
        ("  grid: {wieght_decay: [0]}\n", "s.yaml:8:25: wieght_decay: unknown key, did you mean `weight_decay`?"),
        ("  grid: {'optimizers[3].gd.lr': [0]}\n", "s.yaml:8:34: optimizers.3: must be the index of an item"),
        ("  grid: {flow..rtol: [0]}\n", "s.yaml:8:10: sweep.grid.flow..rtol: must name a key as in"),
        ("  grid: {weight_decay: []}\n", "s.yaml:8:10: sweep.grid.weight_decay: must have at least one value"),
        ("  grid: {weight_decay: 3}\n", "s.yaml:8:10: sweep.grid.weight_decay: must be a list, {log: …} or {linear: …}, got 3"),
        (
            "  grid: {weight_decay: {log: {from: 0, to: 1, points: 3}}}\n",
            "s.yaml:8:31: sweep.grid.weight_decay.log.from: must be greater than 0, got 0.0",
        ),
        (
            "  grid: {weight_decay: {linear: {from: 0, to: 1, points: 1}}}\n",
            "s.yaml:8:50: sweep.grid.weight_decay.linear.points: must be between 2 and",
        ),
        (
            "  grid: {weight_decay: {cubic: {from: 0, to: 1, points: 1}}}\n",
            "s.yaml:8:25: sweep.grid.weight_decay.cubic: unknown word `cubic` (words here: log, linear)",
        ),
        ("  grid: {weight_decay: {log: {from: 1, to: 2}}}\n", "s.yaml:8:25: sweep.grid.weight_decay.log.points: missing"),
        (
            "  zip: {weight_decay: [0, 1], flow.t_end: [1]}\n",
            "s.yaml:8:31: sweep.zip.flow.t_end: must have as many values as sweep.zip.weight_decay, which has 2, got 1",
        ),
        (
            "  grid: {flow: [{t_end: 1}]}\n  zip: {flow.t_end: [1]}\n",
            "s.yaml:9:9: sweep.zip.flow.t_end: sets what sweep.grid.flow sets",
        ),
        ("  grid: {seed: [1]}\n  seeds: 2\n", "s.yaml:9:3: sweep.seeds: sets what sweep.grid.seed sets"),
        ("  seeds: 0\n", "s.yaml:8:3: sweep.seeds: must be a count from 1 to 1000000 or a list of seeds, got 0"),
        ("  seeds: [1, x]\n", "s.yaml:8:14: seed: must be a whole number"),
        ("  grid: {}\n", "s.yaml:8:3: sweep.grid: must be a map from keys"),
        ("  {}\n", "s.yaml:7:1: sweep: nothing to vary"),
        ("  3\n", "s.yaml:7:1: sweep: must be a map with the keys grid, zip, seeds, keep, got 3"),
        ("  gird: {weight_decay: [0]}\n", "s.yaml:8:3: sweep.gird: unknown key, did you mean `grid`?"),
        ("  grid: {weight_decay: [0, 1]}\n  seeds: 600000\n", "s.yaml:7:1: sweep: at most 1000000 units, got 2 · 600000"),
    ] {
        let message = complaint(block, &[]);
        assert!(message.starts_with(right), "{block}{message}");
    }
    let varied = "  grid: {weight_decay: [0, 1]}\n";
    let message = complaint(varied, &["weight_decay=3"]);
    assert_eq!(message, "--set weight_decay=3: weight_decay: varies in this sweep: set sweep.grid.weight_decay instead");
    let message = complaint(varied, &["sweep.grid.weight_decay=[-1]"]);
    assert!(message.starts_with("--set sweep.grid.weight_decay=[-1]: weight_decay: must be at least 0"), "{message}");
    assert!(complaint("  seeds: 2\n", &["seed=18446744073709551615"]).contains("seed: must be a whole number that has 1 more"));
}

/// The values of `weight_decay` (or of `optimizers[0].gd.steps`, which are whole) by a rule.
fn ranged(rule: &str, from: f64, to: f64, points: usize) -> Vec<f64> {
    let block = format!("  grid: {{weight_decay: {{{rule}: {{from: {from:e}, to: {to:e}, points: {points}}}}}}}\n");
    let sweep = sweep(&block, &[]).unwrap();
    (0..sweep.len()).map(|index| sweep.unit(index).unwrap().weight_decay.single()).collect()
}

#[test]
fn ranges_read_as_one_would_write_them() {
    assert_eq!(ranged("log", 1e-4, 10.0, 6), [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]);
    assert_eq!(ranged("linear", 0.0, 1.0, 11)[3], 0.3);
    assert_eq!(ranged("log", 1.0, 0.01, 3), [1.0, 0.1, 0.01]);
    let steps = sweep("  grid: {'optimizers[0].gd.steps': {linear: {from: 10, to: 30, points: 3}}}\n", &[]).unwrap();
    assert!((0..3).all(|index| steps.unit(index).is_ok()));
}

proptest! {
    #[test]
    fn the_ends_of_a_range_are_exact_and_what_is_between_increases(from in 1e-8..1e3_f64, ratio in 1.001..1e6_f64, points in 2..40_usize) {
        let to = from * ratio;
        for rule in ["log", "linear"] {
            let values = ranged(rule, from, to, points);
            prop_assert_eq!((values.len(), values[0], values[points - 1]), (points, from, to));
            prop_assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", values);
        }
    }

    #[test]
    fn the_number_of_units_is_the_product_and_every_combination_is_there_once(a in 1..5_usize, b in 1..5_usize, z in 1..4_usize, s in 1..5_usize) {
        let list = |n: usize| format!("{:?}", (1..=n).collect::<Vec<_>>());
        let (la, lb, lz) = (list(a), list(b), list(z));
        let block = format!("  grid: {{weight_decay: {la}, flow.t_end: {lb}}}\n  zip: {{flow.max_steps: {lz}, 'optimizers[0].gd.steps': {lz}}}\n  seeds: {s}\n");
        let sweep = sweep(&block, &[]).unwrap();
        prop_assert_eq!(sweep.len(), a * b * z * s);
        let mut seen: Vec<String> = (0..sweep.len()).map(|index| sweep.unit(index).unwrap().hash().unwrap()).collect();
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len(), a * b * z * s);
    }
}

#[test]
fn a_sample_has_both_ends_and_every_value_of_short_factors() {
    let block =
        "  grid: {weight_decay: [0, 0.1, 0.2]}\n  zip: {flow.t_end: {linear: {from: 1, to: 9, points: 9}}}\n  seeds: 36000\n";
    let sweep = sweep(block, &[]).unwrap();
    assert_eq!(sweep.len(), 972_000);
    let sample = sweep.sample(1000);
    assert!((500..1200).contains(&sample.len()) && sample.windows(2).all(|pair| pair[0] < pair[1]), "{}", sample.len());
    assert_eq!((sample[0], *sample.last().unwrap()), (0, 971_999));
    let units: Vec<Scenario> = sample.iter().map(|&index| sweep.unit(index).unwrap()).collect();
    for decay in [0.0, 0.1, 0.2] {
        assert!(units.iter().any(|unit| unit.weight_decay.single() == decay));
    }
    assert!((1..=9).all(|t_end| units.iter().any(|unit| unit.flow.t_end == f64::from(t_end))));
    // All units are read if they are few.
    assert_eq!(sweep.sample(972_000).len(), 972_000);
}

/// What is printed is the same sweep: the same units, by their hashes.
#[test]
fn an_explained_sweep_is_the_same_sweep() {
    let block = "  grid: {weight_decay: [0, 0.1], 'optimizers[0].gd.lr': {log: {from: 0.1, to: 0.5, points: 3}}}\n  seeds: 2\npictures:\n  - {title: t, panels: [{show: peaks}]}\n";
    let sweep = sweep(block, &["flow.rtol=1e-6"]).unwrap();
    let text = sweep.explain().unwrap();
    assert!(text.contains("rtol: 1.0e-6") || text.contains("rtol: 1e-6") || text.contains("rtol: 1.0e-06"), "{text}");
    let again = Sweep::parse(&text, Path::new("s.yaml"), &[]).unwrap().unwrap();
    assert_eq!((again.len(), again.pictures().len()), (sweep.len(), 1));
    let hashes = |sweep: &Sweep| -> Vec<String> { (0..sweep.len()).map(|i| sweep.unit(i).unwrap().hash().unwrap()).collect() };
    assert_eq!(hashes(&again), hashes(&sweep));
}

/// Each range is within the bound, but together they would take gigabytes before their product is formed.
#[test]
fn ranges_that_are_long_together_are_refused() {
    let ranges: Vec<String> =
        (0..100).map(|i| format!("'optimizers[{i}].gd.lr': {{linear: {{from: 1, to: 2, points: 1000000}}}}")).collect();
    let message = complaint(&format!("  zip: {{{}}}\n", ranges.join(", ")), &[]);
    assert!(message.contains("sweep.zip.optimizers[2].gd.lr: its values make more than 2000000 in all"), "{message}");
}

#[test]
fn more_keys_than_anybody_reads_are_refused() {
    let keys: Vec<String> = (0..101).map(|i| format!("optimizers[{i}].gd.lr: [1]")).collect();
    let block = format!(
        "  grid: {{{}}}\n",
        keys.iter().map(|key| format!("'{}': [1]", key.strip_suffix(": [1]").unwrap())).collect::<Vec<_>>().join(", ")
    );
    assert!(complaint(&block, &[]).contains("sweep: must vary at most 100 keys, got 101"));
}

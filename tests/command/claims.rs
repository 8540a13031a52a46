//! Claims, through the command: the theorems hold on their scenarios, the controls that must fail do, and what the integration cannot carry
//! is called so.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::harness::{bundled, gramflow, succeed};
use Outcome::{Fails, GridLimited, Holds, IntegratorLimited};
use gramflow::claim::{Again, Claim, Evidence, verdict};
use gramflow::folder;
use gramflow::ode::Interrupt;
use gramflow::record::{self, Bound, ErrorFrom, Outcome, Values, Verdict};
use gramflow::run::{Problem, run};
use gramflow::session::Finer;
use gramflow::{scenario, sweep};
use serde_json::Value;

/// The verdicts in the manifest of a run of `scenario`, with changes.
fn judged(scenario: &Path, sets: &[&str]) -> BTreeMap<String, Verdict> {
    let at = tempfile::tempdir().unwrap();
    let mut arguments = vec!["run", scenario.to_str().unwrap(), "--out", "out", "--set", "optimizers=[]"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at.path(), &arguments);
    let manifest = fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
    serde_json::from_value(serde_json::from_str::<Value>(&manifest).unwrap()["verdicts"].take()).unwrap()
}

#[track_caller]
fn assert_outcomes(verdicts: &BTreeMap<String, Verdict>, wanted: &[(&str, Outcome)]) {
    for (claim, outcome) in wanted {
        assert_eq!(verdicts[*claim].verdict, *outcome, "{claim}: {:#?}", verdicts[*claim]);
    }
}

/// Every claim of every bundled scenario.
#[test]
fn what_the_bundled_scenarios_claim_holds() {
    for (name, claims) in [("depth5-decay", 7), ("depth5-balanced", 5), ("no-decay", 3), ("counterexample", 2)] {
        let verdicts = judged(&bundled(name), &[]);
        assert_eq!(verdicts.len(), claims, "{name}");
        for (claim, verdict) in &verdicts {
            assert_eq!(verdict.verdict, Holds, "{name}: {claim}: {verdict:#?}");
            assert!(verdict.error < (verdict.value - verdict.threshold).abs(), "{name}: {claim}: {verdict:#?}");
        }
    }
}

/// Without decay the theorem of decay and what follows from it fail, and a start that aligns does not stagnate.
#[test]
fn the_controls_fail() {
    let claims = "claims=[nfa-asymptotic, nfa, exponent, peak, low-rank, nfa-exact]";
    let fails = ["nfa-asymptotic", "nfa", "exponent", "peak", "low-rank", "nfa-exact"].map(|claim| (claim, Fails));
    assert_outcomes(&judged(&bundled("no-decay"), &[claims]), &fails);
    let aligned = judged(&bundled("depth5-decay"), &["claims=[stagnates, nfa-violated, converged, balance-law]"]);
    assert_outcomes(&aligned, &[("stagnates", Fails), ("nfa-violated", Fails), ("converged", Fails), ("balance-law", Holds)]);
    let balanced = judged(&bundled("depth5-balanced"), &["claims=[decay-rate, nfa-asymptotic, stagnates]"]);
    assert_outcomes(&balanced, &[("decay-rate", Fails), ("nfa-asymptotic", Fails), ("stagnates", Fails)]);
}

/// The same records held against other numbers: λ for 2λ, 1/(L − 1) and 1/(L + 1) for 1/L, and a layer with another's exponent.
#[test]
fn wrong_numbers_fail_on_the_records_that_confirm_the_right_ones() {
    type Change<'a> = &'a dyn Fn(&mut scenario::Scenario, &mut record::Run);
    let finished = |name: &str| {
        let (scenario, _) = scenario::read(&bundled(name), &["optimizers=[]".to_string()]).unwrap();
        let finished = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
        move |claim: Claim, change: Change| {
            let finer = finished.finer.as_ref().unwrap();
            let (mut asked, mut first, mut second) = (scenario.clone(), finished.run.clone(), finer.run.clone());
            change(&mut asked, &mut first);
            change(&mut scenario.clone(), &mut second);
            let flow = &finished.manifest.processes["flow"];
            let second = Some(Again { run: &second, ..finer.again() });
            verdict(claim, &Evidence { setup: &asked.plan().setup(), run: &first, flow, second }).verdict
        }
    };
    let (decay, balanced) = (finished("depth5-decay"), finished("depth5-balanced"));
    assert_eq!(decay(Claim::DecayRate, &|_, _| {}), Holds);
    for wrong in [0.5, 2.0] {
        assert_eq!(
            decay(Claim::DecayRate, &|scenario, _| scenario.weight_decay = (wrong * scenario.weight_decay.single()).into()),
            Fails
        );
    }
    assert_eq!(
        decay(Claim::NfaAsymptotic, &|scenario, _| scenario.weight_decay = (2.0 * scenario.weight_decay.single()).into()),
        Fails
    );
    assert_eq!(decay(Claim::Exponent, &|_, _| {}), Holds);
    assert_eq!(decay(Claim::Exponent, &|scenario, _| scenario.network.widths.truncate(5)), Fails);
    assert_eq!(decay(Claim::Exponent, &|scenario, _| scenario.network.widths.push(20)), Fails);
    // W₂ᵀW₂ against (J₂ᵀJ₂)^{1/5}: (J₂ᵀJ₂)^{1/4} = W₂ᵀW₂ from a balanced start, so that singular values say how far off that is.
    let layer = |_: &mut scenario::Scenario, run: &mut record::Run| {
        let spectrum = &run.arrays["flow/sv_W2"];
        let end = spectrum.row(spectrum.rows() - 1).to_vec();
        let squares = |of: &dyn Fn(f64) -> f64| end.iter().map(|s| of(s * s).powi(2)).sum::<f64>().sqrt();
        let wrong = squares(&|x| x - x.powf(0.8)) / squares(&|x| x).max(squares(&|x| x.powf(0.8)));
        let column = run.table.columns.iter_mut().find(|column| column.name == "nfa_residual_relative_W2").unwrap();
        let Values::Float(values) = &mut column.values else { panic!("{}", column.name) };
        *values.last_mut().unwrap() = wrong;
    };
    assert_eq!(balanced(Claim::NfaExact, &|_, _| {}), Holds);
    assert_eq!(balanced(Claim::NfaExact, &layer), Fails);
}

/// The stiff case of `tests/references/stiff` in which an uncapped dopri5 drifts at rtol 1e-3: the decay of the gap is lost in it, and no
/// claim about that decay is judged. At a tight tolerance the same claims hold.
#[test]
fn where_the_integration_drifts_claims_are_integrator_limited() {
    let at = tempfile::tempdir().unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references/stiff/decay").display().to_string();
    let scenario = at.path().join("stiff.yaml");
    let text = format!(
        "name: stiff
data: {{file: {{path: '{case}-data.npz'}}}}
network: {{widths: [10, 10, 10, 10]}}
init: {{file: {{path: '{case}-w0.npz'}}}}
weight_decay: 1.0e-3
flow: {{t_end: 4000.0, integrator: dopri5, rtol: 1.0e-3, atol: 1.0e-6}}
record: {{log: {{points: 240}}}}
claims: [balance-law, decay-rate, nfa-asymptotic]
"
    );
    fs::write(&scenario, text).unwrap();
    let limited = ["balance-law", "decay-rate", "nfa-asymptotic"].map(|claim| (claim, IntegratorLimited));
    let loose = judged(&scenario, &[]);
    assert_outcomes(&loose, &limited[..2]);
    // Its records are as much to blame.
    assert!([IntegratorLimited, GridLimited].contains(&loose["nfa-asymptotic"].verdict), "{loose:#?}");
    assert_eq!(loose["decay-rate"].error_from, ErrorFrom::BalanceLaw);
    // Where it drifts less, nothing is called failed either: the theorem is not to blame.
    let better = judged(&scenario, &["flow.rtol=1e-5"]);
    assert!(better.values().all(|verdict| verdict.verdict != Fails), "{better:#?}");
    let tight = judged(&scenario, &["flow.integrator=auto", "flow.rtol=1e-8", "flow.atol=1e-11"]);
    assert_outcomes(&tight, &limited.map(|(claim, _)| (claim, Holds)));
}

/// A saddle that the flow has not left is no minimum; what comes to rest is one.
#[test]
fn a_plateau_is_not_called_converged() {
    let at = tempfile::tempdir().unwrap();
    let scenario = at.path().join("saddle.yaml");
    let text = "
name: saddle
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 4}}}}
network: {widths: [4, 4, 4, 4]}
init: {gaussian: {std: 1.0e-3}}
flow: {t_end: 100.0}
claims: [converged]
";
    fs::write(&scenario, text).unwrap();
    let plateau = judged(&scenario, &[]);
    assert_outcomes(&plateau, &[("converged", Fails)]);
    assert!(plateau["converged"].statement.contains("it has been on a plateau"), "{plateau:#?}");
    let rest = judged(&scenario, &["init=pytorch", "weight_decay=0.1", "flow.t_end=2000"]);
    assert_outcomes(&rest, &[("converged", Holds)]);
    // At the end of a horizon that is just long enough, the same test for as long again.
    let until = |t: u32| {
        let (end, record) = (format!("flow.t_end={t}"), format!("record={{times: [0, 300, {t}]}}"));
        judged(&scenario, &["init=pytorch", "weight_decay=0.1", &end, &record])["converged"].verdict
    };
    assert_eq!(until(650), Holds);
    // At its border the two integrations need not agree, and then none of them decides.
    for t in [580, 590, 600, 610, 620] {
        assert_ne!(until(t), Fails, "{t}");
    }
}

#[test]
fn strict_exits_with_3_and_the_manifest_has_the_numbers() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let quick = |more: &[&str]| {
        let fixed = ["run", scenario.to_str().unwrap(), "--out", "out", "--set", "optimizers=[]", "--set", "flow.t_end=100"];
        gramflow(at.path(), &[&fixed[..], more].concat())
    };
    let good = quick(&["--strict", "--set", "claims=[balance-law, decay-rate]"]);
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stderr));
    let bad = ["--set", "claims=[balance-law, stagnates]"];
    let plain = quick(&bad);
    assert_eq!(plain.status.code(), Some(0));
    let text = String::from_utf8_lossy(&plain.stdout);
    assert!(text.contains("claim") && text.contains("stagnates fails: share of the alignment residual"), "{text}");
    let strict = quick(&[&bad[..], &["--strict"]].concat());
    assert_eq!(strict.status.code(), Some(3));
    let complaint = String::from_utf8_lossy(&strict.stderr);
    assert!(complaint.contains("these claims do not hold: stagnates (fails)"), "{complaint}");

    // The run is there all the same.
    let manifest: Value = serde_json::from_str(&fs::read_to_string(at.path().join("out/manifest.json")).unwrap()).unwrap();
    let entry = &manifest["verdicts"]["balance-law"];
    assert_eq!(entry["verdict"], "holds");
    for number in ["value", "threshold", "error"] {
        assert!(entry[number].is_f64(), "{number}: {entry:#}");
    }
    for word in ["quantity", "bound", "error_from", "statement"] {
        assert!(entry[word].is_string(), "{word}: {entry:#}");
    }
    let verdict: Verdict = serde_json::from_value(entry.clone()).unwrap();
    assert_eq!((verdict.bound, verdict.threshold), (Bound::AtMost, 1e-6));
    // What is refused is refused before anything runs.
    let refused = quick(&["--set", "network.activations=tanh", "--set", "claims=[decay-rate]"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("decay-rate needs two layers with identity, relu"));
}

/// Bit by bit: whoever makes claims gets the records of whoever makes none; and the verdicts are the same every time.
#[test]
fn the_records_do_not_know_of_the_claims() {
    let finished = |claims: &str| {
        let sets = ["flow.t_end=20", claims].map(str::to_string);
        let (scenario, _) = scenario::read(&bundled("quickstart"), &sets).unwrap();
        let finished = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
        let second = finished.finer.as_ref().map(Finer::again);
        let evidence = Evidence {
            setup: &scenario.plan().setup(),
            run: &finished.run,
            flow: &finished.manifest.processes["flow"],
            second,
        };
        let verdicts = format!("{:?}", gramflow::claim::judge(&scenario.claims, &evidence, &finished.manifest.processes));
        (finished, verdicts)
    };
    let all = "claims=[balance-law, decay-rate, nfa-asymptotic, nfa, exponent, peak, low-rank, stagnates]";
    let ((plain, none), (mut claiming, first), (_, again)) = (finished("claims=[]"), finished(all), finished(all));
    assert!(plain.finer.is_none() && none == "{}" && first == again, "{first}\n{again}");
    claiming.run.arrays.retain(|name, _| !name.starts_with("flow/error_"));
    let records = |finished: &gramflow::run::Finished| {
        format!("{:?} {:?} {:?}", finished.run.table, finished.run.arrays, finished.weights)
    };
    assert!(records(&plain) == records(&claiming));
}

/// Every unit of a sweep is judged, and the merged table has a row for each of its claims.
#[test]
fn a_sweep_judges_its_units() {
    let at = tempfile::tempdir().unwrap();
    let text = "
name: many
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
flow: {t_end: 20.0}
record: {linear: {points: 20}}
claims: [balance-law, nfa-asymptotic]
sweep: {grid: {weight_decay: [0, 0.1]}, seeds: 2}
";
    fs::write(at.path().join("many.yaml"), text).unwrap();
    let told =
        ["claim balance-law: holds 4 of 4\n", "claim nfa-asymptotic: holds 2, fails 2 of 4\n  fails 2 at weight_decay = 0\n"];
    for words in [&["sweep", "run", "many.yaml", "--out", "s"][..], &["sweep", "status", "s"], &["sweep", "merge", "s"]] {
        let printed = succeed(at.path(), words);
        assert!(told.iter().all(|line| printed.contains(line)), "{words:?}: {printed}");
    }
    assert!(succeed(at.path(), &["sweep", "merge", "s"]).contains("verdicts.parquet"));
    let (folder, plan) = sweep::Folder::read(&at.path().join("s")).unwrap();
    let units = sweep::ensemble(std::slice::from_ref(&folder), &plan).unwrap().members;
    assert_eq!(units.len(), 4);
    for unit in &units {
        let verdicts = serde_json::from_value(unit.manifest["verdicts"].clone()).unwrap();
        let decays = unit.values["weight_decay"].as_f64().unwrap() > 0.0;
        assert_outcomes(&verdicts, &[("balance-law", Holds), ("nfa-asymptotic", if decays { Holds } else { Fails })]);
    }
    let table = folder::read_table(&at.path().join("s/verdicts.parquet")).unwrap();
    assert_eq!(table.rows(), 8);
    for column in ["unit", "weight_decay", "seed", "claim", "verdict", "value", "threshold", "error", "statement"] {
        assert!(table.column(column).is_some(), "{column}");
    }
    let summary: Value = serde_json::from_str(&fs::read_to_string(at.path().join("s/sweep.json")).unwrap()).unwrap();
    assert_eq!(summary["verdicts"]["balance-law"]["holds"], 4);
    assert_eq!(summary["verdicts"]["nfa-asymptotic"]["fails"], 2);
}

/// What cannot be read is counted nowhere, and whoever counts says so.
#[test]
fn verdicts_that_cannot_be_read_are_named() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let text = "
name: many
data: {synthetic: {inputs: {dim: 3, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 2, 2]}
flow: {t_end: 1.0}
record: {linear: {points: 20}}
claims: [balance-law, converged]
sweep: {grid: {weight_decay: [0, 0.1]}}
";
    fs::write(at.join("many.yaml"), text).unwrap();
    succeed(at, &["sweep", "run", "many.yaml", "--out", "s"]);
    let (folder, plan) = sweep::Folder::read(&at.join("s")).unwrap();
    let manifests: Vec<_> = plan.units().into_iter().map(|unit| folder.unit(unit.id).join("manifest.json")).collect();
    let whole: Vec<String> = manifests.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    // At its size: a unit with a file of another one is run again.
    let edit = |unit: usize, change: &dyn Fn(&mut Value)| {
        let mut manifest = serde_json::from_str(&whole[unit]).unwrap();
        change(&mut manifest);
        let edited = manifest.to_string();
        fs::write(&manifests[unit], format!("{edited}{}", " ".repeat(whole[unit].len() - edited.len()))).unwrap();
    };
    let told = |words: &[&str]| {
        let output = gramflow(at, words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {errors}");
        format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
    };
    let counts = [&["sweep", "run", "many.yaml", "--out", "s"][..], &["sweep", "status", "s"], &["sweep", "merge", "s"]];
    let report = || {
        told(&["report", "s"]);
        fs::read_to_string(at.join("s/report.html")).unwrap()
    };
    let (cannot, remedy) = ("cannot be read (", "to have it, remove the folder of the unit and run that again");

    edit(0, &|manifest| manifest["verdicts"]["balance-law"]["bound"] = "near".into());
    for words in counts {
        let told = told(words);
        assert!(told.contains("claim balance-law: holds 1 of 1\n") && told.contains(" of 2\n"), "{words:?}: {told}");
        let warning =
            "warning: unit weight_decay = 0: manifest.json: verdicts.balance-law cannot be read (unknown variant `near`";
        assert_eq!((told.matches(warning).count(), told.matches(remedy).count()), (1, 1), "{words:?}: {told}");
    }
    let summary: Value = serde_json::from_str(&fs::read_to_string(at.join("s/sweep.json")).unwrap()).unwrap();
    assert_eq!(summary["warnings"].as_object().unwrap().len(), 1);
    let page = report();
    assert!(page.contains("1 warning.") && page.contains("verdicts.balance-law cannot be read ("), "{page}");

    // Warnings likewise: not as if there were none.
    edit(0, &|manifest| manifest["warnings"] = "in words".into());
    for words in counts {
        let told = told(words);
        assert_eq!(
            told.matches("warning: unit weight_decay = 0: manifest.json: warnings cannot be read (").count(),
            1,
            "{told}"
        );
    }
    assert!(report().contains("manifest.json: warnings cannot be read ("));

    // All of them: not as if no claims had been made.
    for unit in 0..2 {
        edit(unit, &|manifest| manifest["verdicts"] = "in words".into());
    }
    for words in counts {
        let told = told(words);
        assert!(
            !told.contains("claim ")
                && told.contains("2 units, first weight_decay = 0: manifest.json: verdicts cannot be read ("),
            "{told}"
        );
    }
    let page = report();
    assert!(page.contains("No verdict can be read; 1 warning.") && !page.contains("No claims were made"), "{page}");

    // The control: those that are there, and none at all.
    fs::write(&manifests[0], &whole[0]).unwrap();
    edit(1, &|manifest| manifest["verdicts"] = Value::Null);
    for words in counts {
        let told = told(words);
        assert!(told.contains("claim balance-law: holds 1 of 1\n") && !told.contains(cannot), "{words:?}: {told}");
    }
    assert!(!report().contains(cannot));
}

/// The same flow recorded on other grids: every claim comes to the same verdict, or says that the grid is too coarse; with 200 points it says
/// so of none. Where the flow rests does not depend on the grid either.
#[test]
fn verdicts_do_not_depend_on_the_record_grid() {
    let text = "
name: grids
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 2, outputs: 3}}, noise: 0.1}}
network: {widths: [4, 5, 3]}
init: {balanced: {imbalance: 0.5}}
";
    let all = "[balance-law, decay-rate, nfa-asymptotic, nfa, exponent, peak, low-rank, nfa-exact, nfa-violated, stagnates, converged]";
    for (decay, t_end) in [("0.03", "100"), ("0.03", "3000"), ("0", "1000")] {
        let judge = |grid: &str| {
            let sets = [
                format!("weight_decay={decay}"),
                format!("flow.t_end={t_end}"),
                format!("claims={all}"),
                format!("record={grid}"),
            ];
            let (scenario, _) = scenario::parse(text, "grids.yaml".as_ref(), &sets).unwrap();
            let finished = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
            let second = finished.finer.as_ref().map(Finer::again);
            let flow = &finished.manifest.processes["flow"];
            let evidence = Evidence { setup: &scenario.plan().setup(), run: &finished.run, flow, second };
            (gramflow::claim::judge(&scenario.claims, &evidence, &finished.manifest.processes), flow.termination)
        };
        let (fine, ended) = judge("{log: {points: 200}}");
        assert!(fine.values().all(|verdict| verdict.verdict != GridLimited), "{decay} {t_end}: {fine:#?}");
        for grid in [
            "{linear: {points: 200}}",
            "{log: {points: 20}}",
            "{linear: {points: 20}}",
            "{log: {points: 5}}",
            "{linear: {points: 5}}",
        ] {
            let (verdicts, end) = judge(grid);
            assert_eq!(end, ended, "{decay} {t_end} {grid}");
            for (claim, verdict) in &verdicts {
                let same = [fine[claim].verdict, GridLimited].contains(&verdict.verdict);
                assert!(same, "{decay} {t_end} {grid} {claim}: {verdict:#?} {:#?}", fine[claim]);
            }
        }
    }
}

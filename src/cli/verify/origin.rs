//! What may explain that a run has other bits when it is repeated: another gramflow, another CPU, another scenario.

use serde_json::{Value, json};

use crate::record::{Host, REVISION, VERSION, to_value};

/// Each reason in a sentence: how the run in this manifest was made otherwise than one would be made here, of a scenario with this hash. The
/// number of threads is no reason.
pub(super) fn may_explain(manifest: &Value, scenario_hash: &str) -> Vec<String> {
    let here =
        json!({"version": VERSION, "git_revision": REVISION, "host": to_value(&Host::here()), "scenario_hash": scenario_hash});
    differences(manifest, &here)
}

fn differences(before: &Value, here: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_string();
    let pair = |key: &str| (text(&before[key]), text(&here[key]));

    let (was, is) = pair("scenario_hash");
    if was != is {
        let [was, is] = [&was, &is].map(|hash| hash.get(..8).unwrap_or(hash));
        reasons.push(format!(
            "the scenario has changed since the run (hash {was}, now {is}): scenario.json was edited, or a file that it names has other contents"
        ));
    }
    let ((version, this_version), (revision, this_revision)) = (pair("version"), pair("git_revision"));
    if version != this_version {
        reasons.push(format!("gramflow {version} made the run, and this is gramflow {this_version}"));
    }
    if revision != this_revision {
        reasons.push(format!("revision {revision} of gramflow made the run, and this is {this_revision}"));
    } else if revision.ends_with("-dirty") {
        reasons.push(format!("the run and this gramflow are of {revision}, whose uncommitted changes may be others"));
    }
    reasons.extend(of_hosts(&before["host"], &here["host"]));
    reasons
}

/// Products of matrices are rounded differently with other vector instructions, or with blocks for caches of other sizes.
fn of_hosts(before: &Value, here: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let text = |host: &Value, key: &str| host[key].as_str().unwrap_or("unknown").to_string();
    for (key, what) in [("os", "system"), ("arch", "architecture")] {
        if before[key] != here[key] {
            let (was, is) = (text(before, key), text(here, key));
            reasons.push(format!("the run was made on the {what} {was}, and this is {is}"));
        }
    }
    let features = |host: &Value| -> Option<Vec<String>> {
        Some(host["cpu_features"].as_array()?.iter().filter_map(Value::as_str).map(str::to_string).collect())
    };
    match (features(before), features(here).unwrap_or_default()) {
        (None, _) => {
            reasons.push("the manifest does not say which CPU made the run, as in earlier versions of gramflow".to_string())
        }
        (Some(was), is) if was != is => {
            let only = |these: &[String], others: &[String]| {
                let only: Vec<&str> = these.iter().filter(|name| !others.contains(name)).map(String::as_str).collect();
                if only.is_empty() { "nothing".to_string() } else { only.join(", ") }
            };
            reasons.push(format!(
                "the CPU that made the run has {} that this one lacks, and lacks {} that this one has: products are rounded differently",
                only(&was, &is),
                only(&is, &was)
            ));
        }
        _ => {}
    }
    if before["cpu_features"].is_array() && before["cpu"] != here["cpu"] {
        let (was, is) = (text(before, "cpu"), text(here, "cpu"));
        reasons.push(format!(
            "the run was made on the CPU {was}, and this is {is}: large products are cut by the sizes of its caches"
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Value {
        json!({
            "version": "0.1.0",
            "git_revision": "abc",
            "scenario_hash": "0123456789abcdef",
            "threads": 2,
            "host": {"os": "linux", "arch": "x86_64", "cores": 2, "cpu": "Model 1", "cpu_features": ["avx", "avx2"]},
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut changed = manifest();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    }

    #[test]
    fn each_cause_is_named_and_nothing_else() {
        assert!(differences(&manifest(), &manifest()).is_empty());
        for (pointer, value, says) in [
            ("/version", json!("0.2.0"), "gramflow 0.2.0 made the run, and this is gramflow 0.1.0"),
            ("/git_revision", json!("def"), "revision def"),
            ("/scenario_hash", json!("feedfeedfeed"), "hash feedfeed, now 01234567"),
            ("/host/os", json!("macos"), "the system macos, and this is linux"),
            ("/host/arch", json!("aarch64"), "the architecture aarch64"),
            ("/host/cpu", json!("Model 2"), "the CPU Model 2, and this is Model 1"),
            ("/host/cpu", Value::Null, "the CPU unknown, and this is Model 1"),
            ("/host/cpu_features", json!(["avx", "avx512f"]), "has avx512f that this one lacks, and lacks avx2 that"),
        ] {
            let found = differences(&with(pointer, value), &manifest());
            assert!(found.len() == 1 && found[0].contains(says), "{pointer}: {found:?}");
        }
        // Threads and cores change no bits.
        assert!(differences(&with("/threads", json!(64)), &manifest()).is_empty());
        assert!(differences(&with("/host/cores", json!(64)), &manifest()).is_empty());
        let dirty = with("/git_revision", json!("abc-dirty"));
        assert!(differences(&dirty, &dirty)[0].contains("uncommitted"));
    }

    #[test]
    fn a_manifest_of_an_earlier_version_says_little() {
        let mut old = manifest();
        old["host"] = json!({"os": "linux", "arch": "x86_64", "cores": 2});
        let found = differences(&old, &manifest());
        assert!(found.len() == 1 && found[0].contains("does not say which CPU"), "{found:?}");
    }

    #[test]
    fn a_run_of_this_build_on_this_machine_differs_by_its_scenario_alone() {
        let mut here = crate::record::Manifest::new("aa".into(), 0, Default::default()).to_value();
        here["git_revision"] = "clean".into();
        let found = may_explain(&here, "aa");
        assert!(found.iter().all(|reason| reason.contains("revision clean")), "{found:?}");
    }
}

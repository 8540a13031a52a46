//! `gramflow report`: one page that is well formed, whole, and says what the folder says.

use std::fs;
use std::path::Path;

use crate::harness::{bundled, gramflow, succeed};

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "br", "hr", "img"];

/// The names of all elements, in their order. Fails where an end does not match its beginning, and where a `<` is no tag.
fn elements(page: &str) -> Vec<String> {
    assert!(page.starts_with("<!DOCTYPE html>\n"));
    let (mut open, mut all): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = &page["<!DOCTYPE html>".len()..];
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare > in {}", &rest[..start]);
        let (tag, after) = rest[start + 1..].split_once('>').expect("a tag that ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{open:?}");
            continue;
        }
        let name: String = tag.chars().take_while(|c| c.is_alphanumeric()).collect();
        assert!(!name.is_empty(), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        all.push(name);
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

/// Well formed, and in need of nothing else; its text.
fn page(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    let all = elements(&page);
    for foreign in ["script", "link", "img", "iframe", "object", "use", "image"] {
        assert!(!all.iter().any(|name| name == foreign), "{foreign}");
    }
    for attribute in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    page
}

#[test]
fn of_a_run() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let scenario = bundled("quickstart");
    let description = "description=a <b>bold</b> & \"quoted\" start";
    succeed(
        at,
        &["run", scenario.to_str().unwrap(), "--set", description, "--set", "claims=[balance-law, peak]", "--out", "run"],
    );
    assert_eq!(succeed(at, &["report", "run"]), "run/report.html\n");
    let page = page(&at.join("run/report.html"));
    assert!(page.contains("a &lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot; start") && !page.contains("<b>"));
    let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(at.join("run/manifest.json")).unwrap()).unwrap();
    assert!(page.contains(manifest["scenario_hash"].as_str().unwrap()));
    for claim in ["balance-law", "peak"] {
        let verdict = manifest["verdicts"][claim]["verdict"].as_str().unwrap();
        assert!(page.contains(&format!("<td>{claim}</td><td class=\"{verdict}\">{verdict}</td>")), "{claim}");
    }
    let pictures = fs::read_dir(at.join("run/figures")).unwrap().count() / 2;
    assert!(pictures > 3);
    assert_eq!(page.matches("<svg").count(), pictures);
    assert!(page.contains("<details>") && page.contains("weight_decay:") && page.contains("centred cosine"));
    // Elsewhere, if asked.
    succeed(at, &["report", "run", "--out", "elsewhere.html"]);
    assert_eq!(fs::read_to_string(at.join("elsewhere.html")).unwrap(), page);
}

const SWEEP: &str = "\
name: tiny
description: decay < no decay
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
claims: [balance-law]
flow: {t_end: 5.0}
record: {linear: {points: 10}}
sweep:
  grid: {weight_decay: [0, 0.5]}
  zip: {init: [pytorch, {gaussian: {std: 1.0e+200}}]}
pictures:
  - title: the gap, where x < y
    panels: [{show: {over_time: {y: balance_gap}}, lines: weight_decay}]
";

#[test]
fn of_a_sweep_and_of_figures() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::create_dir_all(at.join("paper")).unwrap();
    fs::write(at.join("paper/tiny.yaml"), SWEEP).unwrap();
    assert_eq!(gramflow(at, &["figures", "--scenarios", "paper"]).status.code(), Some(1));
    succeed(at, &["report", "figures"]);
    let set = page(&at.join("figures/report.html"));
    assert_eq!(set.matches("<svg").count(), 1);
    for text in [
        "decay &lt; no decay",
        "the gap, where x &lt; y",
        "holds 2",
        "gramflow figures tiny",
        "could not be run",
        "start from smaller weights",
    ] {
        assert!(set.contains(text), "{text}");
    }

    let runs = fs::read_dir(at.join("runs/figures")).unwrap().next().unwrap().unwrap().path();
    succeed(at, &["report", runs.to_str().unwrap()]);
    let sweep = page(&runs.join("report.html"));
    assert_eq!(sweep.matches("<svg").count(), 1);
    for text in
        ["2 of 4 units are finished", "holds 2", "weight_decay: 0, 0.5", "start from smaller weights", "balance-law holds"]
    {
        assert!(sweep.contains(text), "{text}");
    }
    // The page is in nobody's way: the sweep goes on, the figure is drawn again.
    assert_eq!(gramflow(at, &["figures", "--scenarios", "paper"]).status.code(), Some(1));
}

#[test]
fn of_nothing_there_is_none() {
    let at = tempfile::tempdir().unwrap();
    for folder in [".", "nowhere"] {
        let output = gramflow(at.path(), &["report", folder]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("is no folder of a run"), "{errors}");
    }
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
}

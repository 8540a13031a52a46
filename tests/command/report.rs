//! `gramflow report`: one page that is well formed, whole, and says what the folder says.

use std::fs;
use std::path::Path;

use gramflow::folder;
use gramflow::record::{Table, Values};
use serde_json::Value;

use crate::harness::{bundled, gramflow, succeed};

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "br", "hr", "img"];

/// Elements that hold no elements, whatever stands in them.
const RAW: [&str; 2] = ["script", "style"];

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
        if RAW.contains(&name.as_str()) {
            rest = rest.split_once(&format!("</{name}>")).expect("an end").1;
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
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
    for foreign in ["link", "img", "iframe", "object", "use", "image"] {
        assert!(!all.iter().any(|name| name == foreign), "{foreign}");
    }
    for attribute in ["src=", "href=", "url(", "@import", "xlink"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
    // The page's own, and the JSON that it reads.
    let scripts = all.iter().filter(|name| *name == "script").count();
    assert_eq!(scripts, 1 + page.matches("<script type=\"application/json\"").count());
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http://") && !addresses.contains("https://"));
    for figure in page.split("<figure>").skip(1) {
        let (_, caption) = figure.split_once("<figcaption>").expect("a caption");
        assert!(caption.split_once("</figcaption>").unwrap().0.len() > 10, "{caption}");
        assert!(figure.contains("role=\"img\" aria-label=\""));
    }
    page
}

/// The JSON of the page's curves.
fn curves(page: &str) -> Value {
    let (_, json) = page.split_once("id=\"curves-data\">").expect("curves");
    serde_json::from_str(json.split_once("</script>").unwrap().0).unwrap()
}

/// That every curve is made of records, all digits, with the first and the last among them. Returns how many numbers were compared.
fn assert_records(curves: &Value, records_of: impl Fn(&Value) -> Table) -> usize {
    let mut count = 0;
    for curve in curves["curves"].as_array().unwrap() {
        let (table, process) = (records_of(&curve["unit"]), curve["process"].as_str().unwrap());
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
        };
        let (t, all) = (numbers(&curve["t"]), table.floats(process, "t"));
        let rows: Vec<usize> = t.iter().map(|t| all.iter().position(|other| other == t).expect("a recorded time")).collect();
        assert_eq!((rows[0], rows[rows.len() - 1]), (0, all.len() - 1));
        for (column, values) in curves["columns"].as_array().unwrap().iter().zip(curve["values"].as_array().unwrap()) {
            let recorded = table.floats(process, column.as_str().unwrap());
            if values.is_null() {
                assert!(recorded.iter().all(|value| !value.is_finite()), "{process} {column}");
                continue;
            }
            for (value, &row) in numbers(values).into_iter().zip(&rows) {
                assert!(value == recorded[row] || (value.is_nan() && !recorded[row].is_finite()), "{process} {column}");
                count += 1;
            }
        }
    }
    count
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
        let cells =
            format!("<td data-label=\"claim\">{claim}</td><td data-label=\"verdict\" class=\"{verdict}\">{verdict}</td>");
        assert!(page.contains(&cells), "{claim}");
    }
    let pictures = fs::read_dir(at.join("run/figures")).unwrap().count() / 2;
    assert!(pictures > 3);
    assert_eq!(page.matches("<svg").count(), pictures);
    assert!(page.contains("<details>") && page.contains("weight_decay:") && page.contains("centred cosine"));
    // How to repeat it.
    assert!(page.contains("<pre>gramflow run run/scenario.json --out run\ngramflow report run</pre>"));
    // The curves are the records.
    let run = folder::read(&at.join("run")).unwrap();
    let curves = curves(&page);
    assert!(assert_records(&curves, |_| run.table.clone()) > 10_000);
    for column in ["loss", "balance_gap", "nfa_cosine", "distance_to_flow"] {
        assert!(curves["columns"].as_array().unwrap().contains(&column.into()), "{column}");
    }
    // Captions say what was found.
    let loss = run.table.floats("flow", "loss");
    let (first, last) = (gramflow::figure::number(loss[0], 3), gramflow::figure::number(loss[loss.len() - 1], 3));
    assert!(page.contains(&format!("The loss of the flow falls from {first} to {last} by t = ")), "{first} {last}");
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
    for text in [
        "2 of 4 units are finished",
        "holds 2",
        "weight_decay: 0, 0.5",
        "start from smaller weights",
        "<figcaption>the gap, where x &lt; y",
    ] {
        assert!(sweep.contains(text), "{text}");
    }
    assert_eq!(sweep.matches("<td data-label=\"balance-law\" class=\"holds\">holds</td>").count(), 2);
    // The page is in nobody's way: the sweep goes on, the figure is drawn again.
    assert_eq!(gramflow(at, &["figures", "--scenarios", "paper"]).status.code(), Some(1));
}

const STUDY: &str = "\
name: tiny
description: decay < no decay
data: {synthetic: {inputs: {dim: 5, samples: 60}, target: {low_rank: {rank: 2, outputs: 4}}, noise: 0.1}}
network: {widths: [5, 5, 4]}
init: {orthogonal: {gain: 0.7}}
weight_decay: 0.01
flow: {t_end: 4.0}
record: {linear: {points: 8}}
";

/// The words of the command by which the page is made again, without the program; no word is quoted.
fn again(page: &str) -> Vec<String> {
    let command = page.split("<pre>gramflow study").nth(1).unwrap().lines().next().unwrap();
    ["study"].into_iter().chain(command.split_whitespace()).map(str::to_string).collect()
}

/// That `gramflow plot study` draws the same pictures, and others if asked.
fn assert_drawn_again(at: &Path) {
    let figures = at.join("study/figures");
    let svgs = || -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let files = fs::read_dir(&figures).unwrap().map(|entry| entry.unwrap().path());
        let mut svgs: Vec<_> = files.filter(|path| path.extension().unwrap() == "svg").collect();
        svgs.sort();
        svgs.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let first = svgs();
    assert!(first.len() >= 2);
    succeed(at, &["plot", "study"]);
    assert!(first == svgs(), "the same tables, the same pictures");
    succeed(at, &["plot", "study", "--format", "pdf", "--width", "5.5in"]);
    assert!(first.iter().all(|(path, _)| path.with_extension("pdf").is_file()));
}

#[test]
fn of_a_study_of_learning_rates() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("tiny.yaml"), STUDY).unwrap();
    let options = ["--lr", "0.002..0.04", "--optimizers", "gd,sgd", "--batch", "12,full", "--seeds", "2", "--loss", "0.1"];
    let printed = succeed(at, &[&["study", "lr", "tiny.yaml", "--out", "study"][..], &options].concat());
    assert!(printed.contains("next: gramflow report study makes one page of them"), "{printed}");
    assert_eq!(succeed(at, &["report", "study"]), "study/report.html\n");
    let page = page(&at.join("study/report.html"));
    assert!(page.contains("decay &lt; no decay") && page.matches("<svg").count() == 4, "{}", page.matches("<svg").count());
    assert!(page.contains("fitted orders agree with theory; "));
    // Units and seeds that say the same are counted, and what is left out is said.
    assert_eq!(page.matches("its modified flow is not compared").count(), 1);
    assert!(page.contains("units, first sgd on batches of 12 at η = 0.0") && !page.contains("-s0: "));
    assert_eq!(page.matches("sgd on all samples takes the steps of gd: it is left out").count(), 1);

    // Every order of the table is there, with the verdict that its distance from theory asks for.
    let fits = folder::read_table(&at.join("study/fits.parquet")).unwrap();
    let number = |name: &str| match fits.column(name) {
        Some(Values::Float(values)) => values.to_vec(),
        _ => panic!("{name}"),
    };
    let (orders, expected) = (number("order"), number("expected"));
    let rows: Vec<&str> = page.split("<td data-label=\"optimizer\">").skip(1).collect();
    assert_eq!(rows.len(), orders.len());
    let mut held = 0;
    for (row, (order, expected)) in rows.iter().zip(orders.iter().zip(&expected)) {
        let verdict = match order - expected {
            apart if apart.is_nan() => continue,
            apart if apart.abs() <= 0.25 => "holds",
            _ => "fails",
        };
        held += usize::from(verdict == "holds");
        assert!(row.contains(&format!("class=\"{verdict}\">{verdict}<")), "{row}");
        assert!(row.contains(&format!(">{order:.3}<")), "{row}");
    }
    assert!(held >= 2, "{orders:?} {expected:?}");
    assert!(page.contains("In η, the distance to the flow is of order "));

    // Pictures are drawn again from the tables alone, and are the same.
    assert_drawn_again(at);

    // The command makes the same study: of nothing but finished units.
    let command = again(&page);
    let before = fs::read(at.join("study/study.parquet")).unwrap();
    let plan = fs::read(at.join("study/plan.json")).unwrap();
    let printed = succeed(at, &command.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(printed.contains("tables, units and figures: study"), "{printed}");
    assert_eq!(fs::read(at.join("study/study.parquet")).unwrap(), before);
    assert_eq!(fs::read(at.join("study/plan.json")).unwrap(), plan);
    assert!(at.join("study/report.html").is_file(), "the page is in nobody's way");

    // Of a manifest that does not say how the study was made, the page does.
    let path = at.join("study/manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(!page.contains("options cannot be read"));
    manifest["options"]["seeds"] = "two".into();
    manifest["lr"][0] = "0.1".into();
    manifest["warnings"] = "none".into();
    fs::write(&path, manifest.to_string()).unwrap();
    succeed(at, &["report", "study"]);
    let page = fs::read_to_string(at.join("study/report.html")).unwrap();
    for part in ["options", "lr[0]", "warnings"] {
        let says = page.find(&format!("{part} cannot be read (invalid type: ")).unwrap();
        assert!(says < page.find("<h2>Fitted orders</h2>").unwrap());
    }
}

/// What diverged is a warning, above everything else, and an event.
#[test]
fn of_a_study_in_which_an_optimizer_diverges() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("tiny.yaml"), STUDY).unwrap();
    let hot = ["--set", "flow.t_end=40", "--set", "network.widths=[5, 5, 5, 4]", "--set", "init.orthogonal.gain=1"];
    succeed(at, &[&["study", "lr", "tiny.yaml", "--lr", "0.04,2,3", "--out", "study"][..], &hot].concat());
    succeed(at, &["report", "study"]);
    let page = page(&at.join("study/report.html"));
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(place("No order can be compared with theory; ") < place("class=\"warnings\""));
    assert!(place("class=\"warnings\"") < place("<h2>Fitted orders</h2>"));
    assert!(place("gd on batches of 60 diverges at η = 2, 3") > 0 && place(">no order<") > 0);
}

#[test]
fn of_a_study_of_integrators() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("tiny.yaml"), STUDY).unwrap();
    succeed(at, &["study", "integrators", "tiny.yaml", "--rtol", "1e-3,1e-6", "--methods", "tsit5,rkc", "--out", "study"]);
    assert_eq!(succeed(at, &["report", "study"]), "study/report.html\n");
    let page = page(&at.join("study/report.html"));
    assert_eq!((page.matches("<td data-label=\"method\">").count(), page.matches("<svg").count()), (4, 2));
    assert!(page.contains("4 of 4 integrations reached the end; no warnings."));
    assert!(page.contains("needs the fewest gradients") && page.contains("times rtol."));
    assert_drawn_again(at);
    let command = again(&page);
    let first = folder::read_study(&at.join("study")).unwrap();
    succeed(at, &command.iter().map(String::as_str).collect::<Vec<_>>());
    let second = folder::read_study(&at.join("study")).unwrap();
    for column in ["method", "rtol", "gradients", "error"] {
        assert_eq!(first.column(column), second.column(column), "{column}");
    }
}

/// Text of a user that would end the script, in a description, as the value of a key and as the name of a folder.
const HOSTILE: &str = "x</script><script>alert(1)</script><!--";

#[test]
fn units_stand_beside_each_other_whatever_they_are_called() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let zip = "zip: {init: [pytorch, {gaussian: {std: 1.0e+200}}]}";
    let text = SWEEP
        .replace(zip, &format!("zip: {{description: ['{HOSTILE}', plain]}}"))
        .replace("description: decay < no decay\n", "");
    fs::write(at.join("tiny.yaml"), text).unwrap();
    let printed = succeed(at, &["sweep", "run", "tiny.yaml", "--out", "a & b"]);
    assert!(printed.contains("compare on one page: gramflow report 'a & b'\n"), "{printed}");
    succeed(at, &["report", "a & b"]);
    let page = page(&at.join("a & b/report.html"));
    assert!(!page.contains("<script>alert") && !page.contains("<!--"));
    let again = "<pre>gramflow sweep run &#39;a &amp; b/scenario.yaml&#39; --out &#39;a &amp; b&#39;\ngramflow report &#39;a &amp; b&#39;</pre>";
    assert!(page.contains(again));
    // That command makes the same sweep, anywhere.
    succeed(at, &["sweep", "run", "a & b/scenario.yaml", "--out", "again"]);
    assert_eq!(fs::read(at.join("again/plan.json")).unwrap(), fs::read(at.join("a & b/plan.json")).unwrap());
    let kept = fs::read_to_string(at.join("a & b/scenario.yaml")).unwrap();
    assert_eq!(fs::read_to_string(at.join("again/scenario.yaml")).unwrap(), kept);
    // Somebody else's file of that name stays.
    fs::write(at.join("again/scenario.yaml"), "mine").unwrap();
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "again"]);
    assert_eq!(fs::read_to_string(at.join("again/scenario.yaml")).unwrap(), "mine");

    let curves = curves(&page);
    let labels: Vec<&str> = curves["units"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(labels.len(), 4);
    assert!(labels[0].contains(&format!("description = {HOSTILE}")), "{labels:?}");
    // The rows of the table are the units of the curves, with the numbers that they round.
    let rows: Vec<&str> = page.split("<tr data-unit=\"").skip(1).map(|row| row.split("</tr>").next().unwrap()).collect();
    assert_eq!(rows.len(), 4);
    let ids: Vec<&str> =
        rows.iter().map(|row| row.rsplit("<td data-label=\"unit\">").next().unwrap().trim_end_matches("</td>")).collect();
    let table = |unit: &Value| folder::read_unit(&at.join("a & b/units").join(ids[unit.as_u64().unwrap() as usize])).unwrap();
    assert!(assert_records(&curves, table) > 500);
    for (unit, row) in rows.iter().enumerate() {
        assert!(row.starts_with(&format!("{unit}\"")), "{row}");
        let loss = *table(&unit.into()).floats("flow", "loss").last().unwrap();
        assert!(row.contains(&format!("<td data-label=\"loss\" class=\"n\" data-v=\"{loss:e}\">")), "{row}");
        assert!(row.contains("<td data-label=\"weight_decay\" data-v="), "{row}");
    }
}

/// More records than a screen has room for: an even choice, and the page says so.
#[test]
fn long_curves_are_thinned_and_said_to_be() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let scenario = bundled("quickstart");
    let set = ["record={linear: {points: 1500}}", "flow.t_end=1", "observe=[loss, distance]"];
    let mut arguments = vec!["run", scenario.to_str().unwrap(), "--out", "run"];
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    succeed(at, &["report", "run"]);
    let page = page(&at.join("run/report.html"));
    let run = folder::read(&at.join("run")).unwrap();
    let curves = curves(&page);
    assert_records(&curves, |_| run.table.clone());
    assert_eq!(curves["curves"][0]["t"].as_array().unwrap().len(), 400);
    let most = ["flow", "gd"].map(|process| run.table.floats(process, "t").len()).into_iter().max().unwrap();
    let note =
        format!("Curves have up to {most} records; this page shows 400 of them, evenly chosen. records.parquet has them all.");
    assert!(most > 1000 && page.contains(&note), "{most}");
    assert!(page.contains("No claims were made; "));
}

/// In headless Chromium, wide and narrow, light and dark; see `tests/browser/report.mjs`. Needs Node and Chromium.
#[test]
#[ignore = "needs Node and Chromium"]
fn pages_stand_in_a_browser() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let scenario = bundled("quickstart");
    let run = |out: &str, sets: &[&str]| {
        let mut arguments = vec!["run", scenario.to_str().unwrap(), "--out", out];
        arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
        assert!(gramflow(at, &arguments).status.success(), "{out}");
    };
    run("run", &["claims=[balance-law, peak]"]);
    run("diverged", &["optimizers=[{gd: {lr: 1.0}}]", "flow.t_end=5", "description=x </script><b> y"]);
    run("alone", &["optimizers=[]", "flow.t_end=2", "observe=[loss]"]);
    let zip = "zip: {init: [pytorch, {gaussian: {std: 1.0e+200}}]}";
    fs::write(at.join("tiny.yaml"), SWEEP.replace(zip, "seeds: 4")).unwrap();
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "sweep"]);
    fs::write(at.join("study.yaml"), STUDY).unwrap();
    succeed(at, &["study", "lr", "study.yaml", "--lr", "0.002..0.04", "--out", "study"]);
    succeed(at, &["study", "integrators", "study.yaml", "--rtol", "1e-3,1e-6", "--out", "methods"]);
    let folders = ["run", "diverged", "alone", "sweep", "study", "methods"];
    folders.iter().for_each(|folder| drop(succeed(at, &["report", folder])));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/report.mjs");
    let pages = folders.map(|folder| at.join(folder).join("report.html"));
    let output = std::process::Command::new("node").arg(script).args(pages).output().expect("Node");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn of_nothing_there_is_none() {
    let at = tempfile::tempdir().unwrap();
    for folder in [".", "nowhere"] {
        let output = gramflow(at.path(), &["report", folder]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("is not the folder of a run"), "{errors}");
    }
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
}

/// A run whose pictures no page can show says so, and how to mend it.
#[test]
fn pictures_of_other_formats_are_not_passed_over_in_silence() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let words = ["--set", "flow.t_end=1", "--set", "style={format: pdf}", "--out", "run"];
    succeed(at.path(), &[&["run", scenario.to_str().unwrap()][..], &words].concat());
    let page = |at: &Path| {
        succeed(at, &["report", "run"]);
        fs::read_to_string(at.join("run/report.html")).unwrap()
    };
    assert!(page(at.path()).contains("--format svg"));
    succeed(at.path(), &["plot", "run", "--format", "svg"]);
    let drawn = page(at.path());
    assert!(drawn.contains("<svg") && !drawn.contains("--format svg"));
}

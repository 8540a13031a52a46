//! What the README and the pages in docs/ say, is there and works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::succeed;
use crate::pages::{anchors, blocks, commands, my_study, page, pages, prose, root, spans, target, with};

/// Whether generated pages are to be written rather than compared.
fn writes() -> bool {
    std::env::var_os("GRAMFLOW_WRITE_DOCS").is_some_and(|value| value == "1")
}

/// Compares a page with what is generated, or writes it.
fn is_current(path: &str, generated: &str) {
    if writes() && page(path) != generated {
        fs::write(root().join(path), generated).unwrap();
    }
    assert!(page(path) == generated, "{path} is out of date: GRAMFLOW_WRITE_DOCS=1 cargo test --test command -- docs");
}

/// The list of columns, as `gramflow columns` prints it.
fn columns() -> Vec<Value> {
    serde_json::from_str(&succeed(Path::new("."), &["columns", "--json"])).unwrap()
}

/// The list of arrays likewise.
fn arrays() -> Vec<Value> {
    serde_json::from_str(&succeed(Path::new("."), &["columns", "--arrays", "--json"])).unwrap()
}

/// The line of `printed` that begins with `word`, as a sentence.
fn sentence(printed: &str, word: &str) -> String {
    let line = printed.lines().find(|line| line.starts_with(word)).unwrap();
    format!("{}{}.", line[..1].to_uppercase(), &line[1..])
}

#[test]
fn the_page_of_columns_is_current() {
    let mut text = String::from("# Columns\n\n<!-- Generated: GRAMFLOW_WRITE_DOCS=1 cargo test --test command -- docs -->\n\n");
    text.push_str("Every column of `records.parquet`, as `gramflow columns` lists them. Opt-in columns cost extra gradients. ");
    text.push_str("[Theory](theory.md#what-the-columns-measure) says more of them.\n\n");
    text.push_str("| column | unit | group | opt-in | is |\n| --- | --- | --- | --- | --- |\n");
    for column in columns() {
        let word = |key: &str| column[key].as_str().map(|word| word.replace('|', "\\|"));
        let opt_in = word("measure").map_or(String::new(), |measure| format!("`measure: [{measure}]`"));
        let [name, unit, formula] = ["name", "unit", "formula"].map(|key| word(key).unwrap());
        // Subscripts, not emphasis.
        let formula = formula.replace('_', "\\_").replace('*', "\\*");
        let group = word("group").unwrap_or("always".to_string());
        text.push_str(&format!("| `{name}` | {unit} | {group} | {opt_in} | {formula} |\n"));
    }
    text.push_str(&format!("\n{}\n", sentence(&succeed(Path::new("."), &["columns"]), "units")));
    text.push_str("\n## Arrays\n\nEvery array of `arrays.npz`, as `gramflow columns --arrays` lists them. ");
    text.push_str(&sentence(&succeed(Path::new("."), &["columns", "--arrays"]), "all are"));
    text.push_str("\n\n| array | shape | unit | group | written | is |\n| --- | --- | --- | --- | --- | --- |\n");
    for array in arrays() {
        let [name, shape, unit, written, formula] = ["name", "shape", "unit", "written", "formula"]
            .map(|key| array[key].as_str().unwrap().replace('_', "\\_").replace('*', "\\*"));
        let (name, group) = (name.replace("\\_", "_"), array["group"].as_str().unwrap_or("-"));
        text.push_str(&format!("| `{name}` | {shape} | {unit} | {group} | {written} | {formula} |\n"));
    }
    is_current("docs/columns.md", &text);
}

/// The table of claims is that of the figures: generated, not typed.
#[test]
fn the_claims_of_the_guide_are_those_of_the_figures() {
    let (path, begin, end) = ("docs/guide.md", "<!-- claims -->\n", "<!-- /claims -->");
    let guide = page(path);
    let (before, rest) = guide.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    is_current(path, &format!("{before}{begin}{}\n{end}{after}", page("figures/claims.md").trim()));
}

#[test]
fn links_and_anchors_lead_somewhere() {
    let mut links = 0;
    for path in pages() {
        let prose = prose(&page(&path));
        for link in prose.split("](").skip(1).map(|link| link.split(')').next().unwrap()) {
            links += 1;
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let name = if file.is_empty() { path.rsplit('/').next().unwrap() } else { file };
            let leads_to = target(&path, name);
            assert!(leads_to.exists(), "{path}: {link}");
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(&leads_to).unwrap();
                assert!(anchors(&text).iter().any(|own| own == anchor), "{path}: {link}: no such heading");
            }
            // mdbook turns .md into .html, also where it makes no page of it.
            let outside = path.starts_with("docs/") && file.starts_with("..") && file.ends_with(".md");
            assert!(!outside, "{path}: {link} breaks in the book: link to the folder");
        }
    }
    assert!(links > 100, "{links}");
}

#[test]
fn the_book_lists_every_page_once() {
    let summary = page("docs/SUMMARY.md");
    for path in pages().iter().filter_map(|path| path.strip_prefix("docs/")).filter(|name| *name != "SUMMARY.md") {
        assert_eq!(summary.matches(&format!("]({path})")).count(), 1, "{path}");
    }
    assert!(page("docs/book.toml").contains("src = \".\""));
}

/// Runs the blocks of one page in their order, in a folder with the bundled scenarios: those of YAML are saved and checked, and every line
/// that begins with `gramflow` must succeed. How many there were of each.
fn follow(path: &str) -> (usize, usize) {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::create_dir(at.join("scenarios")).unwrap();
    for entry in fs::read_dir(root().join("scenarios")).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), at.join("scenarios").join(entry.file_name())).unwrap();
        }
    }
    fs::write(at.join("my-study.yaml"), my_study()).unwrap();
    // Data and a start of the reader's own.
    for file in ["data.npz", "w0.npz"] {
        succeed(at, &["export", "my-study.yaml", "--out", file]);
    }
    let (mut scenarios, mut ran) = (0, 0);
    for (language, text) in blocks(&page(path)) {
        if language == "yaml" {
            let read = |name: &str| fs::read_to_string(at.join(name)).unwrap_or_else(|error| panic!("{path}: {name}: {error}"));
            let head = text.lines().next().unwrap();
            let appended = head.strip_prefix("# ").and_then(|head| head.split_once(": append this to "));
            let (name, scenario) = match (appended, head.strip_prefix("name: ")) {
                (Some((name, from)), _) => (name.to_string(), read(from) + &text),
                (None, Some(name)) => (format!("{name}.yaml"), text),
                (None, None) => ("fragment.yaml".to_string(), with(&my_study(), &text)),
            };
            fs::write(at.join(&name), scenario).unwrap();
            succeed(at, &["check", &name]);
            scenarios += 1;
        } else if language == "sh" {
            for command in commands(&text) {
                succeed(at, &command.iter().map(String::as_str).collect::<Vec<_>>());
                ran += 1;
            }
        }
    }
    (scenarios, ran)
}

#[test]
fn the_readme_can_be_followed() {
    assert_eq!(follow("README.md"), (1, 1));
}

#[test]
fn the_tutorial_can_be_followed() {
    assert_eq!(follow("docs/tutorial.md"), (1, 8));
}

#[test]
fn the_guide_can_be_followed() {
    assert_eq!(follow("docs/guide.md"), (19, 25));
}

#[test]
fn the_other_pages_can_be_followed() {
    let followed = ["README.md", "docs/tutorial.md", "docs/guide.md"];
    let rest: Vec<String> = pages().into_iter().filter(|path| !followed.contains(&path.as_str())).collect();
    let counts: Vec<(usize, usize)> = rest.iter().map(|path| follow(path)).collect();
    let total = counts.iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    assert_eq!(total, (6, 8), "{rest:?} {counts:?}");
}

/// What `gramflow ARGUMENTS… --help` prints.
fn help(arguments: &[&str]) -> String {
    succeed(Path::new("."), &[arguments, &["--help"]].concat())
}

/// Whether a text of help lists this option.
fn lists(help: &str, option: &str) -> bool {
    help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == option)
}

/// Every option, alone or of a command, in spans and in blocks.
#[test]
fn the_options_and_commands_they_name_exist() {
    const COMMANDS: [&[&str]; 21] = [
        &["run"],
        &["check"],
        &["explain"],
        &["export"],
        &["verify"],
        &["plot"],
        &["figures"],
        &["report"],
        &["columns"],
        &["new"],
        &["schema"],
        &["completions"],
        &["man"],
        &["sweep", "submit"],
        &["sweep", "plan"],
        &["sweep", "run"],
        &["sweep", "status"],
        &["sweep", "merge"],
        &["study", "lr"],
        &["study", "integrators"],
        &["sweep"],
    ];
    let all: String = COMMANDS.iter().map(|command| help(command)).collect();
    let mut named = BTreeSet::new();
    for path in pages() {
        let text = page(&path);
        let lines = blocks(&text).into_iter().filter(|(language, _)| language == "sh").flat_map(|(_, block)| {
            block.lines().map(|line| line.trim().to_string()).filter(|line| line.starts_with("gramflow")).collect::<Vec<_>>()
        });
        for span in spans(&prose(&text)).into_iter().chain(lines) {
            let words: Vec<&str> = span.split_whitespace().collect();
            if let ["gramflow", rest @ ..] = words.as_slice()
                && !rest.is_empty()
                && rest[0] != "…"
            {
                let known = COMMANDS.iter().find(|command| rest.starts_with(command));
                let command = known.unwrap_or_else(|| panic!("{path}: `{span}`: no such command"));
                let help = help(command);
                for option in rest.iter().filter(|word| word.starts_with("--")) {
                    assert!(lists(&help, option), "{path}: `{span}`: {option}");
                }
            } else if words.first().is_some_and(|word| word.starts_with("--")) {
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    named.insert(option.to_string());
                    assert!(lists(&all, option), "{path}: `{span}`");
                }
            }
        }
    }
    assert!(named.len() > 10, "{named:?}");
}

/// Paths of the repository, wherever a span begins with one of its folders.
#[test]
fn the_files_they_name_exist() {
    let mut files = 0;
    for path in pages() {
        for span in spans(&prose(&page(&path))) {
            let folder = span.split('/').next().unwrap();
            let ours =
                ["src", "tests", "benches", "examples", "scenarios", "docs", ".ci"].contains(&folder) && span.contains('/');
            // A picture; without an ending it is one of a run.
            let picture = folder == "figures" && span.contains('.');
            if !(ours || picture) || span.contains("NAME") {
                continue;
            }
            files += 1;
            assert!(root().join(&span).exists(), "{path}: `{span}`");
        }
    }
    assert!(files > 30, "{files}");
}

/// Names that only columns have, wherever they stand.
#[test]
fn the_columns_they_name_exist() {
    const FAMILIES: [&str; 15] = [
        "hessian_",
        "nfa_",
        "balance_",
        "distance_to_",
        "fact_",
        "ntk_",
        "agop_",
        "effective_rank_",
        "stable_rank_",
        "entropy_rank_",
        "test_",
        "loss_over",
        "step_imb",
        "ledger_",
        "lr_sh",
    ];
    // One for each layer: `nfa_cosine_W{l}`, on a page `nfa_cosine_Wl` or `nfa_cosine_W2`.
    let digit = |c: char| c.is_ascii_digit();
    let plain = |name: &str| name.replace("{l}", "l").replace(digit, "l");
    let name = |listed: &Value| plain(listed["name"].as_str().unwrap().rsplit('/').next().unwrap());
    let known: Vec<String> = columns().iter().chain(&arrays()).map(name).collect();
    let mut found = 0;
    for path in pages() {
        for span in spans(&prose(&page(&path))) {
            let is_name = span.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name || !FAMILIES.iter().any(|family| span.starts_with(family)) {
                continue;
            }
            found += 1;
            assert!(known.contains(&span) || known.contains(&plain(&span)), "{path}: `{span}` is no column");
        }
    }
    assert!(found > 50, "{found}");
}

//! `gramflow new`: every template is valid, and the full one holds every choice there is, each of which is valid too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use gramflow::npz::{self, Array};
use serde_json::Value;

use crate::harness::{gramflow, succeed};

/// The names that `gramflow new --list` lists.
fn templates() -> Vec<String> {
    let listed = succeed(Path::new("."), &["new", "--list"]);
    listed.lines().map(|line| line.split(' ').next().unwrap().to_string()).collect()
}

/// Files that templates name, beside them.
fn write_files(at: &Path) {
    let array = |shape: &[usize]| Array::new(shape, vec![0.5; shape.iter().product()]);
    let write = |name: &str, arrays: &[(&str, &[usize])]| {
        let arrays = arrays.iter().map(|(name, shape)| (name.to_string(), array(shape))).collect();
        npz::write(&at.join(name), &arrays).unwrap();
    };
    write("sensing.npz", &[("A", &[5, 10, 10]), ("y", &[5])]);
    write("w0.npz", &[("W1", &[10, 10]), ("W2", &[10, 10]), ("W3", &[10, 10])]);
    let diagonal = |scale: f64| {
        let data: Vec<f64> = (0..100).map(|i| if i % 11 == 0 { scale } else { 0.0 }).collect();
        Array::new(&[10, 10], data)
    };
    let total = Array::vector(vec![10.0]);
    let moments = [("Sigma_x", diagonal(1.0)), ("Sigma_yx", diagonal(0.5)), ("tr_Sigma_y", total)];
    npz::write(&at.join("moments.npz"), &moments.map(|(name, array)| (name.to_string(), array)).into()).unwrap();
}

fn write_data(at: &Path, outputs: usize) {
    let numbers =
        |columns: usize| Array { shape: vec![20, columns], data: (0..20 * columns).map(|i| ((i * i) as f64).sin()).collect() };
    npz::write(&at.join("data.npz"), &[("X".to_string(), numbers(10)), ("Y".to_string(), numbers(outputs))].into()).unwrap();
}

#[test]
fn every_template_is_valid() {
    let at = tempfile::tempdir().unwrap();
    write_data(at.path(), 1);
    let templates = templates();
    let figures = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/paper")).unwrap();
    for figure in figures.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "yaml")) {
        let name = figure.file_stem().unwrap().to_str().unwrap().to_string();
        assert!(templates.contains(&name), "no template for {name}");
    }
    for template in ["full", "linear", "classifier", "own-data", "sweep", "learning-rates"] {
        assert!(templates.iter().any(|name| name == template), "{template}");
    }
    for template in templates {
        let name = format!("my-{template}");
        assert_eq!(
            succeed(at.path(), &["new", &name, "--template", &template]),
            format!("{name}.yaml\ngramflow.schema.json\n")
        );
        let file = format!("{name}.yaml");
        assert!(succeed(at.path(), &["check", &file]).contains("ok"), "{template}");
        let text = fs::read_to_string(at.path().join(&file)).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=gramflow.schema.json\n")
                && text.contains(&format!("name: {name}"))
        );
        assert!(!text.contains("NAME"), "{template}");
    }
}

#[test]
fn unknown_templates_are_refused_with_the_ones_there_are() {
    let at = tempfile::tempdir().unwrap();
    let output = gramflow(at.path(), &["new", "study", "--template", "clasifier"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("classifier"));
    assert_eq!(gramflow(at.path(), &["new"]).status.code(), Some(2));
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
}

#[test]
fn the_schema_comes_with_it_and_no_other_file_gives_way() {
    let at = tempfile::tempdir().unwrap();
    let schema = at.path().join("gramflow.schema.json");
    succeed(at.path(), &["new", "first"]);
    let written = fs::read_to_string(&schema).unwrap();
    assert_eq!(written, succeed(at.path(), &["schema"]));
    // One of an earlier version is replaced.
    fs::write(&schema, written.replace("\"title\"", "\"titel\"")).unwrap();
    succeed(at.path(), &["new", "second"]);
    assert_eq!(fs::read_to_string(&schema).unwrap(), written);
    fs::write(&schema, "{}").unwrap();
    let output = gramflow(at.path(), &["new", "third"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("was not written by gramflow"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "third.yaml\n", "only what was written is named");
    assert_eq!(fs::read_to_string(&schema).unwrap(), "{}");
}

/// A choice of the full template: its text, and what else it needs.
struct Variant {
    what: String,
    text: String,
    sets: Vec<String>,
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `a, {b: c, d: e}, f` up to a colon that stands outside brackets.
fn items(list: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for (at, c) in list.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ':' if depth == 0 => break,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(list[at..].chars().next().unwrap());
    }
    items.iter().map(|item| item.trim().to_string()).collect()
}

/// The part of a line that is YAML, and its comment.
fn split(line: &str) -> (&str, &str) {
    line.split_once(" #").map_or((line, ""), |(value, comment)| (value.trim_end(), comment.trim()))
}

/// Every choice of a template, taken by itself: a line or a block with its # removed, in place of the line with the same key; and every
/// value behind `or` in place of the one before it.
fn variants(template: &str) -> Vec<Variant> {
    let lines: Vec<&str> = template.lines().collect();
    let mut variants = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let (value, comment) = split(line);
        if let Some(others) = comment.strip_prefix("or ").filter(|_| !line.trim_start().starts_with('#')) {
            for other in items(others) {
                let (key, _) = value.split_once(": ").unwrap();
                let mut text = lines.clone();
                let put = format!("{key}: {other}");
                text[index] = &put;
                variants.push(Variant { what: put.trim().to_string(), text: text.join("\n"), sets: Vec::new() });
            }
        }
        let Some(taken) = line.trim_start().strip_prefix("# ").filter(|taken| !taken.starts_with(' ')) else { continue };
        let (taken, comment) = split(taken);
        let key =
            taken.split_once(':').map(|(key, _)| key).unwrap_or_else(|| panic!("`{line}` is neither prose (##) nor a choice"));
        // A block's further lines are indented.
        let further = lines[index + 1..].iter().take_while(|next| {
            indent(next) == indent(line) && next.trim_start().strip_prefix("# ").is_some_and(|next| next.starts_with(' '))
        });
        let end = index + 1 + further.count();
        let block = lines[index..end].iter().map(|line| line.replacen("# ", "", 1));
        let block: Vec<String> = std::iter::once(format!("{:1$}{taken}", "", indent(line))).chain(block.skip(1)).collect();
        // What it replaces: the same key of the same map, with all that is indented below it.
        let same = |other: &&str| indent(other) == indent(line) && other.trim_start().starts_with(&format!("{key}:"));
        let of_map = |range: &mut dyn Iterator<Item = usize>| {
            let within = |at: &usize| lines[*at].trim().is_empty() || indent(lines[*at]) >= indent(line);
            range.take_while(within).find(|at| same(&lines[*at]))
        };
        let replaced =
            if key.starts_with('-') { None } else { of_map(&mut (0..index).rev()).or(of_map(&mut (end..lines.len()))) };
        let below = |start: usize| {
            let deeper = |at: &usize| lines[*at].trim().is_empty() || indent(lines[*at]) > indent(line);
            start..(start + 1..lines.len()).take_while(deeper).last().unwrap_or(start) + 1
        };
        let gone = replaced.map_or(0..0, below);
        let mut text: Vec<&str> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if at == index {
                text.extend(block.iter().map(String::as_str));
            } else if !gone.contains(&at) && !(index..end).contains(&at) {
                text.push(line);
            }
        }
        let sets = comment.strip_prefix("with ").map(|set| vec![set.to_string()]).unwrap_or_default();
        variants.push(Variant { what: taken.to_string(), text: text.join("\n"), sets });
    }
    variants
}

/// The pairs of a key and the key that it stands under, and of a key and a word.
#[derive(Default)]
struct Found {
    keys: BTreeSet<(String, String)>,
    words: BTreeSet<(String, String)>,
}

impl Found {
    fn add(&mut self, under: &str, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.keys.insert((under.to_string(), key.clone()));
                    self.words.insert((under.to_string(), key.clone()));
                    // In a sweep keys are values too, and what is in them are ranges.
                    let varied = ["grid", "zip"].contains(&under) && !["log", "linear"].contains(&key.as_str());
                    self.add(if varied { under } else { key }, value);
                }
            }
            Value::Array(list) => list.iter().for_each(|item| self.add(under, item)),
            Value::String(word) => drop(self.words.insert((under.to_string(), word.clone()))),
            _ => {}
        }
    }
}

/// The keys of the schema under each key, and its words; what means the same in several places, under any of these.
#[derive(Default)]
struct Known {
    /// By the schema of a key: under which keys it stands.
    keys: BTreeMap<(String, String), BTreeSet<String>>,
    /// By the schema of a choice: of which keys it is.
    words: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Known {
    fn add(&mut self, under: &str, schema: &Value) {
        let choices = schema["oneOf"].as_array();
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            // Another place for a key.
            if value["description"].as_str().is_some_and(|text| text.starts_with("The same as")) {
                continue;
            }
            self.keys.entry((key.clone(), value.to_string())).or_default().insert(under.to_string());
            self.add(key, value);
        }
        for choice in choices.into_iter().flatten() {
            if let Some(word) = choice["const"].as_str() {
                let same = Value::from(choices.unwrap().clone()).to_string();
                self.words.entry((word.to_string(), same)).or_default().insert(under.to_string());
            }
        }
        for part in ["oneOf", "anyOf"] {
            schema[part].as_array().into_iter().flatten().for_each(|choice| self.add(under, choice));
        }
        for part in ["items", "additionalProperties"] {
            schema.get(part).into_iter().filter(|part| part.is_object()).for_each(|part| self.add(under, part));
        }
    }
}

#[test]
fn the_full_template_holds_every_choice_and_each_is_valid() {
    let at = tempfile::tempdir().unwrap();
    write_files(at.path());
    write_data(at.path(), 10);
    succeed(at.path(), &["new", "full"]);
    let template = fs::read_to_string(at.path().join("full.yaml")).unwrap();
    let template: String = template.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let variants = variants(&template);
    assert!(variants.len() > 70, "{} choices", variants.len());
    let mut found = Found::default();
    let base = Variant { what: "the template itself".into(), text: template, sets: Vec::new() };
    let mut wrong = Vec::new();
    for Variant { what, text, sets } in std::iter::once(base).chain(variants) {
        fs::write(at.path().join("variant.yaml"), &text).unwrap();
        let set: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        let output = gramflow(at.path(), &[&["check", "variant.yaml"][..], &set].concat());
        if !output.status.success() {
            wrong.push(format!("{what} {sets:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        found.add("", &serde_json::to_value(serde_yaml::from_str::<serde_yaml::Value>(&text).unwrap()).unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut known = Known::default();
    known.add("", &serde_json::from_str(&succeed(at.path(), &["schema"])).unwrap());
    let holds = |pairs: &BTreeSet<(String, String)>, word: &String, under: &BTreeSet<String>| {
        under.iter().any(|under| pairs.contains(&(under.clone(), word.clone())))
    };
    let missing =
        known.keys.iter().filter(|((key, _), under)| !holds(&found.keys, key, under)).map(|((key, _), under)| (key, under));
    let unsaid = known
        .words
        .iter()
        .filter(|((word, _), under)| !holds(&found.words, word, under))
        .map(|((word, _), under)| (word, under));
    let missing: Vec<_> = missing.chain(unsaid).collect();
    assert!(missing.is_empty(), "src/cli/new/full.yaml lacks {missing:?}");
}

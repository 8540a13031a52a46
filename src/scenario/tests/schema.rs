//! The schema of a scenario against its reader: each refuses what the other does, as far as keys, words and types are concerned.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::scenario::schema::{each_key_once, schema};
use crate::scenario::{Sweep, read, refusal, tree};
use crate::settings::{Findings, path};

use super::json_schema::is_valid;
use super::*;

/// Every key of the blocks that are allowed beside the keys of a single run.
const BLOCKS: &str = "\
sweep:
  grid:
    weight_decay: [0, 1.0e-4]
    flow.rtol: {log: {from: 1.0e-6, to: 1.0e-4, points: 3}}
  zip:
    flow.atol: {linear: {from: 1, to: 2, points: 2}}
    flow.t_end: [10, 20]
  seeds: 2
pictures:
  - name: one
    title: everything
    columns: 2
    panels:
      - {show: {over_time: {y: loss, y_scale: log, envelope: true}}, heading: h, lines: weight_decay, where: {weight_decay: 0}, processes: [flow], mark: {x: 1, label: m}, note: n}
      - {show: {at_end: {x: weight_decay, y: loss, take: last, x_scale: linear, y_scale: log, slope: 2}}, mark: {y: 1, label: m}}
      - {show: peaks}
      - {show: {map: {x: weight_decay, y: seed, value: loss, take: largest, scale: log}}}
      - {show: {scatter: {x: loss, y: grad_norm, x_scale: log, y_scale: linear}}}
      - {show: {spectra: {of: [gram_W1, agop, target_agop], rank: true}}}
      - {show: {matrix: {of: agop}}}
";

fn json(tree: &Value) -> Json {
    serde_json::to_value(tree).unwrap()
}

fn accepts(schema: &Json, tree: &Value) -> bool {
    is_valid(schema, schema, &json(tree))
}

/// Values of every kind, to take the place of another.
fn strangers() -> Vec<Value> {
    let texts =
        ["null", "true", "-1", "0", "2", "1.5", "word", "''", "[]", "[1]", "[1, 2]", "[word]", "{}", "{word: 1}", "{word: {}}"];
    texts.iter().map(|text| serde_yaml::from_str(text).unwrap()).collect()
}

/// `tree` with each value in turn replaced by a stranger, removed, or, where it is a map, given one key more; the path of the change.
fn mutants(tree: &Value, paths: &[String]) -> Vec<(String, Value)> {
    let mut mutants = Vec::new();
    for path in paths {
        let mut put = |value: Value| {
            let mut mutant = tree.clone();
            *value_at(&mut mutant, path) = value;
            mutants.push((path.clone(), mutant));
        };
        strangers().into_iter().for_each(&mut put);
        let mut own = value_at(&mut tree.clone(), path).clone();
        if let Some(map) = own.as_mapping_mut() {
            map.insert("stranger".into(), 1.into());
            put(own);
        }
        if let Some((parent, key)) = path.rsplit_once('.').filter(|(_, key)| !key.ends_with(']')) {
            let mut mutant = tree.clone();
            value_at(&mut mutant, parent).as_mapping_mut().unwrap().remove(key);
            mutants.push((path.clone(), mutant));
        }
    }
    mutants
}

#[test]
fn every_bundled_scenario_is_valid_under_the_schema() {
    let schema = schema();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for entry in [root.clone(), root.join("paper")].iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let mut tree: Value = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            tree.apply_merge().unwrap();
            assert!(accepts(&schema, &tree), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
    for text in texts().into_iter().chain([format!("{SMALL}{BLOCKS}")]) {
        assert!(accepts(&schema, &serde_yaml::from_str(&text).unwrap()), "{text}");
    }
    for (set, right) in [
        ("init=balanced", true),
        ("init=gaussian", false),
        ("data={synthetic: {inputs: {dim: 4}, samples: 50, target: {parity: {k: 1}}}}", true),
        ("data={synthetic: {inputs: {dim: 4}, target: {parity: {k: 1}}}}", false),
        ("record=linear", true),
    ] {
        let mut tree = serde_yaml::from_str(SMALL).unwrap();
        patch::apply(&mut tree, set).unwrap();
        assert_eq!(accepts(&schema, &tree), right, "{set}");
    }
}

/// What the reader refuses for its keys, words or types is not valid under the schema, and what is not valid is refused by the reader.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = schema();
    let mut seen = BTreeSet::new();
    let (mut refused, mut count) = (0, 0);
    for text in texts() {
        let (tree, paths) = values(&text);
        let fresh: Vec<String> = paths.into_iter().filter(|path| seen.insert(path.clone())).collect();
        for (path, mutant) in mutants(&tree, &fresh) {
            let valid = accepts(&schema, &mutant);
            count += 1;
            refused += usize::from(!valid);
            if let Err(refusal) = tree::read::<Scenario>(&mutant) {
                assert!(!valid, "the schema accepts at {path} what the reader refuses: {refusal}\n{}", yaml(&mutant));
            } else if !valid {
                let reason = read::settle(&mutant, Path::new(FILE), Findings::default());
                assert!(reason.is_err(), "the schema refuses at {path} a scenario:\n{}", yaml(&mutant));
            }
        }
    }
    assert!(count > 3000 && refused > count / 2, "{refused} of {count}");
}

#[test]
fn the_schema_refuses_blocks_that_the_reader_refuses() {
    let schema = schema();
    let (tree, paths) = values(&format!("{SMALL}{BLOCKS}"));
    let of_blocks: Vec<String> =
        paths.into_iter().filter(|path| path.starts_with("sweep") || path.starts_with("pictures")).collect();
    // `flow.rtol` is one key, which a path cannot tell from two.
    let plain = |path: &&String| !["flow.", "sweep.grid.flow", "sweep.zip.flow"].iter().any(|part| path.contains(part));
    let of_blocks: Vec<String> = of_blocks.iter().filter(plain).cloned().collect();
    for (path, mutant) in mutants(&tree, &of_blocks) {
        let valid = accepts(&schema, &mutant);
        let pictures = mutant.get("pictures").map(|block| tree::read_at::<Vec<Picture>>(block, "pictures"));
        if let Some(Err(refusal)) = pictures {
            assert!(!valid, "the schema accepts at {path} what the reader refuses: {refusal}\n{}", yaml(&mutant));
        }
        if !valid {
            let sweep = Sweep::parse(&yaml(&mutant), Path::new(FILE), &[]);
            assert!(sweep.is_err(), "the schema refuses at {path} a sweep:\n{}", yaml(&mutant));
        }
    }
}

/// The keys and words that the reader lists in its messages are those that the schema has in the same place, no more and no fewer.
#[test]
fn the_schema_has_the_keys_and_words_of_the_reader() {
    let schema = each_key_once();
    let (mut keys, mut words) = (0, 0);
    for text in texts() {
        let (tree, paths) = values(&text);
        for at in paths {
            let here = places(&schema, &at);
            let mut with_word = tree.clone();
            *value_at(&mut with_word, &at) = "no such word".into();
            let known = listed(&tree::read::<Scenario>(&with_word), "words here: ");
            if !known.is_empty() {
                let word = |schema: &&Json| schema["const"].as_str().map(str::to_string).or_else(|| only_key(schema));
                assert_eq!(known, here.iter().filter_map(word).collect(), "words of {at}");
                words += known.len();
            }
            let mut with_key = tree.clone();
            let Some(map) = value_at(&mut with_key, &at).as_mapping_mut() else { continue };
            map.insert("stranger".into(), 1.into());
            let known = listed(&tree::read::<Scenario>(&with_key), "keys here: ");
            if !known.is_empty() {
                let properties = here.iter().filter_map(|schema| schema["properties"].as_object());
                assert_eq!(known, properties.flat_map(|map| map.keys().cloned()).collect(), "keys of {at}");
                keys += known.len();
            }
        }
    }
    assert!(keys > 500 && words > 500, "{keys} keys, {words} words");
}

/// The schemas that apply to the value at `path`: those that it may be one of, too.
fn places<'s>(root: &'s Json, path: &str) -> Vec<&'s Json> {
    path.split(['.', '[']).fold(expanded(root, root), |places, segment| {
        let inner = places.into_iter().filter_map(|schema| match segment.strip_suffix(']') {
            Some(_) => schema.get("items"),
            None => schema["properties"].get(segment),
        });
        inner.flat_map(|schema| expanded(root, schema)).collect()
    })
}

fn expanded<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    let reference = schema["$ref"].as_str().map(|reference| root.pointer(&reference[1..]).unwrap());
    let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|part| schema[part].as_array()).flatten();
    std::iter::once(schema).chain(parts.chain(reference).flat_map(|part| expanded(root, part))).collect()
}

/// The word that chooses settings.
fn only_key(schema: &Json) -> Option<String> {
    let keys = schema["properties"].as_object().filter(|keys| keys.len() == 1)?;
    keys.keys().next().cloned()
}

/// The words that a refusal lists.
fn listed(refusal: &Result<Scenario, refusal::Refusal>, before: &str) -> BTreeSet<String> {
    let Err(refusal) = refusal else { return BTreeSet::new() };
    let Some((_, list)) = refusal.message.split_once(before) else { return BTreeSet::new() };
    list.trim_end_matches(')').split(", ").map(str::to_string).collect()
}

/// Editors show descriptions as they are.
#[test]
fn every_key_and_every_word_has_a_plain_description() {
    fn check(schema: &Json, at: &str) {
        let described = |schema: &Json, at: &str| {
            let text = schema["description"].as_str().or(schema["$ref"].as_str()).unwrap_or_default();
            assert!(!text.is_empty(), "{at} has no description");
            assert!(!["](", "::", "[`"].iter().any(|code| text.contains(code)), "{at}: {text}");
            assert!(text.ends_with(['.', ')', ']']) || schema.get("$ref").is_some(), "{at}: {text}");
        };
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            described(value, &path::child(at, key));
            check(value, &path::child(at, key));
        }
        for part in ["oneOf", "anyOf", "allOf"] {
            for choice in schema[part].as_array().into_iter().flatten() {
                if let Some(word) = choice["const"].as_str() {
                    described(choice, &format!("{at}: {word}"));
                }
                check(choice, at);
            }
        }
        schema.get("items").iter().for_each(|items| check(items, at));
    }
    let schema = each_key_once();
    check(&serde_json::json!({"properties": schema["properties"]}), "");
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        check(definition, name);
    }
}

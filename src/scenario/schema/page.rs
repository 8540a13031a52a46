//! `docs/scenario.md`: every key of the schema with its type, its default and its meaning.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::settings::path;

use super::markdown::{Row, escaped, table, yaml};

const HEAD: &str = "\
# Scenario

Every key of a scenario: its type, its default and its meaning. A scenario is a YAML file. `gramflow new` writes a commented one, `gramflow check` validates one, `gramflow explain` prints one with every default filled in.

- A choice without settings is one word, as in `init: pytorch`. A choice with settings is one key, as in `init: {gaussian: {std: 0.1}}`; where all of its settings have defaults, the word alone will do.
- `[]` in a path stands for each item of a list.
- `--set KEY=VALUE` replaces one value by its path: `--set flow.rtol=1e-10`, `--set optimizers.0.gd.lr=0.1`.
- Unknown keys, wrong types, impossible sizes, numbers that are not finite and duplicate keys are refused with file, line, column, the path of the key and what would be right.

Written by `gramflow schema --markdown`. [Editors](editors.md) complete and check scenarios by the same schema.

";

/// The page, in Markdown: first the top level, then a section for each of its keys that has keys of its own.
pub fn markdown() -> String {
    let schema = super::each_key_once();
    let mut page = Page { definitions: &schema["definitions"], places: BTreeMap::new(), complete: false };
    for (key, value, required) in ordered(&schema) {
        page.rows(key, value, required);
    }
    page.complete = true;
    let (mut top, mut sections) = (Vec::new(), String::new());
    for (key, value, required) in ordered(&schema) {
        let mut rows = page.rows(key, value, required);
        // A key that takes only words needs no section: they are listed with the key.
        if !rows.iter().skip(1).any(|row| !row.key.contains(": ")) {
            top.extend(rows);
            continue;
        }
        let head = rows.remove(0);
        let default = match head.default.as_str() {
            "required" => "Required.".to_string(),
            "" => "Optional.".to_string(),
            default => format!("Default: {default}."),
        };
        sections.push_str(&format!("## {key}\n\n{} {default}\n\n{}", escaped(&head.meaning), table(&rows)));
        top.push(Row { meaning: format!("{} See [{key}](#{key}).", head.meaning), ..head });
    }
    format!("{}\n", format!("{HEAD}## Top level\n\n{}{sections}", table(&top)).trim_end())
}

/// The keys of a map with their schemas, the required ones first.
fn ordered(map: &Value) -> Vec<(&String, &Value, bool)> {
    let Some(properties) = map["properties"].as_object() else { return Vec::new() };
    let required: Vec<&str> = map["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = required.iter().filter_map(|key| properties.get_key_value(*key)).map(|(key, value)| (key, value, true));
    let others = properties.iter().filter(|(key, _)| !required.contains(&key.as_str()));
    first.chain(others.map(|(key, value)| (key, value, false))).collect()
}

struct Page<'s> {
    definitions: &'s Value,
    /// Where keys and words that occur in several places are described: in the place with the shortest path, the first of these.
    places: BTreeMap<String, String>,
    /// Whether all places are known.
    complete: bool,
}

impl<'s> Page<'s> {
    /// The schema that a reference stands for; for an optional schema, what it is when given.
    fn resolved(&self, schema: &'s Value) -> &'s Value {
        let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        if let Some(definition) = name.and_then(|name| self.definitions.get(name)) {
            return definition;
        }
        let alternatives = schema["anyOf"].as_array().or(schema["allOf"].as_array());
        let mut given = alternatives.into_iter().flatten().filter(|schema| schema["type"] != "null");
        match (given.next(), given.next()) {
            (Some(only), None) if schema.get("properties").is_none() => self.resolved(only),
            _ => schema,
        }
    }

    /// The row of the key at `path`, and those of its contents.
    fn rows(&mut self, path: &str, schema: &'s Value, required: bool) -> Vec<Row> {
        let mut meaning = description(schema);
        let resolved = self.resolved(schema);
        let mut inside = Vec::new();
        match self.told(path, resolved) {
            Some(elsewhere) => meaning.push_str(&format!(" As in `{elsewhere}`.")),
            None => self.inside(path, resolved, &mut inside),
        }
        let default = match schema.get("default") {
            _ if required => "required".to_string(),
            Some(default) => format!("`{}`", yaml(default)),
            None => String::new(),
        };
        let row = Row { key: path.to_string(), kind: self.kind(resolved), default, meaning: meaning.trim().to_string() };
        std::iter::once(row).chain(inside).collect()
    }

    /// Where else the same keys or words are described, if there are several of them.
    fn told(&mut self, path: &str, schema: &'s Value) -> Option<String> {
        let items = schema.get("items").or_else(|| schema.pointer("/anyOf/0"));
        let signature = self.signature(schema).or_else(|| self.signature(items?))?;
        let place = self.places.entry(signature).or_insert_with(|| path.to_string());
        // What is nested in itself is described there in any case.
        let within = path.strip_prefix(place.as_str()).is_some_and(|rest| !rest.is_empty());
        if self.complete || within {
            return (place != path).then(|| place.clone());
        }
        let depth = |path: &str| path.matches(['.', '[']).count();
        if depth(path) < depth(place) {
            *place = path.to_string();
        }
        None
    }

    /// The keys or the words of a schema as text, if there are several.
    fn signature(&self, schema: &'s Value) -> Option<String> {
        if let Some(properties) = schema["properties"].as_object().filter(|properties| properties.len() > 2) {
            return Some(Value::from(properties.clone()).to_string());
        }
        let choices = schema["oneOf"].as_array().filter(|choices| choices.len() > 1)?;
        let keys = |choice: &'s Value| {
            let (key, settings) = choice["properties"].as_object()?.iter().next()?;
            let settings = self.resolved(settings)["properties"].as_object()?.keys().cloned().collect::<Vec<_>>();
            Some(format!("{key}({})", settings.join(",")))
        };
        let words = choices.iter().map(|choice| keys(choice).unwrap_or_else(|| choice["const"].to_string()));
        Some(words.collect::<Vec<_>>().join("|"))
    }

    fn inside(&mut self, path: &str, schema: &'s Value, rows: &mut Vec<Row>) {
        for (key, value, required) in ordered(schema) {
            rows.extend(self.rows(&path::child(path, key), value, required));
        }
        for choice in ["oneOf", "anyOf"].into_iter().filter_map(|part| schema[part].as_array()).flatten() {
            if let Some(word) = choice["const"].as_str() {
                let key = match path.strip_suffix("[]") {
                    Some(list) => format!("{list}: [{word}]"),
                    None => format!("{path}: {word}"),
                };
                // The word for a choice whose settings follow.
                let twice =
                    schema["oneOf"].as_array().into_iter().flatten().any(|other| other["properties"].get(word).is_some());
                if !twice {
                    let meaning = description(choice);
                    rows.push(Row { key, kind: "word".to_string(), default: String::new(), meaning });
                }
            } else if let Some((key, settings)) = only_key(choice) {
                rows.extend(self.rows(&path::child(path, key), settings, false));
            } else if choice["type"] != "array" {
                self.inside(path, self.resolved(choice), rows);
            }
        }
        if schema["type"] == "array"
            && let Some(items) = schema.get("items")
        {
            self.inside(&format!("{path}[]"), self.resolved(items), rows);
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            self.inside(&format!("{path}.KEY"), values, rows);
        }
    }

    /// The type in words: `list of whole numbers`.
    fn kind(&self, schema: &'s Value) -> String {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let others = choices.iter().filter(|choice| choice.get("const").is_none() && choice["type"] != "object");
            let others: Vec<String> = others.map(|choice| self.kind(choice)).collect();
            return if others.is_empty() { "choice".to_string() } else { format!("{} or a word", others.join(" or ")) };
        }
        if let Some(choices) = schema["anyOf"].as_array().filter(|_| schema.get("type").is_none()) {
            let kinds: Vec<String> = choices.iter().map(|choice| self.kind(choice)).collect();
            return match kinds.as_slice() {
                [one, list] if *list == format!("list of {}", plural(one)) => format!("{one}, or a list of them"),
                kinds => kinds.join(" or "),
            };
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"].as_array()?.first()?.as_str());
        match kind.unwrap_or_default() {
            "string" => "text".to_string(),
            "integer" => "whole number".to_string(),
            "boolean" => "true or false".to_string(),
            "object" => "map".to_string(),
            "array" => match (schema["maxItems"].as_u64(), schema.get("items").map(|items| plural(&self.kind(items)))) {
                (Some(count), Some(items)) => format!("{count} {items}"),
                (None, Some(items)) => format!("list of {items}"),
                (_, None) => "list".to_string(),
            },
            other => other.to_string(),
        }
    }
}

/// The word that selects settings, and the settings.
fn only_key(choice: &Value) -> Option<(&String, &Value)> {
    let keys = choice["properties"].as_object().filter(|keys| keys.len() == 1)?;
    choice.get("required").and(keys.iter().next())
}

fn plural(kind: &str) -> String {
    if ["number", "whole number", "choice", "map"].contains(&kind) { format!("{kind}s") } else { kind.to_string() }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_string()
}

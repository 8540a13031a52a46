//! The JSON Schema of a scenario, with which editors complete and check it; and the same as a page to read.
//!
//! The schema comes from the types that scenarios are read into: keys, defaults and required keys from their serde attributes, meanings
//! from their doc comments. What the reader does by hand is written by hand here as well: a choice whose settings all have defaults may be
//! one word, `samples` may be beside `inputs`, and `sweep` and `pictures` may be beside the keys of a single run. Tests compare the schema
//! with the reader's own messages.
//!
//! A new key needs a doc comment that users understand, a place in `src/cli/new/full.yaml`, and `docs/scenario.md` written again; tests
//! check this. A new block beside `sweep` needs a line in [`blocks`].

mod markdown;
mod page;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{Picture, Scenario, sweep};

pub use page::markdown;

/// The first line of the schema, by which its files are recognised.
pub const WRITTEN_BY: &str = "Written by gramflow schema: run it again after an update.";

/// The JSON Schema (draft 7) of a scenario. It knows keys, words and types; ranges and relations between keys are left to `gramflow check`.
pub fn schema() -> Value {
    let mut schema = each_key_once();
    allow_samples_beside_inputs(&mut schema);
    schema
}

/// The same with every key in one place only.
pub(super) fn each_key_once() -> Value {
    // Inlined, a key keeps its own description instead of its type's.
    let mut generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let blocks = blocks(&mut generator);
    let mut schema = generator.into_root_schema_for::<Scenario>();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.extend(blocks);
    }
    Transform::transform(&mut tidy, &mut schema);
    schema.insert("$comment".into(), WRITTEN_BY.into());
    schema.insert("title".into(), "A scenario of gramflow".into());
    schema.to_value()
}

/// The blocks that are allowed beside the keys of a single run.
fn blocks(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut blocks = Map::new();
    let mut add = |key: &str, about: &str, mut block: Schema| {
        block.insert("description".into(), about.into());
        blocks.insert(key.into(), block.to_value());
    };
    add(
        "sweep",
        "Makes the scenario stand for many, for `gramflow sweep`: the values of some keys vary.",
        sweep::schema(generator),
    );
    add("pictures", "What is drawn of the units of a sweep.", Vec::<Picture>::json_schema(generator));
    blocks
}

/// Puts descriptions on one line, removes formats that editors do not know, and lists choices as the reader takes them.
fn tidy(schema: &mut Schema) {
    transform_subschemas(&mut tidy, schema);
    schema.remove("format");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs: Vec<String> = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
        *choices = std::mem::take(choices).into_iter().flat_map(choice).collect();
    }
}

/// A choice, whose key gets the description of the choice; before it the word alone, where that means the same as no settings.
fn choice(mut choice: Value) -> Vec<Value> {
    let description = choice.get("description").cloned();
    let Some(Value::Object(properties)) = choice.get_mut("properties") else { return vec![choice] };
    let mut entries = properties.iter_mut();
    let (Some((key, Value::Object(settings))), None) = (entries.next(), entries.next()) else { return vec![choice] };
    // Draft 7 allows nothing beside a reference.
    if let Some(description) = &description
        && !settings.contains_key("$ref")
    {
        settings.insert("description".into(), description.clone());
    }
    if settings.get("type") != Some(&json!("object")) || settings.contains_key("required") {
        return vec![choice];
    }
    let word = json!({"type": "string", "const": key, "description": description});
    vec![word, choice]
}

/// The schema of `data.synthetic` in that of a scenario.
fn synthetic(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    let choices = schema.pointer_mut("/properties/data/oneOf")?.as_array_mut()?;
    choices.iter_mut().find_map(|choice| choice.pointer_mut("/properties/synthetic")?.as_object_mut())
}

/// Allows `samples` beside `inputs`, as [`read`](super::read) does.
fn allow_samples_beside_inputs(schema: &mut Value) -> Option<()> {
    let synthetic = synthetic(schema)?;
    let properties = synthetic.get_mut("properties")?.as_object_mut()?;
    let inputs = properties.get_mut("inputs")?;
    inputs.get_mut("required")?.as_array_mut()?.retain(|key| key != "samples");
    let mut samples = inputs.pointer("/properties/samples")?.clone();
    samples["description"] = "The same as `inputs.samples`: give one of them.".into();
    properties.insert("samples".into(), samples);
    let within = json!({"properties": {"inputs": {"required": ["samples"]}}});
    synthetic.insert("anyOf".into(), json!([{"required": ["samples"]}, within]));
    Some(())
}

//! A validator of the part of JSON Schema that the schema of a scenario uses. It does not know more: an unknown keyword panics.

use serde_json::Value;

/// Whether `value` is valid under `schema`, a part of `root`.
pub fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let valid = |schema: &Value| is_valid(root, schema, value);
    let Some(keywords) = schema.as_object() else { return schema.as_bool().expect("a schema is a map, or true or false") };
    keywords.iter().all(|(keyword, rule)| {
        let rules = || rule.as_array().expect("a list of schemas").iter();
        match keyword.as_str() {
            "$comment" | "$schema" | "default" | "definitions" | "description" | "title" => true,
            "$ref" => valid(root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).expect("a definition")),
            "allOf" => rules().all(valid),
            "anyOf" => rules().any(valid),
            "oneOf" => rules().filter(|schema| valid(schema)).count() == 1,
            "const" => rule == value,
            "enum" => rules().any(|allowed| allowed == value),
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).expect("a regular expression");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|value| value >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|value| value <= rule.as_f64().unwrap()),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(root, rule, item))),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "minProperties" => value.as_object().is_none_or(|map| map.len() as u64 >= rule.as_u64().unwrap()),
            "required" => value.as_object().is_none_or(|map| rules().all(|key| map.contains_key(key.as_str().unwrap()))),
            "properties" => value.as_object().is_none_or(|map| {
                let known = |(key, value)| rule.get(key).is_none_or(|schema| is_valid(root, schema, value));
                map.iter().all(known)
            }),
            "additionalProperties" => value.as_object().is_none_or(|map| {
                let others =
                    map.iter().filter(|(key, _)| keywords.get("properties").is_none_or(|known| known.get(key).is_none()));
                others.into_iter().all(|(_, value)| is_valid(root, rule, value))
            }),
            unknown => panic!("this validator does not know {unknown}"),
        }
    })
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        // As for the reader, 1.0 is not an integer.
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no kind {other}"),
    }
}

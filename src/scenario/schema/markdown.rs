//! Tables in Markdown, and values as one writes them in YAML.

use serde_json::Value;

use crate::scenario::print;

/// A key, or a word that a key may be.
pub(super) struct Row {
    /// As it is written: `flow.rtol`, `init: pytorch`.
    pub key: String,
    pub kind: String,
    /// `required`, a value in backticks, or nothing.
    pub default: String,
    pub meaning: String,
}

/// A table of keys; empty without rows.
pub(super) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |row: &Row| format!("| `{}` | {} | {} | {} |\n", row.key, row.kind, row.default, escaped(&row.meaning));
    let lines: String = rows.iter().map(line).collect();
    format!("| key | type | default | meaning |\n| --- | --- | --- | --- |\n{lines}\n")
}

/// Text in which Markdown interprets only what is in backticks.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    let characters: Vec<char> = text.chars().collect();
    for (at, &c) in characters.iter().enumerate() {
        let alphanumeric = |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|c| c.is_ascii_alphanumeric());
        // Between letters an underscore needs no escape.
        let within = alphanumeric(at.checked_sub(1)) && alphanumeric(Some(at + 1));
        code ^= c == '`';
        match c {
            '\n' => out.push(' '),
            '|' => out.push_str("\\|"),
            '*' | '<' if !code => out.extend(['\\', c]),
            '_' if !code && !within => out.push_str("\\_"),
            _ => out.push(c),
        }
    }
    out
}

/// A value on one line of YAML.
pub(super) fn yaml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", yaml(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        scalar => serde_yaml::to_value(scalar).map_or_else(|_| scalar.to_string(), |scalar| print::line(&scalar)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formulas_stay_what_they_are() {
        assert_eq!(escaped("W_l of `W_1*`, f*(x), ‖D‖_F"), "W_l of `W_1*`, f\\*(x), ‖D‖\\_F");
    }

    #[test]
    fn values_are_written_as_in_a_scenario() {
        assert_eq!(yaml(&json!({"log": {"first": 1e-8, "points": 200}})), "{log: {first: 1.0e-8, points: 200}}");
        assert_eq!(yaml(&json!([0.9, 0.999])), "[0.9, 0.999]");
    }
}

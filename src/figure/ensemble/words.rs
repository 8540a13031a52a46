//! Keys and their values in words, for legends, axes and notes.

use serde_json::Value;

use super::super::number::number;

/// Beside an axis, before a value in a legend, and in the plural.
struct Words {
    axis: &'static str,
    short: &'static str,
    plural: &'static str,
}

/// The words of a key, by the end of its path.
const KEYS: [(&str, Words); 16] = [
    ("weight_decay", Words { axis: "weight decay λ", short: "λ =", plural: "weight decays" }),
    ("depth", Words { axis: "depth L", short: "L =", plural: "depths" }),
    ("width", Words { axis: "hidden width", short: "width", plural: "widths" }),
    ("lr", Words { axis: "learning rate η", short: "η =", plural: "learning rates" }),
    ("batch", Words { axis: "batch size", short: "batches of", plural: "batch sizes" }),
    ("process", Words { axis: "process", short: "", plural: "processes" }),
    ("seed", Words { axis: "seed", short: "seed", plural: "seeds" }),
    ("init", Words { axis: "start", short: "start", plural: "starts" }),
    ("imbalance", Words { axis: "imbalance max_{ℓ }‖D_ℓ(0)‖_F", short: "imbalance", plural: "imbalances" }),
    ("network.widths", Words { axis: "widths", short: "widths", plural: "shapes" }),
    ("network.activations", Words { axis: "activation", short: "", plural: "activations" }),
    ("distribution", Words { axis: "input distribution", short: "inputs", plural: "input distributions" }),
    ("inputs.dim", Words { axis: "input dimension d", short: "d =", plural: "dimensions" }),
    ("samples", Words { axis: "samples n", short: "n =", plural: "numbers of samples" }),
    ("link", Words { axis: "link function", short: "link", plural: "links" }),
    ("rank", Words { axis: "target rank", short: "rank", plural: "ranks" }),
];

fn known(key: &str) -> Option<&'static Words> {
    KEYS.iter().find(|(end, _)| key == *end || key.ends_with(&format!(".{end}"))).map(|(_, words)| words)
}

/// The last name of a path: `std` of `init.gaussian.std`.
fn last(key: &str) -> String {
    key.rsplit(['.', '['])
        .find(|part| !part.trim_end_matches(']').chars().all(|c| c.is_ascii_digit()))
        .unwrap_or(key)
        .replace('_', " ")
}

/// The axis label of a key, with markup.
pub(super) fn axis(key: &str) -> String {
    known(key).map_or_else(|| last(key), |words| words.axis.to_string())
}

/// The letter that stands for the key in formulas.
pub(super) fn symbol(key: &str) -> &'static str {
    match known(key).map(|words| words.axis.rsplit(' ').next().unwrap_or_default()) {
        Some(letter) if letter.chars().count() == 1 => letter,
        _ => "x",
    }
}

/// `λ = 0.001`, `start gaussian (std 0.1)`, without markup.
pub(super) fn label(key: &str, value: &Value) -> String {
    if let ("process", Some(name)) = (key, value.as_str()) {
        return name.to_string();
    }
    let short = known(key).map_or_else(|| last(key), |words| words.short.to_string());
    format!("{short} {}", text(value)).trim_start().to_string()
}

/// `5 seeds`.
pub(super) fn counted(key: &str, count: usize) -> String {
    match known(key) {
        Some(words) => format!("{count} {}", words.plural),
        None => format!("{count} values of {}", last(key)),
    }
}

/// A value: numbers as readers write them, `gaussian (std 0.1)`, `10-10-10`; without markup.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
        Value::Number(_) => number(value.as_f64().unwrap_or(f64::NAN), 4),
        Value::String(word) => word.replace('_', " "),
        Value::Array(items) => {
            let between = if items.iter().all(Value::is_u64) { "-" } else { ", " };
            items.iter().map(text).collect::<Vec<_>>().join(between)
        }
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| match value {
                Value::Object(inner) if inner.is_empty() => key.replace('_', " "),
                Value::Object(_) => format!("{} ({})", key.replace('_', " "), text(value)),
                _ => format!("{} {}", key.replace('_', " "), text(value)),
            };
            map.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_values_read_as_words() {
        for (key, value, words) in [
            ("weight_decay", json!(1e-3), "λ = 0.001"),
            ("depth", json!(5), "L = 5"),
            ("width", json!(64), "width 64"),
            ("process", json!("sgd_8"), "sgd_8"),
            ("network.activations", json!("leaky_relu"), "leaky relu"),
            ("init", json!({"gaussian": {"std": 0.1}}), "start gaussian (std 0.1)"),
            ("init", json!("pytorch"), "start pytorch"),
            ("init", json!({"balanced": {}}), "start balanced"),
            ("init.balanced.imbalance", json!(0.01), "imbalance 0.01"),
            ("init.gaussian.std", json!(2.0), "std 2"),
            ("optimizers[0].gd.lr", json!(0.1), "η = 0.1"),
            ("network.widths", json!([10, 20, 1]), "widths 10-20-1"),
            ("data.synthetic.inputs.distribution", json!({"student_t": {"dof": 5}}), "inputs student t (dof 5)"),
            ("flow.t_end", json!(100), "t end 100"),
            ("data.synthetic.inputs.whiten", json!(true), "whiten yes"),
        ] {
            assert_eq!(label(key, &value), words);
        }
        assert_eq!((counted("seed", 5), counted("flow.rtol", 2)), ("5 seeds".to_string(), "2 values of rtol".to_string()));
        assert_eq!((symbol("weight_decay"), symbol("optimizers[0].gd.lr"), symbol("init")), ("λ", "η", "x"));
    }
}

//! A scenario as text that reads back as the same scenario, and its hash.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_yaml::{Number, Value};
use sha2::{Digest, Sha256};

use crate::machine;
use crate::network::Init;

use super::{Scenario, ScenarioError, Style};

impl Scenario {
    /// The scenario as YAML, in the order of the format. Floats are written so that YAML 1.1 (PyYAML) also reads them as floats.
    pub fn to_yaml(&self) -> String {
        let tree = serde_yaml::with::singleton_map_recursive::serialize(self, serde_yaml::value::Serializer);
        yaml(&tree.expect(INFALLIBLE))
    }

    /// The scenario as indented JSON: `scenario.json` of a run folder.
    pub fn to_json(&self) -> String {
        escape_unprintable(&serde_json::to_string_pretty(self).expect(INFALLIBLE))
    }

    /// SHA-256 of the compact JSON in 64 hexadecimal digits, without `style`, each path of a file replaced by `sha256:` and the digest of
    /// the file's content: the hash depends on what is run, not on how it is spelt or where its files are.
    ///
    /// # Errors
    /// [`ScenarioError::Unreadable`] if a file cannot be read.
    pub fn hash(&self) -> Result<String, ScenarioError> {
        self.hash_with(&mut Digests::default())
    }

    /// The same where many scenarios name the same files: each file is read once.
    pub fn hash_with(&self, digests: &mut Digests) -> Result<String, ScenarioError> {
        let mut scenario = Self { style: Style::default(), ..self.clone() };
        if let Some(path) = scenario.data.file_mut() {
            *path = digests.of(path)?;
        }
        if let Init::File { path } = &mut scenario.init {
            *path = digests.of(path)?;
        }
        let json = serde_json::to_string(&scenario).expect(INFALLIBLE);
        Ok(sha256(&json))
    }
}

/// SHA-256 of a text in 64 hexadecimal digits.
pub fn sha256(text: &str) -> String {
    hex(Sha256::new_with_prefix(text))
}

/// What replaces each file in a hash, by its path.
#[derive(Debug, Default)]
pub struct Digests(HashMap<PathBuf, PathBuf>);

impl Digests {
    fn of(&mut self, path: &Path) -> Result<PathBuf, ScenarioError> {
        if let Some(known) = self.0.get(path) {
            return Ok(known.clone());
        }
        let content = content(path)?;
        self.0.insert(path.into(), content.clone());
        Ok(content)
    }
}

/// Why printing cannot fail: the only fallible parts of a tree are keys that are not text, and paths, which `path` prints.
const INFALLIBLE: &str = "every key of a scenario is text";

/// `sha256:` and the digest of a file's content.
fn content(path: &Path) -> Result<PathBuf, ScenarioError> {
    let digest = || -> io::Result<String> {
        let mut file = BufReader::new(machine::open(path)?);
        let mut hasher = Sha256::new();
        loop {
            let chunk = file.fill_buf()?;
            if chunk.is_empty() {
                return Ok(hex(hasher));
            }
            hasher.update(chunk);
            let length = chunk.len();
            file.consume(length);
        }
    };
    let digest = digest().map_err(|source| ScenarioError::Unreadable { path: path.into(), source })?;
    Ok(format!("sha256:{digest}").into())
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Lays out a tree: maps as blocks, lists of scalars on one line.
pub(super) fn yaml(tree: &Value) -> String {
    let mut out = String::new();
    block(tree, 0, &mut out);
    out
}

/// Writes the lines of a collection, indented.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Mapping(map) if !map.is_empty() => {
            for (key, value) in map {
                let _ = write!(out, "{:indent$}{}:", "", line(key));
                if is_block(value) {
                    out.push('\n');
                    block(value, indent + 2, out);
                } else {
                    let _ = writeln!(out, " {}", line(value));
                }
            }
        }
        Value::Sequence(list) if is_block(value) => {
            for item in list {
                let start = out.len();
                block(item, indent + 2, out);
                out.replace_range(start + indent..start + indent + 1, "-");
            }
        }
        _ => {
            let _ = writeln!(out, "{:indent$}{}", "", line(value));
        }
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => !map.is_empty(),
        Value::Sequence(list) => list.iter().any(|item| item.is_mapping() || item.is_sequence()),
        _ => false,
    }
}

/// A scalar, a list of scalars or an empty map, on one line.
pub(super) fn line(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => self::number(number),
        Value::String(text) => self::text(text),
        Value::Sequence(list) => format!("[{}]", list.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Mapping(_) => "{}".to_string(),
        Value::Tagged(tagged) => line(&tagged.value),
    }
}

/// In YAML 1.1 a number with an exponent is a float only with a dot, and with a sign in the exponent: `1.0e-8`, not `1e-8`.
fn number(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|value| number.is_f64() && value.is_finite()) else {
        return number.to_string();
    };
    let shortest = format!("{value:?}");
    match shortest.split_once('e') {
        None => shortest,
        Some((mantissa, exponent)) => {
            let dot = if mantissa.contains('.') { "" } else { ".0" };
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            format!("{mantissa}{dot}e{sign}{exponent}")
        }
    }
}

/// A text, bare where no reader can mistake it for anything else, otherwise in quotes.
fn text(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/'))
        && !text.ends_with(' ')
        // YAML 1.1 has more words for true and false, and for null.
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if bare { text.to_string() } else { escape_unprintable(&serde_json::Value::from(text).to_string()) }
}

/// Escapes what JSON allows in quotes but YAML does not, or takes for the end of a line.
fn escape_unprintable(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
        out
    })
}

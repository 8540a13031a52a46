//! Reads the YAML tree into the scenario's types. serde_yaml's own deserialiser wants `!gaussian` for a choice, takes a list for a struct,
//! and loses the path of an error. This one reads a choice as one key or one word and structs from maps only, and gives every refusal the
//! path of its key.

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_yaml::{Mapping, Number, Sequence, Value};

use crate::settings::path;

use super::refusal::{Refusal, describe};
use super::text;

/// Reads `tree` as a `T`.
pub(super) fn read<'de, T: Deserialize<'de>>(tree: &'de Value) -> Result<T, Refusal> {
    read_at(tree, "")
}

/// Reads the value at `path`.
pub(super) fn read_at<'de, T: Deserialize<'de>>(value: &'de Value, path: &str) -> Result<T, Refusal> {
    T::deserialize(Node { value, path: path.to_string() })
}

/// A value and the path that leads to it.
struct Node<'de> {
    value: &'de Value,
    path: String,
}

impl<'de> Node<'de> {
    fn refuse(&self, right: &str) -> Refusal {
        let hint = match self.value {
            Value::String(text) => text::unspaced(text)
                .map_or(String::new(), |(_, pair)| format!(": a space is missing after the colon, write `{pair}`")),
            _ => String::new(),
        };
        Refusal::at(&self.path, format!("must be {right}, got {}{hint}", describe(self.value)))
    }

    /// The same where one value is wanted and a list may have been given.
    fn refuse_one(&self, right: &str) -> Refusal {
        let mut refusal = self.refuse(right);
        if self.value.is_sequence() && !self.path.is_empty() {
            let key = self.path.trim_end_matches(|c: char| c == ']' || c.is_ascii_digit()).trim_end_matches('[');
            let key = if self.path.ends_with(']') { key } else { &self.path };
            refusal
                .message
                .push_str(&format!(": to try several, list them under sweep.grid, as `sweep: {{grid: {{{key}: […]}}}}`"));
        }
        refusal
    }

    /// The value as a number. (`Value::as_f64` and the like would look through tags.)
    fn number(&self) -> Option<&'de Number> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn integer<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Refusal> {
        match self.number().and_then(Number::as_u64) {
            Some(value) => visitor.visit_u64(value).map_err(|e: Refusal| e.within(&self.path)),
            None => Err(self.refuse_one("a whole number, 0 or more")),
        }
    }

    fn text<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::String(text) => visitor.visit_borrowed_str(text).map_err(|e: Refusal| e.within(&self.path)),
            _ => Err(self.refuse_one("text")),
        }
    }

    fn map<V: Visitor<'de>>(&self, map: &'de Mapping, visitor: V) -> Result<V::Value, Refusal> {
        let entries = Entries { path: &self.path, entries: map.iter(), value: None };
        visitor.visit_map(entries).map_err(|e| e.within(&self.path))
    }

    fn list<V: Visitor<'de>>(&self, list: &'de Sequence, visitor: V) -> Result<V::Value, Refusal> {
        let items = Items { path: &self.path, items: list.iter().enumerate() };
        visitor.visit_seq(items).map_err(|e| e.within(&self.path))
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Null => visitor.visit_unit().map_err(|e: Refusal| e.within(&self.path)),
            Value::Bool(value) => visitor.visit_bool(*value).map_err(|e: Refusal| e.within(&self.path)),
            Value::Number(number) if number.is_u64() => self.integer(visitor),
            Value::Number(_) => self.deserialize_f64(visitor),
            Value::String(_) => self.text(visitor),
            Value::Sequence(list) => self.list(list, visitor),
            Value::Mapping(map) => self.map(map, visitor),
            Value::Tagged(_) => Err(self.refuse("written without a tag")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            _ => Err(self.refuse_one("true or false")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.number().and_then(Number::as_f64) {
            // −0.0 becomes 0.0: they are one value, and make one scenario.
            Some(value) if value.is_finite() => visitor.visit_f64(value + 0.0).map_err(|e: Refusal| e.within(&self.path)),
            Some(_) => Err(self.refuse("a finite number")),
            None => Err(self.refuse_one("a number")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.integer(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Sequence(list) => self.list(list, visitor),
            // A word alone whose settings are a list.
            value if std::ptr::eq(value, &raw const *NO_SETTINGS) => {
                Err(Refusal::at(&self.path, "must be a list, got nothing"))
            }
            _ => Err(self.refuse("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Sequence(list) if list.len() == length => self.list(list, visitor),
            Value::Sequence(list) => {
                Err(Refusal::at(&self.path, format!("must be a list of length {length}, got one of length {}", list.len())))
            }
            _ => Err(self.refuse(&format!("a list of length {length}"))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.value {
            Value::Mapping(map) => self.map(map, visitor),
            _ => Err(self.refuse(&format!("a map with the keys {}", fields.join(", ")))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let choice = match self.value {
            Value::String(word) => Choice { word, word_path: self.path.clone(), settings: None },
            Value::Mapping(map) => {
                let mut entries = map.iter();
                match (entries.next(), entries.next()) {
                    (Some((key, settings)), None) => {
                        let (word, word_path) = key_of(&self.path, key)?;
                        Choice { word, word_path, settings: Some(settings) }
                    }
                    (Some((first, _)), Some((second, _))) => {
                        let (first, _) = key_of(&self.path, first)?;
                        let (_, second) = key_of(&self.path, second)?;
                        return Err(Refusal::at(
                            &second,
                            format!("one key expected here, and `{first}` is it: keep one of them"),
                        ));
                    }
                    (None, _) => return Err(Refusal::at(&self.path, format!("one key expected: {}", variants.join(", ")))),
                }
            }
            _ => return Err(self.refuse_one(&format!("one of {}", variants.join(", ")))),
        };
        visitor.visit_enum(choice).map_err(|e| e.within(&self.path))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple_struct map
        identifier ignored_any
    }
}

/// The text of `key`, and the path of its value in the map at `path`.
fn key_of<'de>(path: &str, key: &'de Value) -> Result<(&'de str, String), Refusal> {
    match key {
        Value::String(text) => Ok((text, path::child(path, text))),
        Value::Bool(_) | Value::Number(_) => {
            let written = serde_yaml::to_string(key).unwrap_or_default();
            Err(Refusal::at(&path::child(path, written.trim_end()), "a key must be text"))
        }
        _ => Err(Refusal::at(path, format!("a key must be text, got {}", describe(key)))),
    }
}

/// The entries of the map at `path` that are still to be read.
struct Entries<'de, 'p> {
    path: &'p str,
    entries: serde_yaml::mapping::Iter<'de>,
    value: Option<Node<'de>>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        let (key, path) = key_of(self.path, key)?;
        let name = seed.deserialize(StrDeserializer::<Refusal>::new(key)).map_err(|e| e.within(&path))?;
        self.value = Some(Node { value, path });
        Ok(Some(name))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        match self.value.take() {
            Some(node) => seed.deserialize(node),
            None => Err(Refusal::at(self.path, "its value was read before its key")),
        }
    }
}

/// The items of the list at `path` that are still to be read.
struct Items<'de, 'p> {
    path: &'p str,
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        let Some((index, value)) = self.items.next() else { return Ok(None) };
        seed.deserialize(Node { value, path: path::item(self.path, index) }).map(Some)
    }
}

/// A choice: one word, or one key with its settings.
struct Choice<'de> {
    word: &'de str,
    word_path: String,
    settings: Option<&'de Value>,
}

/// The settings of a choice written as one word: each takes its default, or is reported missing.
static NO_SETTINGS: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::Mapping(Mapping::new()));

impl<'de> Choice<'de> {
    fn node(self) -> Node<'de> {
        match self.settings {
            Some(value) => Node { value, path: self.word_path },
            None => Node { value: &NO_SETTINGS, path: path::child(&self.word_path, self.word) },
        }
    }
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        let word: StrDeserializer<'_, Refusal> = self.word.into_deserializer();
        let variant = seed.deserialize(word).map_err(|e| e.within(&self.word_path))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        match self.settings {
            None => Ok(()),
            Some(_) => Err(Refusal::at(&self.word_path, format!("has no settings: write the word `{}` alone", self.word))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        seed.deserialize(self.node())
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refusal> {
        self.node().deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refusal> {
        self.node().deserialize_struct("", fields, visitor)
    }
}

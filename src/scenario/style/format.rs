//! The files in which a picture is written.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::{Findings, path};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Vector graphics, which `gramflow report` shows.
    Svg,
    /// A bitmap.
    Png,
    /// Vector graphics with their fonts embedded, for papers.
    Pdf,
}

impl Format {
    /// Every format there is.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Pdf];

    /// The extension of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// One format or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Formats(pub Vec<Format>);

impl Default for Formats {
    fn default() -> Self {
        Self(vec![Format::Svg, Format::Png])
    }
}

impl Formats {
    /// Every format there is.
    pub fn all() -> Self {
        Self(Format::ALL.to_vec())
    }

    /// Adds the formats that are `wanted` and missing.
    pub fn add(&mut self, wanted: impl Fn(Format) -> bool) {
        let more: Vec<Format> = Format::ALL.into_iter().filter(|format| !self.0.contains(format) && wanted(*format)).collect();
        self.0.extend(more);
    }

    /// Whether the file `name` has one of these formats.
    pub fn contain_file(&self, name: &str) -> bool {
        self.0.iter().any(|format| name.strip_suffix(format.extension()).is_some_and(|stem| stem.ends_with('.')))
    }

    pub(super) fn validate(&self, at: &str, found: &mut Findings) {
        if self.0.is_empty() {
            found.add(at, "must name at least one of svg, png, pdf, got an empty list");
        }
        for (i, format) in self.0.iter().enumerate() {
            if self.0[..i].contains(format) {
                found.add(&path::item(at, i), format!("must be named once, got {} twice", format.extension()));
            }
        }
    }
}

// Not `untagged`, which would lose the path and the cause of an error.
impl<'de> Deserialize<'de> for Formats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Formats;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("svg, png or pdf, or a list of these")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Formats, E> {
                Format::deserialize(word.into_deserializer()).map(|format| Formats(vec![format]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Formats, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Formats)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

//! How many samples there are: a number, or the whole population.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The number of samples; of a population there are infinitely many, and means over them are expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleSize {
    /// n.
    Count(usize),
    /// n → ∞: only the moments of the law are left.
    Population,
}

const POPULATION: &str = "population";

#[cfg(feature = "command")]
impl schemars::JsonSchema for SampleSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SampleSize".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"oneOf": [
            {"type": "integer", "minimum": 1},
            {
                "type": "string",
                "const": POPULATION,
                "description": "Infinitely many samples: the loss is its expectation, in closed form. For linear networks under `mse`.",
            },
        ]})
    }
}

impl SampleSize {
    /// n, if it is finite.
    pub fn count(self) -> Option<usize> {
        match self {
            Self::Count(count) => Some(count),
            Self::Population => None,
        }
    }
}

impl From<usize> for SampleSize {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl Serialize for SampleSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => count.serialize(serializer),
            Self::Population => serializer.serialize_str(POPULATION),
        }
    }
}

impl<'de> Deserialize<'de> for SampleSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SampleSizeVisitor)
    }
}

struct SampleSizeVisitor;

impl Visitor<'_> for SampleSizeVisitor {
    type Value = SampleSize;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a whole number, 1 or more, or `population`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<SampleSize, E> {
        // What does not fit is out of range, too.
        Ok(SampleSize::Count(usize::try_from(count).unwrap_or(usize::MAX)))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<SampleSize, E> {
        if word == POPULATION { Ok(SampleSize::Population) } else { Err(E::invalid_type(de::Unexpected::Str(word), &self)) }
    }
}

//! How a record is written: one key for its grid, with `weights` beside it; or the word `log` or `linear`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Grid, Record, points};

const KEYS: &str = "a map with the keys log, linear, times, weights";

/// Each grid has its own key, so that the settings of one are not taken for those of another.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Times, evenly spaced in log t.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "command", schemars(with = "Log"))]
    log: Option<Log>,
    /// Times, evenly spaced.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "command", schemars(with = "Linear"))]
    linear: Option<Linear>,
    /// These times, in increasing order.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "command", schemars(with = "Vec<f64>"))]
    times: Option<Vec<f64>>,
    /// Keep all weights at every recorded time, in `trajectory.npz`.
    // Written only where it is set, so that other records keep their hash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    weights: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Log {
    /// The number of times, at least 2.
    #[serde(default = "points")]
    points: usize,
    /// The first time after 0: by default 0.01, or t_end/100 where `t_end` is 0.01 or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Linear {
    /// The number of times, at least 2.
    #[serde(default = "points")]
    points: usize,
}

/// A key that is present must have a value.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = Keys { weights: self.weights, ..Keys::default() };
        match &self.grid {
            Grid::Log { points, first } => keys.log = Some(Log { points: *points, first: *first }),
            Grid::Linear { points } => keys.linear = Some(Linear { points: *points }),
            Grid::Times(times) => keys.times = Some(times.clone()),
        }
        keys.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

#[cfg(feature = "command")]
impl schemars::JsonSchema for Record {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let word = |word, spacing| {
            let about = format!("{} times, evenly spaced{spacing}.", points());
            schemars::json_schema!({"type": "string", "const": word, "description": about})
        };
        schemars::json_schema!({"oneOf": [
            word("log", " in log t"),
            word("linear", ""),
            generator.subschema_for::<Keys>(),
        ]})
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KEYS)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Record, E> {
        let grid = match word {
            "log" => Grid::default(),
            "linear" => Grid::Linear { points: points() },
            _ => return Err(E::unknown_variant(word, &["log", "linear"])),
        };
        Ok(Record { grid, weights: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Record, A::Error> {
        let Keys { log, linear, times, weights } = Keys::deserialize(MapAccessDeserializer::new(map))?;
        let log = log.map(|Log { points, first }| Grid::Log { points, first });
        let linear = linear.map(|Linear { points }| Grid::Linear { points });
        let mut grids = [log, linear, times.map(Grid::Times)].into_iter().flatten();
        let grid = grids.next().unwrap_or_default();
        match grids.next() {
            None => Ok(Record { grid, weights }),
            Some(_) => Err(A::Error::custom("one grid of times expected, log, linear or times: keep one of them")),
        }
    }
}

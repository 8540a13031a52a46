//! The units of a sweep: what varies, and an id for each, the first 16 hex digits of its scenario's hash.
//!
//! Scenarios are expanded one at a time and dropped: a plan keeps 8 bytes for each unit, and the values of each key once.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::folder::Factor;
use crate::folder::shown;
use crate::scenario::{Diagnostic, Digests, ScenarioError, Sweep, entries, sha256};

use super::SweepError;

/// The name of a unit: 64 bits of the SHA-256 of its canonical scenario, files replaced by their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    /// The id of a scenario with this hash of 64 hex digits.
    pub fn of_hash(hash: &str) -> Option<Self> {
        Self::read(hash.get(..16)?)
    }

    /// Reads 16 hex digits.
    fn read(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| digits).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an id of 16 hex digits")))
    }
}

/// One unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub id: Id,
    /// Its position in the product, from 0.
    pub index: usize,
}

/// All units of a sweep: `plan.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// The scenario's name (that of the first unit, if names vary).
    pub name: String,
    /// What varies: the units are the product of the factors, the last changing fastest.
    pub varied: Vec<Factor>,
    /// The ids in the order of the product, duplicates included.
    ids: Vec<Id>,
}

impl SweepPlan {
    /// Reads every unit of the sweep.
    ///
    /// # Errors
    /// [`SweepError`] with the problems of the units, each once; reading stops after 20.
    pub fn new(sweep: &Sweep) -> Result<Self, SweepError> {
        let (name, ids) = read(sweep, 0..sweep.len())?;
        // Every unit was read, so all values exist in JSON, too.
        let json = |value| serde_json::to_value(value).unwrap_or(Value::Null);
        let factor = |keys: Vec<(String, Vec<_>)>| {
            let (keys, values): (Vec<_>, Vec<_>) =
                keys.into_iter().map(|(key, values)| (key, values.into_iter().map(json).collect())).unzip();
            Factor { keys, values }
        };
        Ok(Self { name, varied: sweep.factors().into_iter().map(factor).collect(), ids })
    }

    /// Reads only the units at these positions of the product, of a sweep too large to be read in full. Returns its name.
    ///
    /// # Errors
    /// As for [`SweepPlan::new`].
    pub fn check(sweep: &Sweep, places: &[usize]) -> Result<String, SweepError> {
        Ok(read(sweep, places.iter().copied())?.0)
    }

    /// SHA-256 of the plan as JSON, 64 hex digits; shards of one sweep have the same.
    pub fn hash(&self) -> String {
        sha256(&self.to_json())
    }

    /// As compact JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("lists, and maps with text keys, are JSON")
    }

    /// Reads JSON, or says what is wrong with it.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let even = plan.varied.iter().all(|factor| {
            let length = factor.count();
            factor.keys.len() == factor.values.len() && factor.values.iter().all(|values| values.len() == length)
        });
        // Pictures are named after it.
        if plan.name.is_empty() || !plan.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(format!("its name must be of a-z, 0-9 and -, got {:?}", plan.name));
        }
        let product = plan.varied.iter().try_fold(1_usize, |product, factor| product.checked_mul(factor.count()));
        if even && product == Some(plan.ids.len()) { Ok(plan) } else { Err("its lists do not fit together".to_string()) }
    }

    /// The units, each once, in the order of their first places in the product.
    pub fn units(&self) -> Vec<Unit> {
        let mut seen = HashSet::with_capacity(self.ids.len());
        let unit = |(index, &id)| Unit { id, index };
        self.ids.iter().enumerate().map(unit).filter(|unit| seen.insert(unit.id)).collect()
    }

    /// How many positions of the product repeat a unit.
    pub fn duplicates(&self) -> usize {
        self.ids.len() - self.units().len()
    }

    /// The paths of the keys that vary.
    pub fn keys(&self) -> Vec<&str> {
        self.varied.iter().flat_map(|factor| factor.keys.iter().map(String::as_str)).collect()
    }

    /// How many values each factor has.
    pub fn lengths(&self) -> Vec<usize> {
        self.varied.iter().map(Factor::count).collect()
    }

    /// The position of a unit along each factor, from 0.
    pub fn places(&self, unit: Unit) -> Vec<usize> {
        entries(&self.lengths(), unit.index)
    }

    /// The value of each varied key in a unit.
    pub fn values(&self, unit: Unit) -> Vec<&Value> {
        self.varied
            .iter()
            .zip(self.places(unit))
            .flat_map(|(factor, entry)| factor.values.iter().map(move |values| &values[entry]))
            .collect()
    }

    /// The same as text: words bare, other values as JSON.
    pub fn texts(&self, unit: Unit) -> Vec<String> {
        self.values(unit).into_iter().map(shown).collect()
    }

    /// The values as `weight_decay = 0.1, seed = 3`.
    pub fn label(&self, unit: Unit) -> String {
        set(self.keys().into_iter().zip(self.texts(unit)))
    }
}

/// The name of the first of these units, and the ids of all.
fn read(sweep: &Sweep, places: impl ExactSizeIterator<Item = usize>) -> Result<(String, Vec<Id>), SweepError> {
    /// Reading stops at this many problems, which are enough to mend first.
    const MOST: usize = 20;
    let (mut name, mut digests, mut problems) = (None, Digests::default(), Vec::<Diagnostic>::new());
    // The first unit with each problem, and how many have it.
    let mut units: Vec<(usize, usize)> = Vec::new();
    let mut ids = Vec::with_capacity(places.len());
    let mut tried = 0;
    for index in places {
        tried += 1;
        match sweep.unit(index) {
            Ok(scenario) => {
                let id = Id::of_hash(&scenario.hash_with(&mut digests)?).expect("a hash has 64 hex digits");
                ids.push(id);
                name.get_or_insert(scenario.name);
            }
            Err(ScenarioError::Diagnostics(found)) => {
                for problem in found {
                    match problems.iter().position(|known| *known == problem) {
                        Some(known) => units[known].1 += 1,
                        None => {
                            problems.push(problem);
                            units.push((index, 1));
                        }
                    }
                }
                if problems.len() >= MOST {
                    break;
                }
            }
            Err(other) => return Err(other.into()),
        }
    }
    if problems.is_empty() {
        return Ok((name.unwrap_or_default(), ids));
    }
    // What is wrong in some units alone comes from their values, and stands in the file where it is right in others.
    for (problem, (first, count)) in problems.iter_mut().zip(units) {
        if count < tried && !sweep.sets(&problem.path) {
            problem.message.push_str(&format!(" (in {count} of {tried} units, the first with {})", label(sweep, first)));
        }
    }
    Err(ScenarioError::Diagnostics(problems).into())
}

/// What varies in the unit at `index`, as `weight_decay = 0.1, seed = 3`.
fn label(sweep: &Sweep, index: usize) -> String {
    let factors = sweep.factors();
    let lengths: Vec<usize> = factors.iter().map(|keys| keys.first().map_or(0, |(_, values)| values.len())).collect();
    let places = entries(&lengths, index);
    let pairs =
        factors.iter().zip(places).flat_map(|(keys, place)| keys.iter().map(move |(key, values)| (key, &values[place])));
    set(pairs.map(|(key, value)| (key, shown(&serde_json::to_value(value).unwrap_or(Value::Null)))))
}

/// `weight_decay = 0.1, seed = 3`.
fn set(pairs: impl Iterator<Item = (impl fmt::Display, String)>) -> String {
    pairs.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}

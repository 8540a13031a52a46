//! From the keys `grid`, `zip` and `seeds` of the block to the factors of the product.

use serde_yaml::{Number, Value};

use crate::scenario::{patch, refusal, tree};
use crate::settings::{Findings, path};

use super::range::Range;
use super::{Factor, Key, MAX_KEYS, MAX_UNITS};

/// The factors of the sweep `block`; `base` is the scenario without it. Empty where something is wrong.
pub(super) fn factors(block: &Value, base: &Value, found: &mut Findings) -> Vec<Factor> {
    const FACTORS: &[&str] = &["grid", "zip", "seeds"];
    const KEYS: &[&str] = &["grid", "zip", "seeds", "keep"];
    let Value::Mapping(map) = block else {
        found.add("sweep", format!("must be a map with the keys {}, got {}", KEYS.join(", "), refusal::describe(block)));
        return Vec::new();
    };
    for key in map.keys().filter(|key| !key.as_str().is_some_and(|key| KEYS.contains(&key))) {
        let name = key.as_str().map_or_else(|| refusal::describe(key), str::to_string);
        found.add(&path::child("sweep", &name), refusal::unknown_key(&name, KEYS));
    }
    let mut factors = Vec::new();
    if let Some(grid) = map.get("grid") {
        factors.extend(keys(grid, "sweep.grid", found).into_iter().map(|key| Factor { keys: vec![key] }));
    }
    if let Some(zip) = map.get("zip") {
        let keys = keys(zip, "sweep.zip", found);
        check_lengths(&keys, found);
        factors.push(Factor { keys });
    }
    if let Some(seeds) = map.get("seeds") {
        factors.extend(self::seeds(seeds, base, found).map(|key| Factor { keys: vec![key] }));
    }
    if !FACTORS.iter().any(|key| map.contains_key(key)) {
        found.add("sweep", format!("nothing to vary: give one of {}", FACTORS.join(", ")));
    }
    let count = factors.iter().map(|factor| factor.keys.len()).sum::<usize>();
    if count > MAX_KEYS {
        found.add("sweep", format!("must vary at most {MAX_KEYS} keys, got {count}"));
        return Vec::new();
    }
    check_overlaps(&factors, found);
    let product = factors.iter().try_fold(1_usize, |product, factor| product.checked_mul(factor.len()));
    if product.is_none_or(|product| product > MAX_UNITS) {
        let lengths: Vec<String> = factors.iter().map(|factor| factor.len().to_string()).collect();
        found.add("sweep", format!("at most {MAX_UNITS} units, got {}", lengths.join(" · ")));
    }
    factors
}

/// The keys of `grid` or `zip`, each with its values.
fn keys(section: &Value, at: &str, found: &mut Findings) -> Vec<Key> {
    let entries = match section {
        Value::Mapping(map) if !map.is_empty() => map,
        _ => {
            let right = "must be a map from keys, as flow.rtol or optimizers[0].gd.lr, to their values";
            found.add(at, format!("{right}, got {}", refusal::describe(section)));
            return Vec::new();
        }
    };
    /// Values of all keys together: a product within [`MAX_UNITS`] has no more, unless many keys are zipped.
    const MOST: usize = 2 * MAX_UNITS;
    let (mut keys, mut total) = (Vec::new(), 0);
    for (key, value) in entries {
        let written = key.as_str().map_or_else(|| refusal::describe(key), str::to_string);
        let at = path::child(at, &written);
        let segments = key.as_str().and_then(patch::segments).map(|list| list.into_iter().map(str::to_string).collect());
        let Some(segments) = segments else {
            found.add(&at, "must name a key as in flow.rtol or optimizers[0].gd.lr");
            continue;
        };
        if let Some(values) = values(value, &at, found) {
            total += values.len();
            if total > MOST {
                found.add(&at, format!("its values make more than {MOST} in all: shorten the ranges"));
                return keys;
            }
            keys.push(Key { path: written, segments, at, values, relative: false });
        }
    }
    keys
}

fn values(value: &Value, at: &str, found: &mut Findings) -> Option<Vec<Value>> {
    match value {
        Value::Sequence(list) if list.is_empty() => found.add(at, "must have at least one value, got an empty list"),
        Value::Sequence(list) => return Some(list.clone()),
        Value::Mapping(_) => match tree::read_at::<Range>(value, at) {
            Ok(range) => return range.values(at, found),
            Err(refusal) => found.add(&refusal.path, refusal.message),
        },
        other => found.add(at, format!("must be a list, {{log: …}} or {{linear: …}}, got {}", refusal::describe(other))),
    }
    None
}

/// `seeds: N` is the scenario's own seed and the N − 1 after it.
fn seeds(value: &Value, base: &Value, found: &mut Findings) -> Option<Key> {
    let at = "sweep.seeds";
    let values = match value {
        Value::Sequence(_) => values(value, at, found)?,
        Value::Number(count) if count.as_u64().is_some_and(|count| (1..=MAX_UNITS as u64).contains(&count)) => {
            let count = count.as_u64()?;
            let first = base.get("seed").map_or(Some(0), Value::as_u64);
            let last = first.and_then(|first| first.checked_add(count - 1));
            let (Some(first), Some(last)) = (first, last) else {
                found.add("seed", format!("must be a whole number that has {} more after it", count - 1));
                return None;
            };
            (first..=last).map(|seed| Value::Number(Number::from(seed))).collect()
        }
        other => {
            let right = format!("must be a count from 1 to {MAX_UNITS} or a list of seeds");
            found.add(at, format!("{right}, got {}", refusal::describe(other)));
            return None;
        }
    };
    Some(Key { path: "seed".into(), segments: vec!["seed".into()], at: at.into(), values, relative: value.is_number() })
}

fn check_lengths(zipped: &[Key], found: &mut Findings) {
    let Some((first, others)) = zipped.split_first() else { return };
    for other in others.iter().filter(|other| other.values.len() != first.values.len()) {
        let message =
            format!("must have as many values as {}, which has {}, got {}", first.at, first.values.len(), other.values.len());
        found.add(&other.at, message);
    }
}

/// If one key contains another, the second would undo the first, and the table would not show it.
fn check_overlaps(factors: &[Factor], found: &mut Findings) {
    let keys: Vec<&Key> = factors.iter().flat_map(|factor| &factor.keys).collect();
    for (index, key) in keys.iter().enumerate() {
        let within = |other: &&&Key| key.segments.starts_with(&other.segments) || other.segments.starts_with(&key.segments);
        if let Some(other) = keys[..index].iter().find(within) {
            found.add(&key.at, format!("sets what {} sets: keep one of them", other.at));
        }
    }
}

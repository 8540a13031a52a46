//! `--set a.b=VALUE`: one value of the tree, replaced or added before it is read.
//!
//! `VALUE` is YAML. The path names list items as `optimizers[0].gd.lr` or `optimizers.0.gd.lr`. Missing keys on the way are created as
//! maps, and a map replaces a word on the way: `init.gaussian.std=0.1` makes `init: pytorch` into `init: {gaussian: {std: 0.1}}`. A choice
//! that has settings stays, and a second key beside it is refused; `init={gaussian: {std: 0.1}}` replaces the choice.

use serde_yaml::Value;

use crate::settings::path;

use super::error::{Diagnostic, Location, Patch};
use super::marks::Marks;
use super::text;

/// Applies `given` to `tree`.
pub(super) fn apply(tree: &mut Value, given: &str) -> Result<Patch, Diagnostic> {
    let refuse = |path: &str, message: String| {
        Err(Diagnostic { location: Location::Set(given.to_string()), path: path.to_string(), message })
    };
    let Some((target, value)) = given.split_once('=').map(|(target, value)| (target.trim(), value)) else {
        return refuse("", "must be written key.path=VALUE, got no `=`".to_string());
    };
    let Some(segments) = segments(target) else {
        return refuse("", format!("must name a key as in flow.rtol or optimizers[0].gd.lr, got {target:?}"));
    };
    let value = match text::tree(value, &Marks::of(value)) {
        Ok(value) => value,
        Err(errors) => {
            let messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
            return refuse(target, messages.join("; "));
        }
    };
    match put(tree, &segments, value) {
        Ok(origin) => Ok(Patch { origin, location: Location::Set(given.to_string()) }),
        Err(Misplaced { path, message }) => refuse(&path, message),
    }
}

/// A path that leads nowhere: the part that does not exist, and why.
#[derive(Debug)]
pub(super) struct Misplaced {
    pub path: String,
    pub message: String,
}

/// Puts `value` where the segments lead. Returns the shallowest path that was written to.
pub(super) fn put(tree: &mut Value, segments: &[&str], value: Value) -> Result<String, Misplaced> {
    let mut node = tree;
    let mut path = String::new();
    let mut origin = None;
    for &segment in segments {
        node = match node {
            Value::Sequence(list) => {
                let length = list.len();
                let index = segment.parse().unwrap_or(length);
                let Some(item) = list.get_mut(index) else {
                    let message = format!("must be the index of an item, counted from 0, in a list of {length}");
                    return Err(Misplaced { path: path::child(&path, segment), message });
                };
                path = path::item(&path, index);
                item
            }
            place => {
                if !place.is_mapping() {
                    origin.get_or_insert(path.clone());
                    *place = Value::Null;
                }
                path = path::child(&path, segment);
                if place.get(segment).is_none() {
                    origin.get_or_insert(path.clone());
                }
                // Turns null into a map, and inserts the key where it is missing.
                &mut place[segment]
            }
        };
    }
    *node = value;
    Ok(origin.unwrap_or(path))
}

/// Splits `a.b[0]` into a, b, 0.
pub(super) fn segments(target: &str) -> Option<Vec<&str>> {
    let mut segments = Vec::new();
    for part in target.split('.') {
        let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        segments.push(key);
        if !indices.is_empty() {
            segments.extend(indices.strip_prefix('[')?.strip_suffix(']')?.split("]["));
        }
    }
    segments.iter().all(|segment| !segment.is_empty()).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(tree: &str, given: &str) -> Result<(Value, String), String> {
        let mut tree: Value = serde_yaml::from_str(tree).unwrap();
        let patch = apply(&mut tree, given).map_err(|problem| problem.to_string())?;
        Ok((tree, patch.origin))
    }

    #[track_caller]
    fn assert_patched(before: &str, given: &str, after: &str, origin: &str) {
        let (tree, found) = patched(before, given).unwrap();
        assert_eq!(tree, serde_yaml::from_str::<Value>(after).unwrap());
        assert_eq!(found, origin);
    }

    #[test]
    fn values_are_replaced_and_created_where_the_path_says() {
        assert_patched("a: {b: 1}", "a.b=2", "a: {b: 2}", "a.b");
        assert_patched("a: {b: 1}", "a.c.d=[1, 2]", "a: {b: 1, c: {d: [1, 2]}}", "a.c");
        assert_patched("a: [{b: 1}, {b: 2}]", "a[1].b=x", "a: [{b: 1}, {b: x}]", "a[1].b");
        assert_patched("a: [{b: 1}, {b: 2}]", "a.1.b=x", "a: [{b: 1}, {b: x}]", "a[1].b");
        assert_patched("a: [[1, 2]]", "a[0][1]={k: v}", "a: [[1, {k: v}]]", "a[0][1]");
        assert_patched("a: word", "a.b.c=1", "a: {b: {c: 1}}", "a");
        assert_patched("a: ", "a.b=1", "a: {b: 1}", "a");
        assert_patched("a: 1", "a=", "a: null", "a");
        assert_patched("a: 1", "b=x=y", "{a: 1, b: x=y}", "b");
    }

    #[test]
    fn a_bad_patch_is_refused_in_its_own_words() {
        for (given, right) in [
            ("a", "--set a: must be written key.path=VALUE, got no `=`"),
            ("=1", "--set =1: must name a key as in flow.rtol or optimizers[0].gd.lr, got \"\""),
            ("a..b=1", "--set a..b=1: must name a key"),
            ("a[0=1", "--set a[0=1: must name a key"),
            ("a[]=1", "--set a[]=1: must name a key"),
            ("a[2]=1", "--set a[2]=1: a.2: must be the index of an item, counted from 0, in a list of 2"),
            ("a.b=1", "--set a.b=1: a.b: must be the index of an item"),
            ("a={b: 1", "--set a={b: 1: a: did not find expected ',' or '}'"),
            ("a={b: 1, b: 2}", "--set a={b: 1, b: 2}: a: duplicate key"),
        ] {
            let message = patched("a: [1, 2]", given).unwrap_err();
            assert!(message.starts_with(right), "{message}");
        }
    }
}

//! Warnings of many units: those that differ only in their numbers are counted together.

use serde::{Deserialize, Serialize};

/// Warnings of one kind, in units of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    /// The first of them.
    pub warning: String,
    /// How many units have such a warning.
    pub units: usize,
    /// The first such unit, by the values of what varies.
    pub first: String,
}

impl Warned {
    /// A warning about all units together, rather than about one.
    pub fn of_all(warning: String) -> Self {
        Self { warning, units: 1, first: String::new() }
    }

    /// `12 units, first weight_decay = 0, seed = 3: flow: …`.
    pub fn line(&self) -> String {
        let Self { warning, units, first } = self;
        let place = match (*units, first.is_empty()) {
            (1, true) => return warning.clone(),
            (1, false) => format!("unit {first}"),
            (units, true) => format!("{units} units"),
            (units, false) => format!("{units} units, first {first}"),
        };
        format!("{place}: {warning}")
    }

    /// Counts `warnings`, pairs of a unit's label and its warnings, by kind, in the order of first appearance.
    pub fn count<'a>(warnings: impl IntoIterator<Item = (String, &'a [String])>) -> Vec<Self> {
        let mut found: Vec<(String, Self)> = Vec::new();
        for (unit, own) in warnings {
            let mut seen: Vec<String> = Vec::new();
            for warning in own {
                let kind = kind(warning);
                if seen.contains(&kind) {
                    continue;
                }
                match found.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, counted)) => counted.units += 1,
                    None => found.push((kind.clone(), Self { warning: warning.clone(), units: 1, first: unit.clone() })),
                }
                seen.push(kind);
            }
        }
        found.into_iter().map(|(_, counted)| counted).collect()
    }
}

/// A warning with `#` for every number. Digits in a name (`W1`, `gd-2`) do not count as one.
fn kind(warning: &str) -> String {
    let characters: Vec<char> = warning.chars().collect();
    let in_name =
        |i: usize| i.checked_sub(1).is_some_and(|before| characters[before].is_alphanumeric() || characters[before] == '_');
    let (mut kind, mut i) = (String::new(), 0);
    while i < characters.len() {
        let begins = characters[i].is_ascii_digit() && !in_name(i) && !(i > 0 && characters[i - 1] == '-' && in_name(i - 1));
        if !begins {
            kind.push(characters[i]);
            i += 1;
            continue;
        }
        kind.push('#');
        while i < characters.len() && (characters[i].is_ascii_digit() || matches!(characters[i], '.' | 'e' | '-' | '+')) {
            i += 1;
        }
        // A full stop or a dash after a number is not part of it, but does not tell warnings apart either.
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_that_differ_in_numbers_alone_are_one_kind() {
        let own = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| text.to_string()).collect() };
        let a = own(&["flow: off by 3.2e-2 of its size", "flow: off by 1 of its size", "gd-2: passes 2 at step 40"]);
        let b = own(&["flow: off by 1.5 of its size", "gd-3: passes 2 at step 7", "flow: error of W1"]);
        let c = own(&["flow: error of W2"]);
        let units = [("a", &a), ("b", &b), ("c", &c)];
        let counted = Warned::count(units.map(|(name, own)| (name.to_string(), own.as_slice())));
        let lines: Vec<String> = counted.iter().map(Warned::line).collect();
        assert_eq!(
            lines,
            [
                "2 units, first a: flow: off by 3.2e-2 of its size",
                "unit a: gd-2: passes 2 at step 40",
                "unit b: gd-3: passes 2 at step 7",
                "unit b: flow: error of W1",
                "unit c: flow: error of W2",
            ]
        );
    }
}

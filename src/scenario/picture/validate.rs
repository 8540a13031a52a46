//! Checks of `pictures:` against what a sweep varies.

use crate::scenario::refusal::suggestion;
use crate::settings::{Findings, path};

use super::{DERIVED_KEYS, PanelSettings, Picture, Show, unmet};

/// Checks `pictures` against the keys that the sweep varies, and their values. (Columns, processes and the values of derived keys are known
/// only from the units.)
pub(in crate::scenario) fn validate(pictures: &[Picture], varied: &[(&str, &[serde_yaml::Value])], found: &mut Findings) {
    let mut names: Vec<Option<&str>> = Vec::new();
    for (i, picture) in pictures.iter().enumerate() {
        let at = path::item("pictures", i);
        if picture.panels.is_empty() {
            found.add(&path::child(&at, "panels"), "must have at least one panel, got an empty list");
        }
        if picture.columns == 0 {
            found.add(&path::child(&at, "columns"), "must be at least 1, got 0");
        }
        let good =
            |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        match &picture.name {
            Some(name) if !good(name) => {
                found.add(&path::child(&at, "name"), format!("must be of a-z, 0-9 and -, got `{name}`"));
            }
            name => {
                let name = name.as_deref();
                if names.contains(&name) {
                    let message = name.map_or_else(
                        || {
                            "an earlier picture has no `name` either, and both would take the name of the sweep: name one of them"
                                .to_string()
                        },
                        |name| format!("an earlier picture is called `{name}` too: give one of them another name"),
                    );
                    found.add(&if name.is_some() { path::child(&at, "name") } else { at.clone() }, message);
                }
                names.push(name);
            }
        }
        picture.style.validate(&path::child(&at, "style"), found);
        for (j, panel) in picture.panels.iter().enumerate() {
            validate_panel(panel, &path::item(&path::child(&at, "panels"), j), varied, found);
        }
    }
}

/// The same for one panel, whose path is `at`.
fn validate_panel(panel: &PanelSettings, at: &str, varied: &[(&str, &[serde_yaml::Value])], found: &mut Findings) {
    let keys: Vec<&str> = varied.iter().map(|(key, _)| *key).chain(DERIVED_KEYS).collect();
    let mut check = |key: &str, place: &str| {
        if !keys.contains(&key) {
            let message = format!("`{key}` varies in no unit{}", suggestion(key, "keys", &keys));
            found.add(&path::child(at, place), message);
        }
    };
    panel.lines.iter().for_each(|key| check(key, "lines"));
    panel.only.keys().for_each(|key| check(key, &format!("where.{key}")));
    match &panel.show {
        Show::AtEnd { x, also, .. } => {
            check(x, "show.at_end.x");
            if panel.lines.is_some() && !also.is_empty() {
                found.add(&path::child(at, "show.at_end.also"), "draws a curve for each column: leave out `lines`");
            }
        }
        Show::Map { x, y, .. } => {
            check(x, "show.map.x");
            check(y, "show.map.y");
        }
        Show::Spectra { of, .. } if of.is_empty() => {
            found.add(&path::child(at, "show.spectra.of"), "must name at least one matrix, got an empty list");
        }
        _ => {}
    }
    if panel.processes.as_ref().is_some_and(Vec::is_empty) {
        found.add(&path::child(at, "processes"), "must name at least one process, got an empty list");
    }
    for (key, wanted) in &panel.only {
        let Some((_, values)) = varied.iter().find(|(varied, _)| varied == key) else { continue };
        let values: Vec<serde_json::Value> = values.iter().filter_map(|value| serde_json::to_value(value).ok()).collect();
        if let Some(message) = unmet(key, wanted, &values) {
            found.add(&path::child(at, &format!("where.{key}")), message);
        }
    }
    if panel.mark.as_ref().is_some_and(|mark| mark.x.is_some() == mark.y.is_some()) {
        found.add(&path::child(at, "mark"), "must have either x or y");
    }
}

//! The blocks `pictures:` and `style:` of a sweep. Each picture has the common style, with its own settings in place of those.

use serde_yaml::Value;

use crate::settings::{Finding, Findings, path};

use super::super::picture::{self, Show};
use super::super::{Picture, Style, tree};
use super::Factor;

/// Whether the block `style` is valid.
pub(super) fn is_style(block: &Value, found: &mut Findings) -> bool {
    let before = found.0.len();
    match tree::read_at::<Style>(block, "style") {
        Ok(style) => style.validate("style", found),
        Err(refusal) => found.add(&refusal.path, refusal.message),
    }
    found.0.len() == before
}

/// The block `pictures`, with each picture's own style over the common one.
fn with_style(block: &Value, style: Option<&Value>) -> Value {
    let mut block = block.clone();
    let Some(style @ Value::Mapping(_)) = style else { return block };
    for picture in block.as_sequence_mut().into_iter().flatten().filter_map(Value::as_mapping_mut) {
        let mut whole = style.clone();
        match (picture.get("style"), whole.as_mapping_mut()) {
            (Some(Value::Mapping(own)), Some(whole)) => whole.extend(own.clone()),
            // Anything but a map is refused where it is read.
            (Some(_), _) => continue,
            _ => {}
        }
        picture.insert("style".into(), whole);
    }
    block
}

/// Names each finding about a picture's style by the key that its user wrote: `style.width` where the picture does not set a width of its own
/// in place of the common one. What is wrong in the common style would otherwise be told once for each picture.
pub(super) fn name_as_written(found: &mut Findings, block: Option<&Value>) {
    let own = |i: usize, key: &str| block.and_then(|block| block.get(i)?.get("style")?.get(key)).is_some();
    for finding in &mut found.0 {
        let Some((picture, rest)) = finding.path.split_once("].style.") else { continue };
        let Some(index) = picture.strip_prefix("pictures[").and_then(|index| index.parse().ok()) else { continue };
        let key = rest.split(['.', '[']).next().unwrap_or_default();
        if !own(index, key) {
            finding.path = path::child("style", rest);
        }
    }
    let mut told: Vec<Finding> = Vec::new();
    found.0.retain(|finding| {
        let new = !told.contains(finding);
        told.push(finding.clone());
        new
    });
}

/// Checks the names of pictures in their styles. A picture without a name takes that of the sweep.
pub(super) fn validate_names(pictures: &[Picture], sweep: Option<&str>, found: &mut Findings) {
    let names: Vec<&str> = pictures.iter().filter_map(|picture| picture.name.as_deref().or(sweep)).collect();
    for (i, picture) in pictures.iter().enumerate() {
        let at = path::child(&path::item("pictures", i), "style");
        picture.style.validate_names(&at, &names, found);
        validate_panels(picture, picture.name.as_deref().or(sweep), &path::child(&at, "axes"), found);
    }
}

/// Checks the axes, whose path is `at`, that name this very `picture`, called `name`: its panels must exist and have what is to be changed.
/// (Axes of all pictures need not fit each of them.)
fn validate_panels(picture: &Picture, name: Option<&str>, at: &str, found: &mut Findings) {
    let letters: Vec<String> = (0..picture.panels.len()).map(|i| char::from(b'a' + (i % 26) as u8).to_string()).collect();
    for (k, axes) in picture.style.axes.iter().enumerate() {
        let (Some(asked), Some(panel)) = (&axes.picture, &axes.panel) else { continue };
        if Some(asked.as_str()) != name {
            continue;
        }
        let at = path::item(at, k);
        let about: Vec<_> = picture.panels.iter().zip(&letters).filter(|(_, letter)| *letter == panel).collect();
        if about.is_empty() {
            found.add(
                &path::child(&at, "panel"),
                format!("`{asked}` has no panel {panel} (panels here: {})", letters.join(", ")),
            );
        }
        let cells =
            !about.is_empty() && about.iter().all(|(panel, _)| matches!(panel.show, Show::Map { .. } | Show::Matrix { .. }));
        for (name, axis) in [("x", &axes.x), ("y", &axes.y)] {
            for (key, is_set) in [("limits", axis.limits.is_some()), ("scale", axis.scale.is_some())] {
                if cells && is_set {
                    let message = "changes nothing: the rows and columns of a map or a matrix only have a label: remove it";
                    found.add(&path::child(&path::child(&at, name), key), message);
                }
            }
        }
    }
}

/// The block `pictures`; empty where something is wrong with it.
pub(super) fn read(block: &Value, style: Option<&Value>, factors: &[Factor], found: &mut Findings) -> Vec<Picture> {
    match tree::read_at::<Vec<Picture>>(&with_style(block, style), "pictures") {
        Ok(pictures) => {
            let keys = factors.iter().flat_map(|factor| &factor.keys);
            let varied: Vec<(&str, &[Value])> = keys.map(|key| (key.path.as_str(), key.values.as_slice())).collect();
            picture::validate(&pictures, &varied, found);
            pictures
        }
        Err(refusal) => {
            found.add(&refusal.path, refusal.message);
            Vec::new()
        }
    }
}

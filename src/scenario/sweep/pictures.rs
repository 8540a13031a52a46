//! The blocks `pictures:` and `style:` of a sweep. Each picture has the style of all, with what it says itself in its place.

use serde_yaml::Value;

use crate::settings::{Findings, path};

use super::super::{Picture, Style, picture, tree};
use super::Factor;

/// Whether the block `style` is one.
pub(super) fn is_style(block: &Value, found: &mut Findings) -> bool {
    let before = found.0.len();
    match tree::read_at::<Style>(block, "style") {
        Ok(style) => style.validate("style", found),
        Err(refusal) => found.add(&refusal.path, refusal.message),
    }
    found.0.len() == before
}

/// The block `pictures` with what each picture says of its style put over that of all.
fn with_style(block: &Value, style: Option<&Value>) -> Value {
    let mut block = block.clone();
    let Some(style @ Value::Mapping(_)) = style else { return block };
    for picture in block.as_sequence_mut().into_iter().flatten().filter_map(Value::as_mapping_mut) {
        let mut whole = style.clone();
        match (picture.get("style"), whole.as_mapping_mut()) {
            (Some(Value::Mapping(own)), Some(whole)) => whole.extend(own.clone()),
            // What is no map is refused as such.
            (Some(_), _) => continue,
            _ => {}
        }
        picture.insert("style".into(), whole);
    }
    block
}

/// Checks the names of pictures in their styles. A picture without a name is called like the sweep.
pub(super) fn validate_names(pictures: &[Picture], sweep: Option<&str>, found: &mut Findings) {
    let names: Vec<&str> = pictures.iter().filter_map(|picture| picture.name.as_deref().or(sweep)).collect();
    for (i, picture) in pictures.iter().enumerate() {
        picture.style.validate_names(&path::child(&path::item("pictures", i), "style"), &names, found);
    }
}

/// The block `pictures`; none where something is wrong with it.
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

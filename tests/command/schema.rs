//! `gramflow schema`, and the page of the documentation that is made of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::succeed;

#[test]
fn the_schema_is_json_and_holds_the_whole_format() {
    let at = tempfile::tempdir().unwrap();
    let schema: Value = serde_json::from_str(&succeed(at.path(), &["schema"])).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    for key in ["name", "data", "network", "init", "flow", "optimizers", "sweep", "pictures"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["name", "data", "network", "flow"]));
}

/// GRAMFLOW_WRITE_DOCS=1 writes it.
#[test]
fn the_page_of_the_documentation_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.md");
    let page = succeed(Path::new("."), &["schema", "--markdown"]);
    if std::env::var_os("GRAMFLOW_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let current = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        current == page,
        "docs/scenario.md is not current: GRAMFLOW_WRITE_DOCS=1 cargo test the_page_of_the_documentation writes it"
    );
    for key in ["`init.gaussian.std` | number | required", "`flow.rtol` | number | `1.0e-8`", "`optimizers[].sgd.batch`"] {
        assert!(page.contains(key), "{key}");
    }
}

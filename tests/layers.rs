//! A module imports only from lower layers (the table in `src/lib.rs`), and certain functions of our dependencies are never called.

use std::fs;
use std::path::{Path, PathBuf};

const LAYERS: &[(u32, &[&str])] = &[
    (0, &["machine", "publish", "settings"]),
    (1, &["linalg", "rng", "npz"]),
    (2, &["ode", "network"]),
    (3, &["data", "theory"]),
    (4, &["objective"]),
    (5, &["flow", "optim", "observe"]),
    (6, &["plan"]),
    (7, &["scenario"]),
    (8, &["record"]),
    (9, &["claim", "figure"]),
    (10, &["session"]),
    (11, &["run"]),
    (12, &["sweep"]),
    (13, &["study", "paper", "report"]),
    (14, &["cli"]),
];

fn layer(module: &str) -> Option<u32> {
    LAYERS.iter().find(|(_, modules)| modules.contains(&module)).map(|(layer, _)| *layer)
}

/// Every source file with the text that is compiled outside tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let shipped =
        |path: &PathBuf| !path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
    files
        .into_iter()
        .filter(shipped)
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_string();
            (path.strip_prefix(&root).unwrap().to_path_buf(), code)
        })
        .collect()
}

/// The module of `ode/rk4.rs` is `ode`, that of `run.rs` is `run`; `lib.rs`, `main.rs` and `build.rs` belong to none.
fn module(path: &Path) -> Option<String> {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.trim_end_matches(".rs");
    (!["lib", "main", "build"].contains(&name)).then(|| name.to_string())
}

fn imports(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for after in line.split("crate::").skip(1) {
            // `use crate::{npz, record}` and `use crate::npz` alike.
            let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap());
            let names = if after.starts_with('{') { list.split(',').collect() } else { vec![list] };
            modules.extend(
                names
                    .iter()
                    .map(|name| name.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_string()),
            );
        }
    }
    modules
}

#[test]
fn a_module_imports_only_from_lower_layers() {
    let mut seen = 0;
    for (path, code) in sources() {
        let Some(own) = module(&path) else { continue };
        let own_layer = layer(&own).unwrap_or_else(|| panic!("{own} has no layer"));
        for import in imports(&code).into_iter().filter(|import| *import != own) {
            let layer = layer(&import).unwrap_or_else(|| panic!("{} imports {import}, which has no layer", path.display()));
            assert!(layer < own_layer, "{} (layer {own_layer}) imports {import} (layer {layer})", path.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} imports were found: does this test still read them?");
}

#[test]
fn the_import_reader_reads_every_form() {
    let code =
        "use crate::npz::{self, Array};\nuse crate::{figure, record};\n// use crate::cli;\nlet x = crate::ode::Rk4::new();";
    assert_eq!(imports(code), ["npz", "figure", "record", "ode"]);
}

/// nalgebra's SVD is silently wrong on low-rank matrices: singular values are faer's, in `linalg/svd.rs` alone.
#[test]
fn no_singular_value_is_nalgebras() {
    for (path, code) in sources() {
        for forbidden in [".svd(", ".svd_unordered(", "SVD::", ".singular_values()", ".pseudo_inverse(", ".rank("] {
            let allowed = path.ends_with("linalg/svd.rs");
            assert!(allowed || !code.contains(forbidden), "{} calls {forbidden}: use linalg::Svd", path.display());
        }
    }
}

/// Settings are plain types: how they are written down is known to `scenario` alone. (Helpers of tests are no part of the library.)
#[test]
fn only_scenarios_know_yaml() {
    for (path, code) in sources() {
        let allowed = path.starts_with("scenario") || path.ends_with("testing.rs");
        assert!(allowed || !code.contains("serde_yaml"), "{} names serde_yaml", path.display());
    }
}

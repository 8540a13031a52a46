//! A module imports only from lower layers (the table in `src/lib.rs`), and certain functions of our dependencies are never called.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LAYERS: &[(u32, &[&str])] = &[
    (0, &["machine", "publish", "settings", "spool"]),
    (1, &["archive", "linalg", "rng", "npz"]),
    (2, &["ode", "network", "loss"]),
    (3, &["data", "theory"]),
    (4, &["objective"]),
    (5, &["flow", "optim", "observe"]),
    (6, &["record"]),
    (7, &["claim"]),
    (8, &["session"]),
    (9, &["scenario"]),
    (10, &["folder", "run"]),
    (11, &["figure"]),
    (12, &["sweep"]),
    (13, &["study", "paper", "report"]),
    (14, &["cli"]),
    (15, &["python"]),
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

/// One word, one meaning: no two types that can be named outside their module share a name. An integrator is what a scenario chooses
/// (`flow`) and what runs (`ode`).
#[test]
fn no_two_types_share_a_name() {
    const BOTH: [&str; 1] = ["Integrator"];
    let mut known: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (path, code) in sources().into_iter().filter(|(path, _)| !path.ends_with("testing.rs")) {
        for line in code.lines().map(str::trim_start) {
            let Some(item) = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")) else { continue };
            let kinds = ["struct ", "enum ", "trait ", "type "];
            let Some(rest) = kinds.iter().find_map(|kind| item.strip_prefix(kind)) else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            if let Some(other) = known.insert(name.clone(), path.clone()) {
                assert!(BOTH.contains(&name.as_str()), "{name} is in {} and {}", other.display(), path.display());
            }
        }
    }
    assert!(known.len() > 200, "only {} types were found: does this test still read them?", known.len());
}

/// The files that `use` lines of a file name, by their paths under `src`: `use super::lock::Wrapper` in `publish/draft.rs` is
/// `publish/lock.rs`. A file and the folder that it heads use each other freely.
fn uses(own: &str, code: &str, files: &BTreeSet<String>) -> BTreeSet<String> {
    let base: Vec<&str> = own.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    let mut found = BTreeSet::new();
    for line in code.split(';').filter_map(|statement| statement.rsplit_once("use ").map(|(_, path)| path)) {
        for path in expanded(line) {
            let mut at: Vec<&str> = if path.starts_with("crate::") { Vec::new() } else { base.clone() };
            let mut parts: Vec<&str> = path.split("::").map(str::trim).collect();
            if !["crate", "super", "self"].contains(&parts[0]) {
                continue;
            }
            while parts.first().is_some_and(|part| ["crate", "super", "self"].contains(part)) {
                if parts.remove(0) == "super" {
                    at.pop();
                }
            }
            at.extend(parts);
            // The longest part of the path that is a file.
            let file = (1..=at.len()).rev().find_map(|length| {
                let stem = at[..length].join("/");
                [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|file| files.contains(file))
            });
            found.extend(file.filter(|file| file != own && !heads(file, own) && !heads(own, file)));
        }
    }
    found
}

/// Whether `folder.rs` or `folder/mod.rs` heads the folder that `file` is in.
fn heads(head: &str, file: &str) -> bool {
    let folder = head.trim_end_matches(".rs").trim_end_matches("/mod");
    file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, list)) = path.split_once('{') else { return vec![path.trim().to_string()] };
    let list = list.trim_end().strip_suffix('}').unwrap_or(list);
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(c);
    }
    items
        .iter()
        .filter(|item| !item.trim().is_empty())
        .flat_map(|item| expanded(&format!("{}{}", before.trim(), item.trim())))
        .collect()
}

#[test]
fn no_two_files_import_each_other_round_about() {
    let sources: Vec<(String, String)> = sources().into_iter().map(|(path, code)| (path.display().to_string(), code)).collect();
    let files: BTreeSet<String> = sources.iter().map(|(path, _)| path.clone()).collect();
    let without_comments =
        |code: &str| code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut edges: BTreeMap<String, BTreeSet<String>> =
        sources.iter().map(|(path, code)| (path.clone(), uses(path, &without_comments(code), &files))).collect();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 500, "only {count} imports were found: does this test still read them?");
    // What imports nothing that is left is in no cycle.
    loop {
        let done: Vec<String> = edges.iter().filter(|(_, uses)| uses.is_empty()).map(|(file, _)| file.clone()).collect();
        if done.is_empty() {
            break;
        }
        edges.retain(|file, _| !done.contains(file));
        edges.values_mut().for_each(|uses| uses.retain(|file| !done.contains(file)));
    }
    assert!(edges.is_empty(), "these files import each other, or files that do: {edges:#?}");
}

//! The house: a room imports only rooms on lower floors (the table in `src/lib.rs`), and keeps out what the house keeps out.

use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(u32, &[&str])] = &[
    (0, &["machine", "publish"]),
    (1, &["scenario", "linalg", "rng", "npz"]),
    (2, &["ode", "network"]),
    (3, &["data", "theory"]),
    (4, &["objective"]),
    (5, &["flow", "optim", "observe"]),
    (6, &["record"]),
    (7, &["run", "claim", "figure"]),
    (8, &["sweep"]),
    (9, &["study", "paper", "report"]),
    (10, &["cli"]),
];

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(_, rooms)| rooms.contains(&room)).map(|(floor, _)| *floor)
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

/// The room of `ode/rk4.rs` is `ode`, that of `run.rs` is `run`; `lib.rs`, `main.rs` and `build.rs` are no rooms.
fn room(path: &Path) -> Option<String> {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.trim_end_matches(".rs");
    (!["lib", "main", "build"].contains(&name)).then(|| name.to_string())
}

fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for after in line.split("crate::").skip(1) {
            // `use crate::{npz, record}` and `use crate::npz` alike.
            let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap());
            let names = if after.starts_with('{') { list.split(',').collect() } else { vec![list] };
            rooms.extend(
                names
                    .iter()
                    .map(|name| name.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_string()),
            );
        }
    }
    rooms
}

#[test]
fn a_room_imports_only_rooms_on_lower_floors() {
    let mut seen = 0;
    for (path, code) in sources() {
        let Some(own) = room(&path) else { continue };
        let own_floor = floor(&own).unwrap_or_else(|| panic!("{own} has no floor"));
        for import in imports(&code).into_iter().filter(|import| *import != own) {
            let floor = floor(&import).unwrap_or_else(|| panic!("{} imports {import}, which has no floor", path.display()));
            assert!(floor < own_floor, "{} (floor {own_floor}) imports {import} (floor {floor})", path.display());
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

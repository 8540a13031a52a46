//! Hands the git revision of the sources to the crate as `GRAMFLOW_REVISION`, for `manifest.json`.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}

fn main() {
    // HEAD's log changes with every commit; the sources change what `-dirty` says.
    for watched in [".git/HEAD", ".git/logs/HEAD", "src", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    // Sources from a crates.io archive lie in no repository, or in somebody else's.
    let own_repository = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    let revision = own_repository
        .then(|| git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]))
        .flatten()
        .unwrap_or_else(|| "unknown".to_string());
    println!("cargo:rustc-env=GRAMFLOW_REVISION={revision}");
}

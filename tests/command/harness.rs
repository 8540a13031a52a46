//! What these tests share.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

/// `gramflow ARGUMENTS…` in the folder `at`.
pub fn gramflow(at: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gramflow")).current_dir(at).args(arguments).output().expect("the command starts")
}

/// The same, which must succeed; its standard output.
pub fn succeed(at: &Path, arguments: &[&str]) -> String {
    let output = gramflow(at, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gramflow {arguments:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A scenario that comes with gramflow.
pub fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.yaml"))
}

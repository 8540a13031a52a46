//! What a shell and `man` know of the command: completions and manual pages.

use std::fs;
use std::io::Write;
use std::process::Command;

use crate::harness::{gramflow, succeed};

const COMMANDS: &[&str] = &[
    "run",
    "check",
    "explain",
    "export",
    "verify",
    "plot",
    "figures",
    "report",
    "study",
    "sweep",
    "columns",
    "new",
    "schema",
    "completions",
    "man",
];

#[test]
fn every_shell_completes_every_command() {
    let at = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(at.path(), &["completions", shell]);
        let missing: Vec<_> = COMMANDS.iter().filter(|command| !script.contains(**command)).collect();
        assert!(missing.is_empty(), "{shell} does not complete {missing:?}");
        assert!(script.contains("max-memory"), "{shell} does not complete options");
        let values = script.contains("own-data") || ["elvish", "powershell"].contains(&shell);
        assert!(values, "{shell} does not complete the values of an option");
    }
    let output = gramflow(at.path(), &["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash"));
}

/// bash itself completes `gramflow stu` from the script.
#[test]
fn bash_completes_a_word() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("script"), succeed(at.path(), &["completions", "bash"])).unwrap();
    let ask = "source ./script; COMP_WORDS=(gramflow stu); COMP_CWORD=1; _gramflow gramflow stu gramflow; echo ${COMPREPLY[@]}";
    let Ok(output) = Command::new("bash").current_dir(at.path()).args(["-c", ask]).output() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no bash here");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "study", "{output:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let at = tempfile::tempdir().unwrap();
    let listed = succeed(at.path(), &["man", "--out", "pages/man1"]);
    let page = |name: &str| fs::read_to_string(at.path().join("pages/man1").join(name)).unwrap_or_else(|_| panic!("no {name}"));
    assert!(page("gramflow.1").contains("Exit status: 0 done"));
    for command in COMMANDS {
        assert!(page(&format!("gramflow-{command}.1")).contains(".SH SYNOPSIS"));
    }
    assert!(page("gramflow-study-lr.1").contains("learning rate"));
    assert_eq!(listed.lines().count(), fs::read_dir(at.path().join("pages/man1")).unwrap().count());
    // Again, over its own pages.
    assert_eq!(succeed(at.path(), &["man", "--out", "pages/man1"]), listed);
    fs::write(at.path().join("file"), "").unwrap();
    assert_eq!(gramflow(at.path(), &["man", "--out", "file/man1"]).status.code(), Some(2));
}

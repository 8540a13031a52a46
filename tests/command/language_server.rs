//! A real YAML language server, the one behind the editors, over new scenarios: it finds typos by our schema and completes keys.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{bundled, succeed};

const PATIENCE: Duration = Duration::from_secs(60);

/// yaml-language-server, spoken to over its standard streams.
struct Server {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
}

impl Server {
    /// Installs it into `at`; `None` where there is no npm, or npm reaches no registry.
    fn install(at: &Path) -> Option<Self> {
        let npm = ["install", "yaml-language-server@1", "--no-audit", "--no-fund", "--prefix", "."];
        let installed = Command::new("npm").args(npm).current_dir(at).output();
        if !installed.as_ref().is_ok_and(|output| output.status.success()) {
            // Past the capture of tests' output.
            let _ = writeln!(io::stderr(), "SKIPPED: npm cannot install yaml-language-server: {installed:?}");
            return None;
        }
        let mut process = Command::new("node")
            .args(["node_modules/yaml-language-server/bin/yaml-language-server", "--stdio"])
            .current_dir(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = next(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { process, input, messages };
        server.ask(1, "initialize", json!({"processId": null, "rootUri": null, "capabilities": {}}));
        server.send(&json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}));
        Some(server)
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// The first message that is what is waited for. Questions of the server are answered with nothing.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the server answers");
            if wanted(&message) {
                return message;
            }
            if message.get("method").is_some() && message.get("id").is_some() {
                let count = message["params"]["items"].as_array().map_or(0, Vec::len);
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": vec![json!({}); count]}));
            }
        }
    }

    fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.wait(|message| message["id"] == id && message.get("method").is_none())["result"].take()
    }

    /// Opens a file; what is wrong with it, by line from 1.
    fn open(&mut self, path: &Path) -> Vec<(u64, String)> {
        let uri = format!("file://{}", path.display());
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": fs::read_to_string(path).unwrap()});
        let params = json!({"textDocument": document});
        self.send(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params}));
        let of_file =
            |message: &Value| message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == *uri;
        let found = self.wait(of_file);
        let line = |problem: &Value| problem["range"]["start"]["line"].as_u64().unwrap() + 1;
        let problems = found["params"]["diagnostics"].as_array().unwrap().iter();
        problems.map(|problem| (line(problem), problem["message"].as_str().unwrap().to_string())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One message behind its header.
fn next(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut text = vec![0; length];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[test]
#[ignore = "installs yaml-language-server: needs npm and a network"]
fn a_language_server_finds_two_typos_and_completes_keys() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path().canonicalize().unwrap();
    let Some(mut server) = Server::install(&at) else { return };
    for template in ["full", "linear", "classifier", "own-data", "sweep", "learning-rates", "links"] {
        succeed(&at, &["new", &format!("a-{template}"), "--template", template]);
        assert_eq!(server.open(&at.join(format!("a-{template}.yaml"))), [], "{template}");
    }
    for name in ["quickstart", "counterexample", "paper/steps", "paper/spectra"] {
        let path = at.join(format!("{}.yaml", name.replace('/', "-")));
        let text = fs::read_to_string(bundled(name)).unwrap();
        fs::write(&path, format!("# yaml-language-server: $schema=gramflow.schema.json\n{text}")).unwrap();
        assert_eq!(server.open(&path), [], "{name}");
    }
    // A key, and a word.
    let text = fs::read_to_string(at.join("a-full.yaml")).unwrap();
    let typos = text.replace("  rtol: 1.0e-8", "  rtoll: 1.0e-8").replace("loss: mse ", "loss: mes ");
    let line = |part: &str| typos.lines().position(|line| line.contains(part)).unwrap() as u64 + 1;
    fs::write(at.join("typos.yaml"), &typos).unwrap();
    let mut found = server.open(&at.join("typos.yaml"));
    found.sort();
    let [(first, word), (second, key)] = found.as_slice() else { panic!("two problems: {found:?}") };
    assert_eq!((*first, *second), (line("loss: mes"), line("rtoll")));
    assert!(word.contains("cross_entropy") && key.contains("rtoll"), "{found:?}");
    // In an empty line of `flow`.
    let unfinished = text.replace("  rtol: 1.0e-8\n", "  \n");
    fs::write(at.join("unfinished.yaml"), &unfinished).unwrap();
    server.open(&at.join("unfinished.yaml"));
    let line = unfinished.lines().position(|line| line == "  ").unwrap();
    let params = json!({
        "textDocument": {"uri": format!("file://{}", at.join("unfinished.yaml").display())},
        "position": {"line": line, "character": 2},
    });
    let completions = server.ask(2, "textDocument/completion", params);
    let items = completions["items"].as_array().or(completions.as_array()).cloned().unwrap_or_default();
    assert!(items.iter().any(|item| item["label"] == "rtol"), "{items:?}");
}

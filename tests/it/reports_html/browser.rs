//! A browser without a window, told what to do over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Watchdog;

/// Debian's name for it.
const CHROMIUM: &str = "chromium";

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Value,
    last: u64,
    /// What it has told without being asked.
    pub events: Vec<Value>,
    _profile: TempDir,
    _watchdog: Watchdog,
}

/// Starts the browser. Where there is none, the test is skipped, and says so.
pub fn start() -> Option<Browser> {
    let missing = Command::new(CHROMIUM).arg("--version").output().is_err();
    if missing && std::env::var_os("WPOOL_REQUIRE_CHROMIUM").is_none() {
        println!("SKIPPED: there is no {CHROMIUM} to look at pages with");
        return None;
    }
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", CHROMIUM]);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]);
    command.args(["--disable-background-networking", "--no-first-run"]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
    let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let _watchdog = Watchdog::over(&child);
    let (session, from) = (Value::Null, BufReader::new(from));
    let mut browser = Browser { child, to, from, session, last: 0, events: Vec::new(), _profile: profile, _watchdog };
    let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}))["targetId"].take();
    browser.session =
        browser.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}))["sessionId"].take();
    for domain in ["Page", "Runtime", "Log", "Network"] {
        browser.ask(&format!("{domain}.enable"), json!({}));
    }
    Some(browser)
}

impl Browser {
    /// Sends a command, and gives its result.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser reads");
        loop {
            let mut answer = self.message();
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn message(&mut self) -> Value {
        let mut text = Vec::new();
        self.from.read_until(0, &mut text).expect("the browser writes");
        text.pop().expect("the browser has not ended");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    /// Opens a file, until it is loaded.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        self.ask("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.message();
            self.events.push(event);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let mut answer = self.ask("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].take()
    }

    /// Chooses a colour scheme: `light` or `dark`.
    pub fn scheme(&mut self, scheme: &str) {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", json!({"features": feature}));
    }

    /// Presses a key that types a character.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { key } else { "" };
            self.ask("Input.dispatchKeyEvent", json!({"type": kind, "key": key, "text": text}));
        }
    }

    /// What the browser complained about, and what it asked the network or the disk for beside the page.
    pub fn complaints(&self) -> Vec<&Value> {
        let of = |event: &&Value| {
            let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
            match event["method"].as_str().unwrap_or_default() {
                "Log.entryAdded" | "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => true,
                "Network.requestWillBeSent" => event["params"]["type"] != "Document" || !url.starts_with("file:"),
                _ => false,
            }
        };
        self.events.iter().filter(of).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Reports about runs, as CI systems read them.

mod again;
mod ci;
mod guard;
mod junit;
mod junit_ends;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Live, Ran, run, wpool};

/// A command that writes its row to both of its outputs, then all 256 bytes to its standard error, and fails.
const SHOUT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $_start (export "_start")
    (local $byte i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 0x8000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 12) (i32.load (i32.const 8)))
    (call $write (i32.const 2) (i32.const 1024) (i32.load (i32.const 12)))
    (call $write (i32.const 1) (i32.const 1024) (i32.load (i32.const 12)))
    (loop $next
      (i32.store8 (i32.add (i32.const 256) (local.get $byte)) (local.get $byte))
      (local.set $byte (i32.add (local.get $byte) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $byte) (i32.const 256))))
    (call $write (i32.const 2) (i32.const 256) (i32.const 256))
    (call $proc_exit (i32.const 3))))"#;

/// Prints what ElementTree finds in a report, as JSON.
const PARSER: &str = r#"
import json, sys
import xml.etree.ElementTree as tree
def element(e):
    return {"tag": e.tag, "text": e.text or "", "attributes": e.attrib, "children": [element(child) for child in e]}
print(json.dumps(element(tree.parse(sys.argv[1]).getroot())))
"#;

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).expect("a file"));
    folder
}

/// `wpool` in a folder, with arguments as a shell would split them. `{wat}` is the folder of guests.
fn command(folder: &TempDir, args: &str) -> Command {
    let mut command = wpool();
    let guests = crate::support::root().join("guest-tasks/wat").display().to_string();
    command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join(".state"));
    command.args(args.split_whitespace().map(|argument| argument.replace("{wat}", &guests)));
    command
}

fn wpool_in(folder: &TempDir, args: &str) -> Ran {
    run(&mut command(folder, args), "")
}

/// A JUnit report, which both parsers take.
#[derive(Debug)]
struct Report(Value);

impl Report {
    fn read(path: &Path) -> Report {
        check_with_libxml2(path);
        let parsed = Command::new("python3").arg("-c").arg(PARSER).arg(path).output().expect("there is a python3");
        assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
        Report(serde_json::from_slice(&parsed.stdout).expect("JSON"))
    }

    fn of(folder: &TempDir) -> Report {
        Report::read(&folder.path().join("r.xml"))
    }

    fn suites(&self) -> impl Iterator<Item = &Value> {
        self.0["children"].as_array().expect("a list").iter()
    }

    /// All cases.
    fn cases(&self) -> Vec<&Value> {
        let all = self.suites().flat_map(|suite| suite["children"].as_array().expect("a list"));
        all.filter(|element| element["tag"] == "testcase").collect()
    }

    /// The names of all cases.
    fn names(&self) -> Vec<&str> {
        self.cases().into_iter().map(|case| attribute(case, "name")).collect()
    }

    /// Elements of one kind in cases: the name of the case, and the element.
    fn found(&self, tag: &str) -> Vec<(&str, &Value)> {
        let cases = self.cases().into_iter();
        let children = cases.flat_map(|case| {
            let children = case["children"].as_array().expect("a list").iter();
            children.map(move |child| (attribute(case, "name"), child))
        });
        children.filter(|(_, child)| child["tag"] == tag).collect()
    }

    fn property(&self, name: &str) -> Option<&str> {
        let suite = self.suites().next()?["children"].as_array()?.first()?["children"].as_array()?;
        Some(attribute(suite.iter().find(|property| attribute(property, "name") == name)?, "value"))
    }
}

fn attribute<'a>(element: &'a Value, name: &str) -> &'a str {
    element["attributes"][name].as_str().unwrap_or_default()
}

fn check_with_libxml2(path: &Path) {
    match Command::new("xmllint").args(["--noout", "--huge"]).arg(path).output() {
        Ok(parsed) => assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr)),
        Err(_) => println!("NOT CHECKED: {} with libxml2, because there is no xmllint here", path.display()),
    }
}

fn path(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

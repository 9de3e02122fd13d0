//! Scripts: what wpool does for them, whatever their language. A fake tool takes the place of componentize-py and makes a
//! runtime in WebAssembly text, which gives the bundle as an output. `languages/scripts.rs` has the real Python.

mod convention;
mod files;
mod identity;
mod made;
mod once;
mod runtimes;
mod typed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, run, wat, wpool};

const USAGE: i32 = 2;
const SET_UP: i32 = 96;
const REFUSED: i32 = 101;
const NOT_OK: i32 = 100;

/// A folder with scripts, and caches of its own.
struct Desk {
    folder: TempDir,
}

impl Desk {
    /// A desk with the fake tool.
    fn new() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().expect("a folder") };
        for dir in ["bin", "cache", "jobs"] {
            fs::create_dir(desk.path(dir)).expect("a folder");
        }
        let wasm = wat::parse_file(wat("script")).expect("a component");
        fs::write(desk.path("made.wasm"), wasm).expect("a file");
        desk.tool("1.0");
        desk
    }

    /// Puts a version of the tool where it is found. It counts its calls.
    fn tool(&self, version: &str) {
        let (made, calls) = (self.path("made.wasm"), self.path("calls"));
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo componentize-py {version}; exit; }}\n\
             echo call >>{}\nfor last; do :; done\n/bin/cp {} \"$last\"\n",
            calls.display(),
            made.display()
        );
        self.write("bin/componentize-py", &script);
        fs::set_permissions(self.path("bin/componentize-py"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// How often the tool was called to make a runtime.
    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls")).unwrap_or_default().lines().count()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// The executable, with nothing but the fake tool in its reach.
    fn command(&self) -> Command {
        let mut command = wpool();
        command.env("PATH", self.path("bin")).env("XDG_CACHE_HOME", self.path("cache")).env_remove("VIRTUAL_ENV");
        command.current_dir(self.folder.path());
        command
    }

    fn wpool(&self, args: &str, rows: &str) -> Ran {
        run(self.command().args(args.split_whitespace()), rows)
    }

    /// The header of the bundle that a script is given, and the contents of its files.
    fn bundle(&self, args: &str) -> (Value, String) {
        // Base64, since a bundle has bytes of any kind.
        let ran = self.wpool(&format!("run {args} --lines --output-type base64 -q"), "b\n");
        assert_eq!(ran.code, 0, "{}{}", ran.stderr, ran.stdout);
        let output = &ran.each("output")[0]["base64"];
        let bytes = base64::engine::general_purpose::STANDARD.decode(output.as_str().expect("a text")).expect("base64");
        let length = u32::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
        let header = serde_json::from_slice(&bytes[4..4 + length]).expect("a header");
        (header, String::from_utf8_lossy(&bytes[4 + length..]).into_owned())
    }

    /// The names of the files in the bundle of a script.
    fn names(&self, args: &str) -> Vec<String> {
        let (header, _) = self.bundle(args);
        let files = header["files"].as_array().expect("a list");
        files.iter().map(|file| file["name"].as_str().expect("a name").to_owned()).collect()
    }
}

const SCRIPT: &str = "def run(row):\n    return row\n";

fn is_private(path: &Path) -> bool {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o077 == 0
}

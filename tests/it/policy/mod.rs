//! Policies: what the owner of a platform allows, whatever is asked for.

mod attempts;
mod commands;
mod effects;
mod files;
mod library;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::*;

/// A folder with programs, directories and a policy about them.
struct Place {
    folder: TempDir,
}

/// What the policy of [`Place::strict`] says; DIR is the folder.
const STRICT: &str = r#"
[max]
timeout = "5s"
cpu-time = "5s"
deadline = "10min"
memory = "64MiB"
max-output = "1MiB"
fuel = 1e9
workers = 2
retries = 1
crash-limit = 3
scratch = "1MiB"
init-timeout = "90s"
compile-timeout = "150s"
compile-memory = "5GiB"

[allow]
dirs = ["DIR/open:ro", "DIR/out:rw"]
env = ["LANG", "CI_*"]
programs = ["tasks/*"]
state = false

[require]
sandbox = "auto"
isolation = ["fresh", "reset"]
"#;

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        for inner in ["open", "open/inner", "open-too", "out", "secret", "secret/row", "tasks", "bad"] {
            fs::create_dir(place.at(inner)).expect("a folder");
        }
        for guest in ["cat", "counter", "read-file", "spin", "echo"] {
            fs::copy(wat(guest), place.at(&format!("tasks/{guest}.wat"))).expect("a program");
        }
        fs::copy(wat("echo"), place.at("bad/echo2.wat")).expect("a program");
        fs::write(place.at("bad/app.js"), "export function run(row) { return row }\n").expect("a script");
        fs::write(place.at("open/data.txt"), "open").expect("a file");
        fs::write(place.at("secret/data.txt"), "secret").expect("a file");
        symlink(place.at("secret"), place.at("open/link")).expect("a link");
        symlink(place.at("bad/echo2.wat"), place.at("tasks/link.wat")).expect("a link");
        symlink("/", place.at("root")).expect("a link");
        place
    }

    /// The real path of a name in the folder.
    fn at(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the folder").join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.at(name).to_str().expect("UTF-8").to_owned()
    }

    /// A policy in a file that only its owner may write to. DIR in it is the folder.
    fn policy(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, text.replace("DIR", &self.shown(""))).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("its mode");
        path
    }

    fn strict(&self) -> PathBuf {
        self.policy("strict.toml", STRICT)
    }

    /// A command in the folder. DIR in its arguments is the folder.
    fn command(&self, args: &str) -> Command {
        let mut command = wpool();
        command.args(args.replace("DIR", &self.shown("")).split_whitespace()).current_dir(self.folder.path());
        command.env_remove("WPOOL_POLICY").env_remove("WPOOL_WORKERS");
        command
    }

    fn run(&self, args: &str) -> Ran {
        run(&mut self.command(args), "1\n2\n")
    }
}

/// Nothing ran and nothing was written: the policy has refused it, with a place in it.
fn assert_refused(ran: &Ran, what: &str, policy: &Path) {
    assert_eq!(ran.code, 96, "{what}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{what}");
    assert!(ran.stderr.contains("policy"), "{what}: {}", ran.stderr);
    let place = format!("{}:", policy.display());
    assert!(ran.stderr.contains(&place), "{what}: {}", ran.stderr);
}

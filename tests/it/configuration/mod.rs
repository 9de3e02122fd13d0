//! Options from `wpool.toml`, from the user's own file and from variables.

mod found;
mod kept;
mod keys;
mod mistakes;
mod strength;
mod tasks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, run, wat, wpool};

const OK: i32 = 0;
const USAGE: i32 = 2;
const SET_UP: i32 = 96;

/// A home directory with a project in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(place.path("project/inner")).expect("a folder");
        place.write("project/rows", "1\n2\n");
        for guest in ["echo", "spin", "args", "cat"] {
            let name = format!("project/{guest}.wat");
            fs::copy(wat(guest), place.path(&name)).expect("a program");
        }
        place
    }

    /// With a `wpool.toml` in the project.
    fn with(text: &str) -> Place {
        let place = Place::new();
        place.write("project/wpool.toml", text);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a text")
    }

    /// The user's own file.
    fn write_users(&self, text: &str) {
        self.write("config/wpool/config.toml", text);
    }

    /// The path of the project without links, in quotes.
    fn quoted_project(&self) -> String {
        format!("{:?}", self.path("project").canonicalize().expect("it exists"))
    }

    /// `wpool` in a folder of the home directory, with arguments as a shell would split them.
    fn command(&self, folder: &str, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.path(folder)).args(args.split_whitespace());
        command.env("HOME", self.0.path()).env("XDG_CONFIG_HOME", self.path("config"));
        command.env("XDG_STATE_HOME", self.path("state"));
        command
    }

    /// `wpool` in the project.
    fn wpool(&self, args: &str) -> Ran {
        run(&mut self.command("project", args), "")
    }

    /// What `wpool config show --json` prints in the project.
    fn show(&self, args: &str) -> Value {
        shown(&mut self.command("project", &format!("config show --json {args}")))
    }
}

fn shown(command: &mut Command) -> Value {
    let ran = run(command, "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// An option as `config show --json` has it, be it used or left out.
fn option<'a>(shown: &'a Value, name: &str) -> Option<&'a Value> {
    let options = ["left_out", "options"].into_iter().filter_map(|part| shown[part].as_array());
    options.flatten().find(|option| option["name"] == name)
}

/// The value of an option, and its origin in a word or two.
fn value(shown: &Value, name: &str) -> (Value, String) {
    let option = option(shown, name).unwrap_or_else(|| panic!("no {name} in {shown}"));
    let origin = match option["origin"].as_str() {
        Some("file") => option["table"].as_str(),
        Some("variable") => option["variable"].as_str(),
        origin => origin,
    };
    (option["value"].clone(), origin.expect("an origin").to_owned())
}

/// A command that was refused before it gave a record.
fn assert_refused(ran: &Ran, code: i32, needles: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
    for needle in needles {
        assert!(ran.stderr.contains(needle), "no {needle:?} in {}", ran.stderr);
    }
}

fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}

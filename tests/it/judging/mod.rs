//! Outputs that are compared with what was expected, and many programs over the same tests.

mod expected;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, root, run, wpool};

/// Sums that all submissions find, and some that only the right one finds.
const TESTS: &str = r#"{"input":"1 2","expected":"3"}
{"input":"40000 30000","expected":"70000"}
{"input":"20000000000 1","expected":"20000000001"}
"#;

/// A folder with tests, and the programs that were handed in.
pub struct Contest(TempDir);

impl Contest {
    pub fn new() -> Contest {
        let contest = Contest(tempfile::tempdir().expect("a folder"));
        contest.write("tests.jsonl", TESTS);
        fs::create_dir(contest.path("in")).expect("a folder");
        for entry in fs::read_dir(root().join("guest-tasks/submissions")).expect("the submissions") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), contest.path("in").join(entry.file_name())).expect("a copy");
        }
        contest
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("it is written");
    }

    /// The verdicts that were written.
    pub fn verdicts(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("verdicts.json")).expect("they are there")).expect("JSON")
    }

    /// `wpool` in the folder, with arguments as a shell would split them, and with templates.
    pub fn command(&self, args: &str, templates: &[&str]) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).args(args.split_whitespace()).args(templates);
        command
    }

    pub fn wpool(&self, args: &str, templates: &[&str]) -> Ran {
        run(&mut self.command(args, templates), "")
    }
}

/// The input and the expected output are members of the row.
const MEMBERS: [&str; 2] = ["--stdin={.input}", "--expect={.expected}"];

/// Members of records, in the order of the lines.
fn parts(ran: &Ran, names: &[&str]) -> Vec<Value> {
    let part = |record: &Value, name: &str| match name {
        "code" => record["error"]["code"].clone(),
        name => record[name].clone(),
    };
    ran.records().iter().map(|record| json!(names.iter().map(|name| part(record, name)).collect::<Vec<_>>())).collect()
}

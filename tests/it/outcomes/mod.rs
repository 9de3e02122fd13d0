//! Outcomes of tasks: every behaviour of a guest, and its record.

mod commands;
mod lines;
mod memory;
mod printed;
mod records;
mod statuses;
mod whole;

use std::path::PathBuf;

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{Ran, guest, run, wat, wpool_run};

/// A guest, the arguments and rows of a run, and the records it has to give, without their ids.
struct Case {
    task: PathBuf,
    args: &'static str,
    rows: &'static str,
    expected: Value,
}

fn case(task: PathBuf, args: &'static str, rows: &'static str, expected: Value) -> Case {
    Case { task, args, rows, expected }
}

impl Case {
    /// What is wrong with the run, if anything.
    fn mismatch(&self) -> Option<String> {
        let Case { task, args, rows, expected } = self;
        let ran = run(&mut wpool_run(task, args), rows);
        let found = without_ids(&ran);
        let all_ok = found.iter().all(|record| record["status"] == "ok");
        let code = if all_ok { 0 } else { 100 };
        if json!(found) == *expected && ran.code == code {
            return None;
        }
        let name = task.file_name().unwrap_or_default().display();
        Some(format!("{name} {args}\n  expected {expected}\n     found {}\n{}", ran.stdout, ran.stderr))
    }
}

/// The records of a run, whose ids are the positions of their rows.
fn without_ids(ran: &Ran) -> Vec<Value> {
    let mut records = ran.records();
    for (position, record) in records.iter_mut().enumerate() {
        let id = record.as_object_mut().and_then(|record| record.remove("id"));
        assert_eq!(id, Some(json!(position)), "{}", ran.stdout);
    }
    records
}

fn check(cases: &[Case]) {
    let wrong: Vec<_> = cases.iter().filter_map(Case::mismatch).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn ok(output: Value) -> Value {
    json!({ "status": "ok", "output": output })
}

fn not_ok(status: &str, code: &str, message: &str) -> Value {
    json!({ "status": status, "error": { "code": code, "message": message } })
}

fn trap(backtrace: &[&str]) -> Value {
    let message = "wasm `unreachable` instruction executed";
    json!({ "status": "trap", "error": { "code": "unreachable", "message": message, "backtrace": backtrace } })
}

fn timeout(deadline: &str) -> Value {
    not_ok("timeout", "timeout", &format!("ran longer than {deadline}"))
}

fn exit(code: i32, stderr: &str) -> Value {
    let message = format!("exited with code {code}");
    json!({ "status": "failed", "error": { "code": "exit", "message": message, "exit_code": code, "stderr": stderr } })
}

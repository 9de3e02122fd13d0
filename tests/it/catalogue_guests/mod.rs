//! Hostile guests: their acts, and the resulting records, while the rows around them run.

mod handles_and_paths;
mod limits;

use serde_json::{Value, json};

use crate::cli::{folder, read, write};
use crate::support::{Ran, run, wat, wpool_run};
use crate::wasi::Script;

/// Rows of which the second makes these guests misbehave.
const ROWS: &str = "one\n!\ntwo\n";

/// A raw task that answers its row, after `act` if it begins with "!".
fn raw(fields: &str, act: &str) -> String {
    format!(
        r#"(module
          (type $v (func))
          (memory (export "memory") 1)
          (table $t 4 funcref)
          (func $other (param i64))
          (elem $e (i32.const 1) func $other)
          {fields}
          (func (export "alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "run") (param $ptr i32) (param $len i32) (result i64)
            (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then {act}))
            (i64.or
              (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
              (i64.extend_i32_u (local.get $len)))))"#
    )
}

/// A task component, all of whose rows are hostile.
fn component(fields: &str, realloc: &str, post: &str, run: &str) -> String {
    format!(
        r#"(component
          (core module $code
            (memory (export "memory") 1)
            {fields}
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "post") (param i32) {post})
            (func (export "run") (param i32 i32) (result i32) {run}))
          (core instance $i (instantiate $code))
          (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
            (canon lift
              (core func $i "run")
              (memory (core memory $i "memory"))
              (realloc (core func $i "realloc"))
              (post-return (core func $i "post")))))"#
    )
}

fn run_text(text: &str, args: &str, rows: &str) -> Ran {
    let folder = folder();
    run(&mut wpool_run(&write(&folder, "task.wat", text), args), rows)
}

/// Runs hostile rows between others in one worker, which has to live on. Gives the record of the hostile one.
fn survived(text: &str, args: &str) -> Value {
    let ran = run_text(text, &format!("-j 1 -v --lines {args}"), ROWS);
    let mut records = ran.records();
    assert_eq!((&records[0]["output"], &records[2]["output"]), (&json!("one"), &json!("two")), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches(" started").count(), 1, "{}", ran.stderr);
    records.swap_remove(1)
}

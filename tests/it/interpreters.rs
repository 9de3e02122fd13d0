//! Interpreters as programs: a user's scripts over rows, by published builds of CPython and QuickJS.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, folder, write};
use crate::programs::program;
use crate::support::{Ran, run, wpool_run};

/// Both scripts answer a row with what they make of it, and say no to a number that is too big.
const PYTHON: &str = r#"
import json
import os
import sys

row = json.load(sys.stdin)
if row["n"] > 1000:
    sys.exit("too big")
print(json.dumps({"square": row["n"] ** 2, "argument": sys.argv[1], "name": os.environ["NAME"]}))
"#;

const JAVASCRIPT: &str = r#"
const row = JSON.parse(std.in.readAsString());
if (row.n > 1000) {
    std.err.puts("too big\n");
    std.exit(1);
}
print(JSON.stringify({ square: row.n ** 2, argument: scriptArgs[1], name: std.getenv("NAME") }));
"#;

const ROWS: usize = 110;

fn script(interpreter: &Path, folder: &tempfile::TempDir, args: &str, rows: &str) -> Ran {
    let mut command = wpool_run(interpreter, args);
    run(command.current_dir(folder.path()), rows)
}

/// Checks a script over rows, `args` being what its interpreter needs to run it with one argument.
fn check(interpreter: &Path, file: &str, text: &str, args: &str) {
    let folder = folder();
    write(&folder, file, text);
    let rows: String = (0..ROWS)
        .map(|n| if n == 99 { json!({ "n": 5000 }) } else { json!({ "n": n }) })
        .map(|row| row.to_string() + "\n")
        .collect();
    let ran = script(interpreter, &folder, &format!("--dir . --env NAME=Ada -- {args}"), &rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let records = ran.records();
    assert_eq!(records.len(), ROWS);
    for (n, record) in records.iter().enumerate().filter(|(n, _)| *n != 99) {
        let expected = json!({ "square": n * n, "argument": n.to_string(), "name": "Ada" });
        assert_eq!(record, &json!({ "id": n, "status": "ok", "output": expected }));
    }
    assert_eq!((&records[99]["status"], &records[99]["error"]["exit_code"]), (&json!("failed"), &json!(1)));
    assert_eq!(records[99]["error"]["stderr"], "too big\n");

    // Without a grant the interpreter does not even see its script.
    let ran = script(interpreter, &folder, &format!("-- {args}"), "{\"n\":3}\n");
    assert_eq!(ran.each("status"), ["failed"], "{}", ran.stdout);
    let stderr = ran.records()[0]["error"]["stderr"].as_str().map(str::to_owned);
    assert!(stderr.is_some_and(|stderr| stderr.contains(file)), "{}", ran.stdout);
}

/// CPython, for one test at a time: the first compiles it, which takes long, and the others find it in the cache.
fn cpython() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some((program("python.wasm")?, turn))
}

#[test]
fn cpython_runs_a_script_over_rows() {
    let Some((python, _turn)) = cpython() else { return };
    check(&python, "script.py", PYTHON, "script.py {.n}");
}

#[test]
fn quickjs_runs_a_script_over_rows() {
    let Some(quickjs) = program("quickjs.wasm") else { return };
    check(&quickjs, "script.js", JAVASCRIPT, "--std script.js {.n}");
}

#[test]
fn an_endless_loop_in_a_script_is_stopped_and_the_next_row_runs() {
    let Some(quickjs) = program("quickjs.wasm") else { return };
    let folder = folder();
    write(&folder, "script.js", "const row = std.in.readAsString();\nwhile (row === 'loop');\nprint(7);\n");
    let ran = script(&quickjs, &folder, "--lines -j 1 --timeout 3s --dir . -- --std script.js", "loop\ngo\n");
    assert_eq!(ran.each("status"), ["timeout", "ok"], "{}", ran.stdout);
}

#[test]
fn an_exception_in_a_script_is_a_failed_row_with_its_traceback() {
    let Some((python, _turn)) = cpython() else { return };
    let folder = folder();
    write(&folder, "script.py", "import sys\nprint(int(sys.stdin.read()))\n");
    let ran = script(&python, &folder, "--lines --dir . -- script.py", "7\nseven\n");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(ran.each("output"), [json!(7), Value::Null]);
    let stderr = ran.records()[1]["error"]["stderr"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(stderr.contains("line 2") && stderr.contains("ValueError"), "{stderr}");
}

#[test]
fn scripts_find_the_modules_beside_them_and_leave_nothing_behind() {
    let Some((python, _turn)) = cpython() else { return };
    let folder = folder();
    write(&folder, "helper.py", "seen = []\n\ndef see(row):\n    seen.append(row)\n    return seen\n");
    write(&folder, "script.py", "import sys\nfrom helper import see\nprint(see(int(sys.stdin.read())))\n");
    let ran = script(&python, &folder, "-j 1 --dir . -- script.py", "1\n2\n");
    assert_eq!(ran.code, OK, "{}", ran.stdout);
    assert_eq!(ran.each("output"), [json!([1]), json!([2])]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 2, "a script wrote into its folder");
}

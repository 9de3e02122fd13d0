//! What people write who do not know yet what a task has: each error says what to try.

use super::scripts::Desk;
use super::*;

/// The message of the only task of a script in Python, or that of its refusal.
fn said(files: &[(&str, &str)], rows: &str) -> String {
    let ran = Desk::new(files).run("app.py --timeout 60s", rows);
    assert!(!ran.stdout.contains("backtrace") && !ran.stdout.contains("wasm `"), "{}", ran.stdout);
    if ran.stdout.is_empty() {
        return ran.stderr;
    }
    ran.records()[0]["error"]["message"].as_str().unwrap_or_default().to_owned()
}

fn of_body(body: &str) -> String {
    said(&[("app.py", &format!("def run(row):\n    {body}\n"))], "1\n")
}

#[test]
fn what_a_task_has_not_is_named_with_its_reason_in_python() {
    if !is_ready("python") {
        return;
    }
    for (body, part) in [
        ("import threading; threading.Thread(target=print).start()", "start new thread (tasks have no threads"),
        ("import subprocess; subprocess.run(['ls'])", "(tasks have no other processes)"),
        ("import os; os.system('ls')", "no attribute 'system' (tasks have no other processes)"),
        ("from urllib.request import urlopen; urlopen('http://example.com')", "(tasks have no network)"),
        ("open('data.txt')", "'data.txt' (a task sees no files but those of --dir)"),
        ("input()", "(a task has no standard input: its row is the argument of `run`)"),
        ("from zoneinfo import ZoneInfo; ZoneInfo('Europe/Berlin')", "(time zones come with the package tzdata"),
        ("import math; math.squrt(1)", "no attribute 'squrt'. Did you mean: 'sqrt'?"),
        ("import sys; sys.exit('cannot')", "exited: cannot"),
        ("import os; os._exit(3)", "exited with 3"),
        ("import os; os.abort()", "exited: os.abort was called"),
    ] {
        let message = of_body(body);
        assert!(message.contains(part), "{body}: {message}");
    }
}

#[test]
fn a_result_that_is_no_json_is_named_with_its_place_and_a_remedy_in_python() {
    if !is_ready("python") {
        return;
    }
    for (body, message) in [
        ("return {1, 2}", "run returned a value of type set; sorted(…) makes a list of it"),
        (
            "import datetime as d; return {'a': [0, d.date(2020, 1, 1)]}",
            "run returned a value of type date at ['a'][1]; .isoformat() makes a str of it",
        ),
        (
            "import decimal as d; return d.Decimal(1)",
            "run returned a value of type Decimal; str(…) keeps its digits, float(…) makes a number of it",
        ),
        (
            "import dataclasses as d; return [d.make_dataclass('P', [])()]",
            "run returned a value of type P at [0]; dataclasses.asdict(…) makes a dict of it",
        ),
        ("return (n for n in [1])", "run returned a value of type generator; list(…) makes a list of it"),
        ("return run", "run returned a value of type function; it was not called: are () missing?"),
        (
            "return [float('nan')]",
            "run returned a value that JSON cannot hold at [0]: Out of range float values are not JSON compliant: nan",
        ),
    ] {
        assert_eq!(of_body(body), message);
    }
}

#[test]
fn a_run_with_other_parameters_and_an_argument_that_is_no_json_refuse_a_python_script() {
    if !is_ready("python") {
        return;
    }
    let two = said(&[("app.py", "def run(row, other): pass\n")], "1\n");
    assert!(
        two.contains("`run` is called with the row alone, as in `def run(row)`: missing a required argument: 'other'"),
        "{two}"
    );
    let desk = Desk::new(&[("app.py", "def init(arg): pass\ndef run(row): pass\n"), ("table.csv", "a,b\n")]);
    let ran = desk.run("app.py --init-arg @table.csv", "1\n");
    assert!(ran.stderr.contains("`def init(arg: bytes)` takes the content as it is"), "{}", ran.stderr);
    let tabs = said(&[("app.py", "def run(row):\n    if row:\n\treturn 1\n    return 2\n")], "1\n");
    assert!(tabs.contains("  |         return 1\n  |     ^\n  | TabError"), "{tabs}");
}

#[test]
fn coroutines_run_in_python_without_sockets_or_threads() {
    if !is_ready("python") {
        return;
    }
    let awaits = "import asyncio\nasync def double(n):\n    await asyncio.sleep(0.001)\n    return 2 * n\n\
                  async def run(row):\n    async with asyncio.timeout(60):\n        \
                  return await asyncio.gather(*map(double, row))\n";
    let waits = "import asyncio\nasync def main():\n    await asyncio.get_running_loop().create_future()\n\
                 def run(row):\n    return asyncio.run(main())\n";
    let ran = Desk::new(&[("app.py", awaits)]).run("app.py", "[1, 2]\n[3]\n");
    assert_eq!(ran.each("output"), [json!([2, 4]), json!([6])], "{}{}", ran.stdout, ran.stderr);
    let message = said(&[("app.py", waits)], "1\n");
    assert_eq!(message, "RuntimeError: the event loop waits for something that cannot happen any more");
}

#[test]
fn a_key_is_derived_in_python_as_openssl_derives_it() {
    if !is_ready("python") {
        return;
    }
    // RFC 6070, and a key of several blocks.
    let script = "import hashlib\ndef run(row):\n    return hashlib.pbkdf2_hmac('sha1', *map(str.encode, row[:2]), *row[2:]).hex()\n";
    let rows = "[\"password\", \"salt\", 2]\n[\"passwordPASSWORDpassword\", \"saltSALTsaltSALTsaltSALTsaltSALTsalt\", 4096, 25]\n";
    let ran = Desk::new(&[("app.py", script)]).run("app.py", rows);
    let keys = ["ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957", "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"];
    assert_eq!(ran.each("output"), keys.map(|key| json!(key)), "{}", ran.stderr);
}

#[test]
fn sources_in_python_of_any_encoding_and_form_are_scripts_with_their_lines() {
    if !is_ready("python") {
        return;
    }
    for (source, line) in [
        (&b"\xef\xbb\xbfdef run(row):\n    return 1 / row\n"[..], "return 1 / row"),
        (
            &b"# -*- coding: latin-1 -*-\ndef run(row):\n    return '\xe9' * (1 // row)\n"[..],
            "return '\u{e9}' * (1 // row)",
        ),
        (&b"def run[T](row: T) -> float:\n    return 1 / row\n"[..], "return 1 / row"),
        (&b"from inner import other, run\n"[..], "return 1 / row"),
    ] {
        let desk = Desk::new(&[("inner.py", "other = 1\ndef run(row):\n    return 1 / row\n")]);
        desk.write("app.py", source);
        let ran = desk.run("app.py", "0\n");
        let record = &ran.records()[0]["error"];
        assert!(record["traceback"].as_str().unwrap_or_default().contains(line), "{record} {}", ran.stderr);
    }
}

#[test]
fn recursions_without_a_limit_and_deep_results_end_without_a_trap_in_python() {
    if !is_ready("python") {
        return;
    }
    let script = "import sys\nsys.setrecursionlimit(60_000)\ndef down(n):\n    return down(n + 1) + 1\n\
                  def run(row):\n    return down(0)\n";
    let message = said(&[("app.py", script)], "1\n");
    assert!(message.starts_with("RecursionError: maximum recursion depth exceeded"), "{message}");
    let nested = of_body("deep = []\n    for _ in range(100_000): deep = [deep]\n    return deep");
    assert_eq!(nested, "run returned a value that is nested too deep for JSON");
}

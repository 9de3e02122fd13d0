//! Typed functions: rows that become arguments, and the commands about their types.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, guest, run, wat, wpool, wpool_run};

fn call(function: &str, args: &str, rows: impl AsRef<[u8]>) -> Ran {
    run(&mut wpool_run(&guest("typed"), &format!("--call {function} {args}")), rows)
}

/// The message of the only record.
fn message(ran: &Ran) -> String {
    let record = &ran.records()[0];
    record["error"]["message"].as_str().unwrap_or_else(|| panic!("{record}")).to_owned()
}

#[test]
fn every_type_goes_in_and_comes_back() {
    let full = json!({
        "bool": true, "s8": -128, "u8": 255, "s16": -32768, "u16": 65535, "s32": i32::MIN, "u32": u32::MAX,
        "s64": i64::MIN, "u64": u64::MAX, "f32": 0.1, "f64": -1.5e300, "char": "\u{1F980}",
        "string": "naïve \"quotes\" \u{0}", "bytes": "AP9/", "list": ["a", null, ""], "tuple": [7, "seven"],
        "color": "green", "rights": ["read", "run-as-root"], "tree": {"pair": ["x", [1, 2]]},
        "maybe": {"some": null}, "outcome": {"err": "no"}, "nothing": {"ok": null},
    });
    let other = json!({
        "bool": false, "s8": 0, "u8": 0, "s16": 0, "u16": 0, "s32": 0, "u32": 0, "s64": 0, "u64": 0,
        "f32": "NaN", "f64": "-Infinity", "char": "\"", "string": "", "bytes": "", "list": [],
        "tuple": [0, ""], "color": "red", "rights": [], "tree": "leaf", "maybe": null, "outcome": {"ok": 3},
        "nothing": {"err": null},
    });
    let mut some = other.clone();
    some["maybe"] = json!({"some": 4});
    some["tree"] = json!({"number": -5});
    some["f32"] = json!("Infinity");
    let rows = [full, other, some];
    let ran = call("echo.all", "", rows.iter().map(|row| format!("{row}\n")).collect::<String>());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.each("output"), rows);
}

#[test]
fn a_row_is_an_object_an_array_or_a_bare_value() {
    let ran = call(
        "between",
        "--values",
        r#"{"b":{"x":2,"y":4},"a":{"y":0,"x":0}}
[{"x":2,"y":4},{"x":0,"y":0},0.25]
{"a":{"x":1,"y":1},"b":{"x":2,"y":2},"t":null}
"#,
    );
    assert_eq!(ran.stdout, "{\"x\":1.0,\"y\":2.0}\n{\"x\":1.5,\"y\":3.0}\n{\"x\":1.5,\"y\":1.5}\n", "{}", ran.stderr);
    let ran = call("area", "--values", "{\"circle\":0}\n{\"shape\":{\"circle\":0}}\n[{\"circle\":0}]\n\"empty\"\n");
    assert_eq!(ran.stdout, "0.0\n".repeat(4), "{}", ran.stderr);
}

#[test]
fn a_functions_own_err_is_a_failed_task() {
    let ran = call("area", "", r#"{"circle":-1}"#);
    assert_eq!(
        ran.stdout,
        r#"{"id":0,"status":"failed","error":{"code":"err","message":"a radius of -1"}}"#.to_owned() + "\n"
    );
    let ran = call("swap", "", "{\"ok\":7}\n{\"err\":\"blue\"}\n");
    assert_eq!((ran.each("status"), ran.code), (vec![json!("failed"), json!("ok")], 100));
    assert_eq!((message(&ran), &ran.each("output")[1]), ("7".to_owned(), &json!("blue")));
}

#[test]
fn a_row_that_does_not_fit_is_an_invalid_input_and_the_others_run() {
    let rows = r#"{"polygon":[{"x":0,"y":0},{"x":1,"y":"one"}]}
"empty"
{"square":1}
nonsense
"#;
    let ran = call("area", "", rows);
    assert_eq!(ran.each("status"), ["invalid-input", "ok", "invalid-input", "invalid-input"]);
    let error = |row: usize| ran.records()[row]["error"].clone();
    let expected = "<stdin>:1: at /polygon/1/y: expected f64, found \"one\"";
    assert_eq!(error(0), json!({"code": "type", "message": expected}));
    assert!(error(2)["message"].as_str().is_some_and(|text| text.contains("unknown member \"square\"")));
    assert_eq!(error(3)["code"], "json");
}

#[test]
fn the_only_function_of_a_component_needs_no_name() {
    let ran = run(&mut wpool_run(&wat("component-add"), ""), "[1,2]\n{\"a\":-1,\"b\":1}\n[6,7]\n3\n");
    assert_eq!(ran.each("status"), ["ok", "ok", "trap", "invalid-input"]);
    assert_eq!(ran.each("output")[..2], [json!(3), json!(0)]);
    let inspected = run(wpool().arg("inspect").arg(wat("component-add")), "");
    assert!(inspected.stdout.contains("exports one function, `add`"), "{}", inspected.stdout);
}

#[test]
fn several_functions_are_refused_with_the_list_until_one_is_chosen() {
    let ran = run(&mut wpool_run(&wat("component-two"), ""), "8\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (101, ""));
    for part in ["--call", "double: func(n: u32) -> u32", "halve: func(n: u32) -> u32"] {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.stderr);
    }
    for (function, output) in [("double", "16\n"), ("halve", "4\n")] {
        let ran = run(&mut wpool_run(&wat("component-two"), &format!("--values --call {function}")), "8\n");
        assert_eq!(ran.stdout, output, "{}", ran.stderr);
    }
}

#[test]
fn a_function_has_several_names() {
    for name in ["order", "echo.order", "example:typed/echo.order", "example:typed/echo@1.0.0#order"] {
        let ran = call(name, "--values", r#"{"id":1,"name":"n","price":2.5,"tags":["t"],"active":true}"#);
        assert_eq!(
            ran.stdout.trim(),
            r#"{"id":1,"name":"n","price":2.5,"tags":["t"],"active":true}"#,
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_cannot_be_called_is_refused_by_name() {
    for (function, why) in [
        ("counters.[constructor]counter", "it takes or gives a resource"),
        ("order2", "exports no function `order2`; its functions: run, shapes.area"),
    ] {
        let ran = call(function, "", "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (101, ""), "{function}");
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
    let ran = run(&mut wpool_run(&wat("component-resources"), ""), "1\n");
    let why = "none of its functions can be called with a row: open (it takes or gives a resource, which no JSON can hold); shut (";
    assert!(ran.code == 101 && ran.stderr.contains(why), "{}", ran.stderr);
    let ran = run(&mut wpool_run(&wat("component-resources"), "--call close"), "1\n");
    assert!(
        ran.code == 101 && ran.stderr.contains("exports no function `close`; none of its functions"),
        "{}",
        ran.stderr
    );
}

#[test]
fn functions_with_the_same_name_are_told_apart_by_package_and_version() {
    let task = wat("component-versions");
    let (first, second) = ("my:pkg/api@0.1.0.get", "my:pkg/api@0.2.0.get");
    for args in ["", "--call set", "--call api.get", "--call get", "--call my:pkg/api.get"] {
        let ran = run(&mut wpool_run(&task, args), "1\n");
        assert_eq!(ran.code, 101, "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(first) && ran.stderr.contains(second), "{args}: {}", ran.stderr);
    }
    let ran = run(wpool().arg("inspect").arg(&task), "");
    assert_eq!(ran.stdout.matches(&format!("            {first}")).count(), 2, "{}", ran.stdout);
    for (call, output) in [
        (first, "1\n"),
        (second, "2\n"),
        ("my:pkg/api.get@0.1.0", "1\n"),
        ("my:pkg/api#get@0.2.0", "2\n"),
        ("my:pkg/api@0.2.0#get", "2\n"),
    ] {
        let ran = run(&mut wpool_run(&task, &format!("--values --call {call}")), "1\n");
        assert_eq!(ran.stdout, output, "{call}: {}", ran.stderr);
    }
}

#[test]
fn types_that_are_too_many_are_refused_and_not_written_out() {
    let mut wat = "(component (core module $m (func (export \"f\") (param i32)) (memory (export \"m\") 1)
        (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable))
        (core instance $i (instantiate $m))\n(type $t0 (tuple u8 u8))\n"
        .to_owned();
    for at in 1..14 {
        let _ = writeln!(wat, "(type $t{at} (tuple (list $t{}) (list $t{})))", at - 1, at - 1);
    }
    let lift = "(canon lift (core func $i \"f\") (memory (core memory $i \"m\")) (realloc (core func $i \"r\")))";
    let _ = writeln!(wat, "(func (export \"f\") (param \"p\" (list $t13)) {lift}))");
    let wat = wat.replace("(param i32))", "(param i32 i32))");
    let folder = TempDir::new().expect("a folder");
    let program = folder.path().join("bomb.wat");
    fs::write(&program, wat).expect("it is written");
    let ran = run(&mut wpool_run(&program, "--call f"), "[]\n");
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    assert!(ran.stderr.contains("more than 10000 parts"), "{}", ran.stderr);
}

#[test]
fn rows_of_text_go_to_a_single_string_or_to_bytes() {
    assert_eq!(call("text", "--lines --values", "plain \"text\"\n").stdout, "\"plain \\\"text\\\"\"\n");
    assert_eq!(call("bytes", "--lines --values", b"\xff\x00\n").stdout, "\"/wA=\"\n");
    let ran = call("text", "--lines", b"\xff\n");
    assert_eq!(ran.each("status"), ["invalid-input"]);
    let ran = call("order", "--lines", "x\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("a single string or list<u8>"), "{}", ran.stderr);
    assert_eq!(call("nothing", "--once --values", "").stdout, "null\n");
}

fn schema(function: &str) -> Value {
    let ran = run(wpool().arg("schema").arg(guest("typed")).args(["--call", function]), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("a schema is JSON")
}

#[test]
fn a_schema_says_what_goes_in_and_what_comes_out() {
    let number = json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]});
    let area = schema("area");
    assert_eq!(area["output"]["anyOf"], number["anyOf"]);
    let circle = json!({"type": "object", "properties": {"circle": number}, "required": ["circle"], "additionalProperties": false});
    assert_eq!(area["input"]["anyOf"][0]["anyOf"][0], circle);
    assert_eq!(area["input"]["anyOf"][1]["required"], json!(["shape"]));
    assert_eq!(area["input"]["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let between = schema("between");
    assert_eq!(between["input"]["anyOf"][0]["required"], json!(["a", "b"]));
    assert_eq!(between["input"]["anyOf"][1]["maxItems"], 3);
    assert_eq!(schema("nothing")["output"]["type"], "null");
    let task = run(wpool().arg("schema").arg(wat("echo")), "");
    assert_eq!(task.stdout, "{\n  \"input\": {},\n  \"output\": {}\n}\n");
}

#[test]
fn check_names_every_bad_row_and_runs_nothing() {
    let folder = TempDir::new().expect("a folder");
    let rows = folder.path().join("rows.jsonl");
    fs::write(&rows, "\"empty\"\n\n{\"polygon\":[1]}\n{\"circle\":1}\nx\n").expect("it is written");
    let check =
        |rows: &str| run(wpool().arg("check").arg(guest("typed")).args(["--call", "area"]).arg(rows), "\"empty\"\n");
    let ran = check(rows.to_str().expect("UTF-8"));
    let place = rows.display();
    let expected = format!(
        "{place}:3: at /polygon/0: expected record {{ x: f64, y: f64 }}, found 1\n{place}:5: not JSON: expected a value in column 1\n"
    );
    assert_eq!((ran.code, ran.stdout), (102, expected), "{}", ran.stderr);
    assert!(ran.stderr.contains("4 rows, 2 of them bad"), "{}", ran.stderr);
    assert_eq!(check("-").code, 0);
    assert_eq!(check("/dev/null").code, 4);
    assert_eq!(check("/nowhere").code, 96);
}

#[test]
fn c24_strict_input_refuses_the_run_before_the_first_task() {
    let good = "\"empty\"\n{\"circle\":0}\n";
    let ran = call("area", "--strict-input", format!("{good}{{\"circle\":\"x\"}}\n"));
    assert_eq!((ran.code, ran.stdout.as_str()), (102, ""));
    assert!(ran.stderr.contains("<stdin>:3: at /circle: expected f64, found \"x\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was run: 1 of 3 rows are bad"), "{}", ran.stderr);
    let ran = call("area", "--strict-input --values", good);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "0.0\n0.0\n"), "{}", ran.stderr);
    let ran = run(&mut wpool_run(&wat("echo"), "--strict-input"), "1\n{\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (102, ""), "{}", ran.stderr);
}

#[test]
fn strict_input_checks_what_rows_are_made_into_as_well() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let out = out.to_str().expect("UTF-8");
    for args in [vec!["--", "{.x}"], vec!["--stdin", "{.x}"], vec!["--out-dir", out, "--out-name", "{.x}"]] {
        let ran = run(wpool_run(&wat("cat"), "--strict-input").args(&args), "{\"x\":1}\n{\"y\":1}\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (102, ""), "{args:?}");
        assert!(ran.stderr.contains("<stdin>:2: ") && ran.stderr.contains("`x`"), "{}", ran.stderr);
    }
}

#[test]
fn strict_input_keeps_the_rows_of_what_can_be_read_only_once() {
    let folder = TempDir::new().expect("a folder");
    let regular = folder.path().join("rows.jsonl");
    fs::write(&regular, "1\n").expect("it is written");
    let strict = |file: &str| run(wpool_run(&wat("echo"), "--strict-input --values").arg(&regular).arg(file), "2\n3\n");
    for stdin in ["-", "/dev/stdin", "/proc/self/fd/0"] {
        let ran = strict(stdin);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "1\n2\n3\n"), "{stdin}: {}", ran.stderr);
    }
}

#[test]
fn a_function_may_give_as_much_as_the_limit_on_outputs() {
    let row = format!("\"{}\"", "AAAA".repeat(2 << 20));
    let ran = call("echo.bytes", "--values --max-output 9MiB", &row);
    assert_eq!((ran.code, ran.stdout.trim() == row), (0, true), "{}", ran.stderr);
    let ran = call("echo.bytes", "--max-output 7MiB", &row);
    assert_eq!(ran.each("status"), ["output-limit"], "{}", ran.stderr);
}

#[test]
fn a_function_of_the_program_itself_is_found_beside_one_of_an_interface() {
    let folder = TempDir::new().expect("a folder");
    let program = folder.path().join("names.wat");
    let wat = r#"(component
        (core module $m (func (export "one") (result i32) (i32.const 1)) (func (export "two") (result i32) (i32.const 2)))
        (core instance $i (instantiate $m))
        (func $one (result u32) (canon lift (core func $i "one")))
        (func $two (result u32) (canon lift (core func $i "two")))
        (instance $inner (export "f" (func $two)))
        (export "f" (func $one))
        (export "my:pkg/inner@1.0.0" (instance $inner)))"#;
    fs::write(&program, wat).expect("it is written");
    for (name, output) in [("f", "1\n"), ("inner.f", "2\n"), ("my:pkg/inner.f", "2\n")] {
        let ran = run(&mut wpool_run(&program, &format!("--values --call {name}")), "{}\n");
        assert_eq!(ran.stdout, output, "{name}: {}", ran.stderr);
    }
}

#[test]
fn types_too_deep_for_a_report_leave_the_other_functions_alone() {
    let mut deep = "(type $t0 (option u8))\n".to_owned();
    for at in 1..60 {
        let _ = writeln!(deep, "(type $t{at} (result $t{} (error u8)))", at - 1);
    }
    let wat = format!(
        "(component (core module $m (func (export \"deep\") (param i32)) (func (export \"one\") (result i32) (i32.const 1))
            (memory (export \"m\") 1) (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable))
        (core instance $i (instantiate $m)) {deep}
        (func (export \"deep\") (param \"p\" (list $t59)) (canon lift (core func $i \"deep\")
            (memory (core memory $i \"m\")) (realloc (core func $i \"r\"))))
        (func (export \"one\") (result u32) (canon lift (core func $i \"one\"))))"
    );
    let folder = TempDir::new().expect("a folder");
    let program = folder.path().join("deep.wat");
    fs::write(&program, wat.replace("\"deep\") (param i32)", "\"deep\") (param i32 i32)")).expect("it is written");
    let ran = run(&mut wpool_run(&program, "--values"), "[]\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "1\n"), "{}", ran.stderr);
    let ran = run(&mut wpool_run(&program, "--call deep"), "[]\n");
    assert_eq!(ran.code, 101);
    assert!(ran.stderr.contains("more than 32 deep"), "{}", ran.stderr);
}

#[test]
fn a_full_disk_is_no_success() {
    for args in [["schema", "--call", "order"], ["inspect", "--json", "--quiet"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("a device");
        let args = args.into_iter().filter(|arg| *arg != "--quiet");
        let status = wpool().args(args).arg(guest("typed")).stdout(full).stderr(std::process::Stdio::null()).status();
        assert_eq!(status.expect("it starts").code(), Some(110));
    }
}

#[test]
fn strings_and_bytes_of_a_function_are_written_to_files_as_they_are() {
    let folder = TempDir::new().expect("a folder");
    let out = folder.path().join("out");
    let to_files = |function: &str, row: &str| {
        let mut command = wpool_run(&guest("typed"), &format!("--call {function} --overwrite --out-name x"));
        let ran = run(command.arg("--out-dir").arg(&out), row);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        fs::read(out.join("x")).expect("an output")
    };
    assert_eq!(to_files("bytes", "[0,255,10]"), [0, 255, 10]);
    assert_eq!(to_files("text", "\"a\\n\""), b"a\n");
    assert_eq!(to_files("area", "\"empty\""), b"0.0");
    let ran = call("bytes", "--values --output-type base64", "[0,255]");
    assert_eq!(ran.stdout, "{\"base64\":\"AP8=\"}\n");
}

//! What can be typed about a script.

use serde_json::json;

use super::*;

#[test]
fn the_form_of_rows_and_the_argument_are_in_the_bundle() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let (header, _) = desk.bundle("app.py");
    let parts = |header: &Value| [header["rows"].clone(), header["bare"].clone(), header["arg"].clone()];
    assert_eq!(parts(&header), [json!("text"), json!(true), Value::Null]);
    let (header, _) = desk.bundle("app.py --init-arg [1]");
    assert_eq!(parts(&header), [json!("text"), json!(true), json!("WzFd")]);

    // The runtime takes a row by its first letter, which is a quote in JSON.
    let ran = desk.wpool("run app.py -q", "\"b\"\n");
    assert_eq!(ran.each("output"), ["b"], "{}", ran.stderr);
    desk.write("b", "b");
    let ran = desk.wpool("run app.py --files b -q", "");
    assert!(ran.stdout.contains(r#"\"rows\":\"bytes\",\"bare\":false"#), "{}", ran.stdout);
}

#[test]
fn a_source_that_defines_no_run_is_told_what_a_script_is() {
    let desk = Desk::new();
    desk.write("app.py", "import sys\nprint(sys.stdin.read())\n");
    let ran = desk.wpool("run app.py", "1\n");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("defines no function `run`") && ran.stderr.contains("def run(row)"), "{}", ran.stderr);
    desk.write("app.py", "class WitWorld:\n    def run(self, input): return input\n");
    let ran = desk.wpool("run app.py", "1\n");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("wpool build app.py"), "{}", ran.stderr);
    assert_eq!(desk.calls(), 0);
}

#[test]
fn options_that_a_script_cannot_have_are_refused() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    for (args, said) in [
        ("run app.py --call other", "--call and --alloc are for programs"),
        ("run app.py -n -- x", "takes no arguments"),
        ("run app.py --python-path nowhere", "nowhere"),
    ] {
        let ran = desk.wpool(args, "");
        assert_ne!(ran.code, 0, "{args}");
        assert!(ran.stderr.contains(said), "{args}: {}", ran.stderr);
    }
    let ran = run(desk.command().args(["run", "--python-path", "jobs"]).arg(wat("echo")), "1\n");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("--python-path is for scripts"), "{}", ran.stderr);
}

#[test]
fn every_command_that_takes_a_program_takes_a_script() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    desk.write("rows", "1\n\"x\"\n");
    let ran = desk.wpool("inspect app.py", "");
    assert!(ran.stdout.contains("a script in python"), "{}{}", ran.stdout, ran.stderr);
    let ran = desk.wpool("check app.py rows", "");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "wpool: 2 rows, 0 of them bad\n"));
    assert_eq!(desk.wpool("check app.py", "{\n").code, 102);
    assert_eq!(desk.wpool("schema app.py", "").code, 0);
    let ran = desk.wpool("bench app.py rows --rows 10 --rounds 1", "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_script_is_inspected_for_what_is_its_own() {
    let desk = Desk::new();
    desk.write("app.py", "import helper\n\nasync def run(row: int) -> int:\n    return row\n");
    desk.write("helper.py", "");
    let ran = desk.wpool("inspect app.py", "");
    let lines: Vec<_> = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let begins = |text: &str| lines.iter().any(|line| line.starts_with(text));
    for text in [
        "program app.py, a script in python",
        "runtime python-1.0-",
        "files 2",
        "app.py (62 bytes)",
        "helper.py (0 bytes)",
        "run app.py:3: async def run(row: int) -> int:",
        "init not defined by a line of app.py",
        "isolation ",
    ] {
        assert!(begins(text), "no {text:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("wpool:script"), "the insides of the runtime: {}", ran.stdout);

    desk.write("app.py", "def init(arg):\n    pass\n\nrun = print\n");
    let report = &desk.wpool("inspect app.py --json", "").records()[0];
    let script = &report["script"];
    assert_eq!((&script["language"], &script["made_by"]), (&json!("python"), &json!("componentize-py")));
    assert_eq!(script["files"], json!([{"name": "app.py", "bytes": 37}]));
    assert_eq!(script["init"], json!({"number": 1, "text": "def init(arg):"}));
    assert_eq!(script["run"], json!({"number": 4, "text": "run = print"}));
    assert!(report["imports"].as_array().is_some_and(|imports| !imports.is_empty()), "{report}");
}

#[test]
fn tasks_may_not_write_where_runtimes_are() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let ran = desk.wpool("run app.py --no-cache --dir cache:rw", "1\n");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("the runtimes of scripts"), "{}", ran.stderr);
}

//! Scripts in Python, with the runtime that componentize-py makes. `tests/it/scripts` has all that needs no Python.

use super::*;
use crate::guide::{blocks, page};

/// Scripts with their files, in a folder.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn new(files: &[(&str, &str)]) -> Desk {
        let desk = Desk { folder: elsewhere() };
        for (name, content) in files {
            let path = desk.folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
        desk
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join(name), content).expect("a file");
    }

    pub(super) fn run(&self, args: &str, rows: &str) -> Ran {
        // The first one makes and compiles the runtime, which takes longer than a hang where cores are few.
        let mut command = wpool_with_tools();
        command.current_dir(self.folder.path()).arg("run").args(args.split_whitespace());
        fs::write(self.folder.path().join(".rows"), rows).expect("a file");
        let rows = fs::File::open(self.folder.path().join(".rows")).expect("it was written");
        let done = command.stdin(Stdio::from(rows)).output().expect("the executable starts");
        Ran {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8(done.stdout).expect("UTF-8"),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
}

const HELPER: &str = r#"
class Own(Exception):
    pass

def deep(n):
    if n == 0:
        raise Own("bottom")
    return deep(n - 1)

def endless(n):
    return endless(n + 1) + 1
"#;

const APP: &str = r#"
import random
import sys

import helper

count = 0
kept = []

def run(row):
    global count
    count += 1
    kind = row["do"] if isinstance(row, dict) else "echo"
    if kind == "echo": return row
    if kind == "count": return count
    if kind == "print": print("a", 1); print("b", end="", file=sys.stderr); return None
    if kind == "bytes": return b'{"raw": 1}'
    if kind == "random": return random.random()
    if kind == "lazy":
        import colorsys
        import late
        return [colorsys.rgb_to_hsv(0, 0, 0)[2], late.VALUE]
    if kind == "divide": return 1 / row["by"]
    if kind == "deep": return helper.deep(1)
    if kind == "chain":
        try: helper.deep(0)
        except helper.Own as error: raise KeyError("k") from error
    if kind == "stdlib": import json; json.loads("{")
    if kind == "recursion": return helper.endless(0)
    if kind == "exit": sys.exit(row["with"])
    if kind == "set": return {1, 2}
    if kind == "nan": return float("nan")
    if kind == "numpy": import numpy
    if kind == "missing": import not_there
    if kind == "memory": return len(bytearray(1 << 30))
    if kind == "spin":
        while True: pass
    if kind == "thread":
        import threading
        threading.Thread(target=print).start()
"#;

/// The records of rows `{"do": …}` of [`APP`], and the run.
fn app(rows: &[&str]) -> Option<(Vec<Value>, Ran)> {
    if !is_ready("python") {
        return None;
    }
    let files = [("jobs/app.py", APP), ("jobs/helper.py", HELPER), ("jobs/late.py", "VALUE = 7\n")];
    let desk = Desk::new(&files);
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let ran = desk.run("jobs/app.py --timeout 20s --memory 128MiB --receipts", &rows);
    assert_eq!(ran.stdout.lines().count(), rows.lines().count(), "{}", ran.stderr);
    Some((ran.records(), ran))
}

#[test]
fn what_a_python_script_returns_becomes_an_output() {
    let rows = [
        r#"[1, 2.5, "ä", null, true, {"a": []}]"#,
        r#""text""#,
        r#"{"do": "bytes"}"#,
        r#"{"do": "lazy"}"#,
        r#"{"do": "count"}"#,
        r#"{"do": "count"}"#,
        r#"{"do": "print"}"#,
        r#"{"do": "random"}"#,
        r#"{"do": "random"}"#,
    ];
    let Some((records, ran)) = app(&rows) else { return };
    let output = |at: usize| &records[at]["output"];
    assert_eq!(output(0), &json!([1, 2.5, "ä", null, true, {"a": []}]), "{}", ran.stderr);
    assert_eq!((output(1), output(2), output(3)), (&json!("text"), &json!({"raw": 1}), &json!([0, 7])));
    assert_eq!((output(4), output(5)), (&json!(1), &json!(1)), "no row finds what another has changed");
    assert_eq!(records[6]["receipt"]["stderr"], "a 1\nb");
    assert_ne!(output(7), output(8), "each row has random numbers of its own");
}

#[test]
fn an_exception_in_python_has_its_message_and_the_frames_of_the_script() {
    let rows = [r#"{"do": "divide", "by": 0}"#, r#"{"do": "deep"}"#, r#"{"do": "chain"}"#, r#"{"do": "stdlib"}"#];
    let Some((records, ran)) = app(&rows) else { return };
    let error = |at: usize, member: &str| records[at]["error"][member].as_str().unwrap_or_default().to_owned();
    assert!(records.iter().all(|record| record["status"] == "failed" && record["error"]["code"] == "exception"));
    assert_eq!(error(0, "message"), "ZeroDivisionError: division by zero");
    let line = APP.lines().position(|line| line.contains("1 / row")).expect("a line") + 1;
    let traceback = format!(
        "Traceback (most recent call last):\n  File \"jobs/app.py\", line {line}, in run\n    \
         if kind == \"divide\": return 1 / row[\"by\"]\n{}~~^~~~~~~~~~~\nZeroDivisionError: division by zero",
        " ".repeat(32)
    );
    assert_eq!(error(0, "traceback"), traceback, "{}", error(0, "traceback"));
    assert_eq!(error(1, "message"), "helper.Own: bottom");
    assert_eq!(error(1, "traceback").matches("File \"jobs/helper.py\"").count(), 2);
    assert!(error(2, "traceback").contains("The above exception was the direct cause"), "{}", error(2, "traceback"));
    assert!(error(2, "message").starts_with("KeyError: 'k'"));
    assert!(error(3, "message").starts_with("json.decoder.JSONDecodeError: Expecting property name"));
    assert_eq!(error(3, "traceback").matches("File \"").count(), 1, "{}", error(3, "traceback"));
    assert!(ran.stderr.contains("             File \"jobs/app.py\""), "{}", ran.stderr);
    assert!(!ran.stdout.contains("wpool_script") && !ran.stdout.contains("backtrace"), "{}", ran.stdout);
}

#[test]
fn other_ends_of_a_python_task_have_their_own_codes() {
    let rows = [
        r#"{"do": "exit", "with": 3}"#,
        r#"{"do": "exit", "with": "bye"}"#,
        r#"{"do": "set"}"#,
        r#"{"do": "nan"}"#,
        r#"{"do": "numpy"}"#,
        r#"{"do": "missing"}"#,
        r#"{"do": "memory"}"#,
        r#"{"do": "recursion"}"#,
        r#"{"do": "thread"}"#,
        r#"{"do": "count"}"#,
    ];
    let Some((records, _)) = app(&rows) else { return };
    let codes: Vec<_> = records.iter().map(|record| record["error"]["code"].as_str().unwrap_or("none")).collect();
    let import = "import";
    let result = "result-type";
    let expected = ["exit", "exit", result, result, import, import, "out-of-memory", "exception", "exception", "none"];
    assert_eq!(codes, expected, "{records:?}");
    let error = |at: usize| records[at]["error"].to_string();
    assert_eq!((&records[0]["error"]["exit_code"], &records[1]["error"]["exit_code"]), (&json!(3), &json!(1)));
    assert!(error(2).contains("run returned a value of type set; sorted(…) makes a list of it"), "{}", error(2));
    assert!(error(4).contains("numpy is a C extension"), "{}", error(4));
    assert!(error(5).contains("put not_there.py beside the script"), "{}", error(5));
    assert_eq!(records[6]["status"], "out-of-memory");
    assert!(error(7).contains("RecursionError: maximum recursion depth exceeded"), "{}", error(7));
    assert!(error(8).contains("RuntimeError: can't start new thread (tasks have no threads"), "{}", error(8));
    assert_eq!(records[9]["output"], 1, "a task after all of these finds nothing of them");
}

#[test]
fn a_python_script_that_does_not_start_refuses_the_run_with_its_traceback() {
    if !is_ready("python") {
        return;
    }
    let syntax = "def run(row):\n    return row +\n";
    let top = "import helper\n\ndef run(row): pass\n\nhelper.deep(0)\n";
    let inner = "import broken\n\ndef run(row): pass\n";
    let missing = "import pandas\n\ndef run(row): pass\n";
    let broken = ("broken.py", "x = (\n");
    let desk = Desk::new(&[
        ("a.py", syntax),
        ("b.py", top),
        ("c.py", inner),
        ("d.py", missing),
        broken,
        ("helper.py", HELPER),
    ]);
    for (script, said) in [
        ("a.py", &["  |   File \"a.py\", line 2\n  |     return row +\n", "^\n  | SyntaxError: invalid syntax\n"][..]),
        (
            "b.py",
            &[
                "  |   File \"b.py\", line 5, in <module>\n",
                "  |   File \"helper.py\", line 7, in deep\n",
                "helper.Own: bottom",
            ],
        ),
        (
            "c.py",
            &[
                "  |   File \"c.py\", line 1, in <module>\n",
                "  |   File \"broken.py\", line 1\n",
                "'(' was never closed",
            ],
        ),
        ("d.py", &["No module named 'pandas' (pandas is a C extension, and scripts can import pure Python only)"]),
    ] {
        let ran = desk.run(script, "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (101, ""), "{}", ran.stderr);
        assert!(said.iter().all(|part| ran.stderr.contains(part)), "{said:?} in {}", ran.stderr);
        assert!(!ran.stderr.contains("wpool_"), "{}", ran.stderr);
    }
}

#[test]
fn rows_of_bytes_and_the_argument_of_init_reach_a_python_script() {
    if !is_ready("python") {
        return;
    }
    let script = "import slug\n\ndef init(arg):\n    global add\n    add = arg['add']\n    print('starts')\n\n\
                  def run(row: bytes):\n    return len(row) + add + slug.ONE\n";
    let package = (
        "libs/slug/__init__.py",
        "from importlib.resources import files\nONE = int(files(__name__).joinpath('one.txt').read_text())\n",
    );
    let desk = Desk::new(&[("app.py", script), package, ("libs/slug/one.txt", "1")]);
    let ran = desk.run("app.py --python-path libs --init-arg {\"add\":100} -v", "\"ab\"\n[1]\n");
    assert_eq!(ran.each("output"), [105, 104].map(|it| json!(it)), "{}", ran.stderr);
    assert!(ran.stderr.contains("init: starts"), "{}", ran.stderr);
}

#[test]
fn the_script_of_the_guide_does_what_the_page_says() {
    if !is_ready("python") {
        return;
    }
    let text = page("docs/guide/scripts.md");
    let script = blocks(&text).into_iter().find(|block| block.info == "python").expect("a script").text;
    let desk = Desk::new(&[("app.py", &script)]);
    let ran = desk.run("app.py", "{\"name\":\"ada lovelace\"}\n{}\n");
    assert_eq!(ran.each("output")[0]["name"], "Ada Lovelace", "{}", ran.stderr);
    assert_eq!(ran.each("error")[1]["message"], "KeyError: 'name'");
}

#[test]
fn a_library_that_does_not_fit_the_python_is_found_and_left_out() {
    if !is_ready("python") {
        return;
    }
    // What the library sees and does is looked at: here it sees nothing, does nothing, or hands out something else.
    let glue = root().join("guest-tasks/runtimes/python");
    let script = format!(
        "import sys\nsys.path.insert(0, {:?})\nsys.dont_write_bytecode = True\nimport wpool_library as it\n\
         from types import SimpleNamespace as Library\nsees, same = sys.getrefcount, lambda thing: thing\n\
         for library in Library(count=lambda thing: 0, settle=same), Library(count=sees, settle=same), \
         Library(count=sees, settle=lambda thing: None):\n    print(it.of_objects(library))\n\
         try:\n    it.check(Library(count=sees, settle=same))\nexcept it.Unfit as error:\n    print(error)\n",
        glue.display().to_string()
    );
    let python = Command::new(toolchains().join("python/bin/python")).args(["-c", &script]).output().expect("Python");
    let printed = String::from_utf8_lossy(&python.stdout);
    let said: Vec<_> = printed.lines().map(|line| line.split(" of a ").next().unwrap_or_default()).collect();
    assert_eq!(
        said[..3],
        ["it does not find the count", "it does not set the count", "it loses the place"],
        "{printed}"
    );
    assert!(said[3].starts_with("the native library does not fit this Python: it is cpython 3."), "{printed}");

    // The real tool, with a library for another version.
    let desk = Desk::new(&[("app.py", "def run(row):\n    return row\n")]);
    let bin = desk.folder.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    let real = toolchains().join("python/bin/componentize-py");
    fake(
        &bin,
        "componentize-py",
        &format!(
            "[ -e glue/wpool_library.py ] && sed -i 's/^VERSION = .*/VERSION = (3, 99)/' glue/wpool_library.py\n\
         exec {} \"$@\"",
            real.display()
        ),
    );
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut command = wpool_with_tools();
    command.env("PATH", path).env("XDG_CACHE_HOME", desk.folder.path().join("cache")).current_dir(desk.folder.path());
    let ran = command.args(["run", "app.py", "-n"]).stdin(Stdio::null()).output().expect("the executable starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("\"output\":null"), "{said}");
    assert!(said.contains("without its native library, so rows take longer (it is cpython 3.14, and not"), "{said}");
}

//! Scripts in JavaScript, whose runtime is a part of wpool: nothing has to be installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, wpool};

const NOT_OK: i32 = 100;
const REFUSED: i32 = 101;

/// Scripts with their files, in a folder.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new(files: &[(&str, &str)]) -> Desk {
        Desk::at(tempfile::tempdir().expect("a folder"), files)
    }

    pub fn at(folder: TempDir, files: &[(&str, &str)]) -> Desk {
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
        Desk { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn run(&self, args: &str, rows: &str) -> Ran {
        // No tool of the machine is found, as on one where nothing is installed.
        self.run_with(wpool().env("PATH", self.path()), args, rows)
    }

    /// The first run compiles the runtime, which takes longer than a hang where cores are few.
    pub fn run_with(&self, command: &mut Command, args: &str, rows: &str) -> Ran {
        command.current_dir(self.path()).arg("run").args(args.split_whitespace());
        fs::write(self.path().join(".rows"), rows).expect("a file");
        let rows = fs::File::open(self.path().join(".rows")).expect("it was written");
        let done = command.stdin(Stdio::from(rows)).output().expect("the executable starts");
        Ran {
            code: done.status.code().unwrap_or(-1),
            stdout: String::from_utf8(done.stdout).expect("UTF-8"),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
}

const APP: &str = r#"
import { check } from "./lib/check.mjs";
import limits from "./lib/limits.json" with { type: "json" };

let count = 0;
const kinds = {
  echo: (row) => row.value,
  count: () => ++count,
  bytes: () => new Uint8Array([1, 2, 255]),
  later: (row) => new Promise((resolve) => setTimeout(resolve, 1, row.value)),
  random: () => [Math.random(), crypto.randomUUID()],
  text: () => new TextDecoder().decode(new TextEncoder().encode("é€😀")),
  clone: () => structuredClone({ a: new Date(0), b: [1] }),
  print: () => (console.log("n is %d", 1, { a: [1, "x"] }), console.error(new Map([["k", 1n]])), null),
  limit: () => limits.most,
  check: (row) => check(row.value),
  cause: (row) => { try { return check(row.value); } catch (cause) { throw new Error("outer", { cause }); } },
  rejected: async (row) => { await null; return check(row.value); },
  endless: () => { const call = (n) => call(n + 1) + 1; return call(0); },
  brackets: () => JSON.parse("[".repeat(100000)),
  text_thrown: () => { throw "only a text"; },
  hungry: () => { const all = []; for (;;) all.push(new Array(10000).fill(1)); },
  never: () => new Promise(() => {}),
  node: () => process.exit(1),
  undefined: () => undefined,
  map: () => ({ inner: new Map() }),
  generator: () => (async function* () {})(),
  cycle: () => { const one = {}; one.self = one; return one; },
  function: () => check,
  big: () => 1n,
  symbol: () => Symbol("s"),
  nan: () => NaN,
};
export function run(row) {
  return kinds[row.do](row);
}
"#;
const CHECK: &str = "export function check(value) {\n  if (value > 9) throw new RangeError(`too large: ${value}`);\n  return value;\n}\n";
const FILES: [(&str, &str); 3] = [("app.js", APP), ("lib/check.mjs", CHECK), ("lib/limits.json", "{\"most\": 9}")];

fn rows(kinds: &[&str]) -> String {
    kinds.iter().map(|kind| format!("{}\n", json!({"do": kind, "value": 10}))).collect()
}

#[test]
fn what_a_script_returns_is_the_output_and_its_files_come_along_without_any_tool() {
    let desk = Desk::new(&FILES);
    let values = [json!("é\"\u{2028}"), json!(0.1), json!(null), json!([1, [true]]), json!({"b": 1, "a": {}})];
    let mut rows: String = values.iter().map(|value| format!("{}\n", json!({"do": "echo", "value": value}))).collect();
    rows += "{\"do\":\"bytes\"}\n{\"do\":\"later\",\"value\":7}\n{\"do\":\"text\"}\n{\"do\":\"clone\"}\n{\"do\":\"limit\"}\n";
    let ran = desk.run("app.js", &rows);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let mut expected = values.to_vec();
    expected.extend([json!({"base64": "AQL/"}), json!(7), json!("é€😀")]);
    expected.extend([json!({"a": "1970-01-01T00:00:00.000Z", "b": [1]}), json!(9)]);
    assert_eq!(ran.each("output"), expected);
}

#[test]
fn each_row_starts_from_the_state_of_the_top_level_and_has_random_numbers_of_its_own() {
    let desk = Desk::new(&FILES);
    let ran = desk.run("app.js -j 1", &rows(&["count", "random", "count", "random", "count"]));
    let outputs = ran.each("output");
    assert_eq!([&outputs[0], &outputs[2], &outputs[4]], [&json!(1); 3], "{}", ran.stdout);
    assert_ne!(outputs[1], outputs[3]);
    let again = || desk.run("app.js -j 1 --deterministic", &rows(&["random", "random"])).each("output");
    let (first, second) = (again(), again());
    assert_eq!(first, second, "they are determined by the row");
    assert_ne!(first[0], first[1]);
}

#[test]
fn a_table_is_printed_with_a_column_for_each_name() {
    let source = "export function run(row) {\n  console.table(row);\n  console.timeEnd('none');\n  return null;\n}\n";
    let ran = Desk::new(&[("app.js", source)]).run("app.js --receipts", "[{\"a\":1,\"b\":\"x\"},{\"b\":[2]},3]\n");
    let expected = "┌─────────┬───┬─────┬────────┐\n\
                    │ (index) │ a │ b   │ Values │\n\
                    ├─────────┼───┼─────┼────────┤\n\
                    │ 0       │ 1 │ \"x\" │        │\n\
                    │ 1       │   │ [2] │        │\n\
                    │ 2       │   │     │ 3      │\n\
                    └─────────┴───┴─────┴────────┘\n\
                    none: console.time was not called\n";
    assert_eq!(ran.each("receipt")[0]["stderr"], expected, "{}", ran.stdout);
}

#[test]
fn prints_are_diagnostics_of_the_row() {
    let ran = Desk::new(&FILES).run("app.js --receipts", &rows(&["print"]));
    let printed = &ran.each("receipt")[0]["stderr"];
    assert_eq!(*printed, json!("n is 1 { a: [1, \"x\"] }\nMap(1) { \"k\" => 1n }\n"), "{}", ran.stdout);
}

fn errors(kinds: &[&str], args: &str) -> Vec<Value> {
    let ran = Desk::new(&FILES).run(&format!("app.js {args}"), &rows(kinds));
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    ran.each("error")
}

#[test]
fn an_exception_has_its_text_its_line_and_the_frames_of_the_script() {
    let found = errors(&["check", "cause", "rejected", "text_thrown", "node"], "");
    let source = "lib/check.mjs:2\n    if (value > 9) throw new RangeError(`too large: ${value}`);\n";
    let head = |error: &Value, message: &str| {
        assert_eq!((&error["code"], &error["message"]), (&json!("exception"), &json!(message)));
        error["traceback"].as_str().expect("a text").to_owned()
    };
    let traceback = head(&found[0], "RangeError: too large: 10");
    let lines: Vec<_> = traceback.lines().collect();
    assert!(traceback.starts_with(source), "{traceback}");
    assert!(lines[2].trim() == "^" && lines[3] == "RangeError: too large: 10", "{traceback}");
    assert!(lines[4].starts_with("    at check (lib/check.mjs:2:"), "{traceback}");
    assert!(
        lines[5].starts_with("    at check (app.js:16:") && lines[6].starts_with("    at run (app.js:"),
        "{traceback}"
    );
    assert_eq!(lines.len(), 7, "no frames but the script's: {traceback}");
    let traceback = head(&found[1], "Error: outer");
    assert!(traceback.contains("caused by: RangeError: too large: 10\n    at check (lib/check.mjs:2:"), "{traceback}");
    let traceback = head(&found[2], "RangeError: too large: 10");
    assert!(traceback.starts_with(source), "{traceback}");
    assert_eq!(head(&found[3], "threw \"only a text\""), "threw \"only a text\"");
    head(
        &found[4],
        "ReferenceError: process is not defined (tasks have no Node: no files, no processes, no environment)",
    );
}

#[test]
fn a_result_that_is_no_output_is_named_by_its_type() {
    let kinds = [
        ("undefined", "undefined"),
        ("map", "a Map at result.inner"),
        ("function", "a function"),
        ("big", "a BigInt"),
        ("symbol", "a symbol"),
        ("nan", "NaN"),
        ("generator", "an AsyncGenerator"),
        ("cycle", "an object that contains itself at result.self"),
    ];
    let found = errors(&kinds.map(|(kind, _)| kind), "");
    for (error, (_, name)) in found.iter().zip(kinds) {
        let message = error["message"].as_str().expect("a text");
        assert_eq!(error["code"], "result-type", "{message}");
        assert!(message.starts_with(&format!("run returned {name}; return a string, a number")), "{message}");
    }
}

#[test]
fn deep_calls_deep_values_and_promises_that_never_settle_are_exceptions_of_the_script() {
    let found = errors(&["endless", "brackets", "never"], "");
    assert!(found.iter().all(|error| error["code"] == "exception"), "{found:?}");
    let text = |at: usize| found[at]["message"].as_str().expect("a text");
    assert_eq!(text(0), "RangeError: Maximum call stack size exceeded");
    assert!(text(1).contains("stack size exceeded") || text(1).starts_with("SyntaxError"), "{found:?}");
    assert_eq!(text(2), "the promise that the script waits for is never settled");
}

#[test]
fn memory_that_is_denied_is_out_of_memory_with_the_line() {
    let ran = Desk::new(&FILES).run("app.js --memory 32MiB", &rows(&["hungry", "count"]));
    assert_eq!(ran.each("status"), ["out-of-memory", "ok"], "{}", ran.stdout);
    let error = &ran.each("error")[0];
    assert_eq!(error["message"], "InternalError: out of memory");
    assert!(error["traceback"].as_str().is_some_and(|text| text.contains("at hungry (app.js:")), "{error}");
}

#[test]
fn a_script_that_cannot_start_is_refused_with_its_line() {
    let cases = [
        (
            "export function run(row) {\n  const x = ;\n}\n",
            "app.js:2\n  |     const x = ;\n  |               ^\n  | SyntaxError: ",
        ),
        ("const t = undefined;\nt.x;\nexport const run = (row) => row;\n", "app.js:2\n  |   t.x;\n"),
        (
            "import { a } from './none.js';\nexport const run = a;\n",
            "Cannot find module './none.js' imported from app.js",
        ),
        ("import a from 'left-pad';\nexport const run = a;\n", "Cannot find package 'left-pad' imported from app.js"),
        ("export const running = 1;\n", "app.js exports no function `run`"),
        (
            "export const run = 1;\nexport function init() { throw new Error('no'); }\n",
            "app.js exports no function `run`",
        ),
        (
            "export const run = () => 1;\nexport function init() { throw new Error('no'); }\n",
            "Error: no\n  |     at init (app.js:2:",
        ),
    ];
    for (source, expected) in cases {
        let ran = Desk::new(&[("app.js", source)]).run("app.js", "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (REFUSED, ""), "{source}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{source}: {}", ran.stderr);
        assert!(!ran.stderr.contains("wpool:prelude"), "{}", ran.stderr);
    }
}

#[test]
fn tabs_and_a_byte_order_mark_do_not_move_the_caret_of_an_error() {
    let plain = Desk::new(&[("app.js", "export const run = (row) => row.a.b;\n")]).run("app.js", "{}\n");
    let marked = Desk::new(&[("app.js", "\u{feff}export const run = (row) => row.a.b;\n")]).run("app.js", "{}\n");
    assert_eq!(marked.each("error"), plain.each("error"), "{}", marked.stderr);
    let tabs = Desk::new(&[("app.js", "export function run(row) {\n\treturn\trow.a.b;\n}\n")]).run("app.js", "{}\n");
    let lines: Vec<_> = tabs.stderr.lines().skip_while(|line| !line.contains("return")).take(2).collect();
    let [source, caret] = lines[..] else { panic!("{}", tabs.stderr) };
    assert!(!tabs.stderr.contains("\\t"), "{}", tabs.stderr);
    assert_eq!(source.find("row.a"), caret.find('^'), "{}", tabs.stderr);
}

#[test]
fn rows_are_values_texts_or_bytes_and_init_gets_its_argument() {
    let source = "let arg;\nexport async function init(a) { await null; arg = a; }\n\
                  export default (row) => [Object.prototype.toString.call(row).slice(8, -1), row?.length ?? null, arg ?? null];\n";
    let desk = Desk::new(&[("app.js", source), ("data.bin", "12345"), ("words.txt", "words")]);
    let output = |args: &str, rows: &str| desk.run(args, rows).each("output")[0].clone();
    assert_eq!(output("app.js", "[1,2]\n"), json!(["Array", 2, null]));
    assert_eq!(output("app.js --init-arg [3]", "\"abc\"\n"), json!(["String", 3, [3]]));
    assert_eq!(output("app.js --lines --init-arg @words.txt", "[1,2]\n"), json!(["String", 5, "words"]));
    assert_eq!(output("app.js --files data.bin", ""), json!(["Uint8Array", 5, null]));
    assert_eq!(output("app.js -n", ""), json!(["Null", null, null]));
}

#[test]
fn a_digest_is_that_of_the_bytes_of_a_view() {
    let source = "export async function run(row) {\n  const bytes = new TextEncoder().encode(row).subarray(1);\n  \
                  const of = async (name) => new Uint8Array(await crypto.subtle.digest(name, bytes)).toHex();\n  \
                  return [await of('SHA-256'), (await of({ name: 'sha-384' })).length, (await of('SHA-512')).length, \
                  await of('MD5').catch((error) => error.name)];\n}\n";
    let ran = Desk::new(&[("app.js", source)]).run("app.js", "\"xabc\"\n");
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(ran.each("output"), [json!([abc, 96, 128, "NotSupportedError"])], "{}", ran.stderr);
}

#[test]
fn the_source_of_a_component_is_not_taken_for_a_script() {
    let source = "export function run(row) {\n  return row;\n}\n";
    let files =
        [("mine/task.js", source), ("mine/wit/task.wit", ""), ("plain/task.js", source), ("theirs/task.js", source)];
    let desk = Desk::new(&[&files[..], &[("theirs/wit/task.wit", ""), ("theirs/Cargo.toml", "")]].concat());
    let ran = desk.run("mine/task.js", "1\n");
    let said = "wpool: mine/task.js is the source of a component with a WIT world, and not a script: build it with \
                `wpool build mine/task.js`, or name its folder\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", said));
    // Without a world, or beside that of a project in another language, it is a script.
    for script in ["plain/task.js", "theirs/task.js"] {
        let ran = desk.run(script, "1\n");
        assert_eq!((ran.code, ran.each("output")), (0, vec![json!(1)]), "{script}: {}", ran.stderr);
    }
}

#[test]
fn typescript_needs_its_tool_and_says_how_to_get_it() {
    let ran = Desk::new(&[("app.ts", "export const run = (row: number): number => row;\n")]).run("app.ts", "1\n");
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("typescript needs esbuild, which was not found; install it with `npm install esbuild`"),
        "{}",
        ran.stderr
    );
}

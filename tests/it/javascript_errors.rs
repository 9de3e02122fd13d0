//! The errors of scripts in JavaScript: which of them end a task, and the places that they name.

use serde_json::{Value, json};

use crate::javascript::Desk;

const NOT_AWAITED: &str = "\nin a promise that nothing waits for: is `await` missing?";

fn rows(kinds: &[&str]) -> String {
    kinds.iter().map(|kind| format!("{}\n", json!(kind))).collect()
}

/// The values of the records that have one.
fn some(values: Vec<Value>) -> Vec<Value> {
    values.into_iter().filter(|value| !value.is_null()).collect()
}

const REJECTED: &str = r#"
async function fail(text) {
  await null;
  throw new RangeError(text);
}
const later = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const kinds = {
  rejected: () => { Promise.reject(new Error("lost")); return 1; },
  forgotten: () => { fail("forgotten"); return 1; },
  microtask: () => { queueMicrotask(() => { throw new Error("in a microtask"); }); return 1; },
  text: () => { Promise.reject("only a text"); return 1; },
  first: async () => { fail("first"); fail("second"); await later(1); return 1; },
  chained: () => { fail("chained").then(() => 1).finally(() => {}); return 1; },
  waiting: () => { fail("at once"); return new Promise(() => {}); },
  late: async () => { const promise = fail("late"); await later(5); return promise.catch(() => 1); },
  own: async () => { fail("other"); throw new TypeError("own"); },
  thrown: () => { fail("other"); throw new TypeError("thrown"); },
  plain: () => 1,
};
export const run = (kind) => kinds[kind]();
"#;

#[test]
fn a_rejection_that_nothing_handles_is_the_exception_of_its_task_and_of_no_other() {
    let kinds = ["rejected", "forgotten", "microtask", "text", "first", "chained", "waiting", "late"];
    let mixed: Vec<&str> = kinds.iter().flat_map(|kind| [*kind, "plain"]).collect();
    let desk = Desk::new(&[("app.js", REJECTED)]);
    for isolation in ["", "--isolation fresh", "--isolation reuse"] {
        let ran = desk.run(&format!("app.js -j 1 {isolation}"), &rows(&mixed));
        let (errors, outputs) = (some(ran.each("error")), some(ran.each("output")));
        let found: Vec<_> = errors.iter().map(|error| error["message"].as_str().unwrap_or_default()).collect();
        let expected = [
            "Error: lost",
            "RangeError: forgotten",
            "Error: in a microtask",
            "threw \"only a text\"",
            "RangeError: first",
            "RangeError: chained",
            "RangeError: at once",
            "RangeError: late",
        ];
        assert_eq!(found, expected, "{isolation}: {}{}", ran.stdout, ran.stderr);
        assert!(errors.iter().all(|error| error["code"] == "exception"), "{isolation}: {}", ran.stdout);
        assert_eq!(outputs, vec![json!(1); kinds.len()], "{isolation}: {}", ran.stdout);
        let traceback = errors[1]["traceback"].as_str().expect("a text");
        assert!(traceback.starts_with("app.js:4\n    throw new RangeError(text);\n"), "{traceback}");
        assert!(traceback.contains("\n    at fail (app.js:4:") && traceback.ends_with(NOT_AWAITED), "{traceback}");
    }
}

#[test]
fn the_error_of_run_itself_is_reported_before_that_of_a_promise() {
    let ran = Desk::new(&[("app.js", REJECTED)]).run("app.js", &rows(&["own", "thrown"]));
    let errors = ran.each("error");
    assert_eq!(
        [&errors[0]["message"], &errors[1]["message"]],
        ["TypeError: own", "TypeError: thrown"],
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("is `await` missing"), "{}", ran.stdout);
}

const HANDLED: &str = r#"
async function fail(text = "no") {
  await null;
  throw new RangeError(text);
}
async function* numbers() {
  try { yield 1; await fail("in a generator"); } finally { await null; }
}
const caught = async (call) => { try { return await call(); } catch (error) { return error.message; } };
export const run = async () => {
  const promise = fail("handled later");
  const rejected = Promise.reject(new Error("handled at once"));
  await null;
  const found = [
    await caught(() => promise),
    await caught(() => rejected),
    await caught(() => Promise.all([fail("a"), fail("b"), fail("c")])),
    await caught(() => Promise.race([fail("d"), fail("e")])),
    await Promise.any([fail(), fail()]).catch((error) => error.errors.length),
    (await Promise.allSettled([fail(), fail(), Promise.reject(1)])).length,
    await caught(async () => { for await (const one of numbers()) void one; }),
    await caught(async () => { for await (const one of [Promise.reject(new Error("in an array"))]) void one; }),
    await caught(async () => { for await (const one of numbers()) { if (one) throw new Error("in a loop"); } }),
    await caught(async () => { const all = numbers(); await all.next(); await all.throw(new Error("thrown in")); }),
    await caught(async () => { async function* outer() { yield* numbers(); } for await (const _ of outer()); }),
    await caught(() => import("./bad.mjs")),
    await caught(() => import("./later.mjs")),
    await caught(() => import("./none.mjs")).then((text) => text.slice(0, 18)),
    await caught(() => ({ then: (_, reject) => reject(new Error("a thenable")) })),
    await caught(() => fail("last").finally(() => null)),
    await new Promise((resolve) => { const one = fail("a job later"); queueMicrotask(() => one.catch((it) => resolve(it.message))); }),
  ];
  return found;
};
"#;

#[test]
fn a_rejection_that_is_handled_while_jobs_are_left_is_not_an_error() {
    let files = [
        ("app.js", HANDLED),
        ("bad.mjs", "throw new Error('a bad module');\n"),
        ("later.mjs", "await null; throw new Error('a late module');\n"),
    ];
    let ran = Desk::new(&files).run("app.js", "1\n");
    let expected = json!([
        "handled later",
        "handled at once",
        "a",
        "d",
        2,
        3,
        "in a generator",
        "in an array",
        "in a loop",
        "thrown in",
        "in a generator",
        "a bad module",
        "a late module",
        "Cannot find module",
        "a thenable",
        "last",
        "a job later",
    ]);
    assert_eq!(ran.each("output"), [expected], "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_rejection_at_the_top_of_a_script_or_in_init_refuses_the_run() {
    let top = "const load = async () => { throw new Error('at the top'); };\nload();\nexport const run = () => 1;\n";
    let init = "const load = async () => { throw new Error('in init'); };\nexport const run = () => 1;\n\
                export function init() {\n  load();\n}\n";
    for (source, expected) in [(top, "Error: at the top"), (init, "Error: in init")] {
        let ran = Desk::new(&[("app.js", source)]).run("app.js", "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (101, ""), "{source}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected) && ran.stderr.contains("is `await` missing?"), "{}", ran.stderr);
    }
}

#[test]
fn the_place_of_a_value_that_no_output_can_hold_is_its_whole_way_in_the_result() {
    let source = r#"
class Point { constructor(at) { this.at = at; } toJSON() { return { at: this.at, all: [1, this.at] }; } }
class Own extends Map { toJSON() { return [...this]; } }
const rows = (last) => ({ rows: [1, new Own([[1, 2]]), { made: null }, { made: last }] });
const kinds = {
  date: () => rows(new Map()),
  function: () => rows(() => 1),
  big: () => rows(1n),
  list: () => [[new Set()]],
  name: () => ({ "a b": { "": Promise.resolve(1) } }),
  made: () => ({ point: new Point(/x/) }),
  far: () => [[[[[[[[[new Map()]]]]]]]]],
  circle: () => { const one = { list: [{}] }; one.list[0].again = one; return one; },
  twice: () => { const one = {}; return { a: one, b: one, c: new Uint16Array(1) }; },
  changes: () => { let times = 0; return { get a() { return times++ ? 1 : new Map(); } }; },
};
export const run = (kind) => kinds[kind]();
"#;
    let expected = [
        ("date", "a Map at result.rows[3].made"),
        ("function", "a function at result.rows[3].made"),
        ("big", "a BigInt at result.rows[3].made"),
        ("list", "a Set at result[0][0]"),
        ("name", "a Promise at result[\"a b\"][\"\"]"),
        ("made", "a RegExp at result.point.at"),
        ("far", "a Map at result[0][0][0][0][0][0][0][0]…"),
        ("circle", "an object that contains itself at result.list[0].again"),
        ("twice", "a Uint16Array at result.c"),
        ("changes", "a Map"),
    ];
    let ran = Desk::new(&[("app.js", source)]).run("app.js", &rows(&expected.map(|(kind, _)| kind)));
    let errors = ran.each("error");
    for (error, (kind, text)) in errors.iter().zip(expected) {
        let message = error["message"].as_str().unwrap_or_default();
        assert_eq!(error["code"], "result-type", "{kind}: {message}");
        assert!(message.starts_with(&format!("run returned {text}; return a string, a number")), "{kind}: {message}");
    }
}

#[test]
fn the_place_of_an_error_is_where_it_was_made_whatever_is_among_the_arguments() {
    let source = r#"
class Mine extends Error {}
class Other extends Mine { constructor(text, more) { super(text, more); } }
const inner = (cause) => new Error("inner", { cause });
const fail = (...all) => { throw new Mine(`${all}`); };
const kinds = [
  () => { throw new Error("outer", { cause: new Error("inner") }); },
  () => { throw new Other("outer", { cause: inner(String(1)) }); },
  () => {
    throw new Mine("outer", {
      cause: inner(1),
    });
  },
  () => fail(String(1), ...[String(2)]),
  () => [1].concat(String(1)).none(String(1)),
];
export const run = (at) => kinds[at]();
"#;
    let ran = Desk::new(&[("app.js", source)]).run("app.js", "0\n1\n2\n3\n4\n");
    let marked: Vec<Vec<String>> = ran
        .each("error")
        .iter()
        .map(|error| {
            let traceback = error["traceback"].as_str().expect("a text");
            let lines: Vec<_> = traceback.lines().collect();
            let at = lines[2].find('^').expect("a mark");
            let frames =
                lines[3..].iter().filter_map(|line| line.rsplit_once("app.js:")).map(|(_, at)| at.replace(')', ""));
            [lines[1][at..].chars().take(9).collect()].into_iter().chain(frames).collect()
        })
        .collect();
    let expected: [&[&str]; 5] = [
        &["new Error", "7:17", "17:28", "7:45", "17:28"],
        &["new Other", "8:17", "17:28", "4:26", "8:45", "17:28"],
        &["new Mine(", "10:11", "17:28", "4:26", "11:14", "17:28"],
        &["new Mine(", "5:34", "14:9", "17:28"],
        &["none(Stri", "15:31", "17:28"],
    ];
    assert_eq!(marked, expected, "{}", ran.stdout);
}

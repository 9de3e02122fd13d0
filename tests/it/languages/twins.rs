//! Tasks that stand in `guest-tasks/` in several languages: all give the answers that stand beside their rows.

use super::*;
use crate::support::guest;

const TASKS: [&str; 4] = ["sum_of_squares", "is_prime", "largest_prime_factor", "sum_of_chunk"];

fn file(task: &str, extension: &str) -> PathBuf {
    root().join("guest-tasks/scripts").join(format!("{task}.{extension}"))
}

fn expected(task: &str) -> Vec<Value> {
    let text = fs::read_to_string(file(task, "expected.jsonl")).expect("answers");
    text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect()
}

/// Checks statuses and outputs. The words of an error belong to the language.
fn check(task: &str, ran: &Ran) {
    let plain = |mut record: Value| {
        record.as_object_mut().expect("an object").retain(|name, _| ["status", "output"].contains(&name.as_str()));
        record
    };
    let answers: Vec<_> = ran.records().into_iter().map(plain).collect();
    assert_eq!(answers, expected(task), "{task}: {}", ran.stderr);
}

#[test]
fn programs_in_rust_give_the_answers_beside_their_rows() {
    let programs = [guest("sum-of-squares"), guest("is-prime"), guest("largest-prime-factor"), guest("sum-of-chunk")];
    for (task, program) in TASKS.into_iter().zip(programs) {
        check(task, &run(wpool_run(&program, "").arg(file(task, "jsonl")), ""));
    }
}

/// `wpool run` of a script. `None`, with a reason on the terminal, where its runtime cannot be made.
fn run_script(task: &str, extension: &str, language: &str) -> Option<Ran> {
    let script = file(task, extension);
    let ran = run(wpool_with_tools().arg("run").arg(&script).arg(file(task, "jsonl")), "");
    let is_script = !ran.stderr.contains("wpool build");
    if !is_script {
        println!("skipped, because this wpool runs no scripts in {language}: {}", ran.stderr);
    }
    is_script.then_some(ran)
}

#[test]
fn scripts_give_the_answers_beside_their_rows() {
    for (language, extension) in [("python", "py"), ("javascript", "js")] {
        for task in TASKS.into_iter().filter(|_| is_ready(language)) {
            if let Some(ran) = run_script(task, extension, language) {
                check(task, &ran);
            }
        }
    }
}

/// Gives each row to the function `run` of the script, as a runtime would: a refusal is a ValueError.
const IN_PYTHON: &str = r#"
import importlib.util, json, sys

spec = importlib.util.spec_from_file_location("script", sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
for row in open(sys.argv[2]):
    try:
        print(json.dumps({"status": "ok", "output": script.run(json.loads(row))}))
    except ValueError:
        print(json.dumps({"status": "failed"}))
"#;

/// The same, where a refusal is a RangeError.
const IN_NODE: &str = r#"
const { readFileSync } = require("fs");
const source = readFileSync(process.argv[1], "utf8");
import("data:text/javascript," + encodeURIComponent(source)).then(({ run }) => {
  for (const row of readFileSync(process.argv[2], "utf8").trimEnd().split("\n")) {
    let answer;
    try {
      answer = { status: "ok", output: run(JSON.parse(row)) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      answer = { status: "failed" };
    }
    console.log(JSON.stringify(answer));
  }
});
"#;

#[test]
fn scripts_give_the_same_answers_outside_of_wpool() {
    for (interpreter, flag, driver, extension) in [("python3", "-c", IN_PYTHON, "py"), ("node", "-e", IN_NODE, "js")] {
        if !Command::new(interpreter).arg("--version").output().is_ok_and(|output| output.status.success()) {
            println!("skipped: there is no {interpreter}");
            continue;
        }
        for task in TASKS {
            let mut command = Command::new(interpreter);
            command.args([flag, driver]).args([file(task, extension), file(task, "jsonl")]);
            check(task, &run(command.env("PYTHONDONTWRITEBYTECODE", "1"), ""));
        }
    }
}

//! Runs and their records, during the run and afterwards.

use std::io::BufReader;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::*;

#[test]
fn records_and_messages_of_a_run_are_inert() {
    for place in places() {
        let rows = place.rows();
        fs::create_dir(place.path("files")).unwrap();
        fs::rename(place.path(&rows), place.path("files").join(&rows)).unwrap();
        let rows = format!("files/{rows}");
        let programs = ENDS.map(|ends| place.program(ends)).into_iter().chain([place.refusing()]);
        for program in programs {
            let run = ["run", &program];
            let records = place.loud(&[&run[..], &[&rows, "--receipts", "-v"]].concat()).records();
            assert!(records.len() > 3, "{records:?}");
            place.loud(&[&run[..], &[&rows, "--values", "--lines"]].concat());
            place.loud(&[&run[..], &[&rows, "--output-type", "json"]].concat());
            place.loud(&[&run[..], &[&rows, "--strict-input"]].concat());
            place.loud(&[&run[..], &["--files", "files/*"]].concat());
        }
        let (echo, out) = (wat("echo"), place.name(""));
        let args =
            ["run", echo.to_str().unwrap(), "--files", "files/*", "--out-dir", &out, "--summary-json", "summary"];
        place.loud(&args);
        place.look_into("summary");
        assert_eq!(place.loud(&args).code, 100, "the files are there");
    }
}

/// The value of what was made inert is what it was.
#[test]
fn records_of_texts_that_act_say_the_same() {
    for place in places() {
        // A byte order mark would be no part of a first row.
        let text = format!("-{}", place.text().replace(|c: char| c < ' ', ""));
        let ran = run(&mut wpool_run(&wat("echo"), "--lines -q"), format!("{text}\n{}\n", Value::from(&*text)));
        assert_eq!(ran.each("output"), [text.clone(), text.clone()]);
        assert_inert("echo", &ran.stdout);
        let ran = run(&mut wpool_run(&wat("echo"), "--lines --values -q"), format!("{{\"a\":\t\"{text}\"}}"));
        assert_inert("values", &ran.stdout);
    }
}

#[test]
fn kept_runs_are_looked_at_and_run_again_without_harm() {
    for place in places() {
        let (out, rows) = (place.name(""), place.rows());
        for ends in ENDS {
            let program = place.program(ends);
            place.looked_at(&["run", &program, &rows, "-o", &out, "-q", "--overwrite"]);
            place.look_into(&out);
            place.look_into(&format!("{out}.wpool/run.json"));
            for args in [
                &["runs", "list"][..],
                &["runs", "list", "--json"],
                &["runs", "info", &out],
                &["runs", "info", "--json", &out],
                &["runs", "export", &out],
                &["diff", &out, &out],
                &["diff", &out, "/dev/null", "--by", "id"],
                &["diff", "--json", &out, "/dev/null", "--by", "id"],
                &["replay", &out, "0"],
                &["replay", "--json", &out, "0"],
                &["runs", "prune", "--finished", "--dry-run"],
            ] {
                assert_ne!(place.loud(args).code, 96, "{args:?}");
            }
            place.looked_at(&["rerun", &out, "--failed"]);
            place.look_into(&out);
            let resumed = ["run", &place.program(Ends::Well), &rows, "-o", &out, "--resume"];
            assert_eq!(place.loud(&resumed).code, 2, "the program is another");
        }
        place.loud(&["runs", "info", &place.text()]);
        place.loud(&["runs", "prune", "--finished"]);
        fs::write(
            place.path("state.json"),
            serde_json::to_vec(&serde_json::json!({ place.text(): place.text() })).unwrap(),
        )
        .unwrap();
        fs::write(place.path("numbers"), "1\n").unwrap();
        let shared = guest("shared-state");
        let args = ["--call", "shared.square", "--state-in", "state.json", "--state-out", "state.out", "numbers"];
        place.looked_at(&[&["run", shared.to_str().unwrap()][..], &args].concat());
        place.look_into("state.out");
    }
}

#[test]
fn what_a_running_task_says_is_shown_without_harm() {
    for place in places() {
        let said = place.text().replace('\n', "\r") + "forged\n";
        let source = fs::read_to_string(wat("chatty-sleep")).unwrap();
        let source = source.replace("(memory ", &format!("(data (i32.const 4096) \"{}\") (memory ", quoted(&said)));
        let source = source.replace("23) (i32.const 28)", &format!("4096) (i32.const {})", said.len()));
        let program = place.file(".wat", source);
        fs::write(place.path("rows"), "60000\n").unwrap();
        let mut child = spawn(&mut place.command(&["run", &program, "rows", "-j", "1"]));
        let _guard = Watchdog::over(&child);
        // A run with workers hears the signal; one that has just begun would die of it.
        block_on(until("a worker is there", || !children_of(child.id()).is_empty()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        while !told.contains("says: ") {
            kill_process(Pid::from_child(&child), Signal::USR1).unwrap();
            told += &(lines.next().expect("it answers").unwrap() + "\n");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_inert("SIGUSR1", &told);
        assert!(told.contains("forged"), "{told}");
    }
}

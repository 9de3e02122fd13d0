//! `--junit` of runs that have not done their work: no such report looks like success.

use std::time::Duration;

use rustix::process::Signal;

use crate::reports::*;
use crate::support::{Process, block_on, children_of, signal_child, spawn, until};

/// The beginning of a file of gzip.
const CUT_GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// The words of the only error of the run itself.
fn why(report: &Report) -> String {
    let errors = report.found("error");
    let of_run: Vec<_> = errors.iter().filter(|(name, _)| *name == "the run").collect();
    assert_eq!(of_run.len(), 1, "{report:?}");
    assert!(attribute(&report.0, "errors").parse::<u32>().expect("a number") >= 1);
    of_run[0].1["text"].as_str().expect("a text").to_owned()
}

#[test]
fn a_run_that_was_refused_has_one_error_that_says_why() {
    let folder = folder(&[("rows.jsonl", "1\n2\n"), ("bad.jsonl", "1\nbad\n"), ("empty.jsonl", "\n")]);
    std::fs::write(path(&folder, "cut.jsonl.gz"), CUT_GZIP).expect("a file");
    for (args, code, needle) in [
        ("{wat}/echo.wat empty.jsonl", 4, "there are no rows in empty.jsonl"),
        ("{wat}/echo.wat missing.jsonl", 96, "missing.jsonl"),
        ("{wat}/unknown-import.wat rows.jsonl", 101, "import"),
        ("missing.wasm rows.jsonl", 96, "missing.wasm"),
        ("{wat}/echo.wat bad.jsonl --strict-input", 102, "nothing was run"),
        ("{wat}/echo.wat cut.jsonl.gz", 102, "its gzip data is cut off"),
    ] {
        std::fs::write(path(&folder, "r.xml"), "of an earlier run").expect("a file");
        let ran = wpool_in(&folder, &format!("run {args} --junit r.xml"));
        assert_eq!(ran.code, code, "{args}: {}", ran.stderr);
        let report = Report::of(&folder);
        let why = why(&report);
        assert!(why.contains(needle), "{args}: {why}");
    }
}

#[test]
fn a_run_that_was_stopped_has_its_cases_and_an_error() {
    let folder = folder(&[("rows.txt", "one\n!\ntwo\n"), ("traps.jsonl", &"\"!\"\n".repeat(50))]);
    let args = "run {wat}/spin-on-bang.wat rows.txt --lines -j 1 --deadline 2s --junit r.xml";
    assert_eq!(wpool_in(&folder, args).code, 124);
    let report = Report::of(&folder);
    assert!(why(&report).contains("--deadline"), "{report:?}");
    assert_eq!(report.names()[0], "rows.txt:1");
    let args = "run {wat}/trap-on-bang.wat traps.jsonl -j 1 --max-fail 2 -o o --junit r.xml";
    assert_eq!(wpool_in(&folder, args).code, 103);
    let report = Report::of(&folder);
    assert!(why(&report).contains("--max-fail"), "{report:?}");
    assert!(!report.found("failure").is_empty());
    // A success that was waited for is one.
    let args = "run {wat}/trap-on-bang.wat rows.txt --lines -j 1 --halt now,success=1 --junit r.xml";
    let ran = wpool_in(&folder, args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = Report::of(&folder);
    assert!(report.found("error").is_empty() && report.found("skipped").iter().any(|(name, _)| *name == "the run"));
}

#[test]
fn a_run_that_was_terminated_once_or_twice_has_its_report() {
    for signals in [1, 2] {
        let folder = folder(&[("rows.txt", "one\n!\ntwo\n")]);
        let args = "run {wat}/spin-on-bang.wat rows.txt --lines -j 1 --grace 1s --junit r.xml";
        let child = spawn(&mut command(&folder, args));
        let host = child.id();
        let busy = || children_of(host).into_iter().any(Process::is_busy);
        block_on(until("a worker computes", busy));
        for _ in 0..signals {
            signal_child(host, Signal::TERM);
            std::thread::sleep(Duration::from_millis(100));
        }
        let ran = crate::support::finish(child, "");
        assert_eq!(ran.code, 143, "{}", ran.stderr);
        let report = Report::of(&folder);
        assert!(why(&report).contains("SIGTERM"), "{report:?}");
        assert_eq!(report.names()[0], "rows.txt:1");
    }
}

#[test]
fn the_report_of_a_run_whose_host_was_killed_says_so() {
    let folder = folder(&[("rows.txt", "one\n!\ntwo\n")]);
    std::fs::write(path(&folder, "r.xml"), "of an earlier run").expect("a file");
    let args = "run {wat}/spin-on-bang.wat rows.txt --lines -j 1 -o out.jsonl --junit r.xml";
    let mut child = spawn(&mut command(&folder, args));
    let host = child.id();
    let busy = || children_of(host).into_iter().any(Process::is_busy);
    block_on(until("a worker computes", busy));
    block_on(until("the first record", || path(&folder, "out.jsonl").metadata().is_ok_and(|found| found.len() > 0)));
    signal_child(host, Signal::KILL);
    child.wait().expect("it ends");
    assert!(!path(&folder, "r.xml").exists(), "no report of an earlier run stands there");
    assert_eq!(wpool_in(&folder, "report out.jsonl --junit r.xml").code, 0);
    let report = Report::of(&folder);
    assert!(why(&report).contains("the host was killed after 1 records"), "{report:?}");
}

/// The same command, whose files may have so many blocks of the shell.
fn limited(folder: &TempDir, real: &Command, blocks: u32) -> Command {
    let mut command = Command::new("sh");
    // A signal would end the process before the error is seen.
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(real.get_program());
    command.args(real.get_args()).current_dir(folder.path());
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn a_report_for_which_there_is_no_room_is_an_output_that_cannot_be_written() {
    let folder = folder(&[("rows.txt", &"row\n".repeat(2_000))]);
    let real = command(&folder, "run {wat}/echo.wat rows.txt --lines -q --junit r.xml");
    // The image is in the cache then.
    assert_eq!(wpool_in(&folder, "run {wat}/echo.wat rows.txt --lines -q").code, 0);
    let ran = run(&mut limited(&folder, &real, 64), "");
    assert!(ran.code == 110 && ran.stderr.contains("cannot write r.xml"), "{}: {}", ran.code, ran.stderr);
}

#[test]
fn a_run_whose_output_cannot_be_written_reports_the_records_that_are_there() {
    let folder = folder(&[("rows.txt", &"row\n".repeat(20_000))]);
    assert_eq!(wpool_in(&folder, "run {wat}/echo.wat rows.txt --lines -q").code, 0);
    let real = command(&folder, "run {wat}/echo.wat rows.txt --lines -q -o out --markdown r.md");
    let ran = run(&mut limited(&folder, &real, 256), "");
    assert_eq!(ran.code, 110, "{}", ran.stderr);
    let lines = std::fs::read(path(&folder, "out")).expect("it is there").iter().filter(|byte| **byte == b'\n').count();
    let markdown = std::fs::read_to_string(path(&folder, "r.md")).expect("it is there");
    let told = markdown.lines().find_map(|line| line.strip_prefix("| ok | ")?.strip_suffix(" |")?.parse().ok());
    assert!(told.is_some_and(|told: usize| told > 0 && told <= lines), "{lines}: {markdown}");
}

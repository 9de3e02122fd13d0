//! `--junit`: what a report says of rows.

use std::collections::BTreeSet;

use crate::reports::*;

#[test]
fn a_row_is_a_case_with_its_place_its_reason_and_the_command_that_runs_it_again() {
    let folder = folder(&[("rows.jsonl", "1\n\n\"!\"\n22\nbad\n")]);
    let ran = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl --junit r.xml --env TOKEN=hidden");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let report = Report::of(&folder);
    let names = ["rows.jsonl:1", "rows.jsonl:3", "rows.jsonl:4", "rows.jsonl:5"];
    assert_eq!(report.names(), names);
    let case = report.cases()[1];
    let found = ["classname", "file", "line"].map(|name| attribute(case, name));
    assert_eq!(found, ["trap-on-bang.wat", "rows.jsonl", "3"]);
    assert!(attribute(case, "timestamp").ends_with('Z') && attribute(case, "time").parse::<f64>().is_ok(), "{case}");
    let suite = report.suites().next().expect("a suite");
    let counts = ["name", "tests", "failures", "errors", "skipped"].map(|name| attribute(suite, name));
    assert_eq!(counts, ["rows.jsonl", "4", "1", "1", "0"]);
    let (name, failure) = report.found("failure")[0];
    assert_eq!((name, attribute(failure, "type")), ("rows.jsonl:3", "trap"));
    let text = failure["text"].as_str().expect("a text");
    assert!(text.contains("\ncode:\nunreachable\n") && text.contains("backtrace, innermost first:\n"), "{text}");
    assert!(text.ends_with("to run it again:\nwpool replay out.jsonl 1\n"), "{text}");
    let (name, error) = report.found("error")[0];
    assert_eq!((name, attribute(error, "type")), ("rows.jsonl:5", "invalid-input"));
    assert_eq!(report.property("rows.ok"), Some("2"));
    assert_eq!(report.property("wpool.version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(report.property("program.blake3").map(str::len), Some(64));
    let command = report.property("command").expect("it is there");
    assert!(command.contains("--env TOKEN=…") && !command.contains("hidden"), "{command}");
}

#[test]
fn a_report_of_a_kept_run_says_the_same_as_that_of_the_run() {
    let folder = folder(&[("rows.jsonl", "1\n\"!\"\n22\n")]);
    wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl --junit r.xml");
    let report = std::fs::read_to_string(path(&folder, "r.xml")).expect("a report");
    assert_eq!(wpool_in(&folder, "report out.jsonl --junit later.xml").code, 0);
    // Later, the output file is named from anywhere.
    let later = std::fs::read_to_string(path(&folder, "later.xml")).expect("a report");
    assert_eq!(later.replace(&format!("wpool replay {}/", folder.path().display()), "wpool replay "), report);
}

#[test]
fn whatever_a_guest_prints_the_report_is_well_formed() {
    let rows = "]]>\n<!-- & \"' -->\n\u{1b}[31mred\u{1b}[0m \u{9b}2J\n\\ud800 \u{fffe}\u{ffff}\u{2028}\u{202e}\n##[error]x\n\
                ::error::x\n<![CDATA[x]]>\n&#0;\n\u{10ffff}\u{1fffe}\n";
    let folder = folder(&[("shout.wat", SHOUT), ("ro&\"ws]]>.txt", rows)]);
    for options in ["", "-o out.jsonl"] {
        let args = format!("run shout.wat ro&\"ws]]>.txt --lines --junit r.xml {options}");
        assert_eq!(wpool_in(&folder, &args).code, 100);
        let report = Report::of(&folder);
        let failures = report.found("failure");
        assert_eq!(failures.len(), 9, "{options}");
        assert_eq!(failures[0].0, "ro&\"ws]]>.txt:1");
        let text = |at: usize| failures[at].1["text"].as_str().expect("a text");
        assert!(text(0).contains("standard error:\n]]>"), "{}", text(0));
        assert!(text(2).contains("\\u{1b}[31mred\\u{1b}[0m \\u{9b}2J"), "{}", text(2));
        assert!(text(0).contains("\\u{0}\\u{1}") && text(0).contains("\\u{7f}"), "{}", text(0));
        let raw = std::fs::read_to_string(path(&folder, "r.xml")).expect("UTF-8");
        let obeyed = |line: &str| line.contains("##[") || line.trim_start().starts_with("::");
        assert!(!raw.lines().any(obeyed), "it may go to a log");
    }
    // Surrogates reach a guest in rows of JSON, as escapes.
    let ran =
        run(&mut command(&folder, "run {wat}/stderr-fail.wat --junit r.xml"), "\"\\ud800\"\n\"\\udc00\\ud800\"\n");
    assert_eq!(ran.code, 100);
    assert_eq!(Report::of(&folder).cases().len(), 2);
}

#[test]
fn cases_of_rows_with_the_same_place_have_names_of_their_own() {
    let folder = folder(&[("a.jsonl", "1\n1\n"), ("b.jsonl", "1\n")]);
    let ran = wpool_in(&folder, "run {wat}/echo.wat a.jsonl b.jsonl a.jsonl --junit r.xml");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = Report::of(&folder);
    let names = report.names();
    assert_eq!(names, ["a.jsonl:1", "a.jsonl:2", "b.jsonl:1", "a.jsonl:1 #2", "a.jsonl:2 #2"]);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let suites: Vec<_> = report.suites().map(|suite| attribute(suite, "name")).collect();
    assert_eq!(suites, ["a.jsonl", "b.jsonl", "a.jsonl"]);
}

#[test]
fn files_and_rows_of_standard_input_are_named_as_well() {
    let folder = folder(&[("x", "1"), ("y z", "1")]);
    wpool_in(&folder, "run {wat}/echo.wat --files x --files y* --junit r.xml");
    let report = Report::of(&folder);
    assert_eq!(report.names(), ["x", "y z"]);
    assert_eq!(attribute(report.cases()[1], "file"), "y z");
    run(&mut command(&folder, "run {wat}/echo.wat --junit r.xml"), "1\n2\n");
    let report = Report::of(&folder);
    assert_eq!(report.names(), ["<stdin>:1", "<stdin>:2"]);
    assert_eq!(attribute(report.cases()[0], "file"), "");
    wpool_in(&folder, "run {wat}/noop.wat --once --junit r.xml");
    assert_eq!(Report::of(&folder).names(), ["row 0"]);
}

#[test]
fn a_row_that_is_ok_after_a_retry_is_flaky() {
    let folder = folder(&[("rows.txt", "one\ntwo\n")]);
    std::fs::create_dir(path(&folder, "state")).expect("a folder");
    let args = "run {wat}/flaky.wat rows.txt --lines --dir state::/:rw --retries 2 --retry-delay 1ms --retry-on failed";
    let ran = wpool_in(&folder, &format!("{args} --junit r.xml --markdown r.md"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let summary = std::fs::read_to_string(path(&folder, "r.md")).expect("a summary");
    for text in ["#### 2 rows ok after a retry\n", "| <code>rows.txt&#58;2</code> | failed |\n"] {
        assert!(summary.contains(text), "{text} is not in {summary}");
    }
    let report = Report::of(&folder);
    let flaky = report.found("flakyFailure");
    assert_eq!(flaky.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["rows.txt:1", "rows.txt:2"]);
    assert_eq!(attribute(flaky[0].1, "type"), "failed");
    assert_eq!(attribute(&report.0, "failures"), "0");
}

#[test]
fn of_many_rows_those_that_are_ok_are_one_case() {
    let rows: String = (0..10_050).map(|id| if id % 1_000 == 7 { "\"!\"\n" } else { "1\n" }).collect();
    let folder = folder(&[("rows.jsonl", &rows)]);
    assert_eq!(wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o o --junit r.xml").code, 100);
    let report = Report::of(&folder);
    assert_eq!(report.cases().len(), 12);
    assert_eq!(report.found("failure").len(), 11);
    assert_eq!(report.names().last(), Some(&"10039 more rows: ok"));
    // The same rows without the failures are named, each of them.
    let rows = "1\n".repeat(10_000);
    std::fs::write(path(&folder, "rows.jsonl"), rows).expect("a file");
    assert_eq!(wpool_in(&folder, "run {wat}/echo.wat rows.jsonl --junit r.xml").code, 0);
    assert_eq!(Report::of(&folder).cases().len(), 10_000);
}

#[test]
fn a_report_is_bounded_and_counts_the_rows_that_it_leaves_out() {
    // Each byte of these is several in XML.
    let rows = format!("{}\n", "&\u{1b}".repeat(6_000)).repeat(3_000);
    let folder = folder(&[("shout.wat", SHOUT), ("rows.txt", &rows)]);
    assert_eq!(wpool_in(&folder, "run shout.wat rows.txt --lines --junit r.xml").code, 100);
    let bytes = std::fs::metadata(path(&folder, "r.xml")).expect("a report").len();
    assert!((4 << 20..=25 << 20).contains(&bytes), "{bytes}");
    let report = Report::of(&folder);
    let counted = |name: &&str| name.strip_suffix(" more rows: failed")?.parse::<u64>().ok();
    let counted: u64 = report.names().iter().filter_map(counted).sum();
    let cases = report.cases().len() as u64;
    assert_eq!(if counted > 0 { cases - 1 + counted } else { cases }, 3_000);
    assert_eq!(attribute(&report.0, "tests"), cases.to_string());
}

#[test]
fn reports_of_equal_deterministic_runs_are_equal() {
    let reports = [(); 2].map(|()| {
        let folder = folder(&[("rows.jsonl", "1\n\"!\"\n22\n")]);
        let args = "run {wat}/trap-on-bang.wat rows.jsonl --deterministic --fuel 1000000 -o o --junit r.xml";
        let ran = wpool_in(&folder, args);
        assert_eq!(ran.code, 100, "{}", ran.stderr);
        std::fs::read_to_string(path(&folder, "r.xml")).expect("a report")
    });
    assert_eq!(reports[0], reports[1]);
    assert!(reports[0].contains(" time=\"0\"") && !reports[0].contains("timestamp"), "{}", reports[0]);
}

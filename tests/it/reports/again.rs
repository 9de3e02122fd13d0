//! Reports of runs that were gone on with, run again, or merged.

use std::time::Duration;

use super::*;

/// The names of the failed cases of the report of a kept run, made now.
fn failed(folder: &TempDir, run: &str) -> Vec<String> {
    let ran = wpool_in(folder, &format!("report {run} --junit r.xml --overwrite"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = Report::of(folder);
    let mut names: Vec<_> = report.found("failure").iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_row_that_ran_again_and_is_ok_then_is_no_failure_any_more() {
    let folder = folder(&[("rows.jsonl", "1\n\"!\"\n22\n\"!!\"\n")]);
    wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl");
    assert_eq!(failed(&folder, "out.jsonl"), ["rows.jsonl:2", "rows.jsonl:4"]);
    assert_eq!(wpool_in(&folder, "rerun out.jsonl --failed --with {wat}/echo.wat --resume-across-programs").code, 0);
    assert_eq!(failed(&folder, "out.jsonl"), [""; 0]);
    let report = Report::of(&folder);
    assert_eq!(report.cases().len(), 4, "{report:?}");
}

#[test]
fn a_run_that_was_gone_on_with_has_the_failures_of_all_its_parts() {
    let folder = folder(&[("rows.jsonl", "\"!\"\n2\n3\n")]);
    wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl -j 1");
    std::fs::write(path(&folder, "rows.jsonl"), "\"!\"\n2\n3\n4\n\"!5\"\n").expect("more rows");
    let ran = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl --resume --junit r.xml");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let report = Report::of(&folder);
    assert_eq!(report.cases().len(), 5, "the rows of before have their cases, too: {report:?}");
    assert_eq!(failed(&folder, "out.jsonl"), ["rows.jsonl:1", "rows.jsonl:5"]);
}

#[test]
fn merged_shards_have_one_report() {
    let rows: String =
        (0..12).map(|row| if row % 5 == 0 { "\"!\"\n".to_owned() } else { format!("{row}\n") }).collect();
    let folder = folder(&[("rows.jsonl", &rows)]);
    for shard in 1..=3 {
        wpool_in(&folder, &format!("run {{wat}}/trap-on-bang.wat rows.jsonl --shard {shard}/3 -o part-{shard}.jsonl"));
    }
    assert_eq!(wpool_in(&folder, "merge -o all.jsonl part-1.jsonl part-2.jsonl part-3.jsonl").code, 100);
    assert_eq!(failed(&folder, "all.jsonl"), ["rows.jsonl:1", "rows.jsonl:11", "rows.jsonl:6"]);
    assert_eq!(Report::of(&folder).cases().len(), 12);
}

#[test]
fn rows_that_moved_have_their_own_failures_and_rows_that_are_gone_have_none() {
    for (options, moved) in [("", "row 1"), ("--unordered -j 1", "row 1"), ("--shard 1/1", "row 1")] {
        let folder = folder(&[("rows", "!gone\nsame\n!moves\n!goes\n")]);
        let command = format!("{{wat}}/trap-on-bang.wat rows --lines -o out {options}");
        wpool_in(&folder, &format!("run {command}"));
        assert_eq!(failed(&folder, "out").len(), 3, "{options}");
        std::fs::write(path(&folder, "rows"), "new\n!moves\nsame\n").expect("other rows");
        let ran = wpool_in(&folder, &format!("run {command} --resume --junit r.xml --markdown r.md"));
        assert_eq!(ran.code, 100, "{options}: {}", ran.stderr);
        let live = Report::of(&folder);
        assert_eq!((live.cases().len(), live.found("failure").len()), (3, 1), "{options}: {live:?}");
        let markdown = std::fs::read_to_string(path(&folder, "r.md")).expect("it is there");
        assert!(markdown.contains("#### 1 row trap"), "{options}: {markdown}");
        // The line in which it stood is not its own any more.
        assert_eq!(failed(&folder, "out"), [moved], "{options}");
    }
}

#[test]
fn failures_whose_records_wait_for_their_turn_are_in_no_report() {
    let folder = folder(&[("rows", "!\nok\n!!\n")]);
    wpool_in(&folder, "run {wat}/trap-on-bang.wat rows --lines -o out");
    let again = Live::start(&mut command(&folder, "rerun out --failed --with {wat}/spin.wat"));
    while std::fs::metadata(path(&folder, "out")).expect("it is there").len() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    again.kill();
    assert_eq!(failed(&folder, "out"), [""; 0], "no record is in the file");
    let ran = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows --lines -o out --resume --resume-across-programs");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert_eq!(failed(&folder, "out"), ["rows:1", "rows:3"]);
}

#[test]
fn a_resume_to_which_no_row_came_changes_no_later_report() {
    let folder = folder(&[]);
    let run_with = |rows: &str, options: &str| {
        run(&mut command(&folder, &format!("run {{wat}}/echo.wat --lines -o out {options}")), rows)
    };
    assert_eq!(run_with("a\nb\n", "").code, 0);
    assert_eq!(run_with("", "--resume").code, 4);
    assert_eq!(failed(&folder, "out"), [""; 0]);
    let report = Report::of(&folder);
    assert_eq!((report.cases().len(), report.found("error").len()), (2, 0), "{report:?}");
}

#[test]
fn the_summary_of_an_earlier_session_is_not_told_as_that_of_the_last() {
    let folder = folder(&[("rows", "!\n2\n3\n")]);
    let ran = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows --lines -o out --max-fail 1 -j 1");
    assert_eq!(ran.code, 103, "{}", ran.stderr);
    let earlier = std::fs::read(path(&folder, "out.wpool/summary.json")).expect("it is there");
    // An end in another second.
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(wpool_in(&folder, "run {wat}/trap-on-bang.wat rows --lines -o out --resume").code, 100);
    // As if the host had been killed before it kept its own.
    std::fs::write(path(&folder, "out.wpool/summary.json"), earlier).expect("it is written");
    failed(&folder, "out");
    let report = Report::of(&folder);
    assert_eq!((report.cases().len(), report.found("error").len()), (3, 0), "{report:?}");
}

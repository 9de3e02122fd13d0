//! Reports of runs that were gone on with, run again, or merged.

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

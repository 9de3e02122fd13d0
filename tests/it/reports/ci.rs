//! `--ci`: annotations, and the summary of a job.

use crate::reports::*;

/// A run in a job of GitHub.
fn in_github(folder: &TempDir, args: &str) -> Ran {
    let mut command = command(folder, args);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", path(folder, "summary.md"));
    run(command.env("GITHUB_WORKSPACE", folder.path()), "")
}

/// The commands of the log, which is both streams.
fn commands(ran: &Ran) -> Vec<&str> {
    let lines = ran.stdout.lines().chain(ran.stderr.lines());
    lines.filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

#[test]
fn a_step_has_at_most_nine_annotations_and_one_that_counts_the_rest() {
    let folder = folder(&[("rows.jsonl", &format!("1\nbad\n{}", "\"!\"\n".repeat(40)))]);
    std::fs::write(path(&folder, "summary.md"), "before").expect("a file");
    let ran = in_github(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl");
    assert_eq!(ran.code, 100);
    let commands = commands(&ran);
    // Three examples of the traps, the row that is bad, and the rest.
    assert_eq!(commands.len(), 5, "{commands:?}");
    let trap = "::error file=rows.jsonl,line=3,title=wpool%3A trap (40 rows like this)::rows.jsonl:3: ";
    assert!(commands[0].starts_with(trap), "{}", commands[0]);
    assert!(commands[0].ends_with("%0Awpool replay out.jsonl 2"), "{}", commands[0]);
    assert!(
        commands[1].starts_with("::error file=rows.jsonl,line=2,title=wpool%3A invalid-input::"),
        "{}",
        commands[1]
    );
    assert!(commands[4].contains("::37 more rows not ok"), "{}", commands[4]);
    let summary = std::fs::read_to_string(path(&folder, "summary.md")).expect("a summary");
    assert!(summary.starts_with("before\n### wpool: <code>trap-on-bang.wat</code>: 41 of 42 rows not ok"), "{summary}");
    for part in ["| trap | 40 |", "#### 40 rows trap <code>unreachable</code>", "$ wpool replay out.jsonl 2", "Slowest"]
    {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn without_failures_there_is_no_annotation_and_without_github_there_is_nothing() {
    let folder = folder(&[("rows.jsonl", "1\n\"!\"\n")]);
    std::fs::write(path(&folder, "summary.md"), "").expect("a file");
    let ran = in_github(&folder, "run {wat}/echo.wat rows.jsonl");
    assert_eq!((ran.code, commands(&ran)), (0, vec![]), "{}", ran.stderr);
    let summary = std::fs::read_to_string(path(&folder, "summary.md")).expect("a summary");
    assert!(summary.contains(": 2 rows ok in ") && summary.contains(", exit code 0"), "{summary}");
    let other = in_github(&folder, "run {wat}/trap-on-bang.wat rows.jsonl --ci none");
    let plain = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl");
    let gitlab = wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl --ci gitlab");
    for ran in [other, plain, gitlab] {
        assert_eq!((ran.code, commands(&ran)), (100, vec![]), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_to_string(path(&folder, "summary.md")).expect("a summary"), summary);
}

#[test]
fn a_run_that_was_refused_has_an_annotation_that_says_why() {
    let folder = folder(&[("rows.jsonl", "1\n")]);
    let ran = in_github(&folder, "run {wat}/unknown-import.wat rows.jsonl");
    assert_eq!(ran.code, 101);
    let commands = commands(&ran);
    assert_eq!(commands.len(), 1, "{}", ran.stderr);
    assert!(commands[0].starts_with("::error title=wpool%3A "), "{}", commands[0]);
}

#[test]
fn an_exception_of_a_script_is_shown_at_its_line() {
    let folder = folder(&[("rows.jsonl", "1\n")]);
    std::fs::create_dir(path(&folder, "scripts")).expect("a folder");
    let script = "export function run(row) {\n  throw new Error(\"no \" + row);\n}\n";
    std::fs::write(path(&folder, "scripts/app.js"), script).expect("a script");
    let ran = in_github(&folder, "run scripts/app.js rows.jsonl");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let commands = commands(&ran);
    assert!(commands[0].starts_with("::error file=scripts/app.js,line=2,title=wpool%3A failed::"), "{commands:?}");
}

#[test]
fn a_job_summary_is_never_longer_than_github_takes() {
    let folder = folder(&[("rows.jsonl", "1\n\"!\"\nbad\n")]);
    const LIMIT: usize = 1 << 20;
    for (room, whole) in [(100_000, true), (480, false), (150, false), (20, false), (1, false), (0, false)] {
        std::fs::write(path(&folder, "summary.md"), "x".repeat(LIMIT - room)).expect("a file");
        let ran = in_github(&folder, "run {wat}/trap-on-bang.wat rows.jsonl");
        assert_eq!(ran.code, 100);
        let summary = std::fs::read_to_string(path(&folder, "summary.md")).expect("a summary");
        assert!(summary.len() <= LIMIT, "{room}: {}", summary.len());
        assert_eq!(summary.contains("#### 1 row trap"), whole, "{room}");
        assert_eq!(summary.contains("2 rows that are not ok are not shown"), room == 480, "{room}");
        assert_eq!(summary.contains("2 of 3 rows not ok"), room >= 150, "{room}");
        assert_eq!(ran.stderr.contains("the job summary is full"), room < 150, "{room}: {}", ran.stderr);
    }
}

#[test]
fn a_summary_of_many_kinds_of_failures_is_shortened() {
    // Each row fails with words of its own.
    let rows: String = (0..2_000).map(|id| format!("{id} {}\n", "<&|".repeat(3_000))).collect();
    let folder = folder(&[("shout.wat", SHOUT), ("rows.txt", &rows)]);
    std::fs::write(path(&folder, "summary.md"), "x".repeat(200 << 10)).expect("a file");
    let ran = in_github(&folder, "run shout.wat rows.txt --lines --markdown m.md");
    assert_eq!(ran.code, 100);
    for name in ["summary.md", "m.md"] {
        assert!(path(&folder, name).metadata().expect("a file").len() <= 1 << 20, "{name}");
    }
}

#[test]
fn a_kept_run_is_told_to_github_on_request() {
    let folder = folder(&[("rows.jsonl", "1\n\"!\"\n")]);
    wpool_in(&folder, "run {wat}/trap-on-bang.wat rows.jsonl -o out.jsonl");
    let ran = in_github(&folder, "report out.jsonl --markdown m.md");
    assert_eq!((ran.code, commands(&ran)), (0, vec![]), "{}", ran.stderr);
    std::fs::write(path(&folder, "summary.md"), "").expect("a file");
    let ran = in_github(&folder, "report out.jsonl --ci github");
    assert_eq!((ran.code, commands(&ran).len()), (0, 1), "{}", ran.stderr);
    let summary = std::fs::read_to_string(path(&folder, "summary.md")).expect("a summary");
    assert_eq!(summary.trim_start(), std::fs::read_to_string(path(&folder, "m.md")).expect("a file"));
}

#[test]
fn the_terminal_the_page_the_summary_and_the_annotations_group_failures_alike() {
    // Two ways not to be JSON, whose columns differ, and one trap.
    let rows = ["[", "[[[", "[1,2", "{\"ab\":", "[111,2}", "\"!\""];
    let folder = folder(&[("rows.jsonl", &rows.join("\n"))]);
    std::fs::write(path(&folder, "summary.md"), "").expect("a file");
    let ran = in_github(&folder, "run {wat}/trap-on-bang.wat rows.jsonl --html page.html");
    assert_eq!(ran.code, 100);
    let told: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("  ")).collect();
    for (line, begin) in [
        "  invalid-input rows.jsonl:1, task 0: json: not JSON: expected a value in column 2",
        "  trap     rows.jsonl:6, task 5: unreachable: ",
        "  invalid-input rows.jsonl:3, task 2: json: not JSON: expected ',' or ']' in column 5",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(told[line].starts_with(begin), "{told:?}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
    let read = |name| std::fs::read_to_string(path(&folder, name)).expect("a file");
    let (summary, page) = (read("summary.md"), read("page.html"));
    let head = |line: &&str| line.starts_with("#### ") && line.contains("row");
    let heads: Vec<_> = summary.lines().filter(|line| head(line) && !line.contains("Slowest")).collect();
    let invalid = |rows| format!("#### {rows} rows invalid-input <code>json</code>");
    let trap = "#### 1 row trap <code>unreachable</code> in <code>run</code>";
    assert_eq!(heads, [&invalid(3), &invalid(2), trap]);
    assert!(page.contains("6 tasks in 3 groups."), "{page}");
    let commands = commands(&ran);
    assert!(commands[0].contains("invalid-input (3 rows like this)::rows.jsonl:1: "), "{commands:?}");
    assert!(commands[1].contains("trap::rows.jsonl:6: "), "{commands:?}");
    assert!(commands[2].contains("invalid-input (2 rows like this)::rows.jsonl:3: "), "{commands:?}");
}

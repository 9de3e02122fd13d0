//! What guests and rows say does not command the job whose log it comes to stand in.

use crate::reports::*;

/// Texts that CI systems obey, and their parts.
const PARTS: [&str; 20] = [
    "##[",
    "##[stop-commands]x",
    "##[error]",
    "::error::x",
    "::",
    ":",
    "#",
    "##",
    "##vso[task.complete]",
    "##teamcity[x]",
    "[",
    "]",
    " ",
    "\t",
    "\u{1b}[2J",
    "\r",
    "\u{a0}",
    "\u{3000}",
    "\"",
    "x",
];

/// Hostile texts, the same in each run.
fn hostile(count: u64) -> Vec<String> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let text = |next: &mut dyn FnMut(u64) -> u64| {
        (0..=next(6)).map(|_| PARTS[next(PARTS.len() as u64) as usize]).collect::<String>()
    };
    (0..count).map(|_| text(&mut next)).collect()
}

/// Lines that a system obeys, but for annotations of wpool's own.
fn obeyed(log: &str) -> Vec<&str> {
    let of_wpool = |line: &str| line.starts_with("::error ") && !line.contains("##");
    let obeys = |line: &&str| {
        ["##[", "##vso[", "##teamcity["].iter().any(|command| line.contains(command))
            || line.trim_start().starts_with("::") && !of_wpool(line)
    };
    log.split(['\n', '\r']).filter(obeys).collect()
}

fn assert_harmless(ran: &Ran, what: &str) {
    for log in [&ran.stdout, &ran.stderr] {
        let found = obeyed(log);
        assert!(found.is_empty(), "{what}: {} lines, such as {:?}", found.len(), found[0]);
        let acts = |c: char| c.is_control() && !['\n', '\t'].contains(&c);
        assert!(!log.contains(acts), "{what}: a control character");
    }
}

fn in_ci(folder: &TempDir, args: &str, input: &str) -> Ran {
    run(command(folder, args).env("GITHUB_ACTIONS", "true"), input)
}

#[test]
fn ten_thousand_hostile_outputs_command_nothing_and_keep_their_values() {
    let texts = hostile(10_000);
    let rows: String = texts.iter().map(|text| format!("{}\n", Value::from(text.as_str()))).collect();
    let folder = folder(&[]);
    let ran = in_ci(&folder, "run {wat}/echo.wat", &rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_harmless(&ran, "records");
    assert_eq!(ran.each("output"), texts);
    let ran = in_ci(&folder, "run {wat}/echo.wat --values", &rows);
    assert_harmless(&ran, "values");
    assert_eq!(ran.records(), texts);
    let ran = in_ci(&folder, "run {wat}/echo.wat --with-input --unordered", &rows);
    assert_harmless(&ran, "rows");
    let ran = in_ci(&folder, "run {wat}/echo.wat --output-format csv", &rows);
    assert_harmless(&ran, "a table");
    // Without a CI, all of this stands there as it is.
    let plain = run(&mut command(&folder, "run {wat}/echo.wat"), &rows);
    assert!(!obeyed(&plain.stdout).is_empty());
}

#[test]
fn messages_about_hostile_programs_and_rows_command_nothing() {
    let texts: Vec<_> = hostile(2_000).into_iter().map(|text| text.replace('\r', "")).collect();
    let rows = format!("{}\n", texts.join("\n"));
    let folder = folder(&[("shout.wat", SHOUT), ("::error::file", &rows)]);
    for options in ["", "--values", "--show-output", "-v", "--output-format tsv", "-o out.jsonl --failed /dev/stdout"] {
        let ran = in_ci(&folder, &format!("run shout.wat ::error::file --lines {options}"), "");
        assert_eq!(ran.code, 100, "{options}: {}", ran.stderr);
        assert_harmless(&ran, options);
    }
    let streamed = ["--junit", "--markdown", "--trace", "--html", "--summary-json", "--events-tasks --events"];
    for (option, number) in streamed.into_iter().zip(0..) {
        let args = format!("run shout.wat ::error::file --lines -o {number}.jsonl {option} /dev/stdout");
        let ran = in_ci(&folder, &args, "");
        assert_eq!(ran.code, 100, "{option}: {}", ran.stderr);
        assert!(!ran.stdout.is_empty(), "{option}");
        assert_harmless(&ran, option);
    }
    for args in [
        "replay out.jsonl 7",
        "replay out.jsonl 7 --json",
        "diff out.jsonl out.jsonl",
        "check {wat}/echo.wat ::error::file",
        "inspect ::error::file",
        "runs list",
        "runs show out.jsonl",
        "run ::error::file",
        "run ##[error]",
        "run shout.wat --##[error]x",
    ] {
        assert_harmless(&in_ci(&folder, args, ""), args);
    }
}

#[test]
fn a_file_and_a_run_outside_of_ci_have_the_bytes_as_they_are() {
    let folder = folder(&[("rows.jsonl", "\"##[error]x\"\n")]);
    let ran = in_ci(&folder, "run {wat}/echo.wat rows.jsonl -o out.jsonl --ci none", "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let record = "{\"id\":0,\"status\":\"ok\",\"output\":\"##[error]x\"}\n";
    assert_eq!(std::fs::read_to_string(path(&folder, "out.jsonl")).expect("a file"), record);
    assert_eq!(wpool_in(&folder, "run {wat}/echo.wat rows.jsonl").stdout, record);
    // The standard output of a shell's `>` is a file, too.
    let file = std::fs::File::create(path(&folder, "redirected")).expect("a file");
    let mut command = command(&folder, "run {wat}/echo.wat rows.jsonl");
    command.env("GITHUB_ACTIONS", "true").stdout(file);
    assert!(command.status().expect("it runs").success());
    assert_eq!(std::fs::read_to_string(path(&folder, "redirected")).expect("a file"), record);
    // A pipe may be the log, and is guarded also where only the option names the system.
    let ran = wpool_in(&folder, "run {wat}/echo.wat rows.jsonl --ci gitlab");
    assert_eq!(ran.stdout, record.replace("##", "#\\u0023"));
}

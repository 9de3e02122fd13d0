//! Other settings, programs and versions, and other runs on the same journal.

use super::*;
use crate::support::Process;

#[test]
fn c68_another_program_or_other_settings_are_refused_by_name() {
    let place = Place::new(numbers(50));
    place.resume("echo", "", OK);
    let ran = place.run("trap-on-bang", "-o out --resume");
    assert_refused(&ran, USAGE, &["the program has changed", "echo.wat", "trap-on-bang.wat"], "program");
    let ran = place.run("trap-on-bang", "-o out --resume --resume-across-programs");
    assert_eq!((ran.code, kept(&ran)), (OK, 50), "{}", ran.stderr);
    let ran = place.run("trap-on-bang", "-o out --resume");
    assert_eq!(ran.code, OK, "it is the program now: {}", ran.stderr);
    for (args, needles) in [
        ("--timeout 2s", &["--timeout was none and is 2s"][..]),
        ("--memory 1MiB --retries 2", &["--memory was 536870912 and is 1048576", "--retries was 0 and is 2"]),
        ("--lines", &["rows was json and is lines"]),
        ("--receipts", &["--receipts was false and is true"]),
        ("--unordered", &["--unordered was false and is true"]),
        ("--only failed", &["--only was none and is failed"]),
        ("--env A=b", &["--env differs in A"]),
        ("--output-type text", &["--output-type was auto and is text"]),
        ("--success-codes 0,3", &["--success-codes was [0] and is [0,3]"]),
    ] {
        let ran = place.run("trap-on-bang", &format!("-o out --resume {args}"));
        assert_refused(&ran, USAGE, &[&["--resume: settings differ: "], needles].concat(), args);
    }
    assert_eq!(kept(&place.resume("trap-on-bang", "-j 1 --max-fail 3 --deadline 90s -v --no-cache", OK)), 50);
}

#[test]
fn c92_another_wpool_is_refused_unless_it_is_allowed() {
    let place = Place::new(numbers(50));
    place.resume("echo", "", OK);
    let mut facts = place.facts();
    facts["version"] = "0.0.9".into();
    fs::write(place.path("out.wpool/run.json"), facts.to_string()).expect("it is written");
    let ran = place.run("echo", "-o out --resume");
    assert_refused(&ran, USAGE, &["0.0.9", env!("CARGO_PKG_VERSION"), "--resume-across-programs"], "version");
    let ran = place.run("echo", "-o out --resume --resume-across-programs");
    assert_eq!((ran.code, kept(&ran)), (OK, 50), "{}", ran.stderr);
    assert_eq!(place.facts()["version"], env!("CARGO_PKG_VERSION"));
    facts["format"] = 99.into();
    fs::write(place.path("out.wpool/run.json"), facts.to_string()).expect("it is written");
    let ran = place.run("echo", "-o out --resume --resume-across-programs");
    assert_refused(&ran, UNREADABLE, &["format is 99"], "format");
}

#[test]
fn what_cannot_end_as_if_undisturbed_is_no_resume() {
    let place = Place::new(numbers(5));
    let dir = format!("--dir {}::/d:rw", place.0.path().display());
    for (args, needle) in [
        ("--resume", "needs -o FILE"),
        ("--resume -o -", "needs -o FILE"),
        ("--resume -o /dev/null", "regular file"),
        ("--resume -o out --state", "shared state"),
        ("--resume -o out --isolation reuse", "--isolation reuse"),
        ("--resume -o out --isolation reuse=checked", "--isolation reuse"),
        ("--resume -o out --out-dir d", "--out-dir"),
        (&format!("--resume -o out {dir}"), ":rw directory"),
        ("--resume -o out --overwrite", "cannot be used with"),
        ("--resume -o out --no-journal", "cannot be used with"),
        ("--durable", "--durable needs -o FILE"),
        ("--resume-across-programs -o out", "--resume"),
    ] {
        assert_refused(&place.run("echo", args), USAGE, &[needle], args);
    }
    assert!(!place.path("out").exists() && !place.path("out.wpool").exists());
    fs::write(place.path("out"), "something\n").expect("a file");
    let ran = place.run("echo", "-o out --resume");
    assert_refused(&ran, USAGE, &["out is there without its journal, out.wpool", "--overwrite"], "no journal");
    assert_eq!(read(place.path("out")), "something\n");
}

#[test]
fn c33_a_second_run_on_one_journal_is_refused_and_the_first_unharmed() {
    let place = Place::new(numbers(3));
    let mut command = wpool();
    command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out"]);
    let mut live = Live::start(&mut command);
    live.say("0\n");
    while read_if_there(&place.path("out")).is_empty() {
        sleep(Duration::from_millis(10));
    }
    let pid = read(place.path("out.wpool/lock")).trim().to_owned();
    assert!(Process::find(pid.parse().expect("a number")).is_some());
    for args in ["-o out --resume", "-o out --overwrite", "-o out --overwrite --no-journal"] {
        let ran = place.run("echo", args);
        assert_refused(&ran, USAGE, &["in use by another run", &format!("(pid {pid})")], args);
    }
    live.say("1\n2\n");
    assert_eq!(live.end().code, OK);
    assert_eq!(kept(&place.resume("echo", "", OK)), 3);
}

#[test]
fn c33_a_run_that_comes_to_write_last_does_not_take_the_journal_of_one_that_was_faster() {
    let place = Place::new(numbers(3));
    for args in [&["-o", "out"][..], &["-o", "out", "--overwrite"]] {
        for name in ["out", "out.wpool"] {
            let _ = fs::remove_file(place.path(name)).or_else(|_| fs::remove_dir_all(place.path(name)));
        }
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).arg("--strict-input").args(args);
        let mut live = Live::start(&mut command);
        // More than a pipe holds: once it is said, the run has looked for a journal, and waits for the last row.
        live.say(&"1\n".repeat(200_000));
        assert!(!place.path("out.wpool").exists());
        assert_eq!(place.run("echo", "-o out").code, OK);
        assert_refused(&live.end(), USAGE, &["out.wpool was made by another run"], "late");
        assert_eq!(kept(&place.resume("echo", "", OK)), 3);
    }
}

#[test]
fn a_deterministic_resume_gives_each_of_equal_rows_its_own_random_numbers() {
    let place = Place::new([]);
    for name in ["a.txt", "b.txt"] {
        fs::write(place.path(name), "1").expect("a file");
    }
    let over = |args: &str| {
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("chance"));
        let ran = run(command.args(["--deterministic", "--files", "*.txt"]).args(args.split_whitespace()), "");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        ran
    };
    over("-o out");
    // The second file is the first of its content now.
    fs::remove_file(place.path("a.txt")).expect("it is there");
    over("-o out --resume");
    over("-o calm --no-journal");
    assert_eq!(read(place.path("out")), read(place.path("calm")));
    assert_eq!(kept(&over("-o out --resume")), 1);
}

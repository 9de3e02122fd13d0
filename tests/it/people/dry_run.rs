//! `--dry-run`: what would run, without a trace.

use super::*;

#[test]
fn a_dry_run_says_what_would_run_and_leaves_no_trace() {
    let desk = Desk::new();
    desk.write("rows", "1\n\n2\n3\n");
    desk.write("summary", "{}");
    let before = desk.names();
    let mut command = desk.command(
        "run echo.wat rows --dry-run -j 3 --timeout 2s --memory 64MiB --dir . --env SECRET=value -o out --failed again \
         --summary-json summary --events log --metrics-file run.prom",
    );
    let ran = run(command.env("XDG_CACHE_HOME", desk.path("cache")), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    for needle in [
        "program     echo.wat (core module, ",
        "convention  raw, because it exports",
        "rows        3 rows in rows\n",
        "workers     3\n",
        "timeout 2.0s, memory 64.0 MiB, output 16.0 MiB",
        "to read\n",
        "variables SECRET\n",
        "fence       ",
        "records     out\n",
        "out.wpool\n",
        "failed rows again\n",
        "summary     summary\n",
        "events      log\n",
        "metrics     run.prom\n",
    ] {
        assert!(ran.stdout.contains(needle), "no {needle:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("value"), "{}", ran.stdout);
    assert_eq!((desk.names(), desk.read("summary")), (before, "{}".to_owned()), "nothing was written");
}

#[test]
fn a_dry_run_ends_as_the_run_would_at_its_start() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    desk.write("empty", "\n");
    desk.write("bad", "nonsense\n");
    desk.write("there", "precious");
    fs::copy(wat("no-convention"), desk.path("refused.wat")).expect("a program");
    for (args, code, needle) in [
        ("echo.wat empty", NO_INPUTS, ""),
        ("echo.wat missing", SET_UP, "missing"),
        ("missing.wat rows", SET_UP, "missing.wat"),
        ("refused.wat rows", REFUSED, "refused.wat"),
        ("echo.wat rows -o there", USAGE, "--overwrite"),
        ("echo.wat rows -o no/such/folder", 110, "no/such/folder"),
        ("echo.wat bad --strict-input", 102, "bad:1"),
        ("echo.wat rows -o there --resume", USAGE, "without its journal"),
        ("echo.wat rows --overwrite -o there", OK, ""),
        ("echo.wat -n", OK, ""),
        ("echo.wat --files rows", OK, ""),
        // A bad row is a record, and the run begins.
        ("echo.wat bad", OK, ""),
    ] {
        let dry = desk.wpool(&format!("run {args} --dry-run"));
        assert_eq!(dry.code, code, "{args}: {}", dry.stderr);
        assert!(dry.stderr.contains(needle), "{args}: {}", dry.stderr);
        assert_eq!(desk.read("there"), "precious", "{args}");
        assert!(!desk.names().iter().any(|name| name.ends_with(".wpool")), "{args}: {:?}", desk.names());
    }
    let unread = desk.fed("run echo.wat --dry-run", "1\n2\n");
    assert!(unread.code == OK && unread.stdout.contains("unknown before they are read"), "{}", unread.stdout);
}

#[test]
fn a_dry_run_of_a_resume_says_so_and_refuses_what_a_resume_does() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    assert_eq!(desk.wpool("run echo.wat rows -o out -q").code, OK);
    let facts = desk.read("out.wpool/run.json");
    let ran = desk.wpool("run echo.wat rows -o out --resume --dry-run");
    assert!(ran.code == OK && ran.stdout.contains("out, whose run is resumed"), "{}", ran.stdout);
    let ran = desk.wpool("run cat.wat rows -o out --resume --dry-run");
    assert!(ran.code == USAGE && ran.stderr.contains("the program has changed"), "{}", ran.stderr);
    assert_eq!(desk.read("out.wpool/run.json"), facts);
}

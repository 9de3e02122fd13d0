//! Files that meet: what a run reads is never what it writes, and nothing is written twice, by whatever names, redirections
//! and descriptors the files come.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{CANNOT_WRITE, NOT_OK, OK, USAGE, assert_refused, folder, read, write};
use crate::support::{Ran, root, run, wpool};

const ROWS: &str = "1\n\"!\"\n3\n";

/// A script for a shell in a folder, where `$run` begins `wpool run` of a guest that traps on one of the rows.
fn shell(folder: &TempDir, script: &str) -> Ran {
    let mut command = Command::new("sh");
    for (name, value) in wpool().get_envs() {
        value.map(|value| command.env(name, value));
    }
    let guests = root().join("guest-tasks");
    let executable = env!("CARGO_BIN_EXE_wpool");
    let guest = guests.join("wat/trap-on-bang.wat");
    command.env("wpool", executable).env("run", format!("{executable} run {}", guest.display())).env("CI", "");
    run(
        command
            .env("G", guests)
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .current_dir(folder.path())
            .args(["-c", script]),
        "",
    )
}

fn with_rows() -> TempDir {
    let folder = folder();
    write(&folder, "rows", ROWS);
    fs::hard_link(folder.path().join("rows"), folder.path().join("other")).expect("a link");
    folder
}

#[test]
fn rows_of_standard_input_are_never_destroyed() {
    let folder = with_rows();
    for output in
        ["--failed", "--summary-json", "--events", "--metrics-file", "-o", "--overwrite -o", "--overwrite --state-out"]
    {
        for name in ["rows", "./rows", "other"] {
            for input in ["", "-", "/dev/stdin", "/proc/self/fd/0"] {
                let script = format!("$run {output} {name} {input} < rows");
                assert_refused(&shell(&folder, &script), USAGE, &[name], &script);
                assert_eq!(read(folder.path().join("rows")), ROWS, "{script}");
            }
        }
    }
    // Beside them all is well, and rows that are not read can be replaced.
    assert_eq!(shell(&folder, "$run --failed failed < rows").code, NOT_OK);
    assert_eq!(read(folder.path().join("failed")), "\"!\"\n");
    assert_eq!(shell(&folder, "$run failed --failed rows < rows").code, NOT_OK);
    assert_eq!(read(folder.path().join("rows")), "\"!\"\n");
}

#[test]
fn files_that_are_read_beside_rows_are_never_destroyed() {
    let folder = with_rows();
    for name in ["argument", "state", "list"] {
        write(&folder, name, if name == "list" { "rows\n" } else { "{}" });
    }
    fs::copy(root().join("guest-tasks/wat/echo.wat"), folder.path().join("program.wat")).expect("a copy");
    for (script, name) in [
        ("$run rows --init-arg @argument --failed argument", "argument"),
        ("$run rows --init-arg @/dev/stdin --failed argument < argument", "/dev/stdin"),
        ("$run rows --state-in state --summary-json state", "state"),
        ("$run rows --state-in state -o state --overwrite", "state"),
        ("$run rows --state-in state 2>> state", "state"),
        ("$run --files-from list --failed list", "list"),
        ("$run --files-from - --failed list < list", "list"),
        ("$wpool run program.wat rows --failed program.wat", "program.wat"),
        ("$wpool run program.wat rows >> program.wat", "program.wat"),
    ] {
        let before: Vec<_> =
            ["argument", "state", "list", "program.wat"].map(|name| read(folder.path().join(name))).into();
        let ran = shell(&folder, script);
        assert_eq!(ran.code, USAGE, "{script}: {}", ran.stderr);
        let after: Vec<_> =
            ["argument", "state", "list", "program.wat"].map(|name| read(folder.path().join(name))).into();
        // Messages may have been added by the shell's redirection, and nothing is gone.
        assert!(before.iter().zip(&after).all(|(before, after)| after.starts_with(before)), "{script}: {after:?}");
        let said = format!("{}{}", ran.stderr, after.concat());
        assert!(said.contains(&format!("{name} is ")) || said.contains("is where standard input comes from"), "{said}");
    }
    // State may be carried from run to run in one file, which is replaced at the end.
    write(&folder, "state", "{}");
    let call = "--call shared.count --state-in state --state-out state --overwrite";
    let ran = shell(&folder, &format!("echo 1 | $wpool run $G/shared-state.wasm {call}"));
    assert_eq!(ran.code, OK, "{}", ran.stderr);
}

#[test]
fn a_run_that_would_read_what_it_writes_is_refused() {
    let folder = with_rows();
    // So many that the run would read what it has written before it comes to their end.
    let many: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    write(&folder, "a", &many);
    for script in [
        "$run a >> a",
        "$run < a >> a",
        "cat a | $run - a >> a",
        "$run a 1<> a",
        "$run a -o /dev/stdout >> a",
        "$run a -o /dev/fd/3 3>> a",
        "$run --files 'a*' >> a",
        "$run --files a >> a",
        "$run --files-from list >> a",
        "$run a --values 2>> a",
        "$run a --failed /dev/stderr 2>> a",
        "$wpool check $G/is-prime.wasm rows a >> a",
    ] {
        write(&folder, "list", "a\n");
        write(&folder, "a", &many);
        let ran = shell(&folder, script);
        assert_eq!((ran.code, &*ran.stdout), (USAGE, ""), "{script}: {}", ran.stderr);
        let after = read(folder.path().join("a"));
        assert!(after.starts_with(&many) && after.len() < many.len() + 500, "{script}: {}", after.len());
        let said = ran.stderr + &after[many.len()..];
        assert!(said.contains("would read what it writes"), "{script}: {said}");
    }
    // A pipe with a name is as endless.
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    let ran = shell(&folder, "$run pipe -o pipe");
    assert_refused(&ran, USAGE, &["pipe"], "a pipe");
    // Devices are read and written by everybody.
    assert_eq!(shell(&folder, "$run /dev/null rows -o /dev/null 2> /dev/null").code, NOT_OK);
    assert_eq!(shell(&folder, "$run rows > log 2>&1").code, NOT_OK);
}

#[test]
fn outputs_of_one_run_do_not_meet() {
    let folder = with_rows();
    for (script, needles) in [
        ("$run rows --failed out --summary-json ./out", ["out", "failed rows and the summary"]),
        ("$run rows --failed out > out", ["out", "takes the records"]),
        ("$run rows -o out --overwrite 2>> out", ["out", "records and messages"]),
        ("$run rows --summary-json out 2>> out", ["out", "the summary and messages"]),
        ("$run rows --events out 2>> out", ["out", "the events and messages"]),
        ("$run rows --events /dev/fd/3 --metrics-file out 3>> out", ["out", "the events and the metrics"]),
        ("$run rows -o new --failed out --summary-json /dev/fd/3 3>> out", ["out", "failed rows and the summary"]),
        ("$run rows -o old --overwrite --failed old.wpool/journal", ["old.wpool", "for the journal"]),
        ("$run rows -o old --overwrite --out-dir old.wpool", ["old.wpool", "for the journal"]),
    ] {
        let _ = fs::remove_dir_all(folder.path().join("old.wpool"));
        let _ = fs::remove_file(folder.path().join("old"));
        assert_eq!(shell(&folder, "$run rows -q -o old").code, NOT_OK);
        write(&folder, "out", "precious\n");
        let ran = shell(&folder, script);
        assert_eq!(ran.code, USAGE, "{script}: {}", ran.stderr);
        let after = fs::read_to_string(folder.path().join("out")).expect("it is there");
        let said = format!("{}{after}", ran.stderr);
        assert!(needles.iter().all(|needle| said.contains(needle)), "{script}: {said}");
        assert!(after.starts_with("precious\n") || script.ends_with(" > out"), "{script}: {after}");
    }
    // A row that names a file of the journal as its output is not run.
    let script = "printf '\"old.wpool/journal\"\\n' | $run -o old --overwrite --out-dir . --out-name {}";
    let ran = shell(&folder, script);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let record: Value = serde_json::from_str(&read(folder.path().join("old"))).expect("a record");
    assert_eq!(record["error"]["code"], "output-name", "{record}");
}

#[test]
fn names_of_descriptors_mean_what_is_open() {
    let folder = with_rows();
    write(&folder, "log", "before\n");
    // The log is added to, not replaced.
    let ran = shell(&folder, "$run -q rows -o records --summary-json /dev/stderr 2>> log");
    assert_eq!(ran.code, NOT_OK);
    let log = read(folder.path().join("log"));
    let summary: Value = serde_json::from_str(log.strip_prefix("before\n").expect("it stays")).expect("a summary");
    assert_eq!(summary["tasks"]["ok"], 2);
    // So are files behind other descriptors, in the order of what is written.
    write(&folder, "log", "before\n");
    let script = "exec 3>> log; echo first >&3; $run -q rows -o /dev/null --failed /dev/fd/3; echo last >&3";
    assert_eq!(shell(&folder, script).code, OK);
    assert_eq!(read(folder.path().join("log")), "before\nfirst\n\"!\"\nlast\n");
    // Standard output is what `-` is: it has no journal, and is not there before.
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        write(&folder, "out", "before\n");
        let ran = shell(&folder, &format!("$run -q rows -o {name} >> out"));
        assert_eq!(ran.code, NOT_OK, "{name}: {}", ran.stderr);
        let out = read(folder.path().join("out"));
        assert!(out.starts_with("before\n{\"id\":0,") && out.lines().count() == 4, "{name}: {out}");
        assert!(!folder.path().join("out.wpool").exists());
        let ran = shell(&folder, &format!("$run rows -o {name} --resume >> out"));
        assert_refused(&ran, USAGE, &["standard output has no journal"], name);
        assert_eq!(shell(&folder, &format!("$run -q rows -o {name} >&-")).code, CANNOT_WRITE, "{name}");
        assert_eq!(shell(&folder, &format!("$run -q rows -o {name}")).records().len(), 3, "{name}");
    }
    // What is not open, or not for writing, takes nothing.
    for script in
        ["$run rows --failed /dev/fd/9", "$run rows --failed /dev/fd/3 3< log", "$run rows --failed /dev/stdin < log"]
    {
        assert_refused(&shell(&folder, script), CANNOT_WRITE, &["cannot write /dev/"], script);
    }
    // A link of the user's own to such a name is a link as any other.
    symlink("/dev/stderr", folder.path().join("link")).expect("a link");
    assert_refused(&shell(&folder, "$run rows --failed link"), USAGE, &["is a link to"], "a link");
}

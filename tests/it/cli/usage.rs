//! Invalid arguments, and files that are missing or would be lost.

use super::*;

#[test]
fn c31_c32_what_makes_no_sense_is_refused_before_anything_runs() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    write(&folder, "out", "precious");
    for (args, needle) in [
        ("--nope", "--nope"),
        ("-j 0 rows", "1 or more"),
        ("-j 100000 rows", "1024"),
        ("-j many rows", "--jobs"),
        ("--timeout 0 rows", "--timeout"),
        ("--timeout -1s rows", "-1"),
        ("--timeout=-1s rows", "--timeout"),
        ("--timeout soon rows", "200ms"),
        ("--timeout 99999999999999999999h rows", "--timeout"),
        ("--memory 0 rows", "--memory"),
        ("--memory 5GiB rows", "4 GiB"),
        ("--memory lots rows", "64KiB"),
        ("--max-output 0 rows", "--max-output"),
        ("--max-output 2GiB rows", "1024 MiB"),
        ("--chunksize 0 rows", "--chunksize"),
        ("--max-fail 0 rows", "--max-fail"),
        ("--crash-limit 0 rows", "--crash-limit"),
        ("--max-fail 10% rows", "--halt soon,fail=10%"),
        ("--halt now,fail=101% rows", "1% to 100%"),
        ("--retries -1 rows", "-1"),
        ("-o out rows", "--overwrite"),
        ("-o . rows", "directory"),
        ("--overwrite rows", "--output"),
        ("--once rows", "--once"),
        ("--once --lines", "--once"),
        ("--values --receipts rows", "--receipts"),
        ("-q -v rows", "--verbose"),
        ("- rows -", "only once"),
        ("--env WPOOL_TEST_NO_SUCH_VARIABLE rows", "WPOOL_TEST_NO_SUCH_VARIABLE"),
        ("--env =value rows", "name"),
        ("--dir ::/guest rows", "HOST[::GUEST][:ro|:rw]"),
        ("--dir .::/d:rwx rows", "\"rwx\" is not a mode; the modes are ro (read) and rw (read and write)"),
        ("--dir .::/d:rwx rows", ".::/d:rwx:ro"),
        ("--dir .::/d:tmp rows", "\"tmp\" is not a mode"),
        ("--dir .::/d: rows", "\"\" is not a mode"),
        ("--dir .::/d:RW rows", "\"RW\" is not a mode"),
        ("--dir .:rwx rows", "\"rwx\" is not a mode"),
        ("--dir .::/d:ro:rw rows", "two modes"),
    ] {
        assert_refused(&run_in(&folder, "echo", args), USAGE, &[needle], args);
        assert_eq!(read(folder.path().join("out")), "precious", "{args}");
    }
    for args in [&["run"][..], &[], &["nope"], &["completions", "nope"]] {
        assert_refused(&run(wpool().args(args), ""), USAGE, &["--help"], &args.join(" "));
    }
}

#[test]
fn c19_inputs_and_grants_that_are_not_there_are_a_failed_set_up() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for (args, needle) in [
        ("missing", "missing"),
        ("rows missing", "missing"),
        (".", "directory"),
        ("--dir missing rows", "missing"),
        ("--dir .:/d rows", "cannot grant the directory .:/d"),
        ("--dir .:x:rw rows", "cannot grant the directory .:x"),
        ("--dir rows rows", "rows"),
    ] {
        assert_refused(&run_in(&folder, "cat", args), SET_UP, &[needle], args);
    }
}

#[test]
fn c32_an_output_never_destroys_an_input() {
    let folder = folder();
    let rows = write(&folder, "rows", "1\n");
    fs::hard_link(&rows, folder.path().join("hard")).expect("a link");
    std::os::unix::fs::symlink("rows", folder.path().join("soft")).expect("a link");
    for args in [
        "-o rows rows",
        "-o rows --overwrite rows",
        "-o soft --overwrite rows",
        "-o hard --overwrite rows",
        "--failed rows rows",
        "--failed soft rows",
        "--failed hard rows",
    ] {
        assert_refused(&run_in(&folder, "trap", args), USAGE, &[], args);
        assert_eq!(read(&rows), "1\n", "{args}");
    }
}

#[test]
fn records_and_failed_rows_go_to_different_files() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for args in ["-o same --failed same rows", "-o same --failed ./same rows", "-o ./same --failed same rows"] {
        assert_refused(&run_in(&folder, "trap", args), USAGE, &["same"], args);
    }
}

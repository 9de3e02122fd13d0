//! Files that patterns name: which are rows, which are not, and what is said of those that are left out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::cli::{NO_INPUTS, NOT_OK, OK, SET_UP, USAGE, assert_refused, folder, read, write};
use crate::support::{Ran, run, wat, wpool};

/// A user that owns nothing here.
const NOBODY: u32 = 65_534;

fn glob(folder: &TempDir, args: &[&str]) -> Ran {
    let mut command = wpool();
    command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join(".state"));
    run(command.arg("run").arg(wat("echo")).args(args), "")
}

/// The files that are rows, by their names.
fn files(ran: &Ran) -> Vec<String> {
    ran.each("file").iter().map(|file| file.as_str().expect("a name").to_owned()).collect()
}

fn folder_of(names: &[&str]) -> TempDir {
    let folder = folder();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "1").expect("a file");
    }
    folder
}

#[test]
fn the_output_of_a_run_is_not_a_row_of_its_pattern() {
    let folder = folder_of(&["a", "b"]);
    for options in [&["-o", "out"][..], &["-o", "./out", "--resume"], &["-o", "out", "--overwrite"]] {
        for pattern in ["*", "**"] {
            let ran = glob(&folder, &[&["--files", pattern, "-q"], options].concat());
            assert_eq!((ran.code, &*ran.stderr), (OK, ""), "{pattern} {options:?}");
            assert_eq!(read(folder.path().join("out")).lines().count(), 2, "{pattern} {options:?}");
            if options.len() == 2 {
                fs::remove_file(folder.path().join("out")).expect("it is there");
                fs::remove_dir_all(folder.path().join("out.wpool")).expect("it is there");
            }
        }
    }
    // By its name alone it is a row as any other, which is not destroyed.
    let ran = glob(&folder, &["--files", "out", "-o", "out", "--overwrite"]);
    assert_refused(&ran, USAGE, &["out is an input"], "its name");
    let ran = glob(&folder, &["--files", "*", "--failed", "b"]);
    assert_refused(&ran, USAGE, &["b is an input"], "another output");
    assert_eq!(read(folder.path().join("b")), "1");
}

#[test]
fn what_is_kept_of_runs_is_never_a_row() {
    let folder = folder_of(&["a", "d/b", "mine.wpool/c", "plain.wpool"]);
    let kept = |pattern: &str| files(&glob(&folder, &["--files", pattern]));
    for output in ["out", "d/out"] {
        let ran = glob(&folder, &["-n", "-q", "-o", output, "--env", "SECRET=hidden"]);
        assert_eq!(ran.code, OK, "{}", ran.stderr);
    }
    assert!(read(folder.path().join("out.wpool/run.json")).contains("hidden"));
    assert_eq!(kept("**"), ["a", "d/b", "d/out", "mine.wpool/c", "out", "plain.wpool"]);
    assert_eq!(kept("*/*"), ["d/b", "d/out", "mine.wpool/c"]);
    // Not even by its name, but for a file that is named whole.
    for pattern in ["out.wpool/*", "d/out.wpool/**", "out.wpool/{journal,run.json}"] {
        assert_refused(&glob(&folder, &["--files", pattern]), NO_INPUTS, &[pattern], pattern);
    }
}

#[test]
fn another_users_kept_run_is_left_out_and_named() {
    let folder = folder_of(&["a", "others.wpool/journal", "d/b"]);
    let others = folder.path().join("others.wpool");
    fs::set_permissions(&others, PermissionsExt::from_mode(0o700)).expect("it is mine");
    let mut command = wpool();
    command.current_dir(folder.path()).arg("run").arg("echo.wat").args(["--files", "**", "--no-cache"]);
    fs::copy(wat("echo"), folder.path().join("echo.wat")).expect("a copy");
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("it is mine");
        command.uid(NOBODY).gid(NOBODY);
        chown(&others, Some(1), None).expect("root may");
    } else {
        fs::set_permissions(&others, PermissionsExt::from_mode(0o000)).expect("it is mine");
    }
    let ran = run(&mut command, "");
    assert_eq!(files(&ran), ["a", "d/b", "echo.wat"], "{}", ran.stderr);
    assert!(ran.code == OK && ran.stderr.contains("cannot look into others.wpool"), "{}", ran.stderr);
    // A folder that may hold rows is not passed over.
    fs::rename(&others, folder.path().join("rows")).expect("it is mine");
    let ran = run(&mut command, "");
    fs::set_permissions(folder.path().join("rows"), PermissionsExt::from_mode(0o700)).expect("it is mine");
    assert_refused(&ran, SET_UP, &["rows", "cannot look for files"], "a folder");
}

#[test]
fn a_pattern_sees_the_plain_path() {
    let folder = folder_of(&["-a.txt", "b.txt", "d/-c.txt"]);
    let found = |pattern: &str| files(&glob(&folder, &["--files", pattern]));
    // The row keeps what sets it apart from an option.
    for pattern in ["*.txt", "./*.txt", "[!c].txt", "{-a,b}.txt", "?*.txt"] {
        let expected: &[&str] = if pattern.contains("!c") { &["b.txt"] } else { &["./-a.txt", "b.txt"] };
        assert_eq!(found(pattern), expected, "{pattern}");
    }
    assert_eq!(found("./-a.txt"), ["./-a.txt"]);
    assert_eq!(found("*/*.txt"), ["d/-c.txt"]);
    let ran = glob(&folder, &["--files=-a.txt"]);
    assert_eq!(files(&ran), ["./-a.txt"]);
}

#[test]
fn a_literal_name_is_a_file_whatever_it_looks_like() {
    let folder = folder_of(&["a[1].txt", "*.md", "{b,c}", "x\\y", "d?/e", "[e"]);
    for name in ["a[1].txt", "*.md", "{b,c}", "x\\y", "d?/e", "[e", "./a[1].txt"] {
        let ran = glob(&folder, &["--files", name]);
        assert_eq!(files(&ran), [name.trim_start_matches("./")], "{name}: {}", ran.stderr);
    }
    // It hides nothing that its pattern matches.
    write(&folder, "b.md", "1");
    write(&folder, "a1.txt", "1");
    assert_eq!(files(&glob(&folder, &["--files", "*.md"])), ["*.md", "b.md"]);
    assert_eq!(files(&glob(&folder, &["--files", "a[1].txt", "--files", "a\\[1\\].txt"])), ["a1.txt", "a[1].txt"]);
}

#[test]
fn nothing_that_matches_is_left_out_in_silence() {
    let folder = folder_of(&["a", "d/x"]);
    symlink("nowhere", folder.path().join("dangling")).expect("a link");
    symlink("round", folder.path().join("round")).expect("a link");
    symlink("d", folder.path().join("to-folder")).expect("a link");
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    // What cannot be read keeps its place, with the reason.
    let ran = glob(&folder, &["--files", "*"]);
    assert_eq!(ran.code, NOT_OK);
    assert_eq!(files(&ran), ["a", "dangling", "round"]);
    assert_eq!(ran.each("status"), ["ok", "invalid-input", "invalid-input"]);
    assert!(ran.stdout.contains("dangling: cannot read it: No such file"), "{}", ran.stdout);
    assert!(ran.stderr.contains("left out, not a regular file: pipe"), "{}", ran.stderr);
    // A pattern without a match is named beside others.
    let ran = glob(&folder, &["--files", "a", "--files", "*.nothing"]);
    assert_eq!(files(&ran), ["a"]);
    assert!(ran.stderr.contains("no regular file matches --files *.nothing"), "{}", ran.stderr);
    assert_eq!(glob(&folder, &["-q", "--files", "a", "--files", "*.nothing"]).stderr, "");
}

#[test]
fn numbers_in_names_are_in_their_order() {
    let folder = folder_of(&["10", "2", "1", "a10/b1", "a2/b10", "a2/b9", "a2-", "01"]);
    let natural = ["01", "1", "2", "10", "a2/b9", "a2/b10", "a2-", "a10/b1"];
    assert_eq!(files(&glob(&folder, &["--files", "**"])), natural);
    assert_eq!(
        files(&glob(&folder, &["--files", "a*/*", "--files", "?", "--files", "??"])),
        ["01", "1", "2", "10", "a2/b9", "a2/b10", "a10/b1"]
    );
    assert_eq!(files(&glob(&folder, &["--files", "**", "--files-order", "natural"])), natural);
    let byte = ["01", "1", "10", "2", "a10/b1", "a2/b10", "a2/b9", "a2-"];
    assert_eq!(files(&glob(&folder, &["--files", "**", "--files-order", "byte"])), byte);
    for other in [&["-n"][..], &["a"], &[]] {
        let ran = glob(&folder, &[&["--files-order", "byte"], other].concat());
        assert_refused(&ran, USAGE, &["--files"], "no files");
    }
}

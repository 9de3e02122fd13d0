//! Places that tasks may write to, and files out of their reach: the run's own files, files that the next run executes,
//! and the files of rows.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::*;

const OK: i32 = 0;
const USAGE: i32 = 2;
const SET_UP_FAILED: i32 = 96;

/// A folder of a user's.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        fs::create_dir(place.path("data")).expect("a folder");
        fs::write(place.path("rows"), "1\n2\n").expect("a file");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `wpool` here, with a cache and an index of its own.
    fn command(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).args(args.split_whitespace());
        command.env("XDG_STATE_HOME", self.path("home/state")).env("XDG_CACHE_HOME", self.path("home/cache"));
        command
    }

    fn wpool(&self, args: &str) -> Ran {
        run(&mut self.command(args), "")
    }

    /// `wpool run` of a guest over the rows.
    fn run(&self, options: &str) -> Ran {
        self.wpool(&format!("run {} {options} rows", wat("echo").display()))
    }

    /// A Cargo project whose build makes the file `owned`, with the rights of whoever builds it.
    fn project(&self, at: &Path) {
        fs::create_dir_all(at.join("src")).expect("a folder");
        let manifest = "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(at.join("Cargo.toml"), manifest).expect("a file");
        fs::write(at.join("src/main.rs"), "fn main() {}").expect("a file");
        let build = format!("fn main() {{ std::fs::write({:?}, \"\").unwrap(); }}", self.path("owned"));
        fs::write(at.join("build.rs"), build).expect("a file");
    }

    fn is_owned(&self) -> bool {
        self.path("owned").exists()
    }
}

#[test]
fn a_run_whose_own_files_its_tasks_could_replace_is_refused_by_name() {
    for (options, named) in [
        ("--dir .:rw -o out", "-o: out"),
        ("--dir data:rw -o data/out", "-o: data/out"),
        ("--dir data:rw -o data/out --no-journal", "-o: data/out"),
        ("--dir data:rw -o data/../data/out", "-o: data/../data/out"),
        ("--dir data:rw -o link/out", "-o: link/out"),
        ("--dir data:rw --failed data/f", "--failed: data/f"),
        ("--dir data:rw --summary-json data/s", "--summary-json: data/s"),
        ("--dir data:rw --events data/e", "--events: data/e"),
        ("--dir data:rw --metrics-file data/m", "--metrics-file: data/m"),
        ("--dir data:rw --state-out data/s", "--state-out: data/s"),
        ("--dir data:rw --out-dir data/o", "--out-dir: data/o"),
        ("--dir data:rw --out-dir data", "--out-dir: data"),
        ("--dir data/in:rw --out-dir data", "--out-dir: data"),
        ("--dir home:rw", "the cache of compiled programs"),
        ("--dir home/cache:rw", "the cache of compiled programs"),
        ("--dir home/state:rw -o out", "the list of runs"),
        ("--dir out.wpool:rw -o out", "the journal"),
    ] {
        let place = Place::new();
        for folder in ["home/cache", "home/state", "data/in", "out.wpool"] {
            fs::create_dir_all(place.path(folder)).expect("a folder");
        }
        symlink("data", place.path("link")).expect("a link");
        let ran = place.run(options);
        assert_eq!((ran.code, &*ran.stdout), (USAGE, ""), "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains(named) && ran.stderr.contains("tasks may write to"), "{options}: {}", ran.stderr);
        assert!(!place.path("out").exists() && !place.path("data/out").exists(), "{options}");
    }
    // What is elsewhere, read-only, or not used, is not in the way.
    for options in
        ["--dir data:rw -o out --failed f", "--dir .:ro -o out", "--dir .:rw --no-cache", "--dir data:rw -o /dev/null"]
    {
        let place = Place::new();
        let ran = place.run(options);
        assert_eq!(ran.code, OK, "{options}: {}", ran.stderr);
    }
    let place = Place::new();
    assert_eq!(place.run("--dir data:rw -o out").code, OK);
    let ran = place.wpool("replay out 0 --coredump data/core");
    assert!(ran.code == USAGE && ran.stderr.contains("--coredump"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn a_kept_program_that_is_something_else_now_is_neither_built_nor_run() {
    let plant = |place: &Place, what: &str| {
        let kept = place.path("out.wpool/program.wasm");
        fs::remove_file(&kept).expect("it is there");
        match what {
            "a project" => place.project(&kept),
            "a link to a project" => {
                place.project(&place.path("elsewhere"));
                symlink(place.path("elsewhere"), kept).expect("a link");
            }
            "a link to the program" => symlink(wat("echo"), kept).expect("a link"),
            "another program" => drop(fs::copy(wat("trap"), kept).expect("a file")),
            _ => mknodat(CWD, kept, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe"),
        }
    };
    for what in ["a project", "a link to a project", "a link to the program", "another program", "a pipe"] {
        for command in ["replay out 0", "rerun out --failed"] {
            let place = Place::new();
            assert_eq!(place.run("-o out").code, OK);
            plant(&place, what);
            let ran = place.wpool(command);
            assert_eq!(ran.code, SET_UP_FAILED, "{what}, {command}: {}", ran.stderr);
            assert!(ran.stderr.contains("program.wasm"), "{what}, {command}: {}", ran.stderr);
            assert!(!place.is_owned(), "{what} was built by {command}");
        }
    }
}

#[test]
fn a_kept_run_of_somebody_else_is_not_run_again_and_grants_are_said_first() {
    let place = Place::new();
    assert_eq!(place.run("--dir data --env KEY=secret -o out").code, OK);
    for command in ["replay out 0", "rerun out --failed"] {
        let ran = place.wpool(command);
        let data = place.path("data").canonicalize().expect("it is there");
        assert!(ran.stderr.contains(&format!("to read the directory {}", data.display())), "{}", ran.stderr);
        assert!(ran.stderr.contains("KEY") && !ran.stderr.contains("secret"), "{}", ran.stderr);
    }
    let folder = place.path("out.wpool");
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).expect("it is mine");
    let mut modes = vec!["others may write"];
    if std::os::unix::fs::chown(&folder, Some(65_534), None).is_ok() {
        modes.push("another user");
    }
    for why in modes.into_iter().rev() {
        for command in ["replay out 0", "rerun out --failed"] {
            let ran = place.wpool(command);
            assert!(ran.code == SET_UP_FAILED && ran.stderr.contains(why), "{command}: {} {}", ran.code, ran.stderr);
        }
        let _ = std::os::unix::fs::chown(&folder, Some(rustix::process::geteuid().as_raw()), None);
    }
}

#[test]
fn what_tasks_may_write_to_is_not_built() {
    let place = Place::new();
    place.project(&place.path("data/project"));
    for options in ["--dir data:rw", "--dir data/project/src:rw"] {
        let ran = place.wpool(&format!("run data/project {options} rows"));
        assert_eq!(ran.code, USAGE, "{}", ran.stderr);
        assert!(ran.stderr.contains("is a folder to build") && !place.is_owned(), "{}", ran.stderr);
    }
    // A folder that has taken the place of a program.
    place.project(&place.path("task.wasm"));
    for args in ["run task.wasm rows", "inspect task.wasm", "bench task.wasm rows"] {
        let ran = place.wpool(args);
        assert_eq!(ran.code, USAGE, "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains("the name of a program file") && !place.is_owned(), "{args}: {}", ran.stderr);
    }
}

#[test]
fn a_file_of_rows_that_is_another_one_during_the_run_is_not_read() {
    let place = Place::new();
    fs::write(place.path("secret"), "\"secret\"\n").expect("a file");
    fs::write(place.path("data/rows"), "\"row\"\n").expect("a file");
    mknodat(CWD, place.path("first"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    let mut command = place.command(&format!("run {} --dir data:rw first data/rows", wat("echo").display()));
    let live = Live::start(&mut command);
    let first = fs::OpenOptions::new().write(true).open(place.path("first")).expect("wpool opens it, too");
    std::io::Write::write_all(&mut &first, b"1\n").expect("it reads");
    assert!(live.line().contains("\"ok\""));
    // As a task could.
    fs::remove_file(place.path("data/rows")).expect("it is there");
    symlink("../secret", place.path("data/rows")).expect("a link");
    drop(first);
    let ran = live.end();
    assert_eq!(ran.code, SET_UP_FAILED, "{}", ran.stderr);
    assert!(ran.stderr.contains("data/rows: another file was put in its place"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
}

#[test]
fn a_project_is_written_through_no_link() {
    let place = Place::new();
    fs::write(place.path("victim"), "precious").expect("a file");
    fs::create_dir(place.path("task")).expect("a folder");
    fs::write(place.path("task/task.wat"), "(module (memory (export \"memory\") 1))").expect("a file");
    symlink("../victim", place.path("task/task.wasm")).expect("a link");
    let ran = place.wpool("build task");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(place.path("victim")).expect("it is there"), "precious");
    assert!(fs::symlink_metadata(place.path("task/task.wasm")).expect("it is there").is_file());
}

#[test]
fn pruning_touches_nothing_that_wpool_has_not_made() {
    let place = Place::new();
    assert_eq!(place.run("-o out").code, OK);
    let facts = fs::read_to_string(place.path("out.wpool/run.json")).expect("it is there");
    let index = place.path("home/state/wpool/runs");
    let entry = fs::read_dir(&index).expect("a folder").flatten().next().expect("an entry").path();
    // An entry that leads to a folder of another name, and a folder that holds other files, too.
    fs::create_dir(place.path("precious")).expect("a folder");
    for (name, text) in [("run.json", &*facts), ("lock", "mine"), ("journal", "mine"), ("tail-0", "mine")] {
        fs::write(place.path("precious").join(name), text).expect("a file");
    }
    let pointer = fs::read_to_string(&entry).expect("it is there");
    fs::write(&entry, pointer.replace("out.wpool", "precious")).expect("a file");
    let ran = place.wpool("runs prune --finished");
    assert_eq!(fs::read_dir(place.path("precious")).expect("a folder").count(), 4, "{}", ran.stdout);
    fs::write(&entry, pointer).expect("a file");
    for name in ["tail-notes", "tail-0.lines.txt", "tail-00", "tail-+1", "my-notes"] {
        fs::write(place.path("out.wpool").join(name), "mine").expect("a file");
    }
    let ran = place.wpool("runs prune --finished");
    assert_eq!(fs::read_dir(place.path("out.wpool")).expect("a folder").count(), 5, "{} {}", ran.stdout, ran.stderr);
}

#[test]
fn a_copy_of_a_run_does_not_take_its_name_in_the_index() {
    let place = Place::new();
    assert_eq!(place.run("-o out").code, OK);
    fs::create_dir(place.path("copy")).expect("a folder");
    let copied = Command::new("cp").args(["-a", "out", "out.wpool", "copy"]).current_dir(place.0.path()).status();
    assert!(copied.expect("cp starts").success());
    let ran = place.run("-o copy/out --resume");
    assert!(ran.code == OK && ran.stderr.contains("holds the run of this name"), "{}", ran.stderr);
    let listed = place.wpool("runs list --json").stdout;
    let out = place.path("out").canonicalize().expect("it is there");
    assert!(listed.contains(out.to_str().expect("text")) && !listed.contains("copy"), "{listed}");
    // One that was moved takes its name along.
    fs::remove_dir_all(place.path("out.wpool")).expect("it is there");
    assert_eq!(place.run("-o copy/out --resume").code, OK);
    assert!(place.wpool("runs list --json").stdout.contains("copy/out"));
}

#[test]
fn c82_a_cache_below_a_folder_that_others_may_write_to_is_not_used() {
    let place = Place::new();
    let home = place.path("home");
    fs::create_dir(&home).expect("a folder");
    for (mode, used) in [(0o777, false), (0o1777, true), (0o755, true)] {
        fs::set_permissions(&home, PermissionsExt::from_mode(mode)).expect("it is mine");
        let ran = place.run("");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("others may write to"), !used, "{mode:o}: {}", ran.stderr);
    }
}

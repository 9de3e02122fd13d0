//! The journal beside `-o FILE`: runs that are killed, stopped, harmed or whose input changes, and what `--resume` makes
//! of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::cli::{CANNOT_WRITE, NO_INPUTS, NOT_OK, OK, STOPPED, USAGE, assert_refused, read};
use crate::support::{Live, Process, Ran, run, signal_child, spawn, wat, wpool};

/// A journal cannot be read.
pub const UNREADABLE: i32 = 106;

/// A folder with rows, and the runs over them.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new(rows: impl IntoIterator<Item = String>) -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.rows(rows);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn rows(&self, rows: impl IntoIterator<Item = String>) {
        fs::write(self.path("rows"), rows.into_iter().map(|row| row + "\n").collect::<String>()).expect("rows");
    }

    /// `wpool run` of a guest over the rows, in the folder.
    fn command(&self, guest: &str, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).arg("run").arg(wat(guest)).arg("rows").args(args.split_whitespace());
        command
    }

    pub fn run(&self, guest: &str, args: &str) -> Ran {
        run(&mut self.command(guest, args), "")
    }

    /// What a run that nothing disturbs writes.
    fn calm(&self, guest: &str, args: &str) -> String {
        let args = args.replace("--durable", "");
        self.run(guest, &format!("-q -o calm --no-journal --overwrite {args}"));
        read(self.path("calm"))
    }

    /// Goes on with `out`, which comes out as a calm run's.
    pub fn resume(&self, guest: &str, args: &str, code: i32) -> Ran {
        let ran = self.run(guest, &format!("-o out --resume {args}"));
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(read(self.path("out")) == self.calm(guest, args), "{}", ran.stderr);
        let folder = fs::read_dir(self.path("out.wpool")).expect("a folder");
        let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        assert_eq!(names.filter(|name| name.starts_with("tail")).count(), 0, "{}", ran.stderr);
        ran
    }

    /// Goes on with `out` and kills the host after a time.
    fn resume_and_kill(&self, guest: &str, args: &str, after: Duration) {
        let mut command = self.command(guest, &format!("-q -o out --resume {args}"));
        let mut host = command.stderr(Stdio::null()).spawn().expect("it starts");
        sleep(after);
        host.kill().expect("it can be killed");
        host.wait().expect("it can be waited for");
    }

    fn facts(&self) -> Value {
        serde_json::from_str(&read(self.path("out.wpool/run.json"))).expect("facts")
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("it is written");
    }

    fn length(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).expect("a file").len()
    }
}

pub fn numbers(to: u64) -> impl Iterator<Item = String> + Clone {
    (0..to).map(|number| number.to_string())
}

/// How many rows a summary says were kept.
pub fn kept(ran: &Ran) -> u64 {
    let text = ran.stderr.split_once(" kept from before").map_or("), 0 rows", |(before, _)| before);
    text.rsplit("), ").next().and_then(|text| text.split(' ').next()?.parse().ok()).expect("a number")
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

// Killed hosts

#[test]
fn c65_a_host_that_is_killed_anywhere_and_resumed_writes_what_a_calm_one_does() {
    let mut dice = Dice(65);
    // Some rows are equal, and some fail.
    let rows = |dice: &mut Dice| (0..6_000).map(|_| format!("\"{}\"", dice.below(9_000))).collect::<Vec<_>>();
    for (round, args) in ["", "--durable", "--values", "--only ok", "--chunksize 1 -j 1"].into_iter().enumerate() {
        let mut all = rows(&mut dice);
        all[2_000] = "\"!\"".into();
        all[3_000] = "no JSON".into();
        let place = Place::new(all.clone());
        place.calm("trap-on-bang", args);
        // The first is certainly killed while it writes: it waits for more rows.
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("trap-on-bang"));
        let mut live = Live::start(command.args(["-q", "-o", "out"]).args(args.split_whitespace()));
        live.say(&(all[..3_500].join("\n") + "\n"));
        while read_if_there(&place.path("out")).is_empty() {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(dice.below(10)));
        live.kill();
        assert!(place.length("out") < place.length("calm"));
        for _ in 0..11 {
            place.resume_and_kill("trap-on-bang", args, Duration::from_millis(dice.below(110)));
        }
        // The input changes in a run that was killed: records are moved, and that is disturbed, too.
        if round == 0 {
            all.rotate_left(1_500);
            place.rows(all);
            (0..6).for_each(|_| place.resume_and_kill("trap-on-bang", args, Duration::from_millis(dice.below(60))));
        }
        place.resume("trap-on-bang", args, NOT_OK);
    }
}

#[test]
fn c65_a_run_that_was_interrupted_goes_on_and_what_was_skipped_runs() {
    let place = Place::new(["0".to_owned(), "400".to_owned()].into_iter().chain((0..30).map(|_| "20".to_owned())));
    let mut command = place.command("sleep", "-o out -j 1 --chunksize 4");
    let host = spawn(&mut command);
    while fs::metadata(place.path("out")).map_or(0, |found| found.len()) == 0 {
        sleep(Duration::from_millis(5));
    }
    signal_child(host.id(), Signal::INT);
    let output = host.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(read(place.path("out")).contains("\"skipped\""));
    assert_eq!(place.facts()["ended"]["complete"], false);
    let ran = place.resume("sleep", "-j 2", OK);
    assert!((1..32).contains(&kept(&ran)), "{}", ran.stderr);
    assert_eq!(place.facts()["ended"]["complete"], true);
}

#[test]
fn a_resume_with_nothing_there_is_a_run_and_with_all_there_runs_nothing() {
    let place = Place::new(numbers(100));
    assert_eq!(kept(&place.resume("echo", "", OK)), 0);
    assert_eq!(kept(&place.resume("echo", "-j 1 --chunksize 7 --progress counter", OK)), 100);
    // A host that was killed before it wrote anything leaves an empty file, with or without a folder.
    fs::remove_file(place.path("out.wpool/journal")).expect("it is there");
    for folder in [true, false] {
        fs::write(place.path("out"), "").expect("it is emptied");
        if !folder {
            fs::remove_dir_all(place.path("out.wpool")).expect("it is there");
        }
        assert_eq!(kept(&place.resume("echo", "", OK)), 0);
    }
}

#[test]
fn an_input_that_fails_to_come_destroys_nothing() {
    let place = Place::new(numbers(100));
    place.resume("echo", "", OK);
    let before = read(place.path("out"));
    let ended = place.facts()["ended"].clone();
    place.rows([]);
    let ran = place.run("echo", "-o out --resume");
    assert_eq!((ran.code, read(place.path("out")) == before), (NO_INPUTS, true), "{}", ran.stderr);
    assert_eq!((place.facts()["ended"] == ended, &ended["complete"]), (true, &true.into()));
    place.rows(numbers(100));
    assert_eq!(kept(&place.resume("echo", "", OK)), 100);
}

#[test]
fn what_comes_from_standard_input_is_kept_and_what_is_new_runs() {
    let place = Place::new([]);
    let over = |rows: &str| {
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out", "--resume"]);
        run(&mut command, rows)
    };
    assert_eq!(over("1\n2\n").code, OK);
    let ran = over("1\n2\n3\n");
    assert_eq!((ran.code, kept(&ran)), (OK, 2), "{}", ran.stderr);
    assert_eq!(read(place.path("out")).lines().count(), 3);
}

// What a crash or anything else leaves

#[test]
fn c66_c90_a_torn_end_is_told_and_done_again() {
    let place = Place::new(numbers(3_000));
    for (what, name, tear) in [
        ("a group cut short", "out.wpool/journal", (|bytes| bytes.truncate(bytes.len() - 5)) as fn(&mut Vec<u8>)),
        ("zeros", "out.wpool/journal", |bytes| bytes.resize(bytes.len() + 4_096, 0)),
        ("a line without a group", "out", |bytes| bytes.extend_from_slice(b"{\"id\":3000,\"status\":\"ok\"}\n")),
        ("half a line", "out", |bytes| bytes.extend_from_slice(b"{\"id\":30")),
        ("a group without its lines", "out", |bytes| bytes.truncate(bytes.len() - 30)),
        ("lines that never reached the disk", "out", |bytes| {
            let end = bytes.len();
            bytes[end - 40..].fill(0);
        }),
    ] {
        place.resume("echo", "", OK);
        place.change(name, tear);
        let ran = place.resume("echo", "", OK);
        assert!(ran.stderr.contains("torn: the last "), "{what}: {}", ran.stderr);
        assert!(kept(&ran) > 0, "{what}: {}", ran.stderr);
        assert!(!place.resume("echo", "", OK).stderr.contains("torn"), "{what} is told once");
    }
}

#[test]
fn c67_damage_in_the_middle_is_refused_with_its_place_and_changes_nothing() {
    let place = Place::new(numbers(6_000));
    place.resume("echo", "", OK);
    for (name, at) in [("out.wpool/journal", 200), ("out", 1_000), ("out.wpool/journal", 3)] {
        place.change(name, |bytes| bytes[at] ^= 4);
        let before = ["out", "out.wpool/journal"].map(|name| fs::read(place.path(name)).expect("a file"));
        let ran = place.run("echo", "-o out --resume");
        let file = format!("{name} is damaged at byte ");
        assert_refused(&ran, UNREADABLE, &[&file, "--overwrite", "nothing was changed"], name);
        let after = ["out", "out.wpool/journal"].map(|name| fs::read(place.path(name)).expect("a file"));
        assert!(before == after, "{name} was touched");
        place.change(name, |bytes| bytes[at] ^= 4);
    }
    place.change("out.wpool/run.json", |bytes| bytes.truncate(40));
    assert_refused(&place.run("echo", "-o out --resume"), UNREADABLE, &["run.json"], "facts");
    let ran = place.run("echo", "-o out --overwrite");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!(kept(&place.resume("echo", "", OK)), 6_000);
}

#[test]
fn c91_what_a_durable_run_has_synced_outlives_a_power_cut() {
    let place = Place::new([]);
    let mut command = wpool();
    command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out", "--durable", "-q"]);
    let mut live = Live::start(&mut command);
    live.say("1\n2\n3\n");
    let lengths =
        || ["out", "out.wpool/journal"].map(|name| fs::metadata(place.path(name)).map_or(0, |file| file.len()));
    while read_if_there(&place.path("out")).lines().count() < 3 {
        sleep(Duration::from_millis(10));
    }
    // It syncs within 100 ms, and what a disk takes.
    sleep(Duration::from_secs(1));
    let synced = lengths();
    live.say("4\n5\n6\n");
    while read_if_there(&place.path("out")).lines().count() < 6 {
        sleep(Duration::from_millis(1));
    }
    live.kill();
    // The power cut: nothing of what came later has reached the disk but its length.
    for (name, synced) in ["out", "out.wpool/journal"].into_iter().zip(synced) {
        place.change(name, |bytes| bytes[synced as usize..].fill(0));
    }
    place.rows(numbers(7).skip(1));
    let ran = place.resume("echo", "--durable", OK);
    assert_eq!(kept(&ran), 3, "{}", ran.stderr);
}

pub fn read_if_there(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn c70_c71_a_full_disk_stops_the_run_and_a_resume_completes_it() {
    let place = Place::new((0..40_000).map(|number| format!("\"{number:060}\"")));
    // The image is in the cache then.
    let calm = place.calm("echo", "");
    for (what, limit) in [("FILE", 600), ("the beginning of FILE", 16)] {
        let real = place.command("echo", "-o out --resume -j 1");
        let mut command = Command::new("sh");
        // The limit is on each file; a signal would end the process before the error is seen.
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")]).arg(real.get_program());
        command.args(real.get_args()).current_dir(place.0.path());
        command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut command, "");
        assert_eq!(ran.code, CANNOT_WRITE, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot write out"), "{what}: {}", ran.stderr);
        assert!(place.length("out") < calm.len() as u64);
        let ran = place.resume("echo", "", OK);
        assert!(limit == 16 || kept(&ran) > 0, "{what}: {}", ran.stderr);
        fs::remove_file(place.path("out")).expect("it is there");
        fs::remove_dir_all(place.path("out.wpool")).expect("it is there");
    }
}

// Changed inputs

#[test]
fn c69_only_rows_that_are_new_or_changed_run_and_the_output_is_in_the_new_order() {
    let base: Vec<String> = numbers(3_000).map(|number| format!("\"{number}\"")).collect();
    let place = Place::new(base.clone());
    place.resume("trap-on-bang", "--failed failed", OK);
    let mut rows = base.clone();
    let expect = |what: &str, rows: &[String], new: u64, code: i32| {
        place.rows(rows.iter().cloned());
        let ran = place.resume("trap-on-bang", "--failed failed", code);
        assert_eq!(kept(&ran), rows.len() as u64 - new, "{what}: {}", ran.stderr);
    };
    rows.extend(["\"new\"".to_owned(), "\"!\"".to_owned()]);
    expect("appended", &rows, 2, NOT_OK);
    rows[1_500] = "\"edited\"".into();
    expect("edited", &rows, 1, NOT_OK);
    rows.reverse();
    expect("reordered", &rows, 0, NOT_OK);
    assert_eq!(place.run("trap-on-bang", "-o out --resume --failed kept").code, NOT_OK);
    assert_eq!(read(place.path("kept")), "\"!\"\n", "a kept failure is among those that failed");
    rows.insert(7, "\"17\"".into());
    rows.push("\"!\"".into());
    expect("duplicated: each of equal rows runs once", &rows, 2, NOT_OK);
    rows.drain(100..200);
    expect("removed", &rows, 0, NOT_OK);
    rows.insert(0, String::new());
    rows.insert(2_000, "no JSON".into());
    place.rows(rows.iter().cloned());
    // Blank lines are no rows; what is invalid is looked at anew, for its line may be another.
    assert_eq!(kept(&place.resume("trap-on-bang", "--failed failed", NOT_OK)), rows.len() as u64 - 2);
    rows.insert(5, String::new());
    place.rows(rows.iter().cloned());
    place.resume("trap-on-bang", "--failed failed", NOT_OK);
    assert!(read(place.path("out")).contains("rows:2002: "));
}

#[test]
fn c69_without_order_every_row_has_one_record() {
    let place = Place::new(numbers(2_000).chain(numbers(500)));
    assert_eq!(place.run("echo", "-o out --unordered").code, OK);
    let rows: Vec<_> = numbers(3_000).skip(1_000).chain(numbers(200)).collect();
    place.rows(rows.clone());
    let ran = place.run("echo", "-o out --unordered --resume");
    assert_eq!((ran.code, kept(&ran)), (OK, 1_200), "{}", ran.stderr);
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(read(place.path("out"))), sorted(place.calm("echo", "")));
}

#[test]
fn files_are_known_by_name_and_content() {
    let place = Place::new([]);
    for (name, content) in [("a.txt", "1"), ("b.txt", "1"), ("c.txt", "3")] {
        fs::write(place.path(name), content).expect("a file");
    }
    let run = |args: &str| {
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["--files", "*.txt", "-o"]);
        run(command.args(args.split_whitespace()), "")
    };
    assert_eq!(run("out").code, OK);
    fs::write(place.path("b.txt"), "2").expect("a file");
    fs::rename(place.path("c.txt"), place.path("d.txt")).expect("it is renamed");
    let ran = run("out --resume");
    assert_eq!((ran.code, kept(&ran)), (OK, 1), "{}", ran.stderr);
    assert_eq!(run("calm").code, OK);
    assert_eq!(read(place.path("out")), read(place.path("calm")));
}

// Settings, programs, versions

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

#[test]
fn a_link_to_a_file_finds_its_run_and_is_not_written_through() {
    let place = Place::new(numbers(5));
    place.resume("echo", "", OK);
    std::os::unix::fs::symlink("out", place.path("link")).expect("a link");
    assert_refused(&place.run("echo", "-o link --resume"), USAGE, &["link is a link to out"], "a link");
    assert!(!place.path("link.wpool").exists());
    let info = run(wpool().current_dir(place.0.path()).args(["runs", "info", "link"]), "");
    assert!(info.code == OK && info.stdout.contains("5 ok"), "{}", info.stderr);
}

// What is kept, and where

#[test]
fn a_journal_is_the_users_own_and_costs_24_bytes_a_row_at_most() {
    let place = Place::new(numbers(20));
    let mut command = wpool();
    command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-o", "out"]);
    let mut live = Live::start(&mut command);
    // Each row is a group of its own.
    for row in 0..20 {
        live.say(&format!("{row}\n"));
        while read_if_there(&place.path("out")).lines().count() <= row {
            sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(live.end().code, OK);
    assert!(place.length("out.wpool/journal") <= 22 + 20 * 24, "{}", place.length("out.wpool/journal"));
    let mode = |name: &str| fs::metadata(place.path(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode("out.wpool"), 0o700);
    for name in ["journal", "run.json", "program.wasm", "lock"] {
        assert_eq!(mode(&format!("out.wpool/{name}")), 0o600, "{name}");
    }
    assert_eq!(fs::read(place.path("out.wpool/program.wasm")).ok(), fs::read(wat("echo")).ok());
    let facts = place.facts();
    assert_eq!((&facts["ended"]["exit_code"], &facts["ended"]["counts"]["ok"]), (&0.into(), &20.into()));
    assert_eq!((&facts["program"]["name"], &facts["inputs"][0]), (&"echo.wat".into(), &"-".into()));
}

#[test]
fn files_that_are_replaced_take_their_journal_with_them() {
    let place = Place::new(numbers(50));
    place.resume("echo", "", OK);
    let ran = place.run("echo", "-o out");
    assert_refused(&ran, USAGE, &["out exists", "--resume", "--overwrite"], "exists");
    place.rows(numbers(10));
    assert_eq!(place.run("echo", "-o out --overwrite").code, OK);
    assert_eq!(kept(&place.resume("echo", "", OK)), 10);
    assert_eq!(place.run("echo", "-o out --overwrite --no-journal").code, OK);
    assert_refused(&place.run("echo", "-o out --resume"), USAGE, &["without its journal"], "replaced");
    for (args, file) in [("-o /dev/null", "/dev/null"), ("-o other --no-journal", "other")] {
        assert_eq!(place.run("echo", args).code, OK);
        assert!(!place.path(&format!("{file}.wpool")).exists(), "{file}");
    }
}

#[test]
fn kept_records_count_for_the_exit_and_not_for_what_stops_a_run() {
    let place = Place::new(["\"!1\"", "2", "\"!3\"", "4", "5"].map(str::to_owned));
    let ran = place.run("trap-on-bang", "-o out --max-fail 1 -j 1 --chunksize 1");
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    // The failure that stopped it stays; the next one stops it again.
    let ran = place.run("trap-on-bang", "-o out --resume --max-fail 1 -j 1 --chunksize 1");
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    let ran = place.resume("trap-on-bang", "", NOT_OK);
    assert!(ran.stderr.contains("3 ok, 2 trap"), "{}", ran.stderr);
}

#[test]
fn c89_a_row_that_failed_after_its_retries_is_done_and_any_other_has_all_of_them() {
    let place = Place::new(["\"!1\"".to_owned(), "2".to_owned()]);
    let retries = "--retries 2 --retry-delay 1ms..1ms";
    place.resume("trap-on-bang", &format!("{retries} --summary-json s"), NOT_OK);
    place.rows(["\"!1\"".to_owned(), "2".to_owned(), "\"!3\"".to_owned()]);
    let ran = place.run("trap-on-bang", &format!("-o out --resume {retries} --summary-json s"));
    assert_eq!((ran.code, kept(&ran)), (NOT_OK, 2), "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&read(place.path("s"))).expect("JSON");
    assert_eq!((&summary["retries"], &summary["kept"]), (&2.into(), &2.into()));
}

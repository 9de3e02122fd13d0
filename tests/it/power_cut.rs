//! Blocks that a disk lost in a power cut, other damage, and `--resume` and `--resume-damaged` after it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::cli::{NO_INPUTS, OK, USAGE, assert_refused, read};
use crate::journal::{Place, UNREADABLE, kept, numbers, read_if_there};
use crate::support::{Live, Ran, run, wat, wpool};

const PAGE: usize = 4_096;
const ROWS: usize = 1_200;
/// Rows that are written together.
const GROUP: usize = 40;
const FILES: [&str; 3] = ["out", "out.wpool/journal", "out.wpool/run.json"];

/// A finished run, which is put back before each harm.
struct Finished {
    place: Place,
    files: [Vec<u8>; 3],
}

impl Finished {
    fn new() -> Finished {
        // Lines of different lengths.
        let rows: Vec<_> = (0..ROWS).map(|row| format!("\"{row}{}\"", "-".repeat(row * 31 % 120))).collect();
        let place = Place::new(rows.clone());
        let mut command = wpool();
        command.current_dir(place.0.path()).arg("run").arg(wat("echo")).args(["-q", "-o", "out"]);
        let mut live = Live::start(&mut command);
        for (at, group) in rows.chunks(GROUP).enumerate() {
            live.say(&(group.join("\n") + "\n"));
            while read_if_there(&place.path("out")).lines().count() < (at + 1) * GROUP {
                sleep(Duration::from_millis(1));
            }
        }
        assert_eq!(live.end().code, OK);
        let files = FILES.map(|name| fs::read(place.path(name)).expect("it is there"));
        assert!(files[0].len() > 20 * PAGE && files[1].len() > 4 * PAGE, "{} {}", files[0].len(), files[1].len());
        Finished { place, files }
    }

    fn put_back(&self) {
        for (name, bytes) in FILES.iter().zip(&self.files) {
            fs::write(self.place.path(name), bytes).expect("it is written");
        }
    }

    fn zero(&self, name: &str, page: usize) {
        self.place.change(name, |bytes| bytes[page * PAGE..(page + 1) * PAGE].fill(0));
    }

    fn now(&self) -> [Vec<u8>; 3] {
        FILES.map(|name| fs::read(self.place.path(name)).expect("it is there"))
    }

    /// Resumes the run, which comes out as it was.
    fn resume(&self, args: &str) -> Ran {
        let ran = self.place.run("echo", &format!("-o out --resume {args}"));
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        assert!(fs::read(self.place.path("out")).expect("it is there") == self.files[0], "{}", ran.stderr);
        let again = self.place.run("echo", "-o out --resume");
        assert_eq!((again.code, kept(&again)), (OK, ROWS as u64), "{}", again.stderr);
        assert!(!again.stderr.contains("torn") && !again.stderr.contains("damaged"), "{}", again.stderr);
        ran
    }

    /// Is refused, and changes nothing.
    fn refused(&self, needles: &[&str]) {
        let before = self.now();
        let ran = self.place.run("echo", "-o out --resume");
        assert_refused(&ran, UNREADABLE, &[needles, &["nothing was changed", "--overwrite"]].concat(), "damage");
        assert!(self.now() == before, "something was touched");
    }

    fn copy(&self, number: u32, name: &str) -> Vec<u8> {
        fs::read(self.place.path(&format!("out.wpool/damaged-{number}/{name}"))).expect("there is a copy")
    }
}

#[test]
fn a_page_that_did_not_reach_the_disk_is_torn_and_its_rows_run_again() {
    let run = Finished::new();
    // Behind it stands the last group.
    let last = run.files[0].len() / PAGE - 2;
    // 15 cuts near the end of FILE, with right lines behind, and some in the middle of the journal.
    let cuts = (last - 15..last).map(|page| ("out", page)).chain([1, 2, 3].map(|page| ("out.wpool/journal", page)));
    for (name, page) in cuts {
        run.put_back();
        run.zero(name, page);
        let ran = run.resume("");
        let kept = kept(&ran);
        assert!((ROWS as u64 / 2..ROWS as u64).contains(&kept), "{name} {page}: {}", ran.stderr);
        for needle in ["torn: ", " bytes of out in 1 place from byte ", "did not reach the disk", "records behind stay"]
        {
            assert!(ran.stderr.contains(needle), "{name} {page}: {}", ran.stderr);
        }
        assert!(!run.place.path("out.wpool/damaged-1").exists());
    }
}

#[test]
fn pages_of_both_and_their_ends_can_be_missing_at_once() {
    let run = Finished::new();
    for (page, other, cut) in [(3, 1, 0), (9, 2, 1_000), (15, 3, 5_000), (5, 3, 70)] {
        run.put_back();
        run.zero("out", page);
        run.zero("out.wpool/journal", other);
        run.place.change("out", |bytes| bytes.truncate(bytes.len() - cut));
        run.place.change("out.wpool/journal", |bytes| bytes.truncate(bytes.len() - cut / 10));
        let ran = run.resume("");
        assert!(ran.stderr.contains("torn: "), "{}", ran.stderr);
        assert_eq!(cut > 0, ran.stderr.contains("torn: the last "), "{}", ran.stderr);
    }
}

#[test]
fn what_is_right_of_a_damaged_run_is_offered_by_name_and_kept_with_copies() {
    let run = Finished::new();
    for (number, name, file, at) in [(1, "out", "output", 40_000), (2, "out.wpool/journal", "journal", 9_000)] {
        run.put_back();
        run.place.change(name, |bytes| bytes[at] ^= 4);
        run.refused(&[
            &format!("{name} is damaged at byte "),
            "--resume-damaged keeps the ",
            " records that are right",
        ]);
        let damaged = fs::read(run.place.path(name)).expect("it is there");
        let ran = run.resume("--resume-damaged");
        assert!((ROWS as u64 / 2..ROWS as u64).contains(&kept(&ran)), "{}", ran.stderr);
        let place = format!("as they were are in out.wpool/damaged-{number}");
        for needle in ["damaged: ", "are not what was written", &place] {
            assert!(ran.stderr.contains(needle), "{}", ran.stderr);
        }
        assert!(run.copy(number, file) == damaged);
        assert!(run.copy(number, "run.json") == run.files[2]);
    }
    // They outlive everything that wpool does.
    assert_eq!(run.place.run("echo", "-o out --overwrite --no-journal").code, OK);
    assert!(run.copy(1, "journal") == run.files[1] && run.copy(2, "output") == run.files[0]);
}

#[test]
fn an_edited_file_is_damaged_and_lines_behind_the_edit_are_kept() {
    let run = Finished::new();
    run.place.change("out", |bytes| drop(bytes.splice(40_000..40_001, *b" somebody was here ")));
    run.refused(&["out is damaged at byte ", "--resume-damaged keeps the "]);
    let ran = run.resume("--resume-damaged");
    assert!(kept(&ran) >= (ROWS - 2 * GROUP) as u64, "{}", ran.stderr);
    assert!(String::from_utf8(run.copy(1, "output")).expect("text").contains(" somebody was here "));
}

#[test]
fn a_run_of_which_nothing_can_be_checked_begins_anew_when_asked_to_and_with_copies() {
    let run = Finished::new();
    for (number, name) in [(1, "out.wpool/journal"), (2, "out.wpool/run.json")] {
        run.put_back();
        // The first block of the journal holds what its checks begin with.
        run.place.change(name, |bytes| {
            let end = bytes.len().min(PAGE);
            bytes[..end].fill(0);
        });
        run.refused(&[name, "--resume-damaged runs all rows again and keeps copies"]);
        let ran = run.resume("--resume-damaged");
        assert!(ran.stderr.contains("all rows run again"), "{}", ran.stderr);
        assert!(run.copy(number, "output") == run.files[0]);
    }
}

#[test]
fn without_damage_it_is_a_resume_like_any_other() {
    let run = Finished::new();
    let ran = run.place.run("echo", "-o out --resume --resume-damaged");
    assert_eq!((ran.code, kept(&ran)), (OK, ROWS as u64), "{}", ran.stderr);
    assert!(!ran.stderr.contains("damaged") && !run.place.path("out.wpool/damaged-1").exists());
    assert_refused(&run.place.run("echo", "-o out --resume-damaged"), USAGE, &["--resume"], "alone");
    // What is not damage is not offered.
    let ran = run.place.run("trap-on-bang", "-o out --resume --resume-damaged");
    assert_refused(&ran, USAGE, &["the program has changed"], "program");
    // An input that fails to come touches nothing but what was copied.
    run.place.change("out", |bytes| bytes[40_000] ^= 4);
    let before = run.now();
    run.place.rows([]);
    assert_eq!(run.place.run("echo", "-o out --resume --resume-damaged").code, NO_INPUTS);
    assert!(run.now()[..2] == before[..2]);
}

#[test]
fn a_rerun_can_keep_what_is_right_too() {
    let place = Place::new(numbers(300).chain(["\"!\"".to_owned()]));
    place.resume("trap-on-bang", "--chunksize 5", 100);
    let wpool = |args: &str| run(wpool().current_dir(place.0.path()).args(args.split_whitespace()), "");
    place.change("out", |bytes| bytes[100] ^= 4);
    assert_refused(&wpool("rerun out --failed"), UNREADABLE, &["--resume-damaged "], "rerun");
    let ran = wpool("rerun out --failed --resume-damaged");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert_eq!(read(place.path("out")).lines().count(), 301);
}

#[test]
fn an_export_ends_where_blocks_of_the_journal_are_missing() {
    let finished = Finished::new();
    finished.zero("out.wpool/journal", 2);
    let ran = run(wpool().current_dir(finished.place.0.path()).args(["runs", "export", "out"]), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert!(ran.stderr.contains("bytes of the journal are cut short") && ran.stdout.lines().count() < ROWS);
}

//! Links, pipes and files of others at the names that the host writes: another user of a folder, or a guest of an
//! earlier run, can put them there. Whatever they are, and whenever they came, the host changes nothing but its own
//! files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::*;

/// A user that owns nothing here.
const NOBODY: u32 = 65_534;
const USAGE: i32 = 2;
const CANNOT_WRITE: i32 = 110;
/// The codes of a run that said what is wrong, or that was not harmed: one task of each run traps.
const ORDERLY: [i32; 4] = [USAGE, 96, 100, CANNOT_WRITE];

/// An output, the options that name it, and where it comes to stand.
struct Output {
    what: &'static str,
    options: &'static str,
    place: &'static str,
}

const fn output(what: &'static str, options: &'static str, place: &'static str) -> Output {
    Output { what, options, place }
}

const OUTPUTS: [Output; 20] = [
    output("records", "-o shared/x --overwrite", "shared/x"),
    output("records without a journal", "-o shared/x --overwrite --no-journal", "shared/x"),
    output("failed rows", "--failed shared/x", "shared/x"),
    output("the summary", "--summary-json shared/x", "shared/x"),
    output("the JUnit report", "--junit shared/x", "shared/x"),
    output("the page", "--html shared/x", "shared/x"),
    output("the events", "--events shared/x", "shared/x"),
    output("the metrics", "--metrics-file shared/x", "shared/x"),
    output("the state", "--state-out shared/x --overwrite", "shared/x"),
    output("the folder of outputs", "--out-dir shared/x --overwrite", "shared/x"),
    output("an output", "--out-dir shared --out-name x --overwrite", "shared/x"),
    output("a sub-folder of outputs", "--out-dir shared --out-name x/0 --overwrite", "shared/x"),
    output("the folder of the journal", "-o shared/f --overwrite", "shared/f.wpool"),
    output("the lock", "-o shared/f --overwrite", "shared/f.wpool/lock"),
    output("the facts", "-o shared/f --overwrite", "shared/f.wpool/run.json"),
    output("the kept program", "-o shared/f --overwrite", "shared/f.wpool/program.wasm"),
    output("the journal", "-o shared/f --overwrite", "shared/f.wpool/journal"),
    output("the history", "-o shared/f --overwrite", "shared/f.wpool/history"),
    output("the notes", "-o shared/f --overwrite", "shared/f.wpool/notes"),
    output("the kept summary", "-o shared/f --overwrite", "shared/f.wpool/summary.json"),
];

/// What somebody puts at a name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planted {
    LinkToFile,
    LinkToNothing,
    LinkToFolder,
    HardLink,
    /// Another user's; only root can make these.
    OthersFile,
    OthersPipe,
}

const PLANTED: [Planted; 6] = [
    Planted::LinkToFile,
    Planted::LinkToNothing,
    Planted::LinkToFolder,
    Planted::HardLink,
    Planted::OthersFile,
    Planted::OthersPipe,
];

/// A folder that is shared with others, and beside it what must not be touched.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Stage {
        let stage = Stage(tempfile::tempdir().expect("a folder"));
        for folder in ["shared", "victims"] {
            fs::create_dir(stage.path(folder)).expect("a folder");
        }
        fs::write(stage.path("victim"), "precious").expect("a file");
        // Names that the host has for files of its own.
        for name in ["run.json", "tail-0", "tail-0.lines", "journal", "x", "0"] {
            fs::write(stage.path("victims").join(name), "precious").expect("a file");
        }
        fs::write(stage.path("rows"), "1\n\"!\"\n").expect("a file");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, options: &str) -> Command {
        let mut command = match options.contains("--state-out") {
            true => wpool_run(&guest("shared-state"), &format!("--call shared.square {options}")),
            false => wpool_run(&wat("trap-on-bang"), options),
        };
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state"));
        command
    }

    fn run(&self, options: &str) -> Ran {
        run(&mut self.command(options), "")
    }

    /// Puts something at a path. False where that takes root.
    fn plant(&self, planted: Planted, at: &Path) -> bool {
        match planted {
            Planted::LinkToFile => symlink(self.path("victim"), at).expect("a link"),
            Planted::LinkToNothing => symlink(self.path("nothing"), at).expect("a link"),
            Planted::LinkToFolder => symlink(self.path("victims"), at).expect("a link"),
            Planted::HardLink => fs::hard_link(self.path("victim"), at).expect("a link"),
            Planted::OthersFile => {
                fs::write(at, "another's").expect("a file");
                return chown(at, Some(NOBODY), None).is_ok();
            }
            Planted::OthersPipe => {
                make_pipe(at);
                return chown(at, Some(NOBODY), None).is_ok();
            }
        }
        true
    }

    /// What has come to harm, if anything has.
    fn harm(&self, planted: Planted, at: &Path) -> Option<String> {
        let precious = |path: PathBuf| fs::read_to_string(path).is_ok_and(|text| text == "precious");
        let victims = fs::read_dir(self.path("victims")).expect("a folder").flatten();
        let victims: Vec<_> = victims.map(|entry| entry.path()).collect();
        if !precious(self.path("victim")) {
            return Some("the file was changed".into());
        }
        if victims.len() != 6 || !victims.into_iter().all(precious) {
            return Some("the folder was changed".into());
        }
        if self.path("nothing").exists() {
            return Some("a file was made".into());
        }
        let found = fs::symlink_metadata(at).ok();
        let others = found.filter(|found| found.uid() == NOBODY);
        match planted {
            Planted::OthersFile if others.is_none() || fs::read(at).ok().as_deref() != Some(b"another's") => {
                Some("another's file was replaced or changed".into())
            }
            Planted::OthersPipe if others.is_none_or(|found| found.is_file()) => Some("another's pipe is gone".into()),
            _ => None,
        }
    }
}

fn make_pipe(at: &Path) {
    mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe");
}

#[test]
fn what_stands_at_the_place_of_an_output_before_the_run_leads_nowhere() {
    let mut tried = 0;
    for Output { what, options, place } in OUTPUTS {
        for planted in PLANTED {
            let stage = Stage::new();
            let at = stage.path(place);
            let parent = at.parent().expect("it is in a folder");
            if !parent.exists() {
                fs::create_dir(parent).expect("a folder");
                fs::set_permissions(parent, PermissionsExt::from_mode(0o700)).expect("it is mine");
            }
            if !stage.plant(planted, &at) {
                continue;
            }
            tried += 1;
            // Another's pipe is written to where that is asked for by name.
            let options =
                if planted == Planted::OthersPipe { options.replace("--overwrite", "") } else { options.into() };
            let ran = stage.run(&format!("{options} rows"));
            assert!(ORDERLY.contains(&ran.code), "{what}, {planted:?}: {} {}", ran.code, ran.stderr);
            assert_eq!(stage.harm(planted, &at), None, "{what}, {planted:?}: {}", ran.stderr);
        }
    }
    assert!(tried >= OUTPUTS.len() * 4, "{tried}");
}

#[test]
fn what_comes_to_the_place_of_an_output_during_the_run_leads_nowhere() {
    let mut tried = 0;
    for Output { what, options, place } in OUTPUTS {
        for planted in PLANTED {
            let stage = Stage::new();
            let at = stage.path(place);
            let mut live = Live::start(stage.command(options).args(["-j", "1", "--chunksize", "1"]));
            live.say("1\n");
            match options.contains("-o ") {
                true => block_on(until("the first record is written", || {
                    ["shared/x", "shared/f"]
                        .iter()
                        .any(|name| fs::read(stage.path(name)).is_ok_and(|it| !it.is_empty()))
                })),
                false => assert!(live.line().contains("ok"), "{what}"),
            }
            let _ = fs::rename(&at, stage.path("moved"));
            let possible = stage.plant(planted, &at);
            live.say("\"!\"\n");
            let ran = live.end();
            if possible {
                tried += 1;
                assert!(ORDERLY.contains(&ran.code), "{what}, {planted:?}: {} {}", ran.code, ran.stderr);
                assert_eq!(stage.harm(planted, &at), None, "{what}, {planted:?}: {}", ran.stderr);
            }
        }
    }
    assert!(tried >= OUTPUTS.len() * 4, "{tried}");
}

#[test]
fn a_link_at_an_output_is_refused_by_name_before_anything_is_run() {
    for options in [
        "-o l",
        "-o l --overwrite",
        "-o l --resume",
        "--failed l",
        "--summary-json l",
        "--events l",
        "--metrics-file l",
        "--state-out l",
        "--out-dir l",
    ] {
        let stage = Stage::new();
        let target = if options.contains("dir") { "victims" } else { "victim" };
        symlink(target, stage.path("l")).expect("a link");
        let ran = stage.run(&format!("{options} rows"));
        assert_eq!((ran.code, &*ran.stdout), (USAGE, ""), "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("is a link to {target}")), "{options}: {}", ran.stderr);
    }
    // Those of the system lead to devices and to what the shell has opened.
    let stage = Stage::new();
    assert_eq!(stage.run("-o /dev/null --failed /proc/self/fd/2 --summary-json /dev/stderr rows").code, 100);
}

#[test]
fn another_users_file_and_pipe_are_refused_by_name() {
    let stage = Stage::new();
    if !(stage.plant(Planted::OthersFile, &stage.path("f")) && stage.plant(Planted::OthersPipe, &stage.path("p"))) {
        return;
    }
    for options in [
        "-o f --overwrite",
        "--failed f",
        "--summary-json f",
        "--events f",
        "--metrics-file f",
        "--state-out f --overwrite",
    ] {
        let ran = stage.run(&format!("{options} rows"));
        assert_eq!(ran.code, USAGE, "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains("f belongs to another user"), "{options}: {}", ran.stderr);
    }
    for options in ["-o p", "--failed p", "--summary-json p", "--events p", "--state-out p"] {
        let ran = stage.run(&format!("{options} rows"));
        assert_eq!(ran.code, USAGE, "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains("p is a pipe of another user; --overwrite"), "{options}: {}", ran.stderr);
    }
    let reader = Command::new("cat").arg(stage.path("p")).stdout(std::process::Stdio::piped()).spawn().expect("cat");
    assert_eq!(stage.run("-o p --overwrite rows").code, 100);
    let read = reader.wait_with_output().expect("it ends").stdout;
    assert_eq!(String::from_utf8_lossy(&read).lines().count(), 2);
}

#[test]
fn what_stands_for_a_cache_entry_or_a_run_of_the_index_leads_nowhere() {
    for (folder, options) in [("cache/wpool", "-o out --overwrite rows"), ("state/wpool/runs", "-o out --resume rows")]
    {
        for planted in PLANTED {
            let stage = Stage::new();
            let run = |options: &str| run(stage.command(options).env("XDG_CACHE_HOME", stage.path("cache")), "");
            assert_eq!(run("-o out rows").code, 100);
            let entries: Vec<_> = fs::read_dir(stage.path(folder)).expect("a folder").flatten().collect();
            let [entry] = &entries[..] else { panic!("{folder}: {entries:?}") };
            let entry = entry.path();
            fs::remove_file(&entry).expect("it is there");
            if stage.plant(planted, &entry) {
                let ran = run(options);
                assert_eq!(ran.code, 100, "{folder}, {planted:?}: {}", ran.stderr);
                assert_eq!(stage.harm(planted, &entry), None, "{folder}, {planted:?}: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn no_command_waits_for_a_pipe_among_what_it_keeps() {
    for name in ["lock", "run.json", "journal", "history", "notes", "summary.json", "program.wasm"] {
        let stage = Stage::new();
        assert_eq!(stage.run("-o out rows").code, 100);
        let at = stage.path("out.wpool").join(name);
        fs::remove_file(&at).expect("it is there");
        make_pipe(&at);
        for args in [
            "runs list",
            "runs info out",
            "runs export out",
            "diff out out",
            "report out --markdown report.md --overwrite",
            "run absent.wasm rows --history out",
            "runs prune --finished",
            "rerun out --failed",
            "replay out 0",
        ] {
            let mut command = wpool();
            command
                .current_dir(stage.0.path())
                .env("XDG_STATE_HOME", stage.path("state"))
                .args(args.split_whitespace());
            let ran = run(&mut command, "");
            assert_ne!(ran.code, -1, "{name}: {args} waits");
        }
        for options in ["-o out --resume rows", "-o out --overwrite rows", "-o out --overwrite --no-journal rows"] {
            assert_ne!(stage.run(options).code, -1, "{name}: {options} waits");
        }
    }
    // Folders of the user's own that somebody could write to in an earlier time.
    let stage = Stage::new();
    fs::create_dir_all(stage.path("state/wpool/runs")).expect("a folder");
    make_pipe(&stage.path("state/wpool/runs/20260101T000000Z-00000000.json"));
    let mut list = wpool();
    let ran = run(list.env("XDG_STATE_HOME", stage.path("state")).args(["runs", "list"]), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn c33_a_second_run_on_a_hard_link_of_a_file_is_refused() {
    let stage = Stage::new();
    let mut live = Live::start(&mut stage.command("-o shared/f -j 1"));
    live.say("1\n");
    let file = stage.path("shared/f");
    block_on(until("the first record is written", || fs::read(&file).is_ok_and(|it| !it.is_empty())));
    fs::hard_link(&file, stage.path("other")).expect("a link");
    for (options, code) in [("-o other --overwrite", USAGE), ("-o other --overwrite --no-journal", CANNOT_WRITE)] {
        let ran = stage.run(&format!("{options} rows"));
        assert_eq!(ran.code, code, "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains("another run"), "{options}: {}", ran.stderr);
    }
    live.say("2\n");
    assert_eq!(live.end().code, 0);
    assert_eq!(fs::read_to_string(&file).expect("it is there").lines().count(), 2);
    // It is free now, and what it replaces is one name of the file, not the file.
    assert_eq!(stage.run("-o other --overwrite rows").code, 100);
    assert_ne!(fs::metadata(&file).expect("it is there").ino(), fs::metadata(stage.path("other")).expect("it").ino());
    assert_eq!(fs::read_to_string(&file).expect("it is there").lines().count(), 2);
}

//! The making of runtimes, and what can be wrong with those that are there.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::support::{finish, spawn};

fn build(desk: &Desk, version: &str) {
    desk.tool(version);
    let ran = desk.wpool("runtime build python", "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn without_tool(desk: &Desk) {
    fs::remove_file(desk.path("bin/componentize-py")).expect("it is there");
}

/// The files of runtimes.
fn files(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path("cache/wpool/runtimes")).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|file| file.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "wasm"));
    files.sort();
    files
}

#[test]
fn without_the_tool_the_newest_runtime_that_fits_is_used() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    ["1.2", "1.10", "1.9"].into_iter().for_each(|version| build(&desk, version));
    without_tool(&desk);
    let ran = desk.wpool("run app.py -q", "\"q\"\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let listed = desk.wpool("runtime list", "").stdout;
    let first = listed.lines().next().expect("a line");
    assert!(first.starts_with("python-1.10-") && first.ends_with("  used"), "{listed}");
    assert_eq!(listed.matches("  used").count(), 1, "{listed}");
    let doctor = desk.wpool("doctor", "").stdout;
    assert!(doctor.contains("\n  python          made     python-1.10-"), "{doctor}");
}

#[test]
fn a_tool_that_does_not_say_its_version_does_not_hide_a_runtime() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    build(&desk, "1.0");
    // As the stub of a version manager whose Python is another.
    desk.write("bin/componentize-py", "#!/bin/sh\necho 'command not found' >&2\nexit 127\n");
    let ran = desk.wpool("run app.py -q", "\"q\"\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_runtime_that_is_damaged_is_made_again() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    build(&desk, "1.0");
    let file = files(&desk).remove(0);
    let whole = fs::read(&file).expect("it is there");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for (calls, damaged) in (2..).zip([&changed[..], &whole[..whole.len() / 2], &[]]) {
        fs::write(&file, damaged).expect("it is ours");
        let listed = desk.wpool("runtime list", "").stdout;
        assert!(listed.contains("  damaged, and not used\n"), "{listed}");
        let ran = desk.wpool("run app.py", "\"q\"\n");
        assert_eq!((ran.code, desk.calls()), (0, calls), "{}", ran.stderr);
        assert!(ran.stderr.contains("is damaged: it is not what was written there"), "{}", ran.stderr);
        assert_eq!(fs::read(&file).expect("it is there"), whole);
    }
    fs::write(&file, &changed).expect("it is ours");
    without_tool(&desk);
    let ran = desk.wpool("run app.py", "\"q\"\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("is damaged") && ran.stderr.contains("needs componentize-py"), "{}", ran.stderr);
}

#[test]
fn an_older_runtime_takes_the_place_of_one_that_is_damaged() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    ["1.0", "2.0"].into_iter().for_each(|version| build(&desk, version));
    without_tool(&desk);
    fs::write(&files(&desk)[1], "").expect("it is ours");
    assert_eq!(desk.wpool("run app.py -q", "\"q\"\n").code, 0);
    let listed = desk.wpool("runtime list", "").stdout;
    let line = |begin: &str| listed.lines().find(|line| line.starts_with(begin)).unwrap_or_default();
    assert!(line("python-1.0-").ends_with("  used") && line("python-2.0-").ends_with("not used"), "{listed}");
    desk.write("cache/wpool/runtimes/python-3.0-0123456789ab.wasm", "of another wpool");
    let listed = desk.wpool("runtime list", "").stdout;
    let other = listed.lines().find(|line| line.starts_with("python-3.0-")).unwrap_or_default();
    assert!(other.ends_with("of other tools, or of another wpool"), "{listed}");
}

#[test]
fn where_no_runtime_can_be_kept_each_run_makes_its_own() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    desk.write("app.js", "export function run(row) { return row }\n");
    desk.write("file", "");
    let wpool = |args: &str| {
        let mut command = desk.command();
        run(command.env("XDG_CACHE_HOME", desk.path("file")).args(args.split_whitespace()), "\"q\"\n")
    };
    for calls in 1..3 {
        let ran = wpool("run app.py");
        assert_eq!((ran.code, desk.calls()), (0, calls), "{}", ran.stderr);
        assert!(ran.stderr.contains("the runtime is for this run only"), "{}", ran.stderr);
    }
    let ran = wpool("run app.js");
    assert_eq!(ran.code, 0, "a runtime inside of wpool needs no folder: {}", ran.stderr);
    let ran = wpool("runtime build python");
    assert!(ran.code == SET_UP && ran.stderr.contains("file/wpool"), "{}", ran.stderr);
    assert_eq!(wpool("runtime list").stdout.matches("a part of wpool").count(), 2);
}

#[test]
fn a_folder_of_runtimes_that_others_may_write_to_is_not_used_and_named() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    build(&desk, "1.0");
    without_tool(&desk);
    let folder = desk.path("cache/wpool/runtimes");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("it is ours");
    let ran = desk.wpool("run app.py", "\"q\"\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("others may write to it") && ran.stderr.contains("componentize-py"), "{}", ran.stderr);
}

#[test]
fn a_disk_that_is_full_costs_a_warning_and_leaves_nothing() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let at = desk.path("cache");
    let line = format!(
        "mount -t tmpfs -o size=8k none {0} && {{ \"$@\"; code=$?; /bin/ls -A {0}/wpool/runtimes; exit $code; }}",
        at.display()
    );
    let real = desk.command();
    let mut command = Command::new("unshare");
    command.args(["-rm", "/bin/sh", "-c", &line, "sh"]).arg(real.get_program()).args(["run", "app.py"]);
    command.current_dir(desk.path(".")).env("XDG_CACHE_HOME", &at);
    command.env("PATH", format!("{}:/usr/bin:/bin", desk.path("bin").display()));
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine lets nobody have namespaces");
        return;
    }
    // More than the disk has.
    let mut made = fs::read(desk.path("made.wasm")).expect("it is there");
    made.extend([&[0, 0x81, 0x80, 2, 0][..], &[0; 32 << 10]].concat());
    fs::write(desk.path("made.wasm"), made).expect("it is ours");
    let ran = run(&mut command, "\"q\"\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("for this run only") && ran.stderr.contains("No space left"), "{}", ran.stderr);
    assert!(!ran.stdout.contains(".wpool-") && !ran.stdout.contains(".wasm"), "{}", ran.stdout);
}

/// A tool that says that it began, and waits until it is killed.
fn slow_tool(desk: &Desk) {
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && { echo componentize-py 1.0; exit; }\n: >\"$TMPDIR/rest\"\n\
                  echo $$ >../began.new\n/bin/mv ../began.new ../began\nexec /bin/sleep 1000\n";
    desk.write("bin/componentize-py", script);
    fs::create_dir_all(desk.path("tmp")).expect("a folder");
}

/// The process of the slow tool, once it runs.
fn begun(desk: &Desk) -> u32 {
    loop {
        match fs::read_to_string(desk.path("tmp/began")) {
            Ok(text) => return text.trim().parse().expect("a number"),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn start(desk: &Desk) -> Child {
    spawn(desk.command().env("TMPDIR", desk.path("tmp")).args(["run", "app.py"]))
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

#[test]
fn a_signal_while_a_runtime_is_made_ends_the_tool_and_leaves_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let desk = Desk::new();
        desk.write("app.py", SCRIPT);
        slow_tool(&desk);
        let run = start(&desk);
        let tool = begun(&desk);
        send(&run, signal);
        let ran = finish(run, "\"q\"\n");
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(!Path::new(&format!("/proc/{tool}")).exists(), "the tool has ended");
        fs::remove_file(desk.path("tmp/began")).expect("it is there");
        assert_eq!(fs::read_dir(desk.path("tmp")).expect("a folder").count(), 0, "no folder is left");
        let left = fs::read_dir(desk.path("cache/wpool/runtimes")).expect("a folder").flatten();
        let left = left.filter(|it| !["lock", "versions.json"].contains(&&*it.file_name().to_string_lossy()));
        assert_eq!(left.count(), 0, "no part of a runtime is left");
        desk.tool("1.0");
        assert_eq!(desk.wpool("run app.py -q", "\"q\"\n").code, 0);
    }
}

#[test]
fn a_maker_that_is_killed_holds_nobody_up() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    slow_tool(&desk);
    let mut run = start(&desk);
    let tool = begun(&desk);
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    desk.tool("1.0");
    let ran = desk.wpool("run app.py -q", "\"q\"\n");
    // Nobody is left that could end it.
    kill_process(Pid::from_raw(tool.cast_signed()).expect("a number"), Signal::KILL).expect("it sleeps");
    assert_eq!((ran.code, desk.calls()), (0, 1), "{}", ran.stderr);
}

#[test]
fn a_run_says_that_it_waits_for_another_that_makes_the_runtime() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    assert!(Command::new("mkfifo").arg(desk.path("gate")).status().expect("mkfifo").success());
    let script = fs::read_to_string(desk.path("bin/componentize-py")).expect("it is there");
    let gated = format!("read open <{}\n/bin/cp ", desk.path("gate").display());
    desk.write("bin/componentize-py", &script.replace("/bin/cp ", &gated));
    let first = spawn(desk.command().args(["run", "app.py", "-q"]));
    while desk.calls() == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let mut second = spawn(desk.command().args(["run", "app.py"]));
    let mut said = BufReader::new(second.stderr.take().expect("it is piped")).lines();
    let line = said.next().expect("a line").expect("text");
    assert!(line.contains("another wpool makes the runtime of python"), "{line}");
    fs::write(desk.path("gate"), "go\n").expect("it is read");
    assert_eq!((finish(first, "\"q\"\n").code, finish(second, "\"q\"\n").code, desk.calls()), (0, 0, 1));
}

#[test]
fn a_runtime_whose_library_does_not_fit_is_made_without_it() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let script = fs::read_to_string(desk.path("bin/componentize-py")).expect("it is there");
    // As a traceback has it: the line that raises, and then the error.
    let says = "the native library does not fit this Python:";
    let check = format!(
        "set -- glue/wpool_native*.so\n[ -e \"$1\" ] && {{ echo '    raise E(f\"{says} {{flaw}}\")'; echo 'E: {says} it is odd'; \
         exit 1; }}\n[ -e glue/wpool_native.py ] || exit 2\n/bin/cp "
    );
    let (begin, copy) = script.rsplit_once("/bin/cp ").expect("it copies");
    desk.write("bin/componentize-py", &format!("{begin}{check}{copy}"));
    let ran = desk.wpool("run app.py", "\"q\"\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("without its native library, so rows take longer (it is odd)"), "{}", ran.stderr);
    assert_eq!(desk.wpool("run app.py -q", "\"q\"\n").stderr, "", "it is kept as any other");
}

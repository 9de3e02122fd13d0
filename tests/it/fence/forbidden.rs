//! Acts that the fence forbids a guest that has broken out.

use wpool::outcome::Layer;
use wpool::{Event, Status};

use super::*;

/// What no worker may do, whatever it was granted.
const NEVER: [&str; 32] = [
    "socket",
    "unix-socket",
    "exec",
    "fork",
    "spawn",
    "thread",
    "clone-thread",
    "clone3",
    "ptrace",
    "peek",
    "stop",
    "affinity",
    "time-of 1",
    "map-executable",
    "map-shared",
    "map-huge",
    "make-executable",
    "ioctl",
    "lock",
    "memfd",
    "unshare",
    "undump",
    "rename",
    "limit",
    "filter",
    "ring",
    "userfault",
    "segment",
    "key",
    "mount",
    "chmod",
    "device",
];

#[test]
fn c63_each_forbidden_act_ends_its_worker_and_no_other_task() {
    let mut victim = Victim::new();
    let pid = victim.0.id();
    let files = ["read /etc/passwd", "write /tmp/x", "own"].map(str::to_owned);
    let kills = [format!("kill {pid}"), format!("tgkill {pid}")];
    let orders: Vec<_> = NEVER.map(str::to_owned).into_iter().chain(files).chain(kills).collect();
    let rows = between_honest_rows(&orders);
    let events = Events::default();
    let results = outcomes(intruder(&events), &rows);
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!((output(&results[0]), output(&results[2])), ("honest".into(), "honest too".into()), "{order}");
        let failure = failure(&results[1]);
        let told = (failure.status, &*failure.error.code, failure.error.signal.as_deref(), results[1].receipt.layer);
        assert_eq!(told, (Status::Crash, "sandbox-violation", Some("SIGSYS"), Layer::Sandbox), "{order}");
        assert_eq!(results[1].receipt.attempts, 1, "{order}: nobody gets a second try");
    }
    assert!(victim.0.try_wait().unwrap().is_none(), "it lives");
    let loud = |event: &Event| matches!(event, Event::Warning(text) if text.starts_with("SANDBOX VIOLATION: "));
    assert_eq!(events.all().iter().filter(|event| loud(event)).count(), 1, "it is told once");
    assert_eq!(events.deaths().len(), orders.len());
}

#[test]
fn what_was_granted_is_there_and_nothing_else() {
    let [read, write, other] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    for dir in [&read, &write, &other] {
        fs::write(dir.path().join("file"), "text").unwrap();
        std::os::unix::fs::symlink(other.path(), dir.path().join("link")).unwrap();
    }
    let at = |dir: &TempDir, name: &str| dir.path().join(name).display().to_string();
    let name = other.path().file_name().expect("it has one").display().to_string();
    let (denied, done) = (format!("error {}", libc::EACCES), "done".to_owned());
    let cases = [
        (format!("read {}", at(&read, "file")), &done),
        (format!("write {}", at(&read, "file")), &denied),
        (format!("cut {}", at(&read, "file")), &denied),
        (format!("make {}", at(&read, "new")), &denied),
        (format!("read {}", at(&read, "link/file")), &denied),
        (format!("read {}", at(&read, &format!("../{name}/file"))), &denied),
        (format!("write {}", at(&write, "file")), &done),
        (format!("make {}", at(&write, "new")), &done),
        (format!("make {}", at(&write, "link/new")), &denied),
        (format!("read {}", at(&other, "file")), &denied),
        ("read /etc/passwd".to_owned(), &denied),
        ("read /proc/self/environ".to_owned(), &denied),
    ];
    let rows: Vec<_> = cases.iter().map(|(row, _)| row.clone()).collect();
    let events = Events::default();
    let config = with_dirs(intruder(&events), &[(read.path(), false), (write.path(), true)]);
    for ((row, expected), result) in cases.iter().zip(outcomes(config, &rows)) {
        assert_eq!(output(&result), **expected, "{row}");
    }
    assert_eq!(fs::read_to_string(read.path().join("file")).unwrap(), "text");
    assert!(!other.path().join("new").exists() && write.path().join("new").exists());
}

#[test]
fn directories_that_are_only_read_give_no_call_that_changes_a_file_or_its_times() {
    let [granted, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let file = other.path().join("file");
    fs::write(&file, "text").unwrap();
    let written = || fs::metadata(&file).and_then(|file| file.modified()).expect("it is there");
    let before = written();
    let orders = ["utime", "remove", "make-dir"].map(|order| format!("{order} {}", file.display()));
    let events = Events::default();
    let results = outcomes(with_dirs(intruder(&events), &[(granted.path(), false)]), &between_honest_rows(&orders));
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!(failure(&results[1]).error.code, "sandbox-violation", "{order}");
    }
    assert_eq!(written(), before);
}

#[test]
fn directories_give_files_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut victim = Victim::new();
    let kill = format!("kill {}", victim.0.id());
    let orders: Vec<_> = NEVER.map(str::to_owned).into_iter().chain(["own".into(), kill]).collect();
    let events = Events::default();
    let results = outcomes(with_dirs(intruder(&events), &[(dir.path(), true)]), &between_honest_rows(&orders));
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!(failure(&results[1]).error.code, "sandbox-violation", "{order}");
    }
    assert!(victim.0.try_wait().unwrap().is_none(), "it lives");
}

#[test]
fn c62_a_worker_that_is_given_no_more_memory_says_so_if_it_can() {
    let rows = ["a", "eat", "b", "abort", "c", "panic", "d"].map(str::to_owned);
    let events = Events::default();
    let results = outcomes(PoolConfig { crash_limit: 1, ..intruder(&events) }, &rows);
    let told = |at: usize| (failure(&results[at]).status, failure(&results[at]).error.code.as_str());
    assert_eq!(told(1), (Status::OutOfMemory, "worker-out-of-memory"));
    assert_eq!(told(3), (Status::Crash, "signal"), "to abort is no violation");
    assert_eq!(failure(&results[3]).error.signal.as_deref(), Some("SIGABRT"));
    assert_eq!(told(5), (Status::Crash, "worker-panic"));
    assert!([0, 2, 4, 6].iter().all(|at| results[*at].outcome.status() == Status::Ok));
}

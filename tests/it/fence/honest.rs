//! Honest runs, which the fence does not hold up.

use super::*;

#[test]
fn a_worker_at_work_has_given_everything_up() {
    let mut live = Live::start(&mut wpool_run(&wat("echo"), "--sandbox strict -j 1"));
    live.say("1\n");
    assert!(live.line().contains("\"ok\""));
    let children = children_of(live.pid());
    let [worker] = children.as_slice() else { panic!("{children:?}") };
    for thread in fs::read_dir(format!("/proc/{worker}/task")).unwrap() {
        let thread = thread.unwrap().file_name().to_str().unwrap().parse().unwrap();
        for (name, expected) in [("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0000000000000000")] {
            assert_eq!(status(thread, name), expected, "{name} of {thread}");
        }
        assert_eq!(status(thread, "CapPrm"), "0000000000000000");
    }
    assert_eq!(status(*worker, "Threads"), "2", "its own and the clock's");
    let of = |name: &str| format!("/proc/{worker}/{name}");
    assert_eq!(fs::read_to_string(of("oom_score_adj")).unwrap().trim(), "1000");
    let limits = fs::read_to_string(of("limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("a limit");
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max open files"), "32");
    assert!(limit("Max data size").parse::<u64>().is_ok_and(|bytes| bytes > 512 << 20), "{limits}");
    if is_root() {
        assert_eq!(fs::read(of("environ")).unwrap(), b"");
        // The pipes, the image and the list of pages.
        assert!(fs::read_dir(of("fd")).unwrap().count() <= 9);
        for name in ["net", "ipc", "uts", "user"] {
            let [own, ours] = [of(&format!("ns/{name}")), format!("/proc/self/ns/{name}")].map(fs::read_link);
            assert_ne!(own.unwrap(), ours.unwrap(), "{name}");
        }
    }
    assert_eq!(live.end().code, ALL_OK);
}

/// Runs that together make every system call that a worker needs.
const HONEST: [(&str, &str, &str, i32); 20] = [
    ("wat/echo.wat", "", "1\n", ALL_OK),
    ("wat/cat.wat", "--timeout 9s", "1\n", ALL_OK),
    ("wat/component-echo.wat", "", "1\n", ALL_OK),
    ("typed.wasm", "--call echo.text", "\"a\"\n", ALL_OK),
    ("wat/counter.wat", "--isolation reuse", "1\n2\n", ALL_OK),
    ("tally.wasm", "--lines --isolation reuse=checked", "a\na\n", ALL_OK),
    ("shared-state.wasm", "--state --call shared.square", "4\n", ALL_OK),
    ("wat/init-raw.wat", "", "1\n", ALL_OK),
    ("wat/init-component.wat", "--init-each", "1\n", ALL_OK),
    ("wat/read-file.wat", "--dir DIR::/data", "1\n", ALL_OK),
    ("wat/write-file.wat", "--dir DIR::/data:rw", "1\n", ALL_OK),
    ("wat/sockets.wat", "", "1\n", ALL_OK),
    ("wat/big-result.wat", "--receipts", "1\n", ALL_OK),
    ("wat/trap.wat", "", "1\n", TASKS_FAILED),
    ("wat/recurse.wat", "", "1\n", TASKS_FAILED),
    ("wat/grow-abort.wat", "--memory 64MiB", "1\n", TASKS_FAILED),
    ("wat/spin.wat", "--timeout 100ms", "1\n", TASKS_FAILED),
    ("wat/sleep.wat", "--timeout 9s", "1\n", ALL_OK),
    ("wat/flood-stdout.wat", "--max-output 1MiB", "1\n", TASKS_FAILED),
    ("wat/stderr-fail.wat", "", "1\n", TASKS_FAILED),
];

#[test]
fn no_honest_run_needs_a_system_call_that_is_not_listed() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("data.txt"), "text").unwrap();
    for (guest, args, rows, code) in HONEST {
        let args = args.replace("DIR", &dir.path().display().to_string());
        let guest = root().join("guest-tasks").join(guest);
        let ran = run(&mut wpool_run(&guest, &format!("--sandbox strict {args}")), rows);
        assert!(!ran.stdout.contains("crash"), "{} {args}: {}", guest.display(), ran.stdout);
        assert_eq!(ran.code, code, "{} {args}: {}{}", guest.display(), ran.stderr, ran.stdout);
    }
}

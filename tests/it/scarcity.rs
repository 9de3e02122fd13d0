//! A machine with too little: of disk, files, processes, memory, or readers. Whatever is missing, a run ends, reports
//! why, and has written only whole records.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::cli::{CANNOT_WRITE, OK, SET_UP, folder, write};
use crate::storm::chaos::peak_memory;
use crate::support::*;

/// `wpool run` through a command that changes what it finds, such as `prlimit --nofile=10`.
pub fn through(wrapper: &str, guest: &str, args: &str) -> Command {
    let real = wpool_run(&wat(guest), args);
    let mut words = wrapper.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words).arg(real.get_program()).args(real.get_args());
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("CI");
    command
}

/// As [`through`], in namespaces of its own, after a shell has done something. `None` where that is not allowed.
pub fn prepared(unshare: &str, preparation: &str, guest: &str, args: &str) -> Option<Command> {
    let allowed = Command::new("unshare").args(unshare.split_whitespace()).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine lets nobody have namespaces");
        return None;
    }
    let real = wpool_run(&wat(guest), args);
    let mut command = Command::new("unshare");
    command.args(unshare.split_whitespace()).args(["sh", "-c", &format!("{preparation} && exec \"$0\" \"$@\"")]);
    command.arg(real.get_program()).args(real.get_args());
    Some(command)
}

/// Every record is whole, in order, and about its own row.
fn assert_whole(stdout: &str, most: usize) -> usize {
    assert!(stdout.is_empty() || stdout.ends_with('\n'), "the last record is cut off");
    for (id, line) in stdout.lines().enumerate() {
        assert!(line.starts_with(&format!("{{\"id\":{id},\"status\":\"")) && line.ends_with('}'), "{line}");
    }
    let count = stdout.lines().count();
    assert!(count <= most, "{count} records of {most} rows");
    count
}

fn numbers(count: usize) -> String {
    (0..count).map(|row| format!("{row}\n")).collect()
}

// Disk

#[test]
fn c70_an_output_that_may_not_grow_ends_the_run_as_a_full_disk_does() {
    let folder = folder();
    write(&folder, "rows", numbers(20_000));
    let ran = run(through("prlimit --fsize=100000", "echo", "-o out rows").current_dir(folder.path()), "");
    assert_eq!(ran.code, CANNOT_WRITE, "{}", ran.stderr);
    assert!(ran.stderr.contains("out"), "{}", ran.stderr);
    let size = fs::metadata(folder.path().join("out")).map_or(0, |file| file.len());
    assert!(size <= 100_000, "{size}");
}

#[test]
fn c70_c80_a_cache_without_room_and_one_that_is_read_only_cost_one_warning() {
    let home = folder();
    let at = home.path().display();
    for (what, options) in [("no room", "size=4k"), ("read-only", "ro")] {
        let mount = format!("mount -t tmpfs -o {options} none {at}");
        let Some(mut command) = prepared("-rm", &mount, "echo", "") else { return };
        let ran = run(command.env("XDG_CACHE_HOME", home.path()), "1\n2\n");
        assert_eq!((ran.code, assert_whole(&ran.stdout, 2)), (OK, 2), "{what}: {}", ran.stderr);
        let warnings: Vec<_> = ran.stderr.lines().filter(|line| line.contains("warning: ")).collect();
        assert!(warnings.len() == 1 && warnings[0].contains("cache"), "{what}: {}", ran.stderr);
    }
}

#[test]
fn c82_a_cache_that_is_a_link_or_belongs_to_another_is_not_used() {
    let (home, elsewhere) = (folder(), folder());
    let cache = home.path().join("wpool");
    let run_there = |why: &str| {
        let ran = run(wpool_run(&wat("echo"), "").env("XDG_CACHE_HOME", home.path()), "1");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        assert!(ran.stderr.contains("warning") && ran.stderr.contains(why), "{}", ran.stderr);
        assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
    };
    symlink(elsewhere.path(), &cache).expect("a link");
    run_there("not a directory");
    fs::remove_file(&cache).expect("a link");
    fs::create_dir(&cache).expect("a folder");
    // Only root can give something away.
    if std::os::unix::fs::chown(&cache, Some(12_345), None).is_ok() {
        run_there("another user");
    }
}

#[test]
fn c83_many_runs_at_once_share_a_cache_and_leave_one_entry() {
    let home = folder();
    let start = || {
        let mut command = wpool_run(&wat("echo"), "-q -j 1");
        let mut child = spawn(command.env("XDG_CACHE_HOME", home.path()));
        child.stdin.take().expect("it is piped").write_all(b"1\n2\n").expect("it reads");
        child
    };
    let runs: Vec<Child> = (0..64).map(|_| start()).collect();
    for run in runs {
        let _guard = Watchdog::over(&run);
        let output = run.wait_with_output().expect("it can be waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(OK), ""));
        assert_eq!(assert_whole(&String::from_utf8_lossy(&output.stdout), 2), 2);
    }
    let entries = fs::read_dir(home.path().join("wpool")).expect("a cache");
    assert_eq!(entries.count(), 1, "the others have left nothing");
}

// Files, processes, memory

/// Runs a thousand rows with less and less of something: it answers all of them, or says what it lacks and stops.
fn starve(name: &str, wrapper: impl Fn(u64) -> String, amounts: &[u64]) {
    starve_guest("echo", "", name, wrapper, amounts);
}

/// As [`starve`], of a guest with arguments of its own.
fn starve_guest(guest: &str, args: &str, name: &str, wrapper: impl Fn(u64) -> String, amounts: &[u64]) {
    let (mut done, mut refused) = (0, 0);
    for &amount in amounts {
        let args = format!("-q -j 4 --no-cache {args}");
        let ran = run(&mut through(&wrapper(amount), guest, &args), numbers(1_000));
        let count = assert_whole(&ran.stdout, 1_000);
        match ran.code {
            OK => {
                assert_eq!(count, 1_000, "{name} {amount}: {}", ran.stderr);
                done += 1;
            }
            _ => {
                assert_eq!(ran.code, SET_UP, "{name} {amount}: {}", ran.stderr);
                assert!(ran.stderr.starts_with("wpool: "), "{name} {amount}: {}", ran.stderr);
                refused += 1;
            }
        }
        assert!(!ran.stderr.contains("panicked"), "{name} {amount}: {}", ran.stderr);
    }
    assert!(done > 0 && refused > 0, "{name}: {done} runs were done, {refused} refused");
}

#[test]
fn c76_with_too_few_open_files_there_are_fewer_workers_or_none() {
    starve("files", |files| format!("prlimit --nofile={files}"), &[8, 12, 16, 20, 24, 28, 32, 40, 64]);
}

#[test]
fn c61_c76_with_too_few_processes_there_are_fewer_workers_or_none() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become a user who has no processes yet");
        return;
    }
    let user = |count| format!("setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc={count}");
    starve("processes", user, &[1, 2, 3, 4, 6, 8, 12, 24, 64]);
    // Workers with directories have more threads.
    let place = folder();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    write(&place, "data.txt", "text");
    let args = format!("--dir {}", place.path().display());
    starve_guest("read-file", &args, "processes with files", user, &[2, 4, 8, 12, 24, 64]);
}

#[test]
fn c77_c84_with_too_little_memory_a_run_says_so_and_ends() {
    let mib = |amount| format!("prlimit --as={}", amount << 20);
    starve("address space", mib, &[300, 1_000, 4_000, 1 << 20]);
}

#[test]
fn c84_more_workers_than_cores_all_work() {
    let ran = run(&mut wpool_run(&wat("sleep"), "-j 64 --chunksize 1 --receipts"), "50\n".repeat(256));
    assert_eq!((ran.code, assert_whole(&ran.stdout, 256)), (OK, 256), "{}", ran.stderr);
}

// Readers and time

#[test]
fn c73_a_slow_reader_holds_up_the_run_and_not_the_memory() {
    let mut child = spawn(&mut wpool_run(&wat("echo"), "-j 2 --lines"));
    let _guard = Watchdog::over(&child);
    let taken = Arc::new(AtomicU64::new(0));
    let (mut stdin, counted) = (child.stdin.take().expect("it is piped"), taken.clone());
    let row = "x".repeat(100_000) + "\n";
    let feeder = thread::spawn(move || {
        while stdin.write_all(row.as_bytes()).is_ok() {
            counted.fetch_add(row.len() as u64, Ordering::Relaxed);
        }
    });
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    for id in 0..4 {
        line.clear();
        stdout.read_line(&mut line).expect("it goes on");
        assert!(line.starts_with(&format!("{{\"id\":{id},\"status\":\"ok\"")), "{}", &line[..40]);
        thread::sleep(Duration::from_millis(500));
    }
    let peak = peak_memory(child.id()).expect("it runs");
    let taken = taken.load(Ordering::Relaxed);
    assert!(peak < 300 << 10 && taken < 300 << 20, "{peak} KiB after {} MiB of rows", taken >> 20);
    drop(stdout);
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(OK));
    feeder.join().expect("it ends with the run");
}

#[test]
fn c71_interrupted_and_short_writes_change_nothing() {
    let mut child = spawn(&mut wpool_run(&wat("echo"), "-j 2 --lines"));
    let _guard = Watchdog::over(&child);
    let mut stdin = child.stdin.take().expect("it is piped");
    let rows: Vec<String> = (0..300).map(|row| format!("{row}-").repeat(5_000)).collect();
    let input = rows.join("\n");
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let (pid, mut stderr) = (child.id(), child.stderr.take().expect("it is piped"));
    let listener = thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    let mut stdout = child.stdout.take().expect("it is piped");
    let (mut output, mut block) = (Vec::new(), [0; 5_000]);
    // Its pipe is full nearly always, and a signal meets it while it waits.
    for round in 0.. {
        match stdout.read(&mut block).expect("it can be read") {
            0 => break,
            count => output.extend_from_slice(&block[..count]),
        }
        // The first output shows that it listens.
        if round % 20 == 0 {
            signal_child(pid, Signal::USR1);
        }
    }
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(OK));
    feeder.join().expect("it ends").expect("all was read");
    listener.join().expect("it ends").expect("it can be read");
    let expected = rows.iter().enumerate();
    let expected: String =
        expected.map(|(id, row)| format!("{{\"id\":{id},\"status\":\"ok\",\"output\":\"{row}\"}}\n")).collect();
    assert!(output == expected.as_bytes(), "the output has changed");
}

#[test]
fn c78_only_clocks_that_never_jump_decide_about_tasks() {
    // The time of day orders the cache's entries by their last use, the builds by their sources' age and the runs that are
    // kept by their beginning, and reports, metrics and profiles tell when something was; nothing else asks.
    let mut asking = Vec::new();
    let mut folders = vec![root().join("host")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if ["SystemTime", "ClockId::Realtime"].iter().any(|clock| text.contains(clock)) {
                asking.push(entry.path());
            }
        }
    }
    let allowed = [
        "host/image/cache.rs",
        "host/cli/projects/",
        "host/cli/scripts/",
        "host/cli/journal/facts.rs",
        "host/cli/journal/index.rs",
        "host/cli/journal/history.rs",
        "host/cli/journal/timing.rs",
        "host/cli/report/telemetry/",
        "host/cli/reports/",
        "host/cli/commands/profile.rs",
    ]
    .map(|path| root().join(path));
    let is_allowed =
        |path: &Path| allowed.iter().any(|one| path.to_string_lossy().starts_with(&*one.to_string_lossy()));
    asking.retain(|path| !is_allowed(path));
    assert!(asking.is_empty(), "{asking:?}");
}

#[test]
fn c86_as_the_first_process_of_a_container_it_runs_and_stops() {
    let Some(mut command) = prepared("-rfp --mount-proc --kill-child", "true", "echo", "-q -j 2") else { return };
    let ran = run(&mut command, numbers(1_000));
    assert_eq!((ran.code, assert_whole(&ran.stdout, 1_000)), (OK, 1_000), "{}", ran.stderr);
}

#[test]
fn c87_millions_of_rows_take_no_more_memory_than_thousands() {
    let rows = std::env::var("WPOOL_STORM").map_or(2_000_000, |_| 10_000_000);
    let mut child = spawn(&mut wpool_run(&wat("noop"), "-q --values"));
    let _guard = Watchdog::over(&child);
    let mut stdin = child.stdin.take().expect("it is piped");
    let feeder = thread::spawn(move || {
        let block = "1\n".repeat(10_000);
        (0..rows / 10_000).try_for_each(|_| stdin.write_all(block.as_bytes()))
    });
    let mut stdout = child.stdout.take().expect("it is piped");
    let (mut lines, mut block, mut peak) = (0, vec![0; 1 << 18], 0);
    loop {
        let count = stdout.read(&mut block).expect("it can be read");
        if count == 0 {
            break;
        }
        lines += block[..count].iter().filter(|byte| **byte == b'\n').count();
        peak = peak_memory(child.id()).unwrap_or(peak);
    }
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(OK));
    feeder.join().expect("it ends").expect("all was read");
    assert_eq!(lines, rows);
    println!("{rows} rows, {} MiB at most", peak >> 10);
    assert!(peak < 100 << 10, "the host has had {peak} KiB");
}

//! Limits that wpool was started with (`ulimit`), and machines that lack something it takes for granted.

use std::process::Command;

use crate::cli::{NOT_OK, OK, REFUSED, SET_UP, folder, write};
use crate::scarcity::{prepared, through};
use crate::support::*;

#[test]
fn limits_that_are_lower_than_those_of_wpool_are_lived_with() {
    for limit in ["--cpu=60", "--cpu=60:70", "--data=1500000000", "--core=0", "--stack=4000000"] {
        let ran = run(&mut through(&format!("prlimit {limit}"), "echo", "--no-cache -j 2"), "1\n2\n");
        assert_eq!((ran.code, ran.each("status")), (OK, vec!["ok".into(), "ok".into()]), "{limit}: {}", ran.stderr);
    }
}

/// A program that takes a compiler some seconds and hundreds of MiB.
fn large(place: &tempfile::TempDir) -> std::path::PathBuf {
    let bodies = "(func (result i32) (i32.const 1) (i32.const 2) (i32.add))\n".repeat(400_000);
    write(place, "large.wat", format!("(module {bodies})"))
}

fn run_large(wrapper: &str, args: &str) -> Ran {
    let place = folder();
    let real = wpool_run(&large(&place), &format!("--once --no-cache {args}"));
    let mut words = wrapper.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words).arg(real.get_program()).args(real.get_args());
    run(&mut command, "")
}

#[test]
fn a_limit_that_makes_work_impossible_is_named_with_its_value() {
    for (limit, named) in [
        ("--cpu=1", "`ulimit -t 1`"),
        ("--data=150000000", "`ulimit -d 146484`"),
        ("--as=400000000", "`ulimit -v 390625`"),
    ] {
        let ran = run_large(&format!("prlimit {limit}"), "");
        assert_eq!(ran.code, SET_UP, "{limit}: {}", ran.stderr);
        assert!(ran.stderr.contains(named), "{limit}: {}", ran.stderr);
    }
    // A worker reserves addresses, more than these.
    let ran = run(&mut through("prlimit --as=4096000000", "echo", "--no-cache -j 2"), "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("`ulimit -v 4000000`"), "{}", ran.stderr);
}

#[test]
fn a_task_that_uses_up_the_processor_time_of_a_process_is_told_so() {
    let ran = run(&mut through("prlimit --cpu=2", "spin-on-bang", "--no-cache -j 1 --lines --crash-limit 1"), "!\n1\n");
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec!["crash".into(), "ok".into()]), "{}", ran.stderr);
    let message = ran.records()[0]["error"]["message"].to_string();
    assert!(message.contains("SIGXCPU") && message.contains("`ulimit -t 2`"), "{message}");
}

#[test]
fn a_machine_without_proc_is_told_so() {
    let Some(mut command) = prepared("-rm", "mount -t tmpfs none /proc", "echo", "--no-cache") else { return };
    let ran = run(&mut command, "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("/proc is not mounted"), "{}", ran.stderr);
}

#[test]
fn a_compiler_gets_no_more_memory_than_the_machine_or_its_control_group_has() {
    let place = folder();
    let meminfo = write(&place, "meminfo", "MemTotal: 400000 kB\nMemAvailable: 300000 kB\nSwapFree: 0 kB\n");
    let group = write(&place, "group", "0::/\n");
    let groups = place.path().join("groups");
    std::fs::create_dir(&groups).expect("a folder");
    std::fs::write(groups.join("memory.max"), "290000000\n").expect("a file");
    std::fs::write(groups.join("memory.current"), "1000000\n").expect("a file");
    let task = large(&place);
    for (mounts, said) in [
        (
            format!("mount --bind {} /proc/meminfo", meminfo.display()),
            "292 MiB, which is all the memory that this machine",
        ),
        (
            format!(
                "mount --bind {} /proc/$$/cgroup && mount --bind {} /sys/fs/cgroup",
                group.display(),
                groups.display()
            ),
            "275 MiB, which is all the memory that its control group",
        ),
    ] {
        let Some(mut command) = prepared("-rm", &mounts, "echo", "--no-cache") else { return };
        let args: Vec<_> = command.get_args().map(|arg| arg.to_owned()).collect();
        let mut changed = Command::new(command.get_program());
        changed
            .args(args.into_iter().map(|arg| if arg == *wat("echo").as_os_str() { task.clone().into() } else { arg }));
        command = changed;
        let ran = run(&mut command, "");
        assert_eq!(ran.code, REFUSED, "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

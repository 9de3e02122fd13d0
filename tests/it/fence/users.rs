//! The fence for root, for other users, and in the first process of a container.

use super::*;

/// `wpool` as a program that may be run by anybody, with a folder of its own.
fn for_everybody() -> (TempDir, Command) {
    let dir = tempfile::tempdir().expect("a folder");
    let everybody = || fs::Permissions::from_mode(0o777);
    fs::set_permissions(dir.path(), everybody()).unwrap();
    let wpool = dir.path().join("wpool");
    // Copied by a process of its own: one that another test starts meanwhile could have the copy open for writing, and no
    // program that somebody writes to can be started.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_wpool")).arg(&wpool).status().expect("cp starts");
    assert!(copied.success());
    fs::copy(wat("write-file"), dir.path().join("write-file.wat")).unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::set_permissions(dir.path().join("data"), everybody()).unwrap();
    let mut command = Command::new(wpool);
    command.current_dir(dir.path()).env("XDG_CACHE_HOME", dir.path().join("cache")).env_remove("CI");
    (dir, command)
}

#[test]
fn c86_the_fence_stands_for_root_and_for_anybody_else() {
    for user in [0, NOBODY] {
        if user != rustix::process::geteuid().as_raw() && !is_root() {
            continue;
        }
        let (dir, mut command) = for_everybody();
        command.args(["run", "--sandbox", "strict", "--dir", "data::/data:rw", "write-file.wat"]);
        let ran = run(command.uid(user).gid(user), "7\n");
        assert_eq!((ran.code, ran.each("status")), (ALL_OK, vec![json!("ok")]), "{user}: {}", ran.stderr);
        assert_eq!(fs::read_dir(dir.path().join("data")).unwrap().count(), 1, "{user}");
    }
}

#[test]
fn c86_root_may_use_a_granted_directory_of_somebody_else() {
    if !is_root() {
        return;
    }
    let (dir, mut command) = for_everybody();
    let data = dir.path().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let ran = run(command.args(["run", "--sandbox", "strict", "--dir", "data::/data:rw", "write-file.wat"]), "7\n");
    assert_eq!(ran.code, ALL_OK, "{}{}", ran.stderr, ran.stdout);
}

/// The process of `wpool` under a command that starts it in namespaces of its own.
fn inner(outer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
    let inner: u32 = children.split_whitespace().next()?.parse().ok()?;
    fs::read_to_string(format!("/proc/{inner}/comm")).is_ok_and(|name| name.trim() == "wpool").then_some(inner)
}

#[test]
fn c86_as_the_first_process_it_works_and_takes_the_ends_of_orphans() {
    if !is_root() {
        return;
    }
    let mut command = Command::new("unshare");
    // The shell becomes wpool, and its child an orphan of it.
    command.args(["-pf", "--mount-proc", "sh", "-c", "sleep 0.2 & exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wpool")]);
    command.args(["run", "-j", "1", "--no-cache", "--sandbox", "strict"]).arg(wat("echo"));
    let mut live = Live::start(&mut command);
    live.say("1\n");
    assert!(live.line().contains("\"ok\""));
    let wpool = inner(live.pid()).expect("it runs");
    let dead = || {
        let children = fs::read_to_string(format!("/proc/{wpool}/task/{wpool}/children")).unwrap_or_default();
        // The shell's child has no other name than this.
        children
            .split_whitespace()
            .any(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep"))
    };
    block_on(until("the orphan's end is taken", || !dead()));
    live.say("2\n");
    assert!(live.line().contains("\"ok\""), "its own children are left to it");
    assert_eq!(live.end().code, ALL_OK);
}

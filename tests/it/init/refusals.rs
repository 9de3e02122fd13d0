//! Inits that fail, die or never end, and settings for an `init` in programs without it.

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::support::{Watchdog, children_of, spawn, until};

#[test]
fn an_init_that_fails_refuses_the_run_with_its_words() {
    refused(
        &wat("init-refuse"),
        "--init-arg \"nothing\"",
        101,
        &["its `init` failed: \"nothing\"", "it printed: reading"],
    );
    refused(&wat("init-trap"), "", 101, &["its `init` ended in a trap: ", "unreachable", "in wpool_init"]);
    refused(&wat("init-spin"), "--init-timeout 200ms", 101, &["ran longer than 200ms", "--init-timeout"]);
    let ran = run(&mut wpool_run(&wat("init-refuse"), "--init-each --init-arg 5"), "1\n2\n");
    assert_eq!(ran.code, 100);
    assert_eq!(ran.each("status"), ["failed", "failed"]);
    let error = &ran.records()[0]["error"];
    assert_eq!([&error["code"], &error["message"], &error["stderr"]], ["init", "5", "reading\n"]);
    let ran = run(&mut wpool_run(&wat("init-spin"), "--init-each --timeout 100ms"), "1\n");
    assert_eq!(ran.each("status"), ["timeout"]);
}

#[test]
fn an_init_whose_process_dies_refuses_the_run() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = wpool_run(&wat("init-spin"), "");
    let child = spawn(command.env("XDG_CACHE_HOME", cache.path()));
    let _guard = Watchdog::over(&child);
    let initializer = || {
        let is_it =
            |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| contains(&line, b"initializer"));
        children_of(child.id()).into_iter().find(is_it)
    };
    let pid = loop {
        match initializer() {
            Some(pid) => break pid,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{stderr}");
    assert!(stderr.contains("its `init` ended its process"), "{stderr}");
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_no_snapshot_can_hold_is_refused_and_works_for_each_instance() {
    refused(&wat("init-table"), "", 101, &["table.grow", "--init-each"]);
    assert_eq!(outputs(&wat("init-table"), "--init-each", "1\n2\n"), [7, 7]);
    refused(&wat("init-open"), "", 101, &["open", "--init-each"]);
    assert_eq!(outputs(&wat("init-open"), "--init-each", "1\n2\n"), [1, 2]);
}

#[test]
fn settings_of_an_init_that_is_not_there_are_refused() {
    for args in ["--init-arg 1", "--init-each", "--init-timeout 5s"] {
        refused(&wat("echo"), args, 2, &["has no `init`", "wpool_init"]);
        refused(&wat("component-echo"), args, 2, &["has no `init`"]);
    }
    refused(&wat("init-raw"), "--init-arg 1", 2, &["cannot give its `wpool_init` an argument"]);
}

#[test]
fn a_command_whose_constructors_cannot_be_seen_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let stripped = dir.path().join("stripped.wat");
    fs::write(
        &stripped,
        r#"(module (memory (export "memory") 1) (func (export "wpool_init")) (func (export "_start")))"#,
    )
    .unwrap();
    refused(&stripped, "", 101, &["no names of functions", "__wasm_call_ctors"]);
}

#[test]
fn a_build_that_is_given_up_ends_the_initializer() {
    // A name of its own tells its processes from those of other tests.
    let program = Program::new("given-up.wat", fs::read(wat("init-spin")).unwrap());
    let initializers = || {
        let is_it = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            contains(&line, b"wpool initializer (given-up.wat)")
        };
        children_of(std::process::id()).into_iter().filter(is_it).count()
    };
    block_on(async {
        let mut build = Box::pin(Pool::builder(program).worker(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))).build());
        tokio::select! {
            built = &mut build => panic!("{built:?}"),
            () = until("an initializer runs", || initializers() == 1) => {}
        }
        drop(build);
        until("it has ended", || initializers() == 0).await;
    });
}

/// Builds a pool whose initializer begins with a script in the shell.
fn with_initializer(script: &str) -> Result<(), wpool::Error> {
    let wpool = env!("CARGO_BIN_EXE_wpool");
    let script = format!("case \"$*\" in *initializer*) {script} ;; esac\nexec '{wpool}' \"$@\"");
    let worker = WorkerCommand { args: ["-c", &script, "sh"].map(Into::into).into(), ..WorkerCommand::at("/bin/sh") };
    let program = Program::read(wat("init-component")).unwrap();
    block_on(async { Pool::builder(program).worker(worker).build().await.map(drop) })
}

#[test]
fn an_initializer_that_sends_frames_without_end_is_refused() {
    // A report of no bytes: magic, kind, and zeros.
    let zeros = r"\000".repeat(29);
    let frames = format!(r"while printf 'WP\007{zeros}'; do :; done");
    let error = with_initializer(&frames).unwrap_err().to_string();
    assert!(error.contains("more frames than it has to say"), "{error}");
    // Answers, or a program, may be as long as a state, and are nothing that it has to say.
    for kind in [r"\006", r"\002"] {
        let error = with_initializer(&format!("printf 'WP{kind}{zeros}'")).unwrap_err().to_string();
        assert!(error.contains("frame, which has no place here"), "{error}");
    }
    with_initializer(":").unwrap();
}

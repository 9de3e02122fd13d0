//! Programs that prepare themselves: once for all tasks, by a snapshot, or in each instance.

mod in_rust;
mod refusals;
mod settings;
mod snapshots;
mod states;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wpool::{Pool, Program, WorkerCommand};

use crate::support::{Ran, block_on, guest, root, run, wat, wpool, wpool_run};

/// A run whose snapshots are its own.
fn run_in(cache: &Path, task: &Path, args: &str, rows: &str) -> Ran {
    run(wpool_run(task, args).env("XDG_CACHE_HOME", cache), rows)
}

fn outputs(task: &Path, args: &str, rows: &str) -> Vec<Value> {
    let ran = run(&mut wpool_run(task, args), rows);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran.each("output")
}

/// Checks that a run is refused before any task, for these reasons.
fn refused(task: &Path, args: &str, code: i32, reasons: &[&str]) {
    let ran = run(&mut wpool_run(task, args), "1\n");
    assert_eq!(ran.code, code, "{args}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout, "", "{args}");
    for reason in reasons {
        assert!(ran.stderr.contains(reason), "{args}: {reason:?} is not in {}", ran.stderr);
    }
}

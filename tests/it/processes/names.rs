//! What lists of processes call the children of a run.

use std::collections::BTreeSet;
use std::fs;

use crate::support::*;

fn text(pid: u32, what: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default()
}

#[test]
fn a_worker_is_listed_by_its_slot_and_its_program() {
    let mut live = Live::start(&mut wpool_run(&wat("spin-on-bang"), "-j 3 --chunksize 1 --lines"));
    live.say("!\n!\n!\n");
    let names = || children_of(live.pid()).into_iter().map(|pid| text(pid, "comm")).collect::<BTreeSet<_>>();
    let workers = ["wpool worker 0\n", "wpool worker 1\n", "wpool worker 2\n"].map(str::to_owned);
    let expected = BTreeSet::from(workers);
    block_on(until("all workers have their names", || names() == expected));
    for pid in children_of(live.pid()) {
        let line = text(pid, "cmdline");
        let label = line.split('\0').next().expect("it has one");
        assert_eq!(label, format!("{} (spin-on-bang.wat)", text(pid, "comm").trim()));
    }
    live.kill();
}

#[test]
fn a_compiler_is_listed_with_the_program_that_it_reads_and_no_name_acts_on_a_terminal() {
    let place = crate::cli::folder();
    // It takes the compiler some seconds.
    let bodies = "(func (result i32) (i32.const 1) (i32.const 2) (i32.add))\n".repeat(300_000);
    let task = crate::cli::write(&place, "a\u{1b}[2Jb.wat", format!("(module {bodies})"));
    let mut command = wpool_run(&task, "--no-cache --once");
    let child = spawn(&mut command);
    let line = || children_of(child.id()).first().map(|pid| (text(*pid, "comm"), text(*pid, "cmdline")));
    let mut found = None;
    block_on(until("a compiler has its name", || {
        found = line().filter(|(name, _)| name == "wpool compiler\n");
        found.is_some()
    }));
    let (_, line) = found.expect("it is there");
    assert!(line.starts_with("wpool compiler (a\\u{1b}[2Jb.wat)\0"), "{line:?}");
    let mut child = child;
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
}

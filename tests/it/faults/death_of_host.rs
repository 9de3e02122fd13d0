//! The death of the host: nothing is left of its run.

use std::process::{Child, ChildStdin, Stdio};

use super::*;

#[test]
fn c64_workers_end_with_their_host_whatever_they_do() {
    // Guests that compute, that wait in a host call, and workers that have nothing to do.
    for (guest, row) in [("spin", "1"), ("sleep", "60000"), ("echo", "1")] {
        let (mut host, mut stdin) = start_cli(guest);
        // Its input stays open, so that it waits for more when it has done what it can.
        stdin.write_all(format!("{row}\n{row}\n").as_bytes()).unwrap();
        let pid = host.id();
        let at_work = |&worker: &u32| guest != "spin" || Process::is_busy(worker);
        block_on(until("workers run", || children_of(pid).iter().filter(|worker| at_work(worker)).count() == 2));
        kill(&mut host);
    }
}

#[test]
fn c64_nothing_is_left_of_a_run_whose_host_is_killed_at_any_moment() {
    let moments = [0, 1, 2, 4, 6, 8, 10, 15, 20, 30, 50, 100];
    for_each(
        &moments,
        |moment| format!("after {moment} ms"),
        |&moment| {
            let (mut host, mut stdin) = start_cli("slow");
            let rows = "1000000\n".repeat(1_000);
            // Nobody reads what is written to a host that is dead.
            let feeder = std::thread::spawn(move || drop(stdin.write_all(rows.as_bytes())));
            std::thread::sleep(Duration::from_millis(moment));
            kill(&mut host);
            feeder.join().unwrap();
        },
    );
}

/// `wpool run` without a cache, so that it compiles first.
fn start_cli(guest: &str) -> (Child, ChildStdin) {
    let mut command = wpool();
    command.arg("run").arg(wat(guest)).args(["-j", "2", "--no-cache"]);
    let mut host = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let stdin = host.stdin.take().expect("it is piped");
    (host, stdin)
}

/// Kills a host, and waits until its children are gone with it.
fn kill(host: &mut Child) {
    host.kill().unwrap();
    host.wait().unwrap();
    block_on(until("its children end with it", || children_of(host.id()).is_empty()));
}

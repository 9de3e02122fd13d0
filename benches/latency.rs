//! What one waits for: the first result of a whole command, beside a whole Python program, and the first answer after a
//! worker had to be killed.
//!
//! `WPOOL_BENCH_ROUNDS` (default 21) changes its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::Target::AtMost;
use support::{Comparison, Rows, WPOOL, cores, guest, lacks, lacks_python, peer, rounds, time};

fn main() {
    if !support::is_bench() {
        return;
    }
    let row = Rows::write(1, |_| 7);
    let mut wpool = Command::new(WPOOL);
    wpool.args(["run", "-q"]).arg(guest("largest-prime-factor.wasm")).arg(row.path());
    let workers = cores().to_string();
    // The first runs compile the programs.
    time(&mut wpool);
    println!("milliseconds; medians of interleaved rounds (min to max)\n");
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut all = Comparison::new("ms");
    let ours = all.side("wpool run, one task, program cached", || millis(time(&mut wpool)));
    let theirs = all.side_unless(lacks_python(), "PPE, submit one", || millis(time(&mut peer(&["first", &workers]))));
    let no_kill = lacks("--interrupt", "kill");
    if no_kill.is_none() {
        after_kill();
    }
    let kill = all.side_unless(no_kill, "from a kill to the next answer", || millis(after_kill()));
    all.run(rounds(21));
    println!();
    all.claim("first result, time", ours, theirs, Some(AtMost(0.1)));
    all.reach("timeout by kill to replacement's answer", kill, AtMost(4.0));
}

/// Time between two records: of a task that is stopped by killing its only worker, and of the next one, which waits for
/// that worker's replacement.
fn after_kill() -> Duration {
    let rows = Rows::write(2, |i| if i == 0 { "!" } else { "1" });
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "-j", "1", "--lines", "--timeout", "50ms", "--interrupt", "kill"]);
    command.arg(guest("wat/spin-on-bang.wat")).arg(rows.path());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("wpool starts");
    let mut records = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = |status: &str| {
        let record = records.next().expect("a record").expect("text");
        assert!(record.contains(status), "{record}");
        Instant::now()
    };
    let (killed, answered) = (next("\"timeout\""), next("\"ok\""));
    child.wait().expect("it can be waited for");
    answered - killed
}

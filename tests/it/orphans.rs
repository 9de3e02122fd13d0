//! One second after the end of a run, nothing is left of it, whatever ended it.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::*;
use End::{ItsRows, Nobody, Struck};

/// What ends a run.
enum End {
    ItsRows,
    /// Its reader goes away.
    Nobody,
    /// Signals, while both workers compute.
    Struck(&'static [Signal]),
}

/// A way for a run to end: the guest, its rows and options, and the exit code, which is -1 for one that is killed.
struct Exit(&'static str, &'static str, &'static str, &'static str, End, i32);

const EXITS: [Exit; 15] = [
    Exit("all rows ok", "echo", "1\n2\n3\n", "", ItsRows, 0),
    Exit("a row that traps", "trap-on-bang", "1\n\"!\"\n", "", ItsRows, 100),
    Exit("no rows", "echo", "", "", ItsRows, 4),
    Exit("a refused option", "echo", "1\n", "-j 0", ItsRows, 2),
    Exit("a refused program", "unknown-import", "1\n", "", ItsRows, 101),
    Exit("a program that cannot be read", "none", "1\n", "", ItsRows, 96),
    Exit("the deadline of the run", "spin", "1\n1\n", "--deadline 1s", ItsRows, 124),
    Exit("the last failure that it may have", "trap", "1\n1\n", "--max-fail 1", ItsRows, 103),
    Exit("a closed output", "echo", "1\n", "", Nobody, 0),
    Exit("Ctrl-C twice", "spin", "1\n1\n", "", Struck(&[Signal::INT; 2]), 130),
    Exit("SIGTERM twice", "spin", "1\n1\n", "", Struck(&[Signal::TERM; 2]), 143),
    Exit("SIGHUP twice", "spin", "1\n1\n", "", Struck(&[Signal::HUP; 2]), 143),
    Exit("SIGKILL", "spin", "1\n1\n", "", Struck(&[Signal::KILL]), -1),
    // The first one only takes away the handler that would tell a stack overflow.
    Exit("SIGSEGV", "spin", "1\n1\n", "", Struck(&[Signal::SEGV; 2]), -1),
    // As a panic that aborts.
    Exit("SIGABRT", "spin", "1\n1\n", "", Struck(&[Signal::ABORT]), -1),
];

#[test]
fn c64_no_process_is_left_one_second_after_any_kind_of_exit() {
    thread::scope(|scope| {
        for exit in &EXITS {
            thread::Builder::new().name(exit.0.into()).spawn_scoped(scope, || leaves_nothing(exit)).expect("a thread");
        }
    });
}

fn leaves_nothing(Exit(name, guest, rows, options, end, code): &Exit) {
    let mut run = spawn(wpool_run(&wat(guest), options).args(["-j", "2"]));
    let _watchdog = Watchdog::over(&run);
    let mut stdin = run.stdin.take().expect("it is piped");
    // A run that is refused reads nothing.
    let _ = std::io::Write::write_all(&mut stdin, rows.as_bytes());
    let feeder = match end {
        ItsRows => {
            drop(stdin);
            None
        }
        Nobody => {
            let mut first = String::new();
            BufReader::new(run.stdout.take().expect("it is piped")).read_line(&mut first).expect("it prints");
            Some(feed_endlessly(stdin, rows))
        }
        Struck(signals) => {
            strike_when_busy(&run, signals);
            // It would have waited for more rows.
            Some(thread::spawn(move || drop(stdin)))
        }
    };
    let pid = run.id();
    let status = run.wait().expect("it can be waited for");
    assert_eq!(status.code().unwrap_or(-1), *code, "{name}: {status}");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(children_of(pid), [0; 0], "{name}");
    feeder.into_iter().for_each(|feeder| feeder.join().expect("it does not panic"));
}

fn strike_when_busy(run: &Child, signals: &[Signal]) {
    let busy = || children_of(run.id()).into_iter().filter(|&pid| Process::is_busy(pid)).count() == 2;
    block_on(until("both workers compute", busy));
    for signal in signals {
        signal_child(run.id(), *signal);
        // Two of a kind that arrive together are one.
        thread::sleep(Duration::from_millis(300));
    }
}

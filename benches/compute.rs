//! Tasks that compute: of 100 µs each, where a pool's own work begins to show, and of some milliseconds, where only the
//! speed of the code does.
//!
//! `WPOOL_BENCH_ROWS` (default 40 000) tasks of 100 µs, `WPOOL_BENCH_ROUNDS` (default 7) rounds.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use std::path::Path;

use support::Target::AtLeast;
use support::{
    Comparison, Rows, cores, guest, lacks, lacks_python, peer_best, peer_map, peer_seconds, rounds, setting,
    wpool_seconds,
};

fn main() {
    if !support::is_bench() {
        return;
    }
    let program = guest("kernels.wasm");
    println!("{} cores; medians of interleaved rounds (min to max)", cores());
    short(&program);
    long(&program);
}

/// Tasks of 100 µs each: sums of squares, as many as this machine does in that time.
fn short(program: &Path) {
    const PROBE: u64 = 1_000_000;
    let count = setting("WPOOL_BENCH_ROWS", 40_000);
    let bare = bare::Loop::new(program, 1, bare::Images::Large).expect("the program compiles");
    let fastest = bare.fastest(format!("sums {PROBE}").as_bytes(), 20);
    let size = (PROBE as f64 * 100e-6 / fastest.as_secs_f64()) as u64;
    let rows = Rows::write(count, |_| format!("sums {size}"));
    wpool_seconds(program, rows.path(), &["--lines"]);
    println!("\n{count} tasks of 100 µs");
    let rate = |seconds: f64| count as f64 / seconds;
    let images = bare::Images::Large;
    let mut all = Comparison::new("tasks/s");
    let threads = all.side("bare threads", || rate(bare::threads_seconds(program, rows.path(), cores(), images)));
    let wpool = all.side("wpool", || rate(wpool_seconds(program, rows.path(), &["--lines"])));
    let best = all.side_unless(lacks_python(), "PPE, best chunksize", || peer_best("micros", &rows, count));
    let single = all.side_unless(lacks_python(), "PPE, chunksize 1", || peer_map("micros", &rows, 1, count));
    all.run(rounds(7));
    println!();
    all.claim("100 µs tasks", wpool, threads, Some(AtLeast(0.97)));
    all.claim("100 µs tasks", wpool, best, None);
    all.claim("100 µs tasks", wpool, single, None);
}

/// Eight sums of squares below 10⁷, by the same arithmetic in both.
fn long(program: &Path) {
    const N: &str = "10000000";
    const ROWS: usize = 8;
    let rows = Rows::write(ROWS, |_| format!("sums {N}"));
    println!("\n{ROWS} sums of squares below 10^7");
    let workers = cores().to_string();
    let rate = |seconds: f64| ROWS as f64 / seconds;
    let run = |options: &[&str]| rate(wpool_seconds(program, rows.path(), options));
    // Puts both forms of the program into the cache.
    run(&["--lines"]);
    run(&["--lines", "--timeout", "60s"]);
    let mut all = Comparison::new("tasks/s");
    let plain = all.side("wpool", || run(&["--lines"]));
    let timed = all.side("wpool --timeout", || run(&["--lines", "--timeout", "60s"]));
    let kill = all.side_unless(lacks("--interrupt", "kill"), "wpool --timeout --interrupt kill", || {
        run(&["--lines", "--timeout", "60s", "--interrupt", "kill"])
    });
    let peer =
        all.side_unless(lacks_python(), "PPE", || rate(peer_seconds(&["squares", N, &ROWS.to_string(), &workers])));
    all.run(rounds(7));
    println!();
    all.claim("8 sums of squares, no timeout", plain, peer, Some(AtLeast(100.0)));
    all.claim("8 sums of squares, --timeout", timed, peer, Some(AtLeast(60.0)));
    all.claim("8 sums of squares, --interrupt kill", kill, peer, Some(AtLeast(60.0)));
}

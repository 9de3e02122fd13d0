//! Tasks per second of a program that does nothing: wpool end to end, beside the engine alone (the limit) and pools of
//! Python.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use support::Target::AtLeast;
use support::{
    Comparison, Rows, cores, guest, imports, lacks, lacks_python, peer_best, peer_map, rounds, setting, wpool_seconds,
};

/// Rows of which the peer's rate with chunksize 1 is taken; a million would take a minute a round.
const SINGLE_ROWS: usize = 30_000;

fn main() {
    if bare::ran_as_loop() || !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_ROWS", 1_000_000);
    println!("{} cores; {count} rows, whole command; medians of interleaved rounds (min to max)", cores());
    for bytes in [20, 100] {
        noop(count, bytes);
    }
}

/// What wpool is run with, and what that is called.
const WAYS: [(&str, &[&str]); 6] = [
    ("wpool, fresh, JSON", &["--isolation", "fresh"]),
    ("wpool, fresh, --lines", &["--isolation", "fresh", "--lines"]),
    ("wpool, reset, JSON", &["--isolation", "reset"]),
    ("wpool, reset, --lines", &["--isolation", "reset", "--lines"]),
    ("wpool, reuse, JSON", &["--isolation", "reuse"]),
    ("wpool, reuse, --lines", &["--isolation", "reuse", "--lines"]),
];

fn noop(count: usize, bytes: usize) {
    let rows = Rows::strings(count, bytes);
    let program = guest("wat/noop.wat");
    // Puts the program into the cache.
    wpool_seconds(&program, rows.path(), &[]);
    println!("\nno-op, rows of {bytes} bytes");
    let rate = |seconds: f64| count as f64 / seconds;
    let few = SINGLE_ROWS.min(count);
    let mut all = Comparison::new("tasks/s");
    let bare = all.side("bare engine", || rate(bare::seconds(&program, rows.path(), cores(), bare::Images::Small)));
    let [fresh, _, reset_json, reset, _, reuse] = WAYS.map(|(name, options)| {
        let (program, rows) = (&program, &rows);
        all.side_unless(lacks("--isolation", options[1]), name, move || {
            rate(wpool_seconds(program, rows.path(), options))
        })
    });
    let single = all.side_unless(lacks_python(), "PPE, chunksize 1", || peer_map("noop", &rows, 1, few));
    let best = all.side_unless(lacks_python(), "PPE, best chunksize", || peer_best("noop", &rows, count));
    let json =
        all.side_unless(lacks_python(), "PPE, best chunksize, json.loads", || peer_best("noop-json", &rows, count));
    let no_loky = (!imports("loky")).then_some("no python3 that imports loky");
    let loky = all.side_unless(no_loky, "loky, best chunksize", || peer_best("loky", &rows, count));
    all.run(rounds(5));
    println!();
    let what = |isolation| format!("no-op {bytes} B, {isolation}");
    let of_bare = if bytes == 20 { 0.9 } else { 0.85 };
    for (peer, target) in [(bare, Some(of_bare)), (single, Some(55.0)), (best, Some(0.75)), (loky, None)] {
        all.claim(&what("fresh"), fresh, peer, target.map(AtLeast));
    }
    // What is asked of kept instances is asked of the smallest rows.
    let small = |target: f64| (bytes == 20).then_some(AtLeast(target));
    all.claim(&what("reset, --lines"), reset, best, small(6.0));
    all.claim(&what("reset, --lines"), reset, single, small(300.0));
    all.claim(&what("reset, JSON"), reset_json, json, small(6.0));
    all.claim(&what("reuse, --lines"), reuse, best, small(4.0));
    if bytes == 20 {
        all.reach(&what("reuse, --lines"), reuse, AtLeast(5e6));
    }
}

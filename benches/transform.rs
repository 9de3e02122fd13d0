//! What most rows of JSON are put through: read as a value, one member more, written again.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use support::Target::AtLeast;
use support::{Comparison, Rows, cores, guest, lacks, lacks_python, peer_best, rounds, setting, wpool_seconds};

/// The rest of a row of 100 bytes.
const REST: &str = r#""name":"a name of some length","price":99.95,"tags":["red","large"],"active":true}"#;

fn main() {
    if bare::ran_as_loop() || !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_ROWS", 1_000_000);
    let rows = Rows::write(count, |i| format!("{{\"id\":{},{REST}", 1_000_000_000 + i));
    let program = guest("transform.wasm");
    // Puts the program into the cache.
    wpool_seconds(&program, rows.path(), &[]);
    println!("{} cores; {count} rows of 100 bytes, whole command; medians of interleaved rounds\n", cores());
    let rate = |seconds: f64| count as f64 / seconds;
    let images = bare::Images::Large;
    let mut all = Comparison::new("tasks/s");
    let bare = all.side("bare engine, fresh", || rate(bare::seconds(&program, rows.path(), cores(), images)));
    let [fresh, reset, timed, reuse] = [
        ("wpool, fresh", &["--isolation", "fresh"][..]),
        ("wpool, reset", &["--isolation", "reset"]),
        ("wpool, reset, --timeout", &["--isolation", "reset", "--timeout", "60s"]),
        ("wpool, reuse", &["--isolation", "reuse"]),
    ]
    .map(|(name, options)| {
        let (program, rows) = (&program, &rows);
        all.side_unless(lacks("--isolation", options[1]), name, move || {
            rate(wpool_seconds(program, rows.path(), options))
        })
    });
    let peer = all.side_unless(lacks_python(), "PPE, best chunksize", || peer_best("transform", &rows, count));
    all.run(rounds(5));
    println!();
    all.claim("JSON transform 100 B, reset", reset, peer, Some(AtLeast(4.0)));
    all.claim("JSON transform 100 B, reset, --timeout", timed, peer, Some(AtLeast(4.0)));
    all.claim("JSON transform 100 B, fresh", fresh, peer, None);
    all.claim("JSON transform 100 B, fresh", fresh, bare, None);
    all.claim("JSON transform 100 B, reset", reset, reuse, None);
}

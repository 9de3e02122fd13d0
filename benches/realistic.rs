//! A program of the usual kind: 2 MB, libraries with large tables, of which a task touches little. A fresh instance each.
//!
//! `WPOOL_BENCH_ROWS` (default 100 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use support::Target::{AtLeast, AtMost};
use support::{Comparison, Rows, cores, guest, lacks, rounds, setting, wpool_seconds};

const REST: &str = r#""text":"Größe *und* Farbe","charset":"utf-8","host":"www.example.co.uk"}"#;

fn main() {
    if bare::ran_as_loop() || !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_ROWS", 100_000);
    let rows = Rows::write(count, |i| format!("{{\"id\":{i},{REST}"));
    let program = guest("document.wasm");
    // Puts what each isolation makes of the program into the cache: compiling it takes seconds.
    let isolations = ["fresh", "reset", "reuse"].map(|how| (how, lacks("--isolation", how)));
    let few = Rows::write(1, |i| format!("{{\"id\":{i},{REST}"));
    for (how, _) in isolations.iter().filter(|(_, lacks)| lacks.is_none()) {
        wpool_seconds(&program, few.path(), &["--isolation", how]);
    }
    println!("{} cores; {count} tasks; medians of interleaved rounds (min to max)\n", cores());
    let each = |seconds: f64| seconds * 1e6 / count as f64;
    let processes = |images| bare::seconds(&program, rows.path(), cores(), images);
    let mut all = Comparison::new("µs a task");
    let tuned = all.side("bare engine, pagemap scan", || each(processes(bare::Images::Large)));
    all.side("bare engine without it", || each(processes(bare::Images::Small)));
    let threads = all.side("threads in one process", || {
        each(bare::threads_seconds(&program, rows.path(), cores(), bare::Images::Large))
    });
    let [fresh, reset, reuse] = isolations.map(|(how, lacks)| {
        let (program, rows) = (&program, &rows);
        all.side_unless(lacks, &format!("wpool, {how}"), move || {
            each(wpool_seconds(program, rows.path(), &["--isolation", how]))
        })
    });
    all.run(rounds(5));
    println!();
    all.claim("2 MB program, fresh, time", fresh, tuned, Some(AtMost(1.2)));
    all.claim("threads in one process, time", threads, fresh, Some(AtLeast(2.5)));
    all.claim("2 MB program, reset, time", reset, fresh, None);
    all.claim("2 MB program, reset, time", reset, reuse, None);
}

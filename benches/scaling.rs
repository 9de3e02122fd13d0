//! How it grows: with the number of tasks, of workers, and with the size of a row. Writes `benches/scaling.md`, a table,
//! and `benches/scaling.svg`, the same as a plot.
//!
//! `WPOOL_BENCH_ROWS` (default 10 000 000), `WPOOL_BENCH_WORKERS` (default 256) and `WPOOL_BENCH_BYTES` (of a row, default
//! 16 MiB) are where the axes end; `WPOOL_BENCH_ROUNDS` (default 3). `WPOOL_BENCH_OUT` is another folder for both files.

#![allow(clippy::print_stdout, reason = "a bench tells how far it is")]

#[path = "support/plot.rs"]
mod plot;
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plot::{Panel, Series};
use support::{
    Rows, Sample, WPOOL, cores, guest, lacks_python, peer_map, peer_seconds, rounds, setting, shown, wpool_seconds,
};
use tokio::runtime::Runtime;
use wpool::{Pool, Program, WorkerCommand};

const TASKS: [usize; 7] = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
const WORKERS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const BYTES: [usize; 8] = [16, 128, 1 << 10, 8 << 10, 64 << 10, 512 << 10, 4 << 20, 16 << 20];

/// Bytes that go through in one measurement of a row's size, and the most rows they may be.
const VOLUME: usize = 512 << 20;
const MOST_ROWS: usize = 1_000_000;
/// How long a task of the crowd waits, and how many there are for each worker.
const NAP: Duration = Duration::from_millis(10);
const NAPS: usize = 50;

fn main() {
    if !support::is_bench() {
        return;
    }
    let panels = [by_tasks(), by_workers(), by_bytes()];
    let folder = std::env::var_os("WPOOL_BENCH_OUT").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches"));
    std::fs::write(folder.join("scaling.md"), table(&panels)).expect("the table can be written");
    std::fs::write(folder.join("scaling.svg"), plot::svg(&panels)).expect("the plot can be written");
    println!("written: {0}/scaling.md and {0}/scaling.svg", folder.display());
}

/// The points of an axis up to where it is to end.
fn axis(points: &'static [usize], name: &str) -> impl Iterator<Item = usize> {
    let most = setting(name, *points.last().expect("there are some"));
    points.iter().copied().filter(move |point| *point <= most)
}

/// Medians of interleaved rounds at one point, added to their lines.
fn measure(lines: &mut [Series], at: usize, ways: &mut [(&str, &mut dyn FnMut() -> f64)]) {
    let mut samples = vec![Sample::default(); ways.len()];
    for _ in 0..rounds(3) {
        samples.iter_mut().zip(&mut *ways).for_each(|(sample, (_, way))| sample.push(way()));
    }
    for (name, sample) in ways.iter().map(|(name, _)| name).zip(samples) {
        println!("  {at:>9} {name:<24} {:>12}", shown(sample.median()));
        let line = lines.iter_mut().find(|line| line.name == *name).expect("the line is there");
        line.points.push((at as f64, sample.median()));
    }
}

fn series<const N: usize>(names: [&str; N]) -> Vec<Series> {
    let kept = |name: &&str| !name.starts_with("PPE") || lacks_python().is_none();
    names.into_iter().filter(kept).map(Series::new).collect()
}

/// No-op rows of 20 bytes, whole commands.
fn by_tasks() -> Panel {
    let program = guest("wat/noop.wat");
    let mut lines = series(["wpool", "wpool --isolation fresh", "PPE, large chunks"]);
    println!("tasks");
    for count in axis(&TASKS, "WPOOL_BENCH_ROWS") {
        let rows = Rows::strings(count, 20);
        let rate = |options: &[&str]| count as f64 / wpool_seconds(&program, rows.path(), options);
        let (mut auto, mut fresh) = (|| rate(&[]), || rate(&["--isolation", "fresh"]));
        let chunk = (count / (8 * cores())).clamp(1, 4_096);
        let mut peer = || peer_map("noop", &rows, chunk, count);
        let mut ways: Vec<(&str, &mut dyn FnMut() -> f64)> =
            vec![("wpool", &mut auto), ("wpool --isolation fresh", &mut fresh), ("PPE, large chunks", &mut peer)];
        ways.truncate(lines.len());
        measure(&mut lines, count, &mut ways);
    }
    Panel { title: "No-op tasks", x: "tasks", y: "tasks/s, start included", lines }
}

/// Pools that have been started, so that only tasks are measured.
fn by_workers() -> Panel {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut lines = series(["wpool, no-op", "wpool, 10 ms of sleep", "ideal of these", "PPE, 10 ms of sleep"]);
    println!("workers");
    for workers in axis(&WORKERS, "WPOOL_BENCH_WORKERS") {
        let count = (MOST_ROWS / 5).min(setting("WPOOL_BENCH_ROWS", MOST_ROWS));
        let naps = NAPS * workers;
        let millis = NAP.as_millis().to_string();
        let busy = runtime.block_on(pool("wat/noop.wat", workers));
        let asleep = runtime.block_on(pool("wat/sleep.wat", workers));
        // Both start their workers.
        pooled(&runtime, &busy, "1", 10 * workers);
        pooled(&runtime, &asleep, "1", 10 * workers);
        let mut noop = || pooled(&runtime, &busy, "1", count);
        let mut sleep = || pooled(&runtime, &asleep, &millis, naps);
        let mut ideal = || workers as f64 / NAP.as_secs_f64();
        let mut peer = || naps as f64 / peer_seconds(&["sleep", &millis, &naps.to_string(), &workers.to_string()]);
        let mut ways: Vec<(&str, &mut dyn FnMut() -> f64)> = vec![
            ("wpool, no-op", &mut noop),
            ("wpool, 10 ms of sleep", &mut sleep),
            ("ideal of these", &mut ideal),
            ("PPE, 10 ms of sleep", &mut peer),
        ];
        ways.truncate(lines.len());
        measure(&mut lines, workers, &mut ways);
    }
    Panel { title: "Workers", x: "workers", y: "tasks/s", lines }
}

async fn pool(program: &str, workers: usize) -> Pool {
    let program = Program::read(guest(program)).expect("the guest is there");
    Pool::builder(program).worker(WorkerCommand::at(WPOOL)).workers(workers).build().await.expect("the pool starts")
}

/// Tasks per second of a pool.
fn pooled(runtime: &Runtime, pool: &Pool, row: &str, count: usize) -> f64 {
    let started = Instant::now();
    runtime.block_on(async {
        let mut results = pool.map(std::iter::repeat_n(row.to_owned(), count)).unordered();
        while results.next().await.expect("the pool goes on").is_some() {}
    });
    count as f64 / started.elapsed().as_secs_f64()
}

/// Rows that come back as they are, whole commands.
fn by_bytes() -> Panel {
    let program = guest("wat/echo.wat");
    let mut lines = series(["wpool", "PPE"]);
    println!("bytes of a row");
    for bytes in axis(&BYTES, "WPOOL_BENCH_BYTES") {
        let most = MOST_ROWS.min(setting("WPOOL_BENCH_ROWS", MOST_ROWS));
        let count = (VOLUME / bytes).clamp(1, most);
        // Rows are all the same, so that writing the file takes no time.
        let row = "x".repeat(bytes - 1);
        let rows = Rows::write(count, |_| &row);
        let rate = |seconds: f64| (count * bytes) as f64 / 1e6 / seconds;
        let mut ours = || rate(wpool_seconds(&program, rows.path(), &["--lines"]));
        let chunk = ((64 << 10) / bytes).clamp(1, 4_096);
        let mut peer = || rate(count as f64 / peer_map("echo", &rows, chunk, count));
        let mut ways: Vec<(&str, &mut dyn FnMut() -> f64)> = vec![("wpool", &mut ours), ("PPE", &mut peer)];
        ways.truncate(lines.len());
        measure(&mut lines, bytes, &mut ways);
    }
    Panel { title: "Rows that come back", x: "bytes of a row", y: "MB/s in, as much out", lines }
}

/// The panels as Markdown.
fn table(panels: &[Panel]) -> String {
    let mut text = format!(
        "# How it grows\n\nMade by `cargo bench --bench scaling` on {} cores; medians of {} rounds. PPE is Python's \
         ProcessPoolExecutor, whose start\nis not counted. ![The tables below as three plots](scaling.svg)\n",
        cores(),
        rounds(3)
    );
    for panel in panels {
        let names: Vec<_> = panel.lines.iter().map(|line| line.name.as_str()).collect();
        let rule = "---:|".repeat(names.len() + 1);
        let _ = write!(text, "\n## {}\n\n{}\n\n", panel.title, panel.y);
        let _ = writeln!(text, "| {} | {} |\n|{rule}", panel.x, names.join(" | "));
        for at in 0..panel.lines.first().map_or(0, |line| line.points.len()) {
            let values: Vec<_> = panel.lines.iter().map(|line| shown(line.points[at].1)).collect();
            let _ = writeln!(text, "| {} | {} |", panel.lines[0].points[at].0, values.join(" | "));
        }
    }
    text
}

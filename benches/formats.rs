//! What each format of rows costs, beside lines of JSON that another program unpacks or converts: time and memory of a whole
//! run of tasks that do nothing, so that reading is most of the work.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, cores, guest, setting, time};

/// A name, a command in which `W` is a run of wpool, and the case that it is compared with.
const CASES: [(&str, &str, usize); 13] = [
    ("lines of JSON", "W rows.jsonl", 0),
    ("cat |", "cat rows.jsonl | W", 0),
    ("gzip", "W rows.jsonl.gz", 0),
    ("zcat |", "zcat rows.jsonl.gz | W", 2),
    ("Zstandard", "W rows.jsonl.zst", 0),
    ("zstdcat |", "zstdcat rows.jsonl.zst | W", 4),
    ("CSV", "W rows.csv", 0),
    ("CSV, --failed", "W rows.csv --failed failed", 6),
    ("mlr |", "mlr --icsv --ojsonl -S cat rows.csv | W", 6),
    ("CSV in gzip", "W rows.csv.gz", 6),
    ("JSON array", "W --json-array rows.json", 0),
    ("jq |", "jq -c '.[]' rows.json | W", 10),
    ("--with-input", "W rows.jsonl --with-input", 0),
];

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 1_000_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), rows);
    let mut samples = CASES.map(|_| Sample::default());
    let there = CASES.map(|(_, command, _)| shell(folder.path(), &format!("command -v {}", tool(command))).is_some());
    for round in 0..=rounds {
        for at in (0..CASES.len()).map(|at| (at + round) % CASES.len()).filter(|at| there[*at]) {
            let wall = time(&mut command(folder.path(), CASES[at].1));
            if round > 0 {
                samples[at].push(rows as f64 / wall.as_secs_f64());
            }
        }
    }
    println!("{} cores; rows a second, whole command over {rows} rows; median of {rounds} rounds\n", cores());
    for ((at, (name, line, peer)), sample) in CASES.iter().enumerate().zip(&samples) {
        if !there[at] {
            println!("{name:<16} left out: there is no {}", tool(line));
            continue;
        }
        let spread = format!("({:.0} to {:.0})", sample.min(), sample.max());
        let share = sample.median() / samples[*peer].median();
        let memory = peak(folder.path(), line).map_or_else(|| "?".to_owned(), |kib| format!("{:.1}", kib / 1024.0));
        println!(
            "{name:<16} {:>10.0} {spread:>24} {share:>6.2} × {:<16} {memory:>7} MiB",
            sample.median(),
            CASES[*peer].0
        );
    }
}

/// The first word of a command.
fn tool(command: &str) -> &str {
    let word = command.split_whitespace().next().unwrap_or_default();
    if word == "W" { "sh" } else { word }
}

/// The same rows in all formats.
fn write(folder: &Path, rows: usize) {
    let (mut lines, mut table, mut array) = (String::new(), "id,name,price\n".to_owned(), "[\n".to_owned());
    for row in 0..rows {
        let object = format!("{{\"id\":\"{row:09}\",\"name\":\"a name of some length\",\"price\":\"99.95\"}}");
        let _ = writeln!(table, "{row:09},a name of some length,99.95");
        let _ = writeln!(array, "  {object}{}", if row + 1 == rows { "" } else { "," });
        lines += &object;
        lines.push('\n');
    }
    array.push_str("]\n");
    for (name, text) in [("rows.jsonl", &lines), ("rows.csv", &table), ("rows.json", &array)] {
        fs::write(folder.join(name), text).expect("rows can be written");
    }
    for packing in ["gzip -k rows.jsonl rows.csv", "zstd -q -k rows.jsonl"] {
        assert!(shell(folder, packing).is_some() || packing.starts_with("zstd"), "{packing}");
    }
}

fn command(folder: &Path, line: &str) -> Command {
    let program = guest("wat/noop.wat");
    let wpool = format!("{WPOOL} run -q {}", program.display());
    let mut command = Command::new("sh");
    command.current_dir(folder).args(["-c", &line.replace('W', &wpool)]);
    command
}

/// The most memory of the host in a run, in KiB.
fn peak(folder: &Path, line: &str) -> Option<f64> {
    let program = guest("wat/noop.wat");
    // Of the process itself, not of its workers: GNU time would tell the largest of all.
    let script = "import resource,subprocess,sys,os\np=os.fork()\nif p==0:\n n=os.open('/dev/null',os.O_WRONLY);os.dup2(n,1)\n \
                  os.execv(sys.argv[1],sys.argv[1:])\nprint(os.wait4(p,0)[2].ru_maxrss)\n";
    let words = line.rsplit_once("| ").map_or(line, |(_, own)| own).replace('W', "");
    let before = line.rsplit_once("| ").map_or("true", |(before, _)| before);
    let own = format!("python3 -c \"{script}\" {WPOOL} run -q {} {words}", program.display());
    shell(folder, &format!("{before} | {own}"))?.trim().parse().ok()
}

fn shell(folder: &Path, line: &str) -> Option<String> {
    let output = Command::new("sh").current_dir(folder).args(["-c", line]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

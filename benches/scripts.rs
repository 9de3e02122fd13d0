//! What a script costs beside `ProcessPoolExecutor`: a small task, real rows, the way from an edit to a result, and
//! memory.
//!
//! Tools are found as `tests/it/languages/mod.rs` says. `WPOOL_BENCH_ROWS` (default 200 000), `WPOOL_BENCH_TASKS` (default
//! 5 000) and `WPOOL_BENCH_ROUNDS` (default 3) change its length. `WPOOL_BENCH_PYTHONS` names the interpreters of the
//! peer, with commas between (default `python3`).

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::Target::{AtLeast, AtMost};
use support::{Comparison, Rows, Sample, WPOOL, children, cores, kib, lacks_python, rounds, setting, time};

/// The same task in each language: the number after the row's. `PRINT` becomes a print, or nothing.
const SOURCES: [(&str, &str, &str, &str); 4] = [
    ("python", "next.py", "print(row)", "def run(row):\n    PRINT\n    return row + 1\n"),
    ("javascript", "next.js", "console.log(row);", "export function run(row) {\n  PRINT\n  return row + 1;\n}\n"),
    ("go", "main.go", "os.Stderr.Write(append(row, '\\n'))", GO),
    ("rust", "src/lib.rs", "eprintln!(\"{row}\");", RUST),
];
const GO: &str = r#"package main

import (
	"os"
	"strconv"
)

var _ = os.Stderr

func prepare() {}

func task(row []byte) ([]byte, error) {
	PRINT
	n, err := strconv.ParseInt(string(row), 10, 64)
	return strconv.AppendInt(nil, n+1, 10), err
}
"#;
const RUST: &str = r#"wit_bindgen::generate!({ world: "task" });

struct Task;

export!(Task);

impl Guest for Task {
    fn run(row: Vec<u8>) -> Result<Vec<u8>, String> {
        let row = String::from_utf8_lossy(&row);
        PRINT
        let n: u64 = row.trim().parse().map_err(|_| "not a number".to_owned())?;
        Ok((n + 1).to_string().into_bytes())
    }
}
"#;

const SCRIPTS: [&str; 2] = ["python", "javascript"];
const NOT_HERE: &str = "does not run here: see `wpool doctor`";

fn main() {
    if !support::is_bench() {
        return;
    }
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("toolchains");
    fs::create_dir_all(&tools).expect("a folder");
    let dir = tempfile::tempdir_in(&tools).expect("a temporary folder");
    let bench = Bench { tools, dir: dir.path().to_owned() };
    bench.tasks();
    bench.real_rows();
    bench.edits();
    bench.memory();
}

struct Bench {
    tools: PathBuf,
    dir: PathBuf,
}

impl Bench {
    fn wpool(&self) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = [self.tools.join("python/bin"), self.tools.join("node_modules/.bin")];
        let all = all.into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new(WPOOL);
        command.env("PATH", std::env::join_paths(all).expect("a path"));
        command.env("CARGO_TARGET_DIR", self.tools.join("target")).stdin(Stdio::null());
        command
    }

    /// `wpool run` of a program over a file, on one worker.
    fn run(&self, program: &Path, rows: &Path, options: &[&str]) -> Command {
        let mut command = self.wpool();
        command.args(["run", "-q"]).args(options).arg(program).arg(rows);
        command
    }

    /// Makes a program, and runs it once, so that it is compiled and cached.
    ///
    /// # Errors
    /// The reason, when it cannot be made here.
    fn program(&self, language: &str, prints: bool) -> Result<PathBuf, &'static str> {
        let (_, file, print, source) = SOURCES.into_iter().find(|(name, ..)| *name == language).expect("a language");
        let folder = self.dir.join(format!("{language}-{prints}"));
        let is_script = SCRIPTS.contains(&language);
        if is_script {
            fs::create_dir_all(&folder).expect("a folder");
        } else if !folder.exists() {
            let new = self.wpool().args(["new", "--lang", language]).arg(&folder).output().expect("wpool runs");
            assert!(new.status.success(), "{new:?}");
        }
        let source = source.replace("PRINT", if prints { print } else { "" });
        fs::write(folder.join(file), source).expect("a source");
        let built = is_script || self.wpool().arg("build").arg(&folder).output().expect("wpool runs").status.success();
        let path = folder.join(if is_script { file } else { "task.wasm" });
        let ran = built.then(|| self.run(&path, Rows::write(1, |_| 1).path(), &[]).output().expect("wpool runs"));
        let runs = ran.is_some_and(|ran| ran.stdout == b"{\"id\":0,\"status\":\"ok\",\"output\":2}\n");
        runs.then_some(path).ok_or(NOT_HERE)
    }

    /// Half of all tasks take no longer.
    fn median_task(&self, program: &Path, rows: &Path) -> f64 {
        let ran = self.run(program, rows, &["-j", "1", "--receipts"]).output().expect("wpool runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let wall = |record: &[u8]| {
            let record: Value = serde_json::from_slice(record).expect("a record");
            record["receipt"]["wall_us"].as_f64().expect("a time")
        };
        ran.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(wall).collect::<Sample>().median()
    }

    /// Microseconds of a small task on one worker. Of the peer, all that a further row costs.
    fn tasks(&self) {
        let count = setting("WPOOL_BENCH_TASKS", 5_000);
        println!("a small task on one worker, {count} rows: medians of the receipts of isolated tasks\n");
        let rows = Rows::write(count, |i| i);
        let mut all = Comparison::new("µs");
        let mut pairs = Vec::new();
        for (language, ..) in SOURCES {
            let mut side = |prints: bool| {
                let path = self.program(language, prints);
                let name = if prints { format!("{language}, which prints") } else { language.to_owned() };
                let reason = path.as_ref().err().copied();
                let rows = rows.path().to_owned();
                all.side_unless(reason, &name, move || self.median_task(path.as_ref().expect("it runs"), &rows))
            };
            pairs.push((language, side(false), side(true)));
        }
        let (quiet, loud) = (self.dir.join("python-false/next.py"), self.dir.join("python-true/next.py"));
        let peer = |script: PathBuf, chunksize: usize| {
            let rows = rows.path().to_owned();
            move || peer_seconds("python3", &script, &rows, 1, chunksize) * 1e6 / count as f64
        };
        let theirs = all.side_unless(lacks_python(), "PPE", peer(quiet.clone(), 1));
        all.side_unless(lacks_python(), "PPE, which prints", peer(loud, 1));
        all.side_unless(lacks_python(), "PPE, chunksize 100", peer(quiet, 100));
        all.run(rounds(3));
        println!();
        for (language, quiet, loud) in pairs {
            all.reach(&format!("{language}, a task"), quiet, AtMost(60.0));
            all.reach(&format!("{language}, a task that prints"), loud, AtMost(1.3 * 60.0));
            all.claim(&format!("{language}, time"), quiet, theirs, None);
        }
    }

    /// A script that people have, over rows that they have.
    fn real_rows(&self) {
        let count = setting("WPOOL_BENCH_ROWS", 200_000);
        println!("\nslug, SHA-256 and date of {count} rows, {} workers; PPE with chunksize 100\n", cores());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scripts/article.py");
        let rows = Rows::write(count, article);
        let ran = self.run(&script, Rows::write(1, article).path(), &[]).output().expect("wpool runs");
        let reason = (!ran.status.success()).then_some(NOT_HERE);
        let pythons = std::env::var("WPOOL_BENCH_PYTHONS").unwrap_or_else(|_| "python3".to_owned());
        let rate = |seconds: f64| count as f64 / seconds;
        let mut all = Comparison::new("rows/s");
        let ours = || rate(time(&mut self.run(&script, rows.path(), &[])).as_secs_f64());
        let ours = all.side_unless(reason, "wpool", ours);
        let mut peers = Vec::new();
        for python in pythons.split(',') {
            let version = version(python);
            let reason = version.is_none().then_some(support::NO_PYTHON);
            let name = format!("PPE, {}", version.as_deref().unwrap_or(python));
            let (script, rows, rate) = (&script, &rows, &rate);
            let measure = move || rate(peer_seconds(python, script, rows.path(), cores(), 100));
            peers.push(all.side_unless(reason, &name, measure));
        }
        all.run(rounds(3));
        println!();
        for peer in peers {
            all.claim("wpool, rows a second", ours, peer, Some(AtLeast(0.5)));
        }
    }

    /// From a start to the first result, when nothing has changed and when the script has.
    fn edits(&self) {
        println!("\nfrom the start of a run to its end, one row\n");
        let row = Rows::write(1, |_| 1);
        // Another number than in any bench before, whose snapshots are kept.
        let edits = Cell::new(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() * 1_000));
        let mut all = Comparison::new("ms");
        let mut pairs = Vec::new();
        for language in SCRIPTS {
            let path = self.program(language, false);
            let reason = path.as_ref().err().copied();
            let path = path.unwrap_or_default();
            let (row, again) = (row.path(), path.clone());
            let whole = move |path: &Path| time(&mut self.run(path, row, &["-j", "1"])).as_secs_f64() * 1e3;
            let same = all.side_unless(reason, &format!("{language}, unchanged"), move || whole(&again));
            let (edits, source) = (&edits, fs::read_to_string(&path).unwrap_or_default());
            let edited = all.side_unless(reason, &format!("{language}, after an edit"), move || {
                edits.set(edits.get() + 1);
                fs::write(&path, source.replace("+ 1", &format!("+ {}", edits.get()))).expect("a source");
                whole(&path)
            });
            pairs.push((language, same, edited));
        }
        let first = || time(&mut support::peer(&["first", "1"])).as_secs_f64() * 1e3;
        all.side_unless(lacks_python(), "PPE, the whole program", first);
        all.run(rounds(5));
        println!();
        for (language, same, edited) in pairs {
            all.reach(&format!("{language}, unchanged"), same, AtMost(60.0));
            all.reach(&format!("{language}, after an edit"), edited, AtMost(1_000.0));
        }
    }

    /// Memory of one worker and of eight, after a hundred rows for each.
    fn memory(&self) {
        println!("\n{:<26} {:>24} {:>24}", "memory, MiB", "one worker", "eight workers");
        for (language, ..) in SOURCES {
            match self.program(language, false) {
                Ok(path) => {
                    let [one, eight] = [1, 8].map(|workers| format!("{:.1}", self.resident(&path, workers)));
                    println!("  {language:<24} {one:>24} {eight:>24}");
                }
                Err(reason) => println!("  {language:<24} ({reason})"),
            }
        }
    }

    /// The memory of all workers together in MiB, each page that several of them share counted once.
    fn resident(&self, program: &Path, workers: usize) -> f64 {
        let mut command = self.wpool();
        command.args(["run", "-q", "-j", &workers.to_string()]).arg(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("wpool starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        for _ in 0..100 {
            // Each worker has a row at the same time, or the first would do them all.
            (0..workers).for_each(|i| writeln!(stdin, "{i}").expect("it reads"));
            (0..workers).for_each(|_| drop(lines.next().expect("a record")));
        }
        let sum: u64 = children(child.id()).into_iter().map(|pid| kib(pid, "smaps_rollup", "Pss:")).sum();
        drop(stdin);
        assert!(child.wait().is_ok_and(|status| status.success()));
        sum as f64 / 1024.0
    }
}

fn article(i: usize) -> String {
    let (day, hour) = (i % 28 + 1, i % 24);
    format!(r#"{{"title":"Größe der Straße № {i}: „Äpfel“ & Birnen","at":"2024-03-{day:02}T{hour:02}:30:00+00:00"}}"#)
}

/// The seconds that the peer takes for the function `run` of a script over a file of rows.
fn peer_seconds(python: &str, script: &Path, rows: &Path, workers: usize, chunksize: usize) -> f64 {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer.py")).arg("script").args([script, rows]);
    let ran = command.args([workers.to_string(), chunksize.to_string()]).output().expect("python runs");
    let text = String::from_utf8_lossy(&ran.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("peer.py said {text:?}: {}", String::from_utf8_lossy(&ran.stderr)))
}

/// The version of an interpreter, if it runs.
fn version(python: &str) -> Option<String> {
    let ran = Command::new(python).arg("--version").output().ok().filter(|ran| ran.status.success())?;
    Some(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

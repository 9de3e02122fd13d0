//! The summary of a run, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use wpool::Status;
use wpool::state::StateStats;
use wpool::stats::Stats;

use crate::cli::lines::Lines;
use crate::cli::policy::PolicyFacts;
use crate::cli::report::advice::{Spent, advice};
use crate::cli::report::compiling::NOTICEABLE;
use crate::cli::report::firsts::Replay;
use crate::cli::report::ledger::{Reasons, Workers};
use crate::cli::report::tally::{Counts, Named, Tally};
use crate::cli::report::times::Percentiles;
use crate::cli::report::verify::Verified;
use crate::cli::units::{plural, show_size, show_time};

/// The time from which a run's summary is detailed without a request.
const LONG: Duration = Duration::from_secs(10);

/// With fewer tasks for each replaced worker, starting workers is much of the pool's cost.
const TASKS_WORTH_A_WORKER: u64 = 1_000;

/// All facts about a run.
#[derive(Debug)]
pub struct Summary {
    pub tally: Tally,
    pub workers: Workers,
    pub stats: Stats,
    pub wall: Duration,
    /// CPU time of the host, since the first row was read.
    pub host_cpu: Duration,
    /// Time in which the host made records, or waited for their reader.
    pub result: Duration,
    pub jobs: usize,
    pub cores: usize,
    /// The reason for which the run stopped early.
    pub stopped: Option<String>,
    /// Some rows may not have been read.
    pub unread: bool,
    /// Where rows were looked for, if there are none.
    pub empty: Option<String>,
    /// The rows of the whole input of a shard.
    pub none_of: Option<u64>,
    /// The result of the rows that ran twice.
    pub verified: Option<Verified>,
    /// Why not all rows were read, if that is an error.
    pub failure: Option<String>,
    /// The policies, and what they have changed.
    pub policy: Option<PolicyFacts>,
    /// How to look at a task of a run that is kept.
    pub replay: Option<Replay>,
}

impl Summary {
    fn spent(&self) -> Spent {
        let tasks = self.tally.run.count();
        let Stats { busy, start, .. } = self.stats;
        Spent { tasks, busy, start, host: self.host_cpu, wall: self.wall }
    }

    /// Advice, if it applies to the tasks of this run.
    fn advice(&self) -> Option<String> {
        let counts = &self.tally.counts;
        let unanswered = [Status::Crash, Status::Timeout, Status::Cancelled, Status::Skipped, Status::InvalidInput];
        let answered = counts.total() - unanswered.iter().map(|status| counts.of(*status)).sum::<u64>();
        // In such a run, repeated starts of workers are the main cost.
        let restarts = self.workers.retirements.count;
        if answered == 0 || self.tally.run.count() < restarts.saturating_mul(TASKS_WORTH_A_WORKER) {
            return None;
        }
        advice(&self.spent())
    }

    /// Share of the cores' time that was spent in tasks, from 0 to 1. A task that waits counts, too.
    fn efficiency(&self) -> f64 {
        share(self.spent().own(), self.wall, self.cores).min(1.0)
    }

    /// The summary for people: one line, and further lines for remarkable facts.
    pub fn text(&self, verbose: bool) -> Lines {
        let mut text = Lines::default();
        if let Some(why) = self.nothing() {
            text.add(why);
            return text;
        }
        text.add(self.headline());
        let mut line = |name: &str, what: String| text.add(format_args!("  {name:<8} {what}"));
        if verbose || self.wall >= LONG {
            self.details(&mut line);
        }
        let compiling = self.workers.compiling;
        if compiling >= NOTICEABLE {
            line("compile", format!("{} before the first row", show_time(compiling)));
        }
        for (name, reasons) in [("died", &self.workers.deaths), ("replaced", &self.workers.retirements)] {
            if reasons.count > 0 {
                line(name, reasons.list());
            }
        }
        let (firsts, more) = self.tally.firsts.kinds();
        for (status, first) in firsts {
            line(status.as_str(), first.line(self.replay.as_ref()));
            first.frames.iter().for_each(|frame| line("", frame.clone()));
        }
        if more {
            line("…", "other kinds of failures stand in the records".to_owned());
        }
        if let Some(verified) = &self.verified {
            line("verify", verified.headline());
            verified.shown.iter().for_each(|shown| line("differs", shown.clone()));
        }
        let flaky = &self.tally.flaky;
        if flaky.count > 0 {
            let more = if flaky.count > flaky.ids.len() as u64 { ", …" } else { "" };
            line("flaky", format!("{} ok after a retry: task {}{more}", flaky.count, join(&flaky.ids)));
        }
        let spent = self.spent();
        if let Some(advice) = self.advice().filter(|_| verbose || spent.is_noticeable()) {
            line("advice", advice);
        }
        text
    }

    /// Why nothing was run, if there was no row.
    pub fn nothing(&self) -> Option<String> {
        let files = self.empty.as_ref()?;
        Some(match self.none_of {
            Some(rows) if rows > 0 => {
                format!("nothing was run: none of the {} in {files} is of this shard", plural(rows, "row"))
            }
            _ => format!("nothing was run: there are no rows in {files} (blank lines are not rows)"),
        })
    }

    fn headline(&self) -> String {
        let counts = &self.tally.counts;
        let rate = (counts.total() - self.tally.kept) as f64 / self.wall.as_secs_f64().max(1e-9);
        let mut text = format!("{} in {:.3}s ({rate:.0}/s)", plural(counts.total(), "task"), self.wall.as_secs_f64());
        if self.tally.kept > 0 {
            let _ = write!(text, ", {} kept from before", plural(self.tally.kept, "row"));
        }
        for (at, (status, count)) in counts.present().enumerate() {
            let _ = write!(text, "{} {count} {status}", if at == 0 { ":" } else { "," });
        }
        let busy = 100.0 * share(self.stats.busy, self.wall, self.jobs).min(1.0);
        let _ = write!(text, "; {}, {busy:.0} % busy", plural(self.jobs as u64, "worker"));
        if self.stats.deaths > 0 {
            let _ = write!(text, ", {} died", self.stats.deaths);
        }
        if self.tally.retries > 0 {
            let _ =
                write!(text, "; {} {}", self.tally.retries, if self.tally.retries == 1 { "retry" } else { "retries" });
        }
        if let Some(state) = &self.stats.state {
            let _ = write!(text, "; shared state: {}, {:.3}s", plural(state.calls, "call"), state.time.as_secs_f64());
        }
        if let Some(why) = &self.stopped {
            let _ = write!(text, "; stopped early by {why}");
            if self.unread {
                text.push_str(", rows after the last record were not read");
            }
        }
        text
    }

    fn details(&self, line: &mut impl FnMut(&str, String)) {
        for (name, times) in [("run", &self.tally.run), ("wait", &self.tally.wait)] {
            if let Some(Percentiles { p50, p95, p99, max, .. }) = times.percentiles() {
                let [p50, p95, p99, max] = [p50, p95, p99, max].map(show_time);
                line(name, format!("p50 {p50}, p95 {p95}, p99 {p99}, longest {max}"));
            }
        }
        let slowest = self.tally.slowest.tasks().iter().map(|(id, time)| format!("task {id} {}", show_time(*time)));
        let slowest = slowest.collect::<Vec<_>>().join(", ");
        if !slowest.is_empty() {
            line("slowest", slowest);
        }
        let times = [self.stats.start, self.spent().own(), self.result, self.host_cpu];
        let [start, run, result, host] = times.map(show_time);
        line("time", format!("workers together: start {start}, run {run}; host: result {result}, CPU {host}"));
        line("cores", format!("{:.0} % of {} in tasks, waiting included", 100.0 * self.efficiency(), self.cores));
        let (bytes_in, bytes_out) = (show_size(self.stats.bytes_in), show_size(self.stats.bytes_out));
        line("data", format!("{bytes_in} in, {bytes_out} out"));
    }

    /// The summary for programs.
    pub fn document(&self, exit_code: i32) -> Document<'_> {
        let spent = self.spent();
        let slowest = self.tally.slowest.tasks().iter();
        Document {
            version: env!("CARGO_PKG_VERSION"),
            exit_code,
            stopped: self.stopped.as_deref(),
            unread: self.unread,
            tasks: &self.tally.counts,
            kept: self.tally.kept,
            wall_us: self.wall.as_micros(),
            workers: self.jobs,
            cores: self.cores,
            efficiency: (self.efficiency() * 1e3).round() / 1e3,
            run_us: self.tally.run.percentiles().map(Distribution::from),
            wait_us: self.tally.wait.percentiles().map(Distribution::from),
            slowest: slowest.map(|&(id, run)| Slow { id, run_us: run.as_micros() }).collect(),
            time_us: Split {
                compile: self.workers.compiling.as_micros(),
                queue: self.stats.queue.as_micros(),
                start: self.stats.start.as_micros(),
                run: spent.own().as_micros(),
                result: self.result.as_micros(),
                host_cpu: self.host_cpu.as_micros(),
            },
            bytes: Bytes { input: self.stats.bytes_in, output: self.stats.bytes_out },
            retries: self.tally.retries,
            flaky: &self.tally.flaky,
            verify: self.verified.as_ref(),
            deaths: &self.workers.deaths,
            retirements: &self.workers.retirements,
            shared_state: self.stats.state.map(StateUse::from),
            pool_share: (spent.pool_share() * 1e3).round() / 1e3,
            advice: self.advice(),
            policy: self.policy.as_ref(),
        }
    }
}

/// Time as a share of a wall time on `of` cores.
fn share(time: Duration, wall: Duration, of: usize) -> f64 {
    time.as_secs_f64() / (wall.as_secs_f64() * of as f64).max(f64::EPSILON)
}

fn join(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// `--summary-json`: public format, described in docs/guide/output.md. Members may be added.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    version: &'static str,
    exit_code: i32,
    stopped: Option<&'a str>,
    unread: bool,
    tasks: &'a Counts,
    kept: u64,
    wall_us: u128,
    workers: usize,
    cores: usize,
    efficiency: f64,
    run_us: Option<Distribution>,
    wait_us: Option<Distribution>,
    slowest: Vec<Slow>,
    time_us: Split,
    bytes: Bytes,
    retries: u64,
    flaky: &'a Named,
    verify: Option<&'a Verified>,
    deaths: &'a Reasons,
    retirements: &'a Reasons,
    shared_state: Option<StateUse>,
    pool_share: f64,
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyFacts>,
}

/// Microseconds, with fractions for small tasks.
#[derive(Debug, Serialize)]
struct Distribution {
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl From<Percentiles> for Distribution {
    fn from(times: Percentiles) -> Self {
        let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
        let Percentiles { mean, p50, p95, p99, max } = times;
        Distribution { mean: micros(mean), p50: micros(p50), p95: micros(p95), p99: micros(p99), max: micros(max) }
    }
}

#[derive(Debug, Serialize)]
struct Slow {
    id: u64,
    run_us: u128,
}

#[derive(Debug, Serialize)]
struct Split {
    compile: u128,
    queue: u128,
    start: u128,
    run: u128,
    result: u128,
    host_cpu: u128,
}

/// Counters of shared state.
#[derive(Debug, Serialize)]
struct StateUse {
    calls: u64,
    writes: u64,
    increments: u64,
    time_us: u128,
}

impl From<StateStats> for StateUse {
    fn from(stats: StateStats) -> Self {
        let StateStats { calls, writes, increments, time } = stats;
        StateUse { calls, writes, increments, time_us: time.as_micros() }
    }
}

#[derive(Debug, Serialize)]
struct Bytes {
    #[serde(rename = "in")]
    input: u64,
    #[serde(rename = "out")]
    output: u64,
}

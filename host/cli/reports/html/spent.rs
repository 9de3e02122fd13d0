//! What the time of a run was spent with.

use std::time::Duration;

use serde_json::Value;

use crate::cli::reports::account::Account;
use crate::cli::reports::axis::Axis;
use crate::cli::reports::html::charts::meter;
use crate::cli::reports::html::measure::Measured;
use crate::cli::reports::html::text::{Inline, count, put};
use crate::cli::texts::cut;
use crate::cli::units::show_time;

/// Bytes of a reason.
const REASON: usize = 256;

/// A part of the workers' time.
struct Part {
    class: &'static str,
    name: &'static str,
    time: Duration,
    of_what: &'static str,
}

/// How many workers the run had, also those that never got a task.
pub fn workers(account: &Account, axis: &Axis) -> u64 {
    member(account, "/workers").and_then(Value::as_u64).unwrap_or(axis.lanes().len() as u64)
}

/// The section of what the time was spent with.
pub fn spent(account: &Account, axis: &Axis, measured: &Measured) -> String {
    let mut page = String::from("<section id=spent><h2>Where the time went</h2>\n");
    let workers = workers(account, axis);
    let parts = parts(account, workers, axis, measured);
    let all: Duration = parts.iter().map(|part| part.time).sum();
    let share = |time: Duration| 100.0 * time.as_secs_f64() / all.as_secs_f64().max(1e-9);
    let shares: Vec<_> = parts.iter().map(|part| (part.class, share(part.time))).collect();
    put!(page, "<p class=lead>{}, {} together:</p>\n{}\n", count(workers, "worker"), show_time(all), meter(&shares));
    put!(page, "<table><caption class=sr>Where the time went</caption><thead class=sr><tr><th scope=col>What");
    put!(page, "<th scope=col>Time<th scope=col>Share<th scope=col>Of what</thead>\n<tbody>\n");
    for Part { class, name, time, of_what } in parts {
        put!(page, "<tr><th scope=row><i class={class}></i> {name}<td class=n>{}", show_time(time));
        put!(page, "<td class=n>{:.1} %<td>{of_what}\n", share(time));
    }
    page += &others(account);
    page += "</tbody></table>\n";
    page += &workers_ended(account);
    if let Some(advice) = member(account, "/advice").and_then(Value::as_str) {
        put!(page, "<p class=advice>{}</p>\n", Inline(cut(advice, REASON)));
    }
    if account.summary.is_none() {
        page += "<p class=note>The run has kept no more about its time.</p>\n";
    } else if axis.sessions() > 1 {
        page += "<p class=note>These times are of the last session.</p>\n";
    }
    page + "</section>\n"
}

/// The time of all workers together: by the summary, or by the history where there is none.
fn parts(account: &Account, workers: u64, axis: &Axis, measured: &Measured) -> Vec<Part> {
    let times = |wall: Duration| wall.saturating_mul(workers.try_into().unwrap_or(u32::MAX));
    let waiting = |time| Part { class: "wait", name: "waiting for rows", time, of_what: "workers without a task" };
    let running = |name, time| Part { class: "ok", name, time, of_what: "all workers together" };
    if let (Some(run), Some(start), Some(wall)) = (micros(account, "run"), micros(account, "start"), wall(account)) {
        let (name, of_what) = ("making instances", "of the program, before each task");
        let making = Part { class: "start", name, time: start, of_what };
        return vec![running("running tasks", run), making, waiting(times(wall).saturating_sub(run + start))];
    }
    let run = Duration::from_nanos(measured.sum().try_into().unwrap_or(u64::MAX));
    let all = times(Duration::from_nanos(axis.length()));
    vec![running("tasks, with their instances", run), waiting(all.saturating_sub(run))]
}

/// Rows of a table for what is not of the workers.
fn others(account: &Account) -> String {
    let mut page = String::new();
    let mut row = |name: &str, time: Duration, of_what: &str| {
        put!(page, "<tr><th scope=row><i></i> {name}<td class=n>{}<td><td>{of_what}\n", show_time(time));
    };
    for (member, name, of_what) in [
        ("compile", "compiling", "the program, before the first row"),
        ("host_cpu", "host", "processor time of the process that feeds the workers"),
        ("result", "making records", "or waiting for their reader"),
    ] {
        if let Some(time) = micros(account, member).filter(|time| !time.is_zero()) {
            row(name, time, of_what);
        }
    }
    for (pointer, name) in [("/wait_us/p50", "half of the tasks waited"), ("/wait_us/p99", "99 % of the tasks waited")]
    {
        let wait = member(account, pointer).and_then(Value::as_f64).map(|micros| micros.clamp(0.0, 1e18) / 1e6);
        if let Some(wait) = wait {
            row(name, Duration::from_secs_f64(wait), "at most, for a worker");
        }
    }
    page
}

/// Why workers died or were replaced.
fn workers_ended(account: &Account) -> String {
    let mut page = String::new();
    for (pointer, name) in [("/deaths/reasons", "died"), ("/retirements/reasons", "were replaced")] {
        let reasons = member(account, pointer).and_then(Value::as_array).filter(|reasons| !reasons.is_empty());
        let Some(reasons) = reasons else { continue };
        let reason = |it: &Value| {
            let why = it.get("reason").and_then(Value::as_str).unwrap_or_default();
            format!("{} × {}", it.get("count").and_then(Value::as_u64).unwrap_or_default(), cut(why, REASON))
        };
        let reasons: Vec<_> = reasons.iter().take(16).map(reason).collect();
        put!(page, "<p>Workers {name}: {}.</p>\n", Inline(reasons.join(", ")));
    }
    page
}

/// A time of the summary.
fn micros(account: &Account, name: &str) -> Option<Duration> {
    member(account, &format!("/time_us/{name}")).and_then(Value::as_u64).map(Duration::from_micros)
}

/// The time of the run, by its summary.
pub fn wall(account: &Account) -> Option<Duration> {
    member(account, "/wall_us").and_then(Value::as_u64).map(Duration::from_micros)
}

pub fn member<'a>(account: &'a Account, pointer: &str) -> Option<&'a Value> {
    account.summary.as_ref()?.pointer(pointer)
}

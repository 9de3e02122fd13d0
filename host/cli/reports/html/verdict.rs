//! How a run has ended, in a sentence and in numbers.

use std::time::Duration;

use serde_json::Value;
use wpool::Status;

use crate::cli::reports::account::{Account, End};
use crate::cli::reports::axis::Axis;
use crate::cli::reports::html::charts::meter;
use crate::cli::reports::html::measure::Measured;
use crate::cli::reports::html::spent::{member, wall, workers};
use crate::cli::reports::html::text::{Inline, clock, number, put};
use crate::cli::texts::cut;
use crate::cli::units::show_time;

/// Bytes of a reason.
const REASON: usize = 2 << 10;

/// Whether nothing is wrong.
fn is_good(account: &Account) -> bool {
    account.end == End::Complete && account.not_ok() == 0 && account.exit_code() == Some(0)
}

/// The verdict in a sentence.
pub fn sentence(account: &Account) -> String {
    let (total, not_ok) = (account.total(), account.not_ok());
    match &account.end {
        End::Error(_) if total == 0 => "The run has failed before its first task".to_owned(),
        End::Error(_) => format!("The run has failed: {}", of_tasks(total, not_ok)),
        End::Killed => format!("The run was killed: {}", of_tasks(total, not_ok)),
        End::Running => format!("The run has not ended yet: {}", of_tasks(total, not_ok)),
        End::Stopped(_) => format!("The run was stopped early: {}", of_tasks(total, not_ok)),
        End::Complete => {
            let text = of_tasks(total, not_ok);
            text[..1].to_uppercase() + &text[1..]
        }
    }
}

fn of_tasks(total: u64, not_ok: u64) -> String {
    match (total, not_ok) {
        (0, _) => "no task has a record".to_owned(),
        (1, 0) => "the task is ok".to_owned(),
        (1, _) => "the task is not ok".to_owned(),
        (_, 0) => format!("all {} tasks are ok", number(total)),
        (_, 1) => format!("1 of {} tasks is not ok", number(total)),
        _ => format!("{} of {} tasks are not ok", number(not_ok), number(total)),
    }
}

/// The head of the page: what was run, and the verdict.
pub fn head(account: &Account) -> String {
    let mut page = String::new();
    let facts = &account.facts;
    let (class, mark) = match &account.end {
        End::Running => ("open", "…"),
        _ if is_good(account) => ("good", "✓"),
        _ => ("wrong", "✕"),
    };
    put!(page, "<header class={class}>\n<p class=of>{}</p>\n", Inline(cut(program(account), REASON)));
    put!(page, "<h1><span class=mark aria-hidden=true>{mark}</span> {}</h1>\n", Inline(sentence(account)));
    match &account.end {
        End::Error(why) => put!(page, "<p class=why>{}</p>\n", Inline(cut(why, REASON))),
        End::Stopped(why) => put!(page, "<p class=why>It was stopped by {}.</p>\n", Inline(cut(why, REASON))),
        End::Killed => {
            put!(page, "<p class=why>Its host ended without a word. These are the records until then.</p>\n")
        }
        End::Complete | End::Running => {}
    }
    put!(page, "<p class=when>Started <time>{}</time>", Inline(&facts.started));
    if let Some(ended) = &facts.ended {
        put!(page, ", ended <time>{}</time>, exit code {}", Inline(&ended.time), ended.exit_code);
    }
    put!(page, " · wpool {}</p>\n</header>\n", Inline(&facts.version));
    page
}

/// The name of the program, or the path that was typed where it was never opened.
pub fn program(account: &Account) -> &str {
    let program = &account.facts.program;
    if program.name.is_empty() { program.path.to_str().unwrap_or("a program") } else { &program.name }
}

/// The section of the numbers.
pub fn numbers(account: &Account, axis: Option<&Axis>, measured: Option<&Measured>) -> String {
    let mut page = String::from("<section id=numbers><h2>Numbers</h2>\n<dl class=tiles>\n");
    let mut tile = |name: &str, value: String| put!(page, "<div><dt>{name}<dd>{value}</div>\n");
    tile("tasks", number(account.total()));
    tile("not ok", number(account.not_ok()));
    // Of all sessions, without the time between them. The summary is of the last one.
    let of_tasks = axis.map(|axis| Duration::from_nanos(axis.length()));
    let is_one = axis.is_none_or(|axis| axis.sessions() == 1);
    if let Some(time) = wall(account).filter(|_| is_one).or(of_tasks) {
        tile("time", show_time(time));
    }
    if let Some((axis, measured)) = axis.zip(measured) {
        let seconds = Duration::from_nanos(axis.length()).as_secs_f64();
        tile("tasks a second", number((axis.tasks as f64 / seconds.max(1e-6)).round() as u64));
        tile("workers", number(workers(account, axis)));
        tile("median task", show_time(measured.quantile(0.5)));
        tile("longest task", show_time(measured.longest));
    }
    for (name, pointer) in [("retries", "/retries"), ("kept from before", "/kept"), ("workers died", "/deaths/count")] {
        if let Some(count) = member(account, pointer).and_then(Value::as_u64).filter(|count| *count > 0) {
            tile(name, number(count));
        }
    }
    page += "</dl>\n";
    if account.total() > 0 {
        page += &statuses(account);
    }
    page + "</section>\n"
}

/// A table of the statuses, with a bar for each.
fn statuses(account: &Account) -> String {
    let mut page = String::from("<table class=statuses><caption class=sr>Tasks by status</caption>\n");
    put!(page, "<thead class=sr><tr><th scope=col>Status<th scope=col>Tasks<th scope=col>Share<th></thead>\n<tbody>\n");
    for (status, of_it) in account.present() {
        let (class, share) =
            (if status == Status::Ok { "ok" } else { "bad" }, 100.0 * of_it as f64 / account.total() as f64);
        let shown = if share < 0.1 { "&lt; 0.1 %".to_owned() } else { format!("{share:.1} %") };
        put!(
            page,
            "<tr><th scope=row><span class={class}>{status}</span><td class=n>{}<td class=n>{shown}",
            number(of_it)
        );
        put!(page, "<td class=bar>{}\n", meter(&[(class, share)]));
    }
    page + "</tbody></table>\n"
}

/// The section of the tasks that ran longest.
pub fn slowest<'a>(axis: &Axis, measured: &Measured, place: impl Fn(u64) -> Option<&'a str>) -> String {
    let mut page = String::from("<section id=slowest><h2>Slowest tasks</h2>\n<div class=scroll><table>");
    put!(
        page,
        "<caption class=sr>The tasks that ran longest</caption><thead><tr><th scope=col>Row<th scope=col>Status"
    );
    put!(
        page,
        "<th scope=col class=n>Took<th scope=col class=n>Began after<th scope=col class=n>Worker</thead>\n<tbody>\n"
    );
    for slow in measured.slowest() {
        let row = match (slow.id.and_then(&place), slow.id) {
            (Some(place), Some(id)) => format!("{} <span class=id>row {id}</span>", Inline(cut(place, 200))),
            (_, Some(id)) => format!("row {id}"),
            _ => "a row".to_owned(),
        };
        let class = if slow.status == Status::Ok { "ok" } else { "bad" };
        let (took, began) = (show_time(slow.wall), clock(Duration::from_nanos(axis.real(slow.begin))));
        let worker = axis.lanes()[slow.lane].worker.map_or("?".to_owned(), |worker| worker.to_string());
        put!(page, "<tr><td>{row}<td><span class={class}>{}</span><td class=n>{took}", slow.status);
        put!(page, "<td class=n>{began}<td class=n>{worker}\n");
    }
    page + "</tbody></table></div></section>\n"
}

//! When tasks ran, in the JSON of Chrome's traces, for Perfetto and other viewers.
//!
//! Each task is an event of type `X` in the lane of its worker; times are microseconds since the first task, as they were.
//! Events of a lane must not overlap. The history tells beginnings to 64 µs, so a task that would begin before the end of
//! the one before it begins with that end.
//!
//! Viewers keep all events in memory. Of a run with more than [`MOST`] tasks, the trace has the slowest, those that are not
//! ok, and every k-th of the others; its metadata say so.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use humantime::format_rfc3339_micros;
use serde_json::json;
use wpool::{Status, inert};

use crate::cli::journal::Timed;
use crate::cli::reports::account::Account;
use crate::cli::reports::axis::{Axis, Lane, ran};

/// Events of a trace.
const MOST: u64 = 200_000;
/// Of them, tasks that are not ok, and the slowest.
const MOST_NOT_OK: u64 = 100_000;
const SLOWEST: usize = 10_000;
/// The process of all lanes.
const PID: u32 = 1;

/// A task of the trace.
#[derive(Debug)]
struct Event {
    lane: usize,
    /// Nanoseconds.
    begin: u64,
    end: u64,
    id: Option<u64>,
    status: Status,
    attempts: u8,
}

/// Which tasks are in the trace.
#[derive(Debug)]
struct Choice {
    /// Tasks that run longer than this.
    longer: Duration,
    /// One of so many of the others that are ok, and of those that are not.
    ok: u64,
    not_ok: u64,
}

/// Writes the trace.
pub fn write(account: &Account, out: &mut dyn Write) -> Result<()> {
    let axis = Axis::of(account)?;
    let mut events = Vec::new();
    if let Some(axis) = &axis {
        let choice = Choice::of(account, axis)?;
        events = choice.events(account, axis)?;
        apart(&mut events);
    }
    let mut writer = Writer { out, line: Vec::new(), first: true };
    writer.head(account, axis.as_ref(), events.len() as u64)?;
    for (at, lane) in axis.iter().flat_map(Axis::lanes).enumerate() {
        writer.lane(at, *lane, axis.as_ref().is_some_and(|axis| axis.groups() > 1))?;
    }
    events.iter().try_for_each(|event| writer.event(account, event))?;
    writer.out.write_all(b"\n]}\n")?;
    Ok(())
}

impl Choice {
    fn of(account: &Account, axis: &Axis) -> Result<Choice> {
        if axis.tasks <= MOST {
            return Ok(Choice { longer: Duration::ZERO, ok: 1, not_ok: 1 });
        }
        let mut slowest = BinaryHeap::with_capacity(SLOWEST + 1);
        for timed in account.timings()?.filter(|timed| ran(&timed.timing)) {
            let wall = timed.timing.wall;
            if slowest.len() < SLOWEST || slowest.peek().is_some_and(|Reverse(least)| wall > *least) {
                slowest.push(Reverse(wall));
                if slowest.len() > SLOWEST {
                    slowest.pop();
                }
            }
        }
        let longer = slowest.peek().map_or(Duration::MAX, |Reverse(least)| *least);
        let not_ok = axis.not_ok.div_ceil(MOST_NOT_OK).max(1);
        let room = MOST - SLOWEST as u64 - axis.not_ok / not_ok;
        Ok(Choice { longer, ok: (axis.tasks - axis.not_ok).div_ceil(room).max(1), not_ok })
    }

    fn events(&self, account: &Account, axis: &Axis) -> Result<Vec<Event>> {
        let (mut events, mut ok, mut not_ok) = (Vec::new(), 0, 0);
        for timed in account.timings()?.filter(|timed| ran(&timed.timing)) {
            let (seen, each) =
                if timed.timing.status == Status::Ok { (&mut ok, self.ok) } else { (&mut not_ok, self.not_ok) };
            *seen += 1;
            if timed.timing.wall > self.longer || *seen % each == 0 {
                events.push(Event::of(&timed, axis));
            }
        }
        Ok(events)
    }
}

impl Event {
    fn of(timed: &Timed, axis: &Axis) -> Event {
        let (stay, timing) = (axis.stay(timed), timed.timing);
        let (id, status, attempts) = (timing.id, timing.status, timing.attempts);
        Event { lane: stay.lane, begin: stay.begin, end: stay.end, id, status, attempts }
    }
}

/// Sorts events by their lanes, and moves those behind each other that begin before the end of the one before them.
fn apart(events: &mut [Event]) {
    events.sort_by_key(|event| (event.lane, event.begin, event.id));
    let (mut lane, mut end) = (usize::MAX, 0_u64);
    for event in events {
        if event.lane != lane {
            (lane, end) = (event.lane, 0);
        }
        let later = end.saturating_sub(event.begin);
        event.begin += later;
        event.end += later;
        end = event.end;
    }
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    line: Vec<u8>,
    first: bool,
}

impl Writer<'_> {
    /// Everything before the events: what they are of, and how many are left out.
    fn head(&mut self, account: &Account, axis: Option<&Axis>, events: u64) -> Result<()> {
        let tasks = axis.map_or(0, |axis| axis.tasks);
        let facts = &account.facts;
        let sampled = (events < tasks).then(|| {
            format!("{events} of {tasks} tasks: the slowest, those that are not ok, and every k-th of the others")
        });
        let about = json!({
            "wpool": facts.version, "run": facts.run, "program": facts.program.name, "tasks": tasks, "events": events,
            "sampled": sampled, "start": axis.map(|axis| format_rfc3339_micros(axis.zero.max(std::time::UNIX_EPOCH)).to_string()),
        });
        self.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
        self.put(&about)?;
        self.out.write_all(b",\"traceEvents\":[")?;
        let name = format!("wpool run {}", facts.program.name);
        self.add(&json!({"ph": "M", "name": "process_name", "pid": PID, "args": {"name": name}}))?;
        if let Some(sampled) = sampled {
            self.add(&json!({"ph": "M", "name": "process_labels", "pid": PID, "args": {"labels": sampled}}))?;
        }
        Ok(())
    }

    fn lane(&mut self, at: usize, lane: Lane, groups: bool) -> Result<()> {
        let worker = lane.worker.map_or("other workers".to_owned(), |worker| format!("worker {worker}"));
        let name = if groups { format!("session {}, {worker}", lane.group + 1) } else { worker };
        let tid = at + 1;
        self.add(&json!({"ph": "M", "name": "thread_name", "pid": PID, "tid": tid, "args": {"name": name}}))?;
        self.add(&json!({"ph": "M", "name": "thread_sort_index", "pid": PID, "tid": tid, "args": {"sort_index": at}}))
    }

    /// By hand, for there may be many. All texts but the name are wpool's own.
    fn event(&mut self, account: &Account, event: &Event) -> Result<()> {
        let name = match (event.id.and_then(|id| account.place(id)), event.id) {
            (Some(place), _) => place,
            (None, Some(id)) => format!("row {id}"),
            (None, None) => "a row".to_owned(),
        };
        let (category, long) = (if event.status == Status::Ok { "ok" } else { "not-ok" }, event.end - event.begin);
        write!(
            self.out,
            ",\n{{\"ph\":\"X\",\"pid\":{PID},\"tid\":{},\"ts\":{},\"dur\":{},\"cat\":\"{category}\",\"name\":",
            event.lane + 1,
            Micros(event.begin),
            Micros(long)
        )?;
        self.put(&name)?;
        write!(self.out, ",\"args\":{{\"status\":\"{}\",\"attempts\":{}", event.status, event.attempts)?;
        if let Some(id) = event.id {
            write!(self.out, ",\"row\":{id}")?;
        }
        Ok(self.out.write_all(b"}}")?)
    }

    fn add(&mut self, event: &serde_json::Value) -> Result<()> {
        self.out.write_all(if std::mem::take(&mut self.first) { b"\n" } else { b",\n" })?;
        self.put(event)
    }

    fn put(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<()> {
        self.line.clear();
        inert::push_json(value, &mut self.line)?;
        Ok(self.out.write_all(&self.line)?)
    }
}

/// Nanoseconds as microseconds.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(lane: usize, begin: u64, end: u64) -> Event {
        Event { lane, begin, end, id: None, status: Status::Ok, attempts: 1 }
    }

    #[test]
    fn tasks_of_a_lane_do_not_overlap_and_keep_their_times() {
        let mut events = [event(1, 64, 70), event(0, 0, 100), event(0, 0, 40), event(0, 64, 74), event(0, 900, 1_000)];
        apart(&mut events);
        let times: Vec<_> = events.iter().map(|event| (event.lane, event.begin, event.end)).collect();
        assert_eq!(times, [(0, 0, 100), (0, 100, 140), (0, 140, 150), (0, 900, 1_000), (1, 64, 70)]);
        assert_eq!(Micros(1_234_056).to_string(), "1234.056");
    }
}

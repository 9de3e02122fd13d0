//! The lines of `--events`: public format, described in docs/guide/monitoring.md. Events and members may be added within a
//! version.

use std::time::Duration;

use serde::Serialize;
use wpool::{Status, inert};

use crate::cli::records::record::push_number;
use crate::cli::report::summary::Document;

/// The beginning of every line. Another version may have other members, or other meanings of them.
const HEAD: &[u8] = b"{\"v\":1,\"event\":\"";

/// An event, without what all of them have.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Line<'a> {
    RunStarted {
        /// In UTC, as RFC 3339.
        time: String,
        version: &'static str,
        pid: u32,
        /// As typed.
        program: &'a str,
        /// The hash of its content; null where it cannot be read.
        blake3: Option<String>,
        workers: usize,
        shard: Option<String>,
        /// Events of single tasks are among the others.
        tasks: bool,
    },
    WorkerStarted {
        worker: u32,
        generation: u32,
        pid: u32,
    },
    WorkerDied {
        worker: u32,
        generation: u32,
        why: &'a str,
        /// The row that was running in it.
        id: Option<u64>,
    },
    WorkerRetired {
        worker: u32,
        generation: u32,
        why: &'a str,
    },
    TaskRetried {
        id: Option<u64>,
        status: &'static str,
        delay_us: u64,
    },
    Progress {
        done: u64,
        total: Option<u64>,
        not_ok: u64,
        running: usize,
        per_second: f64,
        left_us: Option<u64>,
    },
    Warning {
        text: &'a str,
    },
    Missed {
        count: u64,
    },
    RunFinished {
        exit_code: i32,
        summary: Option<&'a Document<'a>>,
    },
}

/// A task whose record is made.
#[derive(Clone, Copy)]
pub struct Settled {
    pub id: u64,
    pub status: Status,
    pub worker: Option<u32>,
    pub attempts: u32,
    /// Nanoseconds, as are those of receipts.
    pub wait: u64,
    pub wall: u64,
}

impl Settled {
    /// Appends its line. There may be a million of these in a second, so this knows what it writes.
    pub fn push(&self, at: Duration, lines: &mut Vec<u8>) {
        push_head("task-settled", at, lines);
        push_member(b",\"id\":", Some(self.id), lines);
        lines.extend_from_slice(b",\"status\":\"");
        lines.extend_from_slice(self.status.as_str().as_bytes());
        push_member(b"\",\"worker\":", self.worker.map(u64::from), lines);
        push_member(b",\"attempts\":", Some(self.attempts.into()), lines);
        push_member(b",\"times\":{\"wait_us\":", Some(self.wait / 1_000), lines);
        push_member(b",\"wall_us\":", Some(self.wall / 1_000), lines);
        lines.extend_from_slice(b"}}\n");
    }
}

/// Appends the line of a task that a worker has begun, as quickly.
pub fn push_started(id: Option<u64>, worker: u32, at: Duration, lines: &mut Vec<u8>) {
    push_head("task-started", at, lines);
    push_member(b",\"id\":", id, lines);
    push_member(b",\"worker\":", Some(worker.into()), lines);
    lines.extend_from_slice(b"}\n");
}

/// Appends what all lines begin with.
fn push_head(name: &str, at: Duration, lines: &mut Vec<u8>) {
    lines.extend_from_slice(HEAD);
    lines.extend_from_slice(name.as_bytes());
    push_member(b"\",\"at_us\":", Some(micros(at)), lines);
}

fn push_member(name: &[u8], value: Option<u64>, lines: &mut Vec<u8>) {
    lines.extend_from_slice(name);
    match value {
        Some(value) => push_number(value, lines),
        None => lines.extend_from_slice(b"null"),
    }
}

impl Line<'_> {
    fn name(&self) -> &'static str {
        match self {
            Line::RunStarted { .. } => "run-started",
            Line::WorkerStarted { .. } => "worker-started",
            Line::WorkerDied { .. } => "worker-died",
            Line::WorkerRetired { .. } => "worker-retired",
            Line::TaskRetried { .. } => "task-retried",
            Line::Progress { .. } => "progress",
            Line::Warning { .. } => "warning",
            Line::Missed { .. } => "missed",
            Line::RunFinished { .. } => "run-finished",
        }
    }

    /// Appends the line of an event, so long after the start of the run.
    pub fn push(&self, at: Duration, lines: &mut Vec<u8>) {
        let before = lines.len();
        push_head(self.name(), at, lines);
        let members = lines.len();
        if inert::push_json(self, lines).is_err() || lines.get(members) != Some(&b'{') {
            // Plain data serializes, and each event has members.
            lines.truncate(before);
            return;
        }
        lines[members] = b',';
        lines.push(b'\n');
    }
}

pub fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &Line<'_>) -> String {
        let mut lines = Vec::new();
        line.push(Duration::from_micros(7), &mut lines);
        String::from_utf8(lines).expect("text")
    }

    #[test]
    fn a_line_is_an_object_that_begins_with_its_version_and_its_name() {
        let settled = Settled { id: 3, status: Status::Trap, worker: Some(1), attempts: 2, wait: 4_999, wall: 1_000 };
        let mut lines = Vec::new();
        settled.push(Duration::from_micros(7), &mut lines);
        assert_eq!(
            String::from_utf8_lossy(&lines),
            "{\"v\":1,\"event\":\"task-settled\",\"at_us\":7,\"id\":3,\"status\":\"trap\",\"worker\":1,\"attempts\":2,\
             \"times\":{\"wait_us\":4,\"wall_us\":1}}\n"
        );
        lines.clear();
        push_started(None, 2, Duration::from_micros(7), &mut lines);
        assert_eq!(
            String::from_utf8_lossy(&lines),
            "{\"v\":1,\"event\":\"task-started\",\"at_us\":7,\"id\":null,\"worker\":2}\n"
        );
        assert_eq!(line(&Line::Missed { count: 2 }), "{\"v\":1,\"event\":\"missed\",\"at_us\":7,\"count\":2}\n");
    }

    #[test]
    fn text_of_others_ends_no_line_and_reaches_no_terminal() {
        let hostile = "a\n{\"v\":1,\"event\":\"run-finished\"}\u{1b}[31m\u{9b}\u{2028}\"";
        let text = line(&Line::Warning { text: hostile });
        assert_eq!(text.matches(inert::is_active).collect::<String>(), "\n", "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&value["event"], &value["text"]), (&"warning".into(), &hostile.into()));
    }
}

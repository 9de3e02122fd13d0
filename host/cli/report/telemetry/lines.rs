//! The lines of `--events`: public format, described in docs/guide/monitoring.md. Events and members may be added within a
//! version.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use wpool::{Status, inert};

use crate::cli::report::summary::Document;

/// Version of the lines. Another one may have other members, or other meanings of them.
const VERSION: u32 = 1;

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
        /// Of its content; null where it cannot be read.
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
    TaskStarted {
        id: Option<u64>,
        worker: u32,
    },
    TaskRetried {
        id: Option<u64>,
        status: &'static str,
        delay_us: u64,
    },
    TaskSettled(Settled),
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
        summary: Option<Document<'a>>,
    },
}

/// A task whose record is made.
#[derive(Clone, Copy, Serialize)]
pub struct Settled {
    pub id: u64,
    pub status: &'static str,
    pub worker: Option<u32>,
    pub attempts: u32,
    pub times: Times,
}

/// As in receipts.
#[derive(Clone, Copy, Serialize)]
pub struct Times {
    pub wait_us: u64,
    pub wall_us: u64,
}

impl Settled {
    pub fn new(id: u64, status: Status, worker: Option<u32>, attempts: u32, wait: u64, wall: u64) -> Settled {
        let times = Times { wait_us: wait / 1_000, wall_us: wall / 1_000 };
        Settled { id, status: status.as_str(), worker, attempts, times }
    }
}

impl Line<'_> {
    fn name(&self) -> &'static str {
        match self {
            Line::RunStarted { .. } => "run-started",
            Line::WorkerStarted { .. } => "worker-started",
            Line::WorkerDied { .. } => "worker-died",
            Line::WorkerRetired { .. } => "worker-retired",
            Line::TaskStarted { .. } => "task-started",
            Line::TaskRetried { .. } => "task-retried",
            Line::TaskSettled(_) => "task-settled",
            Line::Progress { .. } => "progress",
            Line::Warning { .. } => "warning",
            Line::Missed { .. } => "missed",
            Line::RunFinished { .. } => "run-finished",
        }
    }

    /// Appends the line of an event, so long after the start of the run.
    pub fn push(&self, at: Duration, lines: &mut Vec<u8>) {
        let before = lines.len();
        let (name, at) = (self.name(), micros(at));
        let head = write!(lines, "{{\"v\":{VERSION},\"event\":\"{name}\",\"at_us\":{at}");
        let members = lines.len();
        if head.is_err() || inert::push_json(self, lines).is_err() || lines.get(members) != Some(&b'{') {
            // Plain data serializes, into memory.
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
        let settled = Settled::new(3, Status::Trap, Some(1), 2, 4_999, 1_000);
        assert_eq!(
            line(&Line::TaskSettled(settled)),
            "{\"v\":1,\"event\":\"task-settled\",\"at_us\":7,\"id\":3,\"status\":\"trap\",\"worker\":1,\"attempts\":2,\
             \"times\":{\"wait_us\":4,\"wall_us\":1}}\n"
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

//! `--events`: what happens in a run, for other programs, as it happens.

use std::time::{Duration, Instant};

use anyhow::Result;
use wpool::bulk::OkSpan;
use wpool::{Event, Status, TaskResult};

use crate::cli::errors::CannotWrite;
use crate::cli::records::kept::Positions;
use crate::cli::records::places::Stretch;
use crate::cli::report::standing::Standing;
use crate::cli::report::telemetry::backlog::Backlog;
use crate::cli::report::telemetry::lines::{Line, Settled, micros, push_started};
use crate::cli::target::Target;

/// Bytes of lines of tasks that are handed on together.
const TOGETHER: usize = 16 << 10;
/// More bytes than a line of a task has.
const LINE: usize = 256;

/// Tells other programs of events.
#[derive(Clone, Debug)]
pub struct EventLog {
    backlog: Backlog,
    began: Instant,
    /// Events of single tasks as well.
    pub of_tasks: bool,
}

impl EventLog {
    pub fn start(target: Target, of_tasks: bool) -> Result<EventLog, CannotWrite> {
        let began = Instant::now();
        Ok(EventLog { backlog: Backlog::start(target, began)?, began, of_tasks })
    }

    pub fn tell(&self, line: &Line<'_>) {
        self.backlog.add(&self.line(line), 1);
    }

    /// The text of an event of now.
    pub fn line(&self, line: &Line<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        line.push(self.began.elapsed(), &mut text);
        text
    }

    /// Hands the last event on, and waits for it to be written.
    pub fn end(&self, line: &[u8]) {
        self.backlog.end(line);
    }

    /// Tells of an event of the pool. Rows have the positions that they have in the whole input.
    pub fn hear(&self, event: &Event, positions: &Positions) {
        match event {
            Event::WorkerStarted { slot, generation, pid } => {
                self.tell(&Line::WorkerStarted { worker: *slot, generation: *generation, pid: *pid });
            }
            Event::WorkerDied { slot, generation, why, suspect } => {
                let id = suspect.and_then(|task| positions.position(task));
                self.tell(&Line::WorkerDied { worker: *slot, generation: *generation, why, id });
            }
            Event::WorkerRetired { slot, generation, why } => {
                self.tell(&Line::WorkerRetired { worker: *slot, generation: *generation, why });
            }
            Event::TaskStarted { task, slot } if self.of_tasks => {
                let mut line = Vec::with_capacity(LINE);
                push_started(positions.position(*task), *slot, self.began.elapsed(), &mut line);
                self.backlog.add(&line, 1);
            }
            Event::TaskRetried { task, status, delay } if self.of_tasks => {
                let (id, delay_us) = (positions.position(*task), micros(*delay));
                self.tell(&Line::TaskRetried { id, status: status.as_str(), delay_us });
            }
            Event::Warning(text) => self.tell(&Line::Warning { text }),
            _ => {}
        }
    }

    pub fn progress(&self, standing: &Standing, running: usize) {
        let Standing { done, total, not_ok, rate, left } = *standing;
        let per_second = (rate * 10.0).round() / 10.0;
        self.tell(&Line::Progress { done, total, not_ok, running, per_second, left_us: left.map(micros) });
    }
}

/// Tells of tasks as their records are made, many at a time.
#[derive(Debug)]
pub struct SettledLog {
    log: EventLog,
    lines: Vec<u8>,
    count: u64,
}

impl SettledLog {
    /// If somebody wants to know of single tasks.
    pub fn of(log: Option<&EventLog>) -> Option<SettledLog> {
        let log = log.filter(|log| log.of_tasks)?.clone();
        Some(SettledLog { log, lines: Vec::new(), count: 0 })
    }

    /// Adds a task with the id and the status of its record.
    pub fn add(&mut self, result: &TaskResult) {
        let receipt = &result.receipt;
        let [wait, wall] = [receipt.wait, receipt.wall].map(|time| time.as_nanos().try_into().unwrap_or(u64::MAX));
        let (id, status) = (result.id.0, result.outcome.status());
        let settled = Settled { id, status, worker: receipt.slot, attempts: receipt.attempts, wait, wall };
        self.push(settled, self.log.began.elapsed());
    }

    /// Adds each task of a span. `places` are the positions of their rows.
    pub fn add_span(&mut self, span: &OkSpan, places: &[Stretch]) {
        let ids = places.iter().flat_map(|place| place.first..place.first + place.count);
        let at = self.log.began.elapsed();
        for (task, id) in span.iter().zip(ids) {
            let (wait, wall) = (task.wait, task.wall);
            self.push(Settled { id, status: Status::Ok, worker: Some(span.slot()), attempts: 1, wait, wall }, at);
        }
    }

    fn push(&mut self, settled: Settled, at: Duration) {
        settled.push(at, &mut self.lines);
        self.count += 1;
        if self.lines.len() >= TOGETHER {
            self.flush();
        }
    }

    /// Hands the lines on.
    pub fn flush(&mut self) {
        if self.count > 0 {
            self.log.backlog.add(&self.lines, self.count);
            self.lines.clear();
            self.count = 0;
        }
    }
}

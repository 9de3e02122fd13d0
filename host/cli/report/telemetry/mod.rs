//! Events and metrics of a run for other programs, while it is running. Nobody waits for them before the run is
//! over, and what happens to them changes nothing about its records and its exit code.

mod backlog;
mod events;
mod lines;
mod metrics;
mod metrics_file;

use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use anyhow::Result;
use wpool::Program;

use crate::cli::plan::Plan;
use crate::cli::report::summary::Summary;
pub use events::{EventLog, SettledLog};
use lines::Line;
pub use metrics::Sample;
use metrics_file::{EVERY, MetricsFile};

/// The events and the metrics that the options ask for.
#[derive(Debug)]
pub struct Telemetry {
    pub events: Option<EventLog>,
    /// Until the end.
    metrics: Mutex<Option<MetricsFile>>,
    /// The last event, and the exit code in it, where there is a summary.
    last: Mutex<Option<(i32, Vec<u8>)>>,
}

impl Telemetry {
    /// Opens what was asked for, and says that the run begins, with its program if there is one.
    pub fn start(plan: &Plan, program: Option<&Program>) -> Result<Telemetry> {
        let (monitoring, workers) = (&plan.monitoring, plan.config.workers);
        let file = |target| MetricsFile::start(target, workers, EVERY);
        let metrics = monitoring.metrics.clone().map(file).transpose()?;
        let log = |target| EventLog::start(target, monitoring.of_tasks);
        let events = monitoring.events.clone().map(log).transpose()?;
        if let Some(events) = &events {
            events.tell(&Line::RunStarted {
                time: humantime::format_rfc3339_micros(SystemTime::now()).to_string(),
                version: env!("CARGO_PKG_VERSION"),
                pid: std::process::id(),
                program: &plan.task.to_string_lossy(),
                blake3: program.map(|program| program.hash().to_hex().to_string()),
                workers,
                shard: plan.shard.map(|shard| shard.to_string()),
                tasks: events.of_tasks,
            });
        }
        Ok(Telemetry { events, metrics: Mutex::new(metrics), last: Mutex::default() })
    }

    /// Whether somebody looks at how far the run is.
    pub fn is_on(&self) -> bool {
        self.events.is_some() || self.has_metrics()
    }

    pub fn has_metrics(&self) -> bool {
        lock(&self.metrics).is_some()
    }

    /// The measures up to now.
    pub fn set(&self, sample: Sample) {
        if let Some(metrics) = &*lock(&self.metrics) {
            metrics.set(sample);
        }
    }

    /// Keeps what the last event says.
    pub fn sum_up(&self, exit_code: i32, summary: &Summary) {
        if let Some(events) = &self.events {
            let line = events.line(&Line::RunFinished { exit_code, summary: Some(&summary.document(exit_code)) });
            *lock(&self.last) = Some((exit_code, line));
        }
    }

    /// Says how the run has ended. Waits for who is told, within bounds.
    pub fn end(&self, exit_code: i32) {
        if let Some(metrics) = lock(&self.metrics).take() {
            metrics.end(exit_code);
        }
        if let Some(events) = &self.events {
            let last = lock(&self.last).take().filter(|(code, _)| *code == exit_code).map(|(_, line)| line);
            let plain = || events.line(&Line::RunFinished { exit_code, summary: None });
            events.end(&last.unwrap_or_else(plain));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

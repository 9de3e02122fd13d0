//! The metrics of `--metrics-file`: public names, described in docs/guide/monitoring.md. Metrics may be added.
//!
//! The text format of Prometheus, version 0.0.4. No text of a program, a row or a file name is in it: labels have values of
//! lists that wpool closes.

use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wpool::Status;
use wpool::stats::Stats;

use crate::cli::report::live::Recorded;

/// The measures up to a moment.
#[derive(Debug, Default)]
pub struct Sample {
    pub recorded: Recorded,
    /// Rows of the run, once that is known.
    pub rows: Option<u64>,
    pub stats: Stats,
    pub running: usize,
    pub compiling: Duration,
    pub host_cpu: Duration,
}

/// When a run began and ended.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub began: SystemTime,
    /// With the exit code.
    pub ended: Option<(SystemTime, i32)>,
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn add(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }
}

/// The whole file.
pub fn text(span: Span, workers: usize, sample: &Sample) -> String {
    let mut page = Page::default();
    page.head("wpool_run_info", GAUGE, "The version of wpool, always 1.");
    let _ = writeln!(page.0, "wpool_run_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    page.add("wpool_run_start_time_seconds", GAUGE, "When the run began, as Unix time.", unix(span.began));
    if let Some((ended, code)) = span.ended {
        page.add("wpool_run_end_time_seconds", GAUGE, "When the run ended; only then.", unix(ended));
        page.add("wpool_run_exit_code", GAUGE, "Exit code of the run; only at its end.", code);
    }
    tasks(&mut page, sample);
    work(&mut page, &sample.stats);
    page.add("wpool_workers", GAUGE, "Worker processes that the run may have.", workers);
    page.add("wpool_worker_starts_total", COUNTER, "Workers that started.", sample.stats.started);
    page.add("wpool_worker_deaths_total", COUNTER, "Workers that died or had to be killed.", sample.stats.deaths);
    page.add("wpool_worker_retirements_total", COUNTER, "Workers that were replaced on purpose.", sample.stats.retired);
    let compiling = sample.compiling.as_secs_f64();
    page.add("wpool_compile_seconds_total", COUNTER, "Time for compiling the program.", compiling);
    let host = sample.host_cpu.as_secs_f64();
    page.add("wpool_host_cpu_seconds_total", COUNTER, "Processor time of the host process.", host);
    page.0
}

fn tasks(page: &mut Page, sample: &Sample) {
    let (name, recorded) = ("wpool_tasks_total", &sample.recorded);
    page.head(name, COUNTER, "Rows with a record, by status; those of an earlier run are included.");
    for status in Status::ALL {
        let _ = writeln!(page.0, "{name}{{status=\"{status}\"}} {}", recorded.counts.of(status));
    }
    page.add("wpool_tasks_kept_total", COUNTER, "Rows whose record an earlier run has made.", recorded.kept);
    page.add("wpool_task_retries_total", COUNTER, "Attempts after which a task ran again.", recorded.retries);
    if let Some(rows) = sample.rows {
        page.add("wpool_rows", GAUGE, "Rows of the run, once that is known.", rows);
    }
    page.add("wpool_tasks_running", GAUGE, "Tasks that are running.", sample.running);
}

fn work(page: &mut Page, stats: &Stats) {
    let mut seconds = |name, help, time: Duration| page.add(name, COUNTER, help, time.as_secs_f64());
    seconds("wpool_task_busy_seconds_total", "Time that workers spent on tasks, together.", stats.busy);
    seconds("wpool_task_start_seconds_total", "The part of it for making instances.", stats.start);
    seconds("wpool_task_queue_seconds_total", "Time that tasks waited for a worker, together.", stats.queue);
    page.add("wpool_task_answers_total", COUNTER, "Attempts that workers answered.", stats.answers);
    page.add("wpool_task_input_bytes_total", COUNTER, "Bytes of the rows of these attempts.", stats.bytes_in);
    page.add("wpool_task_output_bytes_total", COUNTER, "Bytes of their outputs.", stats.bytes_out);
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_micros() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_page_has_an_exit_code() {
        let began = UNIX_EPOCH + Duration::from_millis(1_500);
        let page = text(Span { began, ended: None }, 2, &Sample::default());
        assert!(page.contains("\nwpool_run_start_time_seconds 1.5\n"), "{page}");
        assert!(!page.contains("exit_code") && !page.contains("end_time") && !page.contains("wpool_rows"), "{page}");
        let ended = Some((began + Duration::from_secs(1), 100));
        let page = text(Span { began, ended }, 2, &Sample { rows: Some(7), ..Sample::default() });
        assert!(page.contains("\nwpool_run_exit_code 100\n") && page.contains("\nwpool_rows 7\n"), "{page}");
        assert!(page.contains("\nwpool_run_end_time_seconds 2.5\n") && page.ends_with('\n'), "{page}");
    }
}

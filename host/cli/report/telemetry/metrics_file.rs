//! `--metrics-file`: a file that is replaced while a run is running, and once more at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::cli::errors::CannotWrite;
use crate::cli::report::telemetry::metrics::{Sample, Span, text};
use crate::cli::say;
use crate::cli::target::Target;

/// Time between two writes: as often as Prometheus looks, where it looks often.
pub const EVERY: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Shared {
    target: Target,
    began: SystemTime,
    workers: usize,
    /// The latest.
    sample: Mutex<Sample>,
    /// The last write failed, and that was said.
    failed: AtomicBool,
}

/// A file of metrics, kept up to date by a thread of its own.
#[derive(Debug)]
pub struct MetricsFile {
    shared: Arc<Shared>,
    end: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl MetricsFile {
    /// Writes the file for the first time, and then after equal times.
    pub fn start(target: Target, workers: usize, every: Duration) -> Result<MetricsFile, CannotWrite> {
        let (sample, failed) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { target, began: SystemTime::now(), workers, sample, failed });
        shared.write(None)?;
        let (end, ended) = mpsc::channel();
        let writing = shared.clone();
        let write = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                writing.write_or_say(None);
            }
        };
        let thread = thread::Builder::new().name("wpool-metrics".into()).spawn(write);
        let thread = thread.map_err(CannotWrite::at(shared.target.path()))?;
        Ok(MetricsFile { shared, end, thread })
    }

    /// The text that is written the next time.
    pub fn set(&self, sample: Sample) {
        *self.shared.sample.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = sample;
    }

    /// Writes the file for the last time.
    pub fn end(self, code: i32) {
        let MetricsFile { shared, end, thread } = self;
        drop(end);
        // A panic of it has ended the process.
        let _ = thread.join();
        shared.failed.store(false, Ordering::Relaxed);
        shared.write_or_say(Some((SystemTime::now(), code)));
    }
}

impl Shared {
    fn write(&self, ended: Option<(SystemTime, i32)>) -> Result<(), CannotWrite> {
        let span = Span { began: self.began, ended };
        let text = text(span, self.workers, &self.sample.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        self.target.publish(text.as_bytes())
    }

    /// A run is not worth less because somebody cannot look at it. Of failures in a row the first is told.
    fn write_or_say(&self, ended: Option<(SystemTime, i32)>) {
        let error = self.write(ended).err();
        if let (Some(error), false) = (&error, self.failed.load(Ordering::Relaxed)) {
            say(format_args!("--metrics-file: {error}: {}; the run continues", error.source));
        }
        self.failed.store(error.is_some(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_file_is_another_again_and_again_and_never_a_part_of_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wpool.prom");
        let target = Target::of(&path, true).expect("a target");
        let file = MetricsFile::start(target, 1, Duration::from_millis(1)).expect("a start");
        let first = path.metadata().expect("it is there").ino();
        while path.metadata().expect("it is always there").ino() == first {
            let text = std::fs::read_to_string(&path).expect("it is always there");
            assert!(text.ends_with('\n') && text.contains("wpool_host_cpu_seconds_total"), "{text}");
        }
        file.end(7);
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains("\nwpool_run_exit_code 7\n"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }
}

//! Signals: the first Ctrl-C gives running tasks some time to finish, the second kills them; SIGUSR1 asks what is running.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wpool::stats::Running;
use wpool::{Shutdown, Stopper};

use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::records::kept::Positions;
use crate::cli::run::asked::Asked;
use crate::cli::units::show_time;
use crate::cli::{say, terminal};

/// Remembers which signal came first.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<AtomicI32>);

impl Interruption {
    /// Listens for the rest of the run.
    ///
    /// `stop` is told how the tasks that run at that time are to end.
    pub fn listen(
        stop: impl Fn(Shutdown) + Clone + Send + Sync + 'static,
        asked: &Asked,
        grace: Duration,
    ) -> Result<Interruption> {
        let interruption = Interruption::default();
        // A file that may not grow any more is an error of the write then, as a full disk is, and not the end.
        let _ = signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?;
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            // As `nohup` has it for SIGHUP, and a shell for the SIGINT of a background job.
            if is_ignored(kind) {
                continue;
            }
            let mut signals = signal(kind)?;
            let (first, stop, asked) = (interruption.0.clone(), stop.clone(), asked.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if first.compare_exchange(0, kind.as_raw_value(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
                        let time = show_time(grace);
                        say(format_args!("stopping; running tasks have {time} to finish (again to kill them now)"));
                        stop(Shutdown::Cancel);
                        asked.ask();
                        tokio::spawn(kill_after(grace, stop.clone(), asked.clone()));
                    } else {
                        stop(Shutdown::Kill);
                        asked.force();
                    }
                }
            });
        }
        Ok(interruption)
    }

    /// The exit that a signal asked for.
    pub fn exit(&self) -> Option<Exit> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            number if number == SignalKind::interrupt().as_raw_value() => Some(Exit::Interrupted),
            _ => Some(Exit::Terminated),
        }
    }

    /// The name of the signal that came first.
    pub fn name(&self) -> &'static str {
        match self.0.load(Ordering::Acquire) {
            number if number == SignalKind::terminate().as_raw_value() => "SIGTERM",
            number if number == SignalKind::hangup().as_raw_value() => "SIGHUP",
            _ => "SIGINT",
        }
    }
}

/// Kills what is left of a run when the grace is over.
async fn kill_after(grace: Duration, stop: impl Fn(Shutdown), asked: Asked) {
    tokio::time::sleep(grace).await;
    stop(Shutdown::Kill);
    asked.force();
}

/// Whether this process was started with a signal ignored, which then stays so.
pub fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// SIGUSR1, which never ends a run from the moment that this is there.
#[derive(Debug)]
pub struct Questions(Signal);

impl Questions {
    pub fn listen() -> Result<Questions> {
        Ok(Questions(signal(SignalKind::user_defined1())?))
    }

    /// Answers them for the rest of the run.
    pub fn answer(mut self, stopper: Stopper, positions: Positions) {
        tokio::spawn(async move {
            while self.0.recv().await.is_some() {
                terminal::say_lines(&running(&positions.running(stopper.running())));
            }
        });
    }
}

/// The running tasks, a line each.
fn running(tasks: &[Running]) -> Lines {
    let mut text = Lines::default();
    match tasks.len() {
        1 => text.add("1 task is running"),
        count => text.add(format_args!("{count} tasks are running")),
    }
    for Running { slot, pid, task, age, note } in tasks {
        let says = if note.is_empty() { String::new() } else { format!(", says: {note}") };
        text.add(format_args!("  worker {slot} (pid {pid}): task {}, {}{says}", task.0, show_time(*age)));
    }
    text
}

#[cfg(test)]
mod tests {
    use wpool::TaskId;

    use super::*;

    #[test]
    fn running_tasks_have_a_line_each() {
        let task =
            |id| Running { slot: 1, pid: 23, task: TaskId(id), age: Duration::from_secs(3), note: String::new() };
        assert_eq!(running(&[]).as_str(), "0 tasks are running\n");
        assert_eq!(running(&[task(7)]).as_str(), "1 task is running\n  worker 1 (pid 23): task 7, 3.0s\n");
        assert_eq!(running(&[task(7), task(8)]).as_str().lines().count(), 3);
        let talkative = Running { note: "half done".into(), ..task(7) };
        assert!(running(&[talkative]).as_str().ends_with("task 7, 3.0s, says: half done\n"));
    }
}

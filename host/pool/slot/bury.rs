//! The end of a worker's life, and what it means for its tasks.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::attendant::Attendant;
use super::end::End;
use crate::model::event::Event;
use crate::model::fence;
use crate::model::task::TaskId;
use crate::pool::queue::{Loss, Verdict};
use crate::spawn::handshake::{END_PATIENCE, Failed};

impl Attendant<'_> {
    /// Ends the worker's life and decides what that means for its tasks. An error means that the worker died before it
    /// did anything. Only such failures could repeat without limit, so the caller counts them.
    pub(super) async fn bury(mut self, end: End) -> Result<(), Failed> {
        // After the wait, another process may have this number.
        self.shared.lock().places[self.slot].pid = None;
        let child = &mut self.worker.process.child;
        let by_itself = match end {
            End::Gone => tokio::time::timeout(END_PATIENCE, child.wait()).await.ok().and_then(Result::ok),
            _ => None,
        };
        if by_itself.is_none() {
            let _ = child.kill().await;
            self.receive_the_rest().await;
        }
        let (slot, generation) = (self.slot as u32, self.generation);
        if let End::Closed | End::Retired(_) = end {
            let mut state = self.shared.lock();
            state.places[self.slot].page = None;
            if let End::Retired(why) = end {
                state.stats.retired += 1;
                state.queue.outbox.event(Event::WorkerRetired { slot, generation, why });
            }
            return Ok(());
        }
        let why = end.describe(by_itself);
        let verdict = end.verdict(&why, by_itself, self.worker.page.cause(), &self.worker.process);
        let violated = matches!(verdict, Verdict::Violated(_));
        let cancelled = matches!(end, End::Cancelled(_));
        let stood = matches!(end, End::Stood(_));
        let mut state = self.shared.lock();
        let next = self.worker.page.next();
        let running = state.queue.running(self.slot, next).map(|(index, _)| index);
        if let Some(index) = running {
            self.tell_starts(&mut state, index);
        }
        let ran = running.map_or(Duration::ZERO, |index| self.health.age_of(index));
        state.stats.busy += ran;
        let suspect = state.queue.lost(self.slot, Loss { next, verdict, ran }, self.shared.now());
        state.places[self.slot].page = None;
        state.stats.deaths += u64::from(!cancelled);
        if violated && !std::mem::replace(&mut state.violated, true) {
            state.queue.outbox.event(Event::Warning(violation(slot, suspect)));
        }
        state.queue.outbox.event(Event::WorkerDied { slot, generation, why: why.clone(), suspect });
        if suspect.is_some() {
            // The worker came up and began a task, so starting workers works. A task can kill only a limited number of
            // workers.
            state.failures = None;
        }
        drop(state);
        self.shared.work.notify_one();
        self.shared.sleepers.notify_one();
        let useless = suspect.is_none() && !self.useful && !cancelled && !stood;
        if useless { Err(Failed::Died(why)) } else { Ok(()) }
    }

    /// Takes the answers that a killed worker had sent before, so that no finished task is blamed or run again.
    async fn receive_the_rest(&mut self) {
        let rest = async {
            while let Ok(1..) = self.worker.process.stdout.read_buf(self.worker.decoder.space()).await {
                if self.receive().is_err() {
                    return;
                }
            }
        };
        // The pipe closes with its only writer, unless the worker has found a way to pass it on.
        let _ = tokio::time::timeout(END_PATIENCE, rest).await;
    }
}

/// The text for people when the fence ends a worker for the first time.
fn violation(slot: u32, suspect: Option<TaskId>) -> String {
    let whose = suspect.map_or("no task".to_owned(), |task| format!("task {}", task.0));
    fence::violation(&format!("worker {slot}"), &format!("; {whose} was running"))
}

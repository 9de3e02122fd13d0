//! Lookups of the lines of source code that tasks with a backtrace wait for.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::shared::{Shared, Stop};
use crate::image::lines;
use crate::model::event::Event;
use crate::model::spot::{Line, Spot};
use crate::protocol::lines::Asked;
use crate::spawn::within::within;

/// Time for all lookups of a pool together. One takes some 50 ms, and a second where debug information is large.
const TIME: Duration = Duration::from_secs(120);

/// Time that lookups have when running tasks are killed: their records should be those of a run that was not disturbed.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    /// Looks up lines until the pool closes. A pool that closes waits for them: what is recorded of a task must not depend
    /// on the moment.
    pub async fn find_lines(&self) {
        let (mut left, mut killed) = (TIME, pin!(self.killed()));
        while let Some(spots) = self.wanted_lines().await {
            let began = Instant::now();
            let found = tokio::select! {
                found = within(left, self.look_up(spots)) => {
                    found.unwrap_or_else(|| Err(format!("all lookups together took longer than {TIME:?}")))
                }
                () = &mut killed => Err("the run was ended at once".to_owned()),
            };
            left = left.saturating_sub(began.elapsed());
            let mut state = self.lock();
            match found {
                Ok(found) => state.queue.learn_lines(found),
                Err(why) => {
                    let what = format!(
                        "backtraces have no lines of source code from here on, because looking them up in the program's \
                         debug information failed: {why}"
                    );
                    state.queue.outbox.event(Event::Warning(what));
                    state.queue.give_up_lines();
                }
            }
        }
    }

    async fn look_up(&self, spots: Vec<Spot>) -> Result<Vec<Vec<Line>>, String> {
        let (Some(program), Some(code)) = (&self.finder.program, self.image.code()) else {
            return Err("it has none".to_owned());
        };
        lines::find(program, &self.config, &self.spawner, &Asked { code: code.to_vec(), spots }).await
    }

    /// Waits until running tasks have been killed for some time.
    async fn killed(&self) {
        // The sender is in `self`, so this cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop >= Stop::Kill).await;
        tokio::time::sleep(PATIENCE).await;
    }

    /// The next places to look up. `None` when the pool has closed and no task can ask any more.
    async fn wanted_lines(&self) -> Option<Vec<Spot>> {
        loop {
            if let Some(spots) = self.lock().queue.lines.ask() {
                return Some(spots);
            }
            tokio::select! {
                () = self.finder.wanted.notified() => {}
                () = self.closing() => break,
            }
        }
        self.until(|state| {
            let asked = state.queue.lines.ask();
            let is_over = asked.is_none() && (state.queue.is_idle() || state.gave_up);
            if is_over { Some(None) } else { asked.map(Some) }
        })
        .await
    }
}

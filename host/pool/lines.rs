//! Lookups of the lines of source code that tasks with a backtrace wait for.

use super::shared::Shared;
use crate::image::lines;
use crate::model::event::Event;
use crate::model::spot::{Line, Spot};
use crate::protocol::lines::Asked;

impl Shared {
    /// Looks up lines until the pool closes. A lookup is as long as its process has time, and a pool that closes waits for
    /// it: what is recorded of a task must not depend on the moment.
    pub async fn find_lines(&self) {
        while let Some(spots) = self.wanted_lines().await {
            let found = self.look_up(spots).await;
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
        let (Some(program), Some(code)) = (&self.traced, self.image.code()) else {
            return Err("it has none".to_owned());
        };
        lines::find(program, &self.config, &self.spawner, &Asked { code: code.to_vec(), spots }).await
    }

    /// The next places to look up. `None` when the pool has closed and no task can ask any more.
    async fn wanted_lines(&self) -> Option<Vec<Spot>> {
        loop {
            if let Some(spots) = self.lock().queue.lines.ask() {
                return Some(spots);
            }
            tokio::select! {
                () = self.wanted_lines.notified() => {}
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

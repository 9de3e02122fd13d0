//! How tasks that have ended reach their callers: at once, or when the lines of their backtraces are known.

use super::lines::Ended;
use super::machine::Queue;
use super::settled::Settled;
use super::task::Home;
use crate::model::event::Event;
use crate::model::spot::Line;

impl Queue {
    /// Hands a task over, now or when the lines of its backtrace are known.
    pub(super) fn hand_over(&mut self, mut ended: Ended) {
        let run = if let Home::Run(run) = &ended.home { Some(*run) } else { None };
        if run.is_some_and(|run| self.runs.is_abandoned(run)) || self.lines.complete(&mut ended.result) {
            return self.deliver(ended);
        }
        if let Some(run) = run {
            self.runs.withhold(run, &ended.result);
        }
        self.lines.waiting.push_back(ended);
    }

    /// Whether a task has ended, and waits for lines.
    pub fn waits_for_lines(&self, key: u64) -> bool {
        self.lines.waiting.iter().any(|ended| ended.key == key)
    }

    fn deliver(&mut self, Ended { home, result, .. }: Ended) {
        let (task, status) = (result.id, result.outcome.status());
        self.outbox.task_event(|| Event::TaskSettled { task, status });
        match home {
            Home::Run(run) => self.runs.settle(run, Settled::One(result)),
            Home::Handle(ticket) => {
                self.runs.settle_handle(&result);
                self.outbox.settled(ticket, result);
            }
        }
    }

    /// Hands over the tasks that waited for these lines. They belong to the places that were asked for last.
    pub fn learn_lines(&mut self, found: Vec<Vec<Line>>) {
        self.lines.learn(found);
        self.hand_over_waiting();
    }

    /// Hands over all tasks as they are, and looks up no more lines.
    pub fn give_up_lines(&mut self) {
        self.lines.give_up();
        self.hand_over_waiting();
    }

    /// Lets the tasks that still wait ask again, the oldest first: not all of their places had room.
    pub(super) fn hand_over_waiting(&mut self) {
        for ended in std::mem::take(&mut self.lines.waiting) {
            if let Home::Run(run) = &ended.home {
                self.runs.release(*run, &ended.result);
            }
            self.hand_over(ended);
        }
    }
}

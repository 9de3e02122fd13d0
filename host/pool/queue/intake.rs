//! How tasks enter the queue.

use std::sync::Arc;

use super::machine::Queue;
use super::runs::RunId;
use super::task::{Home, Task};
use super::ticket::Ticket;
use super::work::{Stretch, Work};
use crate::model::limits::MAX_INPUT;
use crate::model::outcome::Status;
use crate::model::span::Span;
use crate::model::task::{Input, MAX_NAME, Rejected, TaskId};

impl Queue {
    /// Accepts an input of a run. It will be popped exactly once. `now` is in nanoseconds of the pool's clock.
    pub fn push(&mut self, run: RunId, input: Input, now: u64) {
        let id = self.runs.accept(run, &input);
        self.accept(id, Home::Run(run), input, now);
    }

    /// Accepts plain inputs of a run, like [`Queue::push`] for each.
    pub fn push_span(&mut self, run: RunId, rows: Span, now: u64) {
        if self.stopped || rows.longest() > MAX_INPUT {
            return rows.inputs().for_each(|input| self.push(run, input, now));
        }
        let tasks = rows.len();
        let (key, id) = (self.next_key, self.runs.accept_span(run, &rows));
        self.next_key += tasks as u64;
        self.runs.waits(Some(run), tasks);
        self.pending.push_back(Work::Many(Stretch { key, id, run, accepted: now, rows }));
    }

    /// Accepts an input for a handle, and returns its key.
    pub fn submit(&mut self, ticket: Arc<Ticket>, input: Input, now: u64) -> (u64, TaskId) {
        let id = self.runs.accept_handle(&input);
        let key = self.next_key;
        self.accept(id, Home::Handle(ticket), input, now);
        (key, id)
    }

    fn accept(&mut self, id: TaskId, home: Home, mut input: Input, now: u64) {
        if input.bytes.len() > MAX_INPUT {
            // The accounts count the bytes, so they stay until the result is taken.
            input = input.reject(Rejected::TooLong);
        }
        if input.name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            input = input.reject(Rejected::because("name-too-long", format!("its name is over {MAX_NAME} bytes")));
        }
        if let (Some(own), Some(longest)) = (input.deadline(), self.rules.longest) {
            input = input.timeout(own.min(longest));
        }
        let task = Task {
            key: self.next_key,
            id,
            home,
            input,
            accepted: now,
            attempts: 0,
            history: None,
            dirty: false,
            cancelled: false,
        };
        self.next_key += 1;
        match task.input.rejection() {
            Some(reason) => {
                let error = reason.detail();
                self.settle_by_host(task, Status::InvalidInput, error);
            }
            None if self.stopped => self.give_up(task),
            None => self.enqueue(Work::One(task)),
        }
    }
}

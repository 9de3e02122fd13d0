//! News of the queue, until somebody reports it without the lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::runs::WINDOW_TASKS;
use super::ticket::Ticket;
use crate::model::event::Event;
use crate::model::task::TaskResult;

/// The most news before tasks are no longer accepted or leased: as many as a run may have tasks where slots are few.
/// News of tasks that are already with workers comes on top.
const MOST: usize = WINDOW_TASKS;

/// One piece of news. News is reported in the order of events.
#[derive(Debug)]
pub(in crate::pool) enum News {
    Event(Event),
    /// A handle's task has settled.
    Settled(Arc<Ticket>, Box<TaskResult>),
}

/// News that was not reported yet.
#[derive(Debug)]
pub(in crate::pool) struct Outbox {
    pub news: VecDeque<News>,
    /// Somebody is reporting, and will see later additions.
    pub telling: bool,
    /// The observer asks for events of tasks.
    pub of_tasks: bool,
}

impl Outbox {
    pub fn new(of_tasks: bool) -> Self {
        Outbox { news: VecDeque::new(), telling: false, of_tasks }
    }

    /// Whether the reports must catch up before more happens.
    pub fn is_full(&self) -> bool {
        self.news.len() >= MOST
    }

    pub fn event(&mut self, event: Event) {
        self.news.push_back(News::Event(event));
    }

    /// Adds an event of a task. Does not make the event when nobody asks for it.
    pub fn task_event(&mut self, event: impl FnOnce() -> Event) {
        if self.of_tasks {
            self.event(event());
        }
    }

    pub fn settled(&mut self, ticket: Arc<Ticket>, result: TaskResult) {
        self.news.push_back(News::Settled(ticket, Box::new(result)));
    }
}

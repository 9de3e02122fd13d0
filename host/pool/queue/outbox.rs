//! What the queue has to tell, until somebody without the lock tells it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::runs::WINDOW_TASKS;
use super::ticket::Ticket;
use crate::model::event::Event;
use crate::model::task::TaskResult;

/// News that may wait before no more tasks are accepted or leased: as many as a run may have tasks where slots are few.
/// What those have to tell that are already with workers comes on top.
const MOST: usize = WINDOW_TASKS;

/// One thing to be told, in the order in which they happened.
#[derive(Debug)]
pub(in crate::pool) enum News {
    Event(Event),
    /// A handle's task has settled.
    Settled(Arc<Ticket>, Box<TaskResult>),
}

/// News that nobody was told yet.
#[derive(Debug)]
pub(in crate::pool) struct Outbox {
    pub news: VecDeque<News>,
    /// Somebody is telling, and will see what is added meanwhile.
    pub telling: bool,
    /// The observer wants to hear of tasks.
    pub of_tasks: bool,
}

impl Outbox {
    pub fn new(of_tasks: bool) -> Self {
        Outbox { news: VecDeque::new(), telling: false, of_tasks }
    }

    /// Whether whoever is told must catch up before more happens.
    pub fn is_full(&self) -> bool {
        self.news.len() >= MOST
    }

    pub fn event(&mut self, event: Event) {
        self.news.push_back(News::Event(event));
    }

    /// An event of a task, which is not even made when nobody wants it.
    pub fn task_event(&mut self, event: impl FnOnce() -> Event) {
        if self.of_tasks {
            self.event(event());
        }
    }

    pub fn settled(&mut self, ticket: Arc<Ticket>, result: TaskResult) {
        self.news.push_back(News::Settled(ticket, Box::new(result)));
    }
}

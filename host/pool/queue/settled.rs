//! Settled tasks on their way to the caller, in the order the caller wants.

use std::collections::VecDeque;

use crate::task::TaskResult;

#[derive(Debug)]
pub(super) enum Settled {
    /// By position, from `first` on; `None` is a task that has not settled.
    Ordered {
        results: VecDeque<Option<TaskResult>>,
        first: u64,
    },
    Unordered(VecDeque<TaskResult>),
}

impl Settled {
    pub fn new(ordered: bool) -> Self {
        if ordered {
            Settled::Ordered { results: VecDeque::new(), first: 0 }
        } else {
            Settled::Unordered(VecDeque::new())
        }
    }

    /// A task with the next position exists.
    pub fn expect_next(&mut self) {
        if let Settled::Ordered { results, .. } = self {
            results.push_back(None);
        }
    }

    /// Whether nothing can be given before this task has settled.
    pub fn awaits(&self, id: u64) -> bool {
        matches!(self, Settled::Ordered { first, .. } if *first == id)
    }

    pub fn push(&mut self, result: TaskResult) {
        match self {
            Settled::Unordered(results) => results.push_back(result),
            Settled::Ordered { results, first } => {
                let at = (result.id.0 - *first) as usize;
                results[at] = Some(result);
            }
        }
    }

    pub fn pop(&mut self) -> Option<TaskResult> {
        match self {
            Settled::Unordered(results) => results.pop_front(),
            Settled::Ordered { results, first } => {
                let result = results.front_mut()?.take()?;
                results.pop_front();
                *first += 1;
                Some(result)
            }
        }
    }

    /// Takes everything, in no order.
    pub fn drain(&mut self) -> Vec<TaskResult> {
        match std::mem::replace(self, Settled::Unordered(VecDeque::new())) {
            Settled::Unordered(results) => results.into(),
            Settled::Ordered { results, .. } => results.into_iter().flatten().collect(),
        }
    }

    #[cfg(test)]
    pub fn iter(&self) -> Box<dyn Iterator<Item = &TaskResult> + '_> {
        match self {
            Settled::Unordered(results) => Box::new(results.iter()),
            Settled::Ordered { results, .. } => Box::new(results.iter().flatten()),
        }
    }
}

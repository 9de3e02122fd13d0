//! Settled tasks on their way to the caller, in the order the caller wants.

use std::collections::{BTreeMap, VecDeque};

use super::settled::Settled;

#[derive(Debug)]
pub(super) enum Outgoing {
    Ordered {
        /// Tasks that may be returned, up to `end`.
        ready: VecDeque<Settled>,
        /// The position after the last of `ready`.
        end: u64,
        /// Tasks that settled before their turn, by the position of their first.
        later: BTreeMap<u64, Lane>,
    },
    Unordered(VecDeque<Settled>),
}

/// Consecutive tasks, up to a position.
#[derive(Debug)]
pub(super) struct Lane {
    items: VecDeque<Settled>,
    end: u64,
}

impl Outgoing {
    pub fn new(ordered: bool) -> Self {
        if ordered {
            Outgoing::Ordered { ready: VecDeque::new(), end: 0, later: BTreeMap::new() }
        } else {
            Outgoing::Unordered(VecDeque::new())
        }
    }

    /// Whether nothing can be returned before this task has settled.
    pub fn awaits(&self, id: u64) -> bool {
        matches!(self, Outgoing::Ordered { ready, end, .. } if *end == id && ready.is_empty())
    }

    pub fn push(&mut self, item: Settled) {
        let (first, next) = positions(&item);
        match self {
            Outgoing::Unordered(items) => items.push_back(item),
            Outgoing::Ordered { ready, end, later } if first == *end => {
                ready.push_back(item);
                *end = next;
                while let Some(mut lane) = later.remove(end) {
                    ready.append(&mut lane.items);
                    *end = lane.end;
                }
            }
            Outgoing::Ordered { later, .. } => match later.range_mut(..first).next_back() {
                Some((_, lane)) if lane.end == first => {
                    lane.items.push_back(item);
                    lane.end = next;
                }
                _ => drop(later.insert(first, Lane { items: [item].into(), end: next })),
            },
        }
    }

    pub fn pop(&mut self) -> Option<Settled> {
        match self {
            Outgoing::Unordered(items) => items.pop_front(),
            Outgoing::Ordered { ready, .. } => ready.pop_front(),
        }
    }

    /// Takes everything, in no order.
    pub fn drain(&mut self) -> Vec<Settled> {
        match std::mem::replace(self, Outgoing::Unordered(VecDeque::new())) {
            Outgoing::Unordered(items) => items.into(),
            Outgoing::Ordered { ready, later, .. } => {
                ready.into_iter().chain(later.into_values().flat_map(|lane| lane.items)).collect()
            }
        }
    }

    #[cfg(test)]
    pub fn iter(&self) -> Box<dyn Iterator<Item = &Settled> + '_> {
        match self {
            Outgoing::Unordered(items) => Box::new(items.iter()),
            Outgoing::Ordered { ready, later, .. } => {
                Box::new(ready.iter().chain(later.values().flat_map(|lane| &lane.items)))
            }
        }
    }
}

/// The position of the first task, and the position after the last.
fn positions(item: &Settled) -> (u64, u64) {
    match item {
        Settled::One(result) => (result.id.0, result.id.0 + 1),
        Settled::Many(span) => (span.first().0, span.first().0 + span.len() as u64),
    }
}

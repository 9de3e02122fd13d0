//! Tasks whose backtraces wait for lines of source code, and the lines that are known.
//!
//! A record must not depend on the moment at which a line was found. So a task with a backtrace is handed over when all its
//! lines are known, or when none of them can be. Nothing else waits for it.

use std::collections::{HashMap, VecDeque};

use super::machine::Queue;
use super::settled::Settled;
use super::task::Home;
use crate::model::event::Event;
use crate::model::outcome::Outcome;
use crate::model::spot::{Line, Spot, add_lines};
use crate::model::task::TaskResult;
use crate::protocol::lines::MOST_ASKED;

/// Bytes of lines that are kept. One backtrace has less than half as many.
const MOST_KEPT: usize = 16 << 20;

/// A task that has ended, on its way to its caller.
#[derive(Debug)]
pub(super) struct Ended {
    pub key: u64,
    pub home: Home,
    pub result: TaskResult,
}

/// Lines of source code, by the places in the program that they belong to.
#[derive(Debug, Default)]
pub(in crate::pool) struct Lines {
    known: HashMap<Spot, Vec<Line>>,
    /// Bytes of the known lines.
    bytes: usize,
    /// Places to look up next. At most [`MOST_ASKED`], whatever more the waiting tasks have.
    wanted: Vec<Spot>,
    /// Places that are being looked up.
    asked: Vec<Spot>,
    /// No more lines are looked up.
    given_up: bool,
    /// Tasks whose lines are not all known.
    pub(super) waiting: VecDeque<Ended>,
}

impl Lines {
    /// Whether there is something to look up, and nobody does.
    pub fn is_wanted(&self) -> bool {
        !self.wanted.is_empty() && self.asked.is_empty()
    }

    /// The places to look up now.
    pub fn ask(&mut self) -> Option<Vec<Spot>> {
        if !self.is_wanted() {
            return None;
        }
        self.asked = std::mem::take(&mut self.wanted);
        Some(self.asked.clone())
    }

    /// Takes the lines of the places that were asked for.
    fn learn(&mut self, found: Vec<Vec<Line>>) {
        if self.bytes > MOST_KEPT {
            self.known.clear();
            self.bytes = 0;
        }
        for (spot, lines) in std::mem::take(&mut self.asked).into_iter().zip(found) {
            self.bytes += size_of::<Spot>() + lines.iter().map(|line| size_of::<Line>() + line.size()).sum::<usize>();
            self.known.insert(spot, lines);
        }
    }

    /// Adds the lines to a backtrace, if all of them are known. Otherwise it asks for the others, and returns false.
    fn complete(&mut self, result: &mut TaskResult) -> bool {
        let Some(spots) = &result.receipt.spots else { return true };
        if !self.given_up {
            for spot in spots.iter().filter(|spot| !self.known.contains_key(spot)) {
                if self.wanted.len() < MOST_ASKED && !self.asked.contains(spot) && !self.wanted.contains(spot) {
                    self.wanted.push(*spot);
                }
            }
            if spots.iter().any(|spot| !self.known.contains_key(spot)) {
                return false;
            }
        }
        let spots = result.receipt.spots.take().filter(|_| !self.given_up).unwrap_or_default();
        if let Outcome::NotOk(failure) = &mut result.outcome {
            let lines = spots.iter().map(|spot| self.known.get(spot).map(Vec::as_slice).unwrap_or_default());
            add_lines(&mut failure.error.backtrace, lines);
        }
        true
    }
}

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
        self.lines.given_up = true;
        self.lines.wanted.clear();
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

//! Tasks whose backtraces wait for lines of source code, and the lines that are known.
//!
//! A record must not depend on the moment at which a line was found. So a task with a backtrace is handed over when all its
//! lines are known, or when none of them can be. Nothing else waits for it.

use std::collections::{HashMap, VecDeque};

use super::task::Home;
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

    /// Looks up no more lines.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
        self.wanted.clear();
    }

    /// Takes the lines of the places that were asked for.
    pub(super) fn learn(&mut self, found: Vec<Vec<Line>>) {
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
    pub(super) fn complete(&mut self, result: &mut TaskResult) -> bool {
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

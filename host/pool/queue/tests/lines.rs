//! Backtraces and their lines in the model.

use super::Model;
use crate::model::outcome::{ErrorDetail, Outcome, Receipt, Status};
use crate::model::spot::{Line, Spot};
use crate::model::task::TaskResult;

/// The outcome of a task with one frame, which has the number of its place for a name.
pub fn traced(status: Status, at: u32, receipt: &mut Receipt) -> Outcome {
    receipt.spots = Some(Box::new(vec![Spot { function: 0, body: 0, at }]));
    Outcome::not_ok(status, ErrorDetail { backtrace: vec![at.to_string()], ..ErrorDetail::new("trap", "") })
}

fn line_of(at: u32) -> Line {
    Line { function: String::new(), place: format!("main.rs:{at}") }
}

impl Model {
    pub fn ask_lines(&mut self) {
        let spots = self.queue.lines.ask();
        assert!(spots.is_none() || self.asked.is_empty(), "two lookups at a time");
        self.asked.extend(spots.into_iter().flatten());
    }

    pub fn learn_lines(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        if !asked.is_empty() {
            self.queue.learn_lines(asked.into_iter().map(|spot| vec![line_of(spot.at)]).collect());
        }
    }

    pub fn fail_lines(&mut self) {
        self.queue.give_up_lines();
        self.has_lines = false;
    }

    /// Checks that a task has all its lines when it is handed over, unless a lookup has failed.
    pub fn check_lines(&self, result: &TaskResult) {
        assert_eq!(result.receipt.spots, None);
        let Outcome::NotOk(failure) = &result.outcome else { return };
        for frame in &failure.error.backtrace {
            let (at, line) = frame.split_once(' ').unwrap_or((frame, ""));
            let whole = format!("({})", line_of(at.parse().unwrap()).place);
            assert!(line == whole || line.is_empty() && !self.has_lines, "a record without its lines: {frame}");
        }
    }
}

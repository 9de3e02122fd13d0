//! Verdicts on programs, from what became of their tests.

use std::time::Duration;

use serde::Serialize;
use serde::ser::SerializeMap;
use wpool::{Outcome, Status, TaskResult};

use crate::cli::plan::WRONG_OUTPUT;

/// The verdict on a test, and on a program: in the words of online judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    WrongOutput,
    TimeLimit,
    MemoryLimit,
    OutputLimit,
    RuntimeError,
    /// The program cannot be run at all.
    Refused,
    /// The test says not what is expected, or is not a row that fits.
    BadTest,
    /// The judging was stopped before.
    NotRun,
}

impl Verdict {
    const ALL: [Verdict; 9] = [
        Verdict::Accepted,
        Verdict::WrongOutput,
        Verdict::TimeLimit,
        Verdict::MemoryLimit,
        Verdict::OutputLimit,
        Verdict::RuntimeError,
        Verdict::Refused,
        Verdict::BadTest,
        Verdict::NotRun,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::WrongOutput => "wrong-output",
            Verdict::TimeLimit => "time-limit",
            Verdict::MemoryLimit => "memory-limit",
            Verdict::OutputLimit => "output-limit",
            Verdict::RuntimeError => "runtime-error",
            Verdict::Refused => "refused",
            Verdict::BadTest => "bad-test",
            Verdict::NotRun => "not-run",
        }
    }

    pub fn is_accepted(self) -> bool {
        self == Verdict::Accepted
    }

    /// The verdict on a test, by the status and the code of its record.
    fn of(outcome: &Outcome) -> Verdict {
        let Outcome::NotOk(failure) = outcome else { return Verdict::Accepted };
        match failure.status {
            Status::Ok => Verdict::Accepted,
            Status::Failed if failure.error.code == WRONG_OUTPUT => Verdict::WrongOutput,
            Status::Failed if failure.error.code == Marks::REFUSED => Verdict::Refused,
            Status::Failed | Status::Trap | Status::Crash => Verdict::RuntimeError,
            Status::Timeout | Status::Fuel => Verdict::TimeLimit,
            Status::OutOfMemory => Verdict::MemoryLimit,
            Status::OutputLimit => Verdict::OutputLimit,
            Status::InvalidInput => Verdict::BadTest,
            Status::Cancelled | Status::Skipped => Verdict::NotRun,
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Characters of a message or a reason that are kept.
const REASON: usize = 160;

/// A test that is not accepted.
#[derive(Clone, Debug)]
pub struct First {
    pub id: u64,
    verdict: Verdict,
    /// The beginning of its message. The record has all of it.
    pub message: String,
}

/// The verdicts on the tests of a program.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    counts: [u64; Verdict::ALL.len()],
    /// The first test that is not accepted, in the order of the tests.
    first: Option<First>,
    /// Processor time of all tests together, and of the longest.
    pub time: Duration,
    pub longest: Duration,
    /// The most memory of a test in bytes.
    pub memory: u64,
}

impl Marks {
    /// The code of the tests of a program that cannot be run.
    pub const REFUSED: &str = "program-refused";

    pub fn add(&mut self, result: &TaskResult) {
        let verdict = Verdict::of(&result.outcome);
        self.counts[verdict as usize] += 1;
        if let Outcome::NotOk(failure) = &result.outcome
            && self.first.as_ref().is_none_or(|first| result.id.0 < first.id)
        {
            self.first = Some(First { id: result.id.0, verdict, message: Marks::head(&failure.error.message) });
        }
        let measured = result.receipt.measured.as_deref();
        // A worker that was killed has measured nothing.
        let time = measured.and_then(|measured| measured.cpu).unwrap_or(result.receipt.wall);
        self.time += time;
        self.longest = self.longest.max(time);
        self.memory = self.memory.max(measured.and_then(|measured| measured.peak_memory).unwrap_or_default());
    }

    /// Adds what became of the tests of another program.
    pub fn join(&mut self, other: &Marks) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
    }

    /// The beginning of a text, in a line.
    pub fn head(text: &str) -> String {
        text.lines().next().unwrap_or_default().chars().take(REASON).collect()
    }

    pub fn tests(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn of(&self, verdict: Verdict) -> u64 {
        self.counts[verdict as usize]
    }

    /// The verdict on the program; `None` where it has no tests.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.first {
            Some(first) => Some(first.verdict),
            None => (self.tests() > 0).then_some(Verdict::Accepted),
        }
    }

    /// The first test that is not accepted.
    pub fn first(&self) -> Option<&First> {
        self.first.as_ref()
    }

    /// Verdicts that occurred, and how often.
    pub fn present(&self) -> impl Iterator<Item = (Verdict, u64)> {
        Verdict::ALL.into_iter().map(|verdict| (verdict, self.of(verdict))).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Marks {
    /// Writes a member for every verdict, so that a program need not check whether it exists.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Verdict::ALL.len() + 1))?;
        map.serialize_entry("total", &self.tests())?;
        for verdict in Verdict::ALL {
            map.serialize_entry(verdict.as_str(), &self.of(verdict))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use wpool::outcome::ErrorDetail;
    use wpool::{Failure, Input, TaskId};

    use super::*;

    fn result(id: u64, status: Status, code: &str) -> TaskResult {
        let error = ErrorDetail { code: code.to_owned(), ..ErrorDetail::default() };
        let failure = Failure { status, output: None, truncated: false, error };
        TaskResult::unstarted(TaskId(id), Input::new("1"), failure)
    }

    #[test]
    fn the_first_test_that_is_not_accepted_is_the_verdict_on_a_program() {
        let mut marks = Marks::default();
        assert_eq!(marks.verdict(), None);
        for (id, status, code) in
            [(4, Status::Trap, "unreachable"), (2, Status::Failed, WRONG_OUTPUT), (3, Status::Timeout, "cpu-time")]
        {
            marks.add(&result(id, status, code));
        }
        assert_eq!(
            (marks.verdict(), marks.first().map(|first| first.id), marks.tests()),
            (Some(Verdict::WrongOutput), Some(2), 3)
        );
        let present: Vec<_> = marks.present().map(|(verdict, _)| verdict.as_str()).collect();
        assert_eq!(present, ["wrong-output", "time-limit", "runtime-error"]);
    }

    #[test]
    fn every_status_has_a_verdict_and_every_verdict_its_place() {
        for status in Status::ALL {
            let verdict = Verdict::of(&result(0, status, "").outcome);
            assert_eq!(verdict == Verdict::Accepted, status == Status::Ok, "{status}");
        }
        assert_eq!(Verdict::of(&result(0, Status::Failed, Marks::REFUSED).outcome), Verdict::Refused);
        for (verdict, place) in Verdict::ALL.into_iter().zip(0..) {
            assert_eq!(verdict as usize, place);
        }
    }
}

//! The difference of two records of a row.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wpool::Status;

use crate::cli::args::Diff;
use crate::cli::commands::diff::same::Sameness;
use crate::cli::commands::diff::side::Record;

/// A difference of times that is not worth a word.
const SHORTEST: f64 = 0.01;

/// The change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Same,
    Fixed,
    Regressed,
    Changed,
    Slower,
    OnlyA,
    OnlyB,
}

impl Class {
    pub const ALL: [Class; 7] =
        [Class::Same, Class::Fixed, Class::Regressed, Class::Changed, Class::Slower, Class::OnlyA, Class::OnlyB];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Same => "same",
            Class::Fixed => "fixed",
            Class::Regressed => "regressed",
            Class::Changed => "changed",
            Class::Slower => "slower",
            Class::OnlyA => "only in A",
            Class::OnlyB => "only in B",
        }
    }
}

/// The members of a record that are compared.
#[derive(Debug, Default, Deserialize)]
pub struct Parts<'a> {
    #[serde(default)]
    pub id: Option<u64>,
    #[serde(default)]
    pub file: Option<String>,
    #[serde(borrow, default)]
    pub output: Option<&'a RawValue>,
    #[serde(default)]
    pub error: Option<Reason>,
    #[serde(default)]
    receipt: Option<Times>,
}

/// Why a task is not ok. Backtraces and prints are of the program's build, and are not compared.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Reason {
    pub code: String,
    pub message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Times {
    wall_us: Option<f64>,
}

impl Parts<'_> {
    /// How long the task ran: by its receipt, else by what its run has noted.
    fn seconds(&self, record: &Record) -> Option<f64> {
        let receipt = self.receipt.as_ref().and_then(|receipt| receipt.wall_us);
        receipt.map(|micros| micros / 1e6).or(record.seconds)
    }
}

impl Record {
    /// The members of its line; none where it is not a record.
    pub fn parts(&self) -> Parts<'_> {
        if self.value {
            let output = serde_json::from_str(&self.line).ok();
            return Parts { output, ..Parts::default() };
        }
        serde_json::from_str(&self.line).unwrap_or_default()
    }
}

/// Judges pairs of records.
#[derive(Debug)]
pub struct Judge {
    sameness: Sameness,
    slower: Option<f64>,
    /// Pairs of which both times are known.
    pub timed: u64,
}

impl Judge {
    pub fn new(args: &Diff) -> Result<Judge> {
        Ok(Judge { sameness: Sameness::new(args.tolerance, &args.ignore)?, slower: args.slower, timed: 0 })
    }

    pub fn judge(&mut self, a: Option<&Record>, b: Option<&Record>) -> Class {
        let (a, b) = match (a, b) {
            (Some(a), Some(b)) => (a, b),
            (Some(_), None) => return Class::OnlyA,
            (None, _) => return Class::OnlyB,
        };
        match (a.status == Status::Ok, b.status == Status::Ok) {
            (true, false) => return Class::Regressed,
            (false, true) => return Class::Fixed,
            _ if a.status != b.status => return Class::Changed,
            _ => {}
        }
        // A line that --only left out says no more than the status, and neither does that of a failure with --values.
        let has_reason = |record: &Record| !record.line.is_empty() && (!record.value || record.status == Status::Ok);
        let is_known = has_reason(a) && has_reason(b);
        // Most pairs: nothing but the place in the input may differ.
        if !is_known || without_id(&a.line) == without_id(&b.line) && self.slower.is_none() {
            return Class::Same;
        }
        let records = (a, b);
        let (a, b) = (a.parts(), b.parts());
        let same = match (a.output, b.output) {
            (Some(a), Some(b)) => self.sameness.are_same(a.get(), b.get()),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !same || a.error != b.error {
            return Class::Changed;
        }
        let Some(factor) = self.slower else { return Class::Same };
        let Some((a, b)) = a.seconds(records.0).zip(b.seconds(records.1)) else { return Class::Same };
        self.timed += 1;
        if b > factor * a && b - a > SHORTEST { Class::Slower } else { Class::Same }
    }
}

/// A record behind its id.
fn without_id(line: &str) -> &str {
    let rest = line.strip_prefix("{\"id\":").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.unwrap_or(line)
}

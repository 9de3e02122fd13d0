//! Conditions that stop a run, in the grammar of GNU parallel: `--halt when,why=X[%]`. Pure: this module decides, and
//! others act.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use wpool::Status;

/// The least number of tasks that a percentage stands for: one failure among the first few means little.
const LEAST_OF_PERCENTAGE: u64 = 3;

const GRAMMAR: &str = "expected never, or when,why=X[%] such as now,fail=1 or soon,success=10%: \
                       when is now or soon; why is fail, success or done; X is a whole number of tasks, 1 or more, \
                       or a whole percentage from 1% to 100%";

/// The value of `--halt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Never,
    When(Halt),
}

/// A condition that stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt {
    pub when: When,
    pub why: Why,
    pub amount: Amount,
    /// Whether it was typed as `--max-fail`.
    pub max_fail: bool,
}

/// The treatment of running tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// They are killed.
    Now,
    /// They finish.
    Soon,
}

/// The tasks that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Fail,
    Success,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Count(NonZeroU64),
    /// A percentage of all rows of the run, 1 to 100.
    Percent(u64),
}

/// Settled tasks by outcome. Tasks that were skipped or cancelled do not count: they show nothing about the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub ok: u64,
    pub failed: u64,
}

impl Counts {
    pub fn add(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Skipped | Status::Cancelled => {}
            _ => self.failed += 1,
        }
    }
}

impl Halt {
    /// `--max-fail N`.
    pub fn after_failures(count: NonZeroU64) -> Halt {
        Halt { when: When::Soon, why: Why::Fail, amount: Amount::Count(count), max_fail: true }
    }

    /// The option as typed.
    pub fn option(&self) -> String {
        match self.amount {
            Amount::Count(count) if self.max_fail => format!("--max-fail {count}"),
            _ => format!("--halt {self}"),
        }
    }

    /// Whether the rows must be counted before the first task.
    pub fn needs_total(&self) -> bool {
        matches!(self.amount, Amount::Percent(_))
    }

    /// Whether the run must stop. `total` is the number of rows; without it, a percentage is never met.
    pub fn is_met(&self, counts: Counts, total: Option<u64>) -> bool {
        let count = match self.why {
            Why::Fail => counts.failed,
            Why::Success => counts.ok,
            Why::Done => counts.ok + counts.failed,
        };
        self.threshold(total).is_some_and(|threshold| count >= threshold)
    }

    fn threshold(&self, total: Option<u64>) -> Option<u64> {
        match self.amount {
            Amount::Count(count) => Some(count.get()),
            Amount::Percent(percent) => {
                let total = total?;
                let share = (u128::from(total) * u128::from(percent)).div_ceil(100) as u64;
                Some(share.max(LEAST_OF_PERCENTAGE.min(total)).max(1))
            }
        }
    }
}

impl FromStr for Typed {
    type Err = String;

    fn from_str(text: &str) -> Result<Typed, String> {
        if text == "never" {
            return Ok(Typed::Never);
        }
        parse(text).map(Typed::When).ok_or_else(|| GRAMMAR.to_owned())
    }
}

fn parse(text: &str) -> Option<Halt> {
    let (when, condition) = text.split_once(',')?;
    let (why, amount) = condition.split_once('=')?;
    let when = match when {
        "now" => When::Now,
        "soon" => When::Soon,
        _ => return None,
    };
    let why = match why {
        "fail" => Why::Fail,
        "success" => Why::Success,
        "done" => Why::Done,
        _ => return None,
    };
    let amount = match amount.strip_suffix('%') {
        Some(percent) => Amount::Percent(percent.parse().ok().filter(|percent| (1..=100).contains(percent))?),
        None => Amount::Count(amount.parse().ok()?),
    };
    Some(Halt { when, why, amount, max_fail: false })
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.when == When::Now { "now" } else { "soon" };
        let why = match self.why {
            Why::Fail => "fail",
            Why::Success => "success",
            Why::Done => "done",
        };
        match self.amount {
            Amount::Count(count) => write!(f, "{when},{why}={count}"),
            Amount::Percent(percent) => write!(f, "{when},{why}={percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn halt(text: &str) -> Halt {
        match text.parse() {
            Ok(Typed::When(halt)) => halt,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_typed_is_what_is_shown() {
        for text in ["now,fail=1", "soon,fail=20%", "now,success=3", "soon,success=100%", "now,done=7", "soon,done=1%"]
        {
            assert_eq!(halt(text).to_string(), text);
        }
        assert_eq!("never".parse(), Ok(Typed::Never));
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_condition_is_refused_or_shown_as_it_is_meant(
            text in "((now|soon|never)?,?(fail|success|done)?=?[0-9]{0,21}%?|[a=,%\u{e9}]{0,6})",
            (ok, failed, total) in any::<(u64, u64, Option<u64>)>(),
        ) {
            if let Ok(Typed::When(halt)) = text.parse() {
                prop_assert_eq!(halt.to_string().parse(), Ok(Typed::When(halt)));
                let counts = Counts { ok: ok / 2, failed: failed / 2 };
                prop_assert!(!halt.is_met(Counts::default(), total), "nothing has happened yet");
                let _ = halt.is_met(counts, total);
            }
        }
    }

    #[test]
    fn anything_else_is_told_the_grammar() {
        let texts = [
            "",
            "now",
            "fail=1",
            "now,fail",
            "now,fail=",
            "now,fail=0",
            "now,fail=-1",
            "now,fail=1.5",
            "now,fail=0%",
            "now,fail=101%",
            "now,fail=%",
            "later,fail=1",
            "now,win=1",
            "now,fail=1,",
            "never,fail=1",
            "Now,fail=1",
        ];
        for text in texts {
            assert_eq!(text.parse::<Typed>(), Err(GRAMMAR.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_count_is_met_by_what_it_counts() {
        let counts = |ok, failed| Counts { ok, failed };
        for (text, met, unmet) in [
            ("now,fail=2", counts(0, 2), counts(9, 1)),
            ("now,success=2", counts(2, 0), counts(1, 9)),
            ("now,done=3", counts(1, 2), counts(1, 1)),
        ] {
            assert!(halt(text).is_met(met, None), "{text}");
            assert!(!halt(text).is_met(unmet, None), "{text}");
        }
    }

    #[test]
    fn a_percentage_is_of_all_rows_and_of_three_tasks_at_least() {
        let met = |text, failed, total| halt(text).is_met(Counts { ok: 0, failed }, total);
        assert!(met("soon,fail=10%", 10, Some(100)) && !met("soon,fail=10%", 9, Some(100)));
        assert!(met("soon,fail=10%", 11, Some(101)) && !met("soon,fail=10%", 10, Some(101)), "it is rounded up");
        assert!(met("soon,fail=1%", 3, Some(100)) && !met("soon,fail=1%", 2, Some(100)), "three at least");
        assert!(met("soon,fail=1%", 2, Some(2)) && !met("soon,fail=1%", 1, Some(2)), "or all, if there are fewer");
        assert!(met("soon,fail=100%", u64::MAX, Some(u64::MAX)));
        assert!(!met("soon,fail=1%", 1_000, None) && !met("soon,fail=1%", 0, Some(0)));
    }

    #[test]
    fn tasks_that_were_not_let_finish_do_not_count() {
        let mut counts = Counts::default();
        Status::ALL.into_iter().for_each(|status| counts.add(status));
        assert_eq!(counts, Counts { ok: 1, failed: Status::ALL.len() as u64 - 3 });
    }
}

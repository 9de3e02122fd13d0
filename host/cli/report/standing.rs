//! How far a run is, and the words for it.

use std::time::Duration;

use crate::cli::units::show_time;

/// How far a run is, at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub done: u64,
    pub total: Option<u64>,
    pub not_ok: u64,
    /// Tasks in a second.
    pub rate: f64,
    pub left: Option<Duration>,
}

/// Columns beside the bar on a terminal of 80.
const BESIDE_BAR: usize = 55;

impl Standing {
    /// `120/1000 done (12 %), 3 not ok, about 44s left, 20/s`.
    pub fn line(&self) -> String {
        self.parts().join(", ")
    }

    /// The same without the last parts, as far as they do not fit beside the bar. Nothing is cut off within a part.
    pub fn beside_bar(&self) -> String {
        let mut parts = self.parts();
        let width = |parts: &[String]| parts.iter().map(|part| part.chars().count() + 2).sum::<usize>() - 2;
        while parts.len() > 1 && width(&parts) > BESIDE_BAR {
            parts.pop();
        }
        parts.join(", ")
    }

    /// The facts, the most important first.
    fn parts(&self) -> Vec<String> {
        let done = match self.total {
            Some(total) => {
                let percent = 100.0 * self.done as f64 / (total as f64).max(1.0);
                format!("{}/{total} done ({:.0} %)", self.done, percent.floor())
            }
            None => format!("{} done", self.done),
        };
        let mut parts = vec![done, format!("{} not ok", self.not_ok)];
        // Where the last tasks take longer than those before them, nobody knows.
        let left = self.left.map(|left| Duration::from_secs(left.as_secs_f64().ceil() as u64));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            parts.push(format!("about {} left", show_time(left)));
        }
        parts.push(if self.rate < 9.95 { format!("{:.1}/s", self.rate) } else { format!("{:.0}/s", self.rate) });
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told() {
        let standing =
            Standing { done: 120, total: Some(1000), not_ok: 3, rate: 20.0, left: Some(Duration::from_millis(43_200)) };
        assert_eq!(standing.line(), "120/1000 done (12 %), 3 not ok, about 44s left, 20/s");
        let standing = Standing { total: None, left: None, rate: 0.52, ..standing };
        assert_eq!(standing.line(), "120 done, 3 not ok, 0.5/s");
        let last = Standing { done: 999, total: Some(1000), ..standing };
        assert!(last.line().contains("(99 %)"), "only all is all");
        assert_eq!(Standing { done: 0, total: Some(0), ..standing }.line(), "0/0 done (0 %), 3 not ok, 0.5/s");
    }
    #[test]
    fn what_does_not_fit_beside_a_bar_is_left_out_whole() {
        let standing = Standing {
            done: 312_826,
            total: Some(1_000_000),
            not_ok: 12,
            rate: 312_826.0,
            left: Some(Duration::from_secs(2)),
        };
        assert_eq!(standing.beside_bar(), "312826/1000000 done (31 %), 12 not ok, about 2.0s left");
        let standing = Standing { done: 10_u64.pow(18), total: Some(u64::MAX), ..standing };
        assert_eq!(standing.beside_bar(), "1000000000000000000/18446744073709551615 done (5 %)");
        let standing = Standing { done: 9, total: Some(10), left: Some(Duration::ZERO), ..standing };
        assert_eq!(standing.beside_bar(), "9/10 done (90 %), 12 not ok, 312826/s", "no time is not a time");
    }
}

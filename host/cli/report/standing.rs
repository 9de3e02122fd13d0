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

impl Standing {
    /// `120/1000 done (12 %), 20/s, about 44s left, 3 not ok`.
    pub fn line(&self) -> String {
        let mut line = match self.total {
            Some(total) => {
                let percent = 100.0 * self.done as f64 / (total as f64).max(1.0);
                format!("{}/{total} done ({:.0} %)", self.done, percent.floor())
            }
            None => format!("{} done", self.done),
        };
        line += &if self.rate < 9.95 { format!(", {:.1}/s", self.rate) } else { format!(", {:.0}/s", self.rate) };
        if let Some(left) = self.left {
            line += &format!(", about {} left", show_time(Duration::from_secs(left.as_secs_f64().ceil() as u64)));
        }
        line + &format!(", {} not ok", self.not_ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told() {
        let standing =
            Standing { done: 120, total: Some(1000), not_ok: 3, rate: 20.0, left: Some(Duration::from_millis(43_200)) };
        assert_eq!(standing.line(), "120/1000 done (12 %), 20/s, about 44s left, 3 not ok");
        let standing = Standing { total: None, left: None, rate: 0.52, ..standing };
        assert_eq!(standing.line(), "120 done, 0.5/s, 3 not ok");
        let last = Standing { done: 999, total: Some(1000), ..standing };
        assert!(last.line().contains("(99 %)"), "only all is all");
        assert_eq!(Standing { done: 0, total: Some(0), ..standing }.line(), "0/0 done (0 %), 0.5/s, 3 not ok");
    }
}

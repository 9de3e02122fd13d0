//! What is found out about all rows before the first of them is run: how many they are, which are those of a shard, and which
//! are to be started before all others.

use anyhow::Result;
use wpool::Input;

use crate::cli::args::Order;
use crate::cli::balance;
use crate::cli::plan::{Plan, Times};
use crate::cli::report::Expected;
use crate::cli::rows::forecast::{Forecast, forecast, pick};
use crate::cli::rows::spool::Spooled;
use crate::cli::rows::{Occurrences, Rows, Steps};
use crate::cli::run::audience::Audience;
use crate::cli::say;
use crate::cli::shard::{By, Cut, Shard};
use crate::cli::units::plural;

/// Rows that are to be run.
pub struct Looked {
    pub rows: Spooled,
    /// Which of them, if not all one after the other.
    pub cut: Option<Cut>,
    /// The rows that are started before the others, with their positions.
    pub front: Vec<(u64, Input)>,
}

/// Looks at all rows.
pub struct Looking<'a> {
    pub plan: &'a Plan,
    pub audience: &'a Audience,
}

impl Looking<'_> {
    /// Whether rows have to be read before the first of them is run.
    pub fn is_needed(&self) -> bool {
        self.plan.times.is_some() || self.plan.shard.is_some_and(Shard::needs_total)
    }

    /// Deals the rows to shards, and finds those that are started first. `resumes` says that an earlier run has done some.
    pub async fn look(&self, rows: Spooled, resumes: bool) -> Result<Looked> {
        let shard = self.plan.shard;
        let Some(times) = &self.plan.times else {
            let cut = match shard {
                Some(shard) => Some(self.audience.cut(shard, rows.source()).await?),
                None => None,
            };
            return Ok(Looked { rows, cut, front: Vec::new() });
        };
        let (cut, forecast) = match shard {
            Some(shard) if shard.by != By::Time => {
                let cut = self.audience.cut(shard, rows.source()).await?;
                let forecast = forecast(self.all(&rows)?, times, Some(&cut)).await?;
                (Some(cut), forecast)
            }
            shard => {
                let mut forecast = forecast(self.all(&rows)?, times, None).await?;
                (shard.map(|shard| dealt(shard, &mut forecast)), forecast)
            }
        };
        self.tell(times, &forecast);
        let front = if resumes { Vec::new() } else { self.front(times, &forecast) };
        let front = if front.is_empty() { Vec::new() } else { pick(self.all(&rows)?, &front).await? };
        let cut = behind(cut, &forecast, &front);
        self.audience.expect(Expected::new(forecast.seconds, self.audience.positions.clone()));
        Ok(Looked { rows, cut, front })
    }

    /// All rows, as the run itself reads them.
    fn all(&self, rows: &Spooled) -> Result<Rows> {
        let occurrences = self.plan.config.task.deterministic.is_some().then(Occurrences::default);
        let steps = Steps { expect: self.plan.expect.clone(), occurrences, ..Steps::default() };
        Ok(Rows::read(rows.source().clone(), steps)?)
    }

    fn tell(&self, times: &Times, forecast: &Forecast) {
        if !self.plan.messages.quiet && forecast.known == 0 && !forecast.seconds.is_empty() {
            say(format_args!(
                "none of the {} is among those of {}",
                plural(forecast.seconds.len() as u64, "row"),
                times.run.display()
            ));
        }
    }

    /// The rows that are started before all others, in that order.
    fn front(&self, times: &Times, forecast: &Forecast) -> Vec<u64> {
        match times.order {
            Order::Input => Vec::new(),
            Order::LongestFirst => balance::ahead(&forecast.seconds, self.plan.config.workers),
            Order::FailedFirst => {
                forecast.failed.iter().copied().filter(|row| forecast.seconds[*row as usize] > 0.0).collect()
            }
        }
    }
}

/// Deals rows by their times. Those of other shards do not run.
fn dealt(shard: Shard, forecast: &mut Forecast) -> Cut {
    let dealt = balance::deal(&forecast.seconds, shard.of);
    let cut = shard.cut_of(&dealt);
    for (seconds, owner) in forecast.seconds.iter_mut().zip(dealt) {
        if owner != shard.number - 1 {
            *seconds = 0.0;
        }
    }
    cut
}

/// The rows without those in front, which are not read again.
fn behind(cut: Option<Cut>, forecast: &Forecast, front: &[(u64, Input)]) -> Option<Cut> {
    if front.is_empty() {
        return cut;
    }
    let mut positions: Vec<u64> = front.iter().map(|(position, _)| *position).collect();
    positions.sort_unstable();
    let whole = || Shard { number: 1, of: 1, by: By::Slice }.cut(forecast.seconds.len() as u64);
    Some(cut.unwrap_or_else(whole).behind(positions))
}

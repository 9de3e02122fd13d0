//! Whether the records that were merged are all that the shards have made.

use anyhow::Result;

use crate::cli::commands::merge::found::Part;
use crate::cli::commands::merge::job::Job;
use crate::cli::commands::merge::missing;
use crate::cli::commands::merge::weave::Woven;
use crate::cli::errors::{Incomplete, usage};
use crate::cli::units::plural;

impl Job<'_> {
    /// Refuses records that are not those of complete shards.
    pub fn check(&self, woven: &Woven) -> Result<()> {
        let lost = if self.together.has_all_records() { self.lost(woven) } else { self.lost_by_manifests() };
        if let Some(why) = lost {
            return Err(Incomplete(format!("nothing was merged: {why}")).into());
        }
        if let Some(part) = woven.torn.first() {
            let path = self.parts[*part].path.display();
            return usage(format!(
                "{path}: behind the last record there is a part of another, which its run has not written"
            ));
        }
        Ok(())
    }

    fn lost(&self, woven: &Woven) -> Option<String> {
        let of_parts = woven.of_parts.iter().copied().chain(std::iter::repeat(0));
        for (at, (part, records)) in self.parts.iter().zip(of_parts).enumerate() {
            let counted = counted(part);
            if records == counted {
                continue;
            }
            let (path, have) = (part.path.display(), plural(records, "record"));
            let torn = if woven.torn.contains(&at) { ", the last of which is cut off" } else { "" };
            let remedy = match part.shard.numbers[..] {
                [number] => {
                    let command = missing::command(number, part.shard.of, Some(&part.facts), &part.facts);
                    format!("{command}  # with --resume-damaged, right records stay")
                }
                _ => "merge its shards again".to_owned(),
            };
            return Some(format!("{path} has {have}{torn}, and its run made {counted}: {remedy}"));
        }
        let first = woven.gaps.first.first().filter(|_| self.together.missing.is_empty())?;
        let (missing, id) = (plural(woven.gaps.rows, "record"), first.start);
        Some(format!("{missing} are in none of the files, the first of row {id}, although their manifests tell of all"))
    }

    /// As [`Job::lost`], where not every row has a record.
    fn lost_by_manifests(&self) -> Option<String> {
        let shards: usize = self.parts.iter().map(|part| part.shard.numbers.len()).sum();
        let of = self.parts.first()?.shard.of as usize;
        let all: u64 = self.parts.iter().map(counted).sum();
        let rows = self.input.rows;
        (shards == of && all != rows)
            .then(|| format!("the manifests tell of {all} records, and the input has {rows} rows"))
    }
}

/// The records that the run of a part has made.
fn counted(part: &Part) -> u64 {
    part.facts.ended.iter().flat_map(|ended| ended.counts.values()).fold(0, |sum, count| sum.saturating_add(*count))
}

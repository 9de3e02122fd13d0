//! Puts what was merged at its places: each file is there as a whole or not at all, records first. A merge that is
//! interrupted between two of them is done again with the same result.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;
use wpool::place::Draft;
use wpool::{Status, inert};

use crate::cli::args::RecordFormat;
use crate::cli::commands::merge::job::{BLOCK, Job, Merged};
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::exit::Exit;
use crate::cli::journal::{Ended, Error, Facts, Folder, Joined, MERGED, SUFFIX, Text, join_notes, now, run_id};
use crate::cli::plan::SHARD;
use crate::cli::records::resume;
use crate::cli::say;
use crate::cli::target::{Target, check_free};
use crate::cli::units::plural;

impl Job<'_> {
    /// Puts everything at its place.
    pub fn put(&self, merged: Merged, exit: Exit) -> Result<()> {
        let Merged { records, failed, woven } = merged;
        let folders = self.parts.iter().map(|part| part.place.and(SUFFIX).folder()).collect::<io::Result<Vec<_>>>()?;
        let history = Joined::open(&folders)?;
        if !self.put_records(records)? {
            return usage(format!("{} exists and has other records; replace it with --overwrite", self.out));
        }
        if let Some((draft, path)) = failed.zip(self.args.failed.as_ref()) {
            draft.put(true).map_err(CannotWrite::at(path))?;
        }
        let present = Status::ALL.into_iter().map(|status| (status, woven.counts[status as usize]));
        let present: Vec<_> = present.filter(|(_, count)| *count > 0).collect();
        if let Some(folder) = self.folder()? {
            self.facts(&present, exit).store(folder.dir(), false).map_err(written)?;
            history.put(folder.dir()).map_err(written)?;
            join_notes(&folders, folder.dir()).map_err(written)?;
        }
        if !self.args.quiet {
            let total: u64 = present.iter().map(|(_, count)| count).sum();
            let statuses: Vec<_> = present.iter().map(|(status, count)| format!("{count} {status}")).collect();
            let files = plural(self.parts.len() as u64, "file");
            let colon = if statuses.is_empty() { "" } else { ": " };
            let records = plural(total, "record");
            say(format_args!("{records} of {files} in {}{colon}{}", self.out, statuses.join(", ")));
        }
        Ok(())
    }

    /// Has the records stand there. False where others stand that must not be replaced.
    fn put_records(&self, draft: Draft) -> Result<bool> {
        let cannot = CannotWrite::at(&self.args.output);
        let stands = self.out.look().map_err(cannot)?.is_some();
        if stands && !self.args.overwrite {
            let (before, now) = (self.out.read().map_err(cannot)?, draft.reader().map_err(cannot)?);
            return Ok(is_same(before, now).map_err(cannot)?);
        }
        if stands {
            // Held until the new file stands there: a run that writes the old one would write on without a name.
            let before = self.out.read().map_err(cannot)?;
            check_free(&before).map_err(cannot)?;
        }
        if let Some(folder) = self.folder()? {
            // A journal would tell of other records.
            folder.clear().map_err(written)?;
        }
        if self.args.output_format != RecordFormat::Jsonl {
            // So would what is kept of records that stood there before.
            resume::forget(&Target::of(&self.args.output, true)?)?;
        }
        draft.put(stands).map_err(cannot)?;
        Ok(true)
    }

    /// The folder of the manifest. `None` where it is that of a run which has written the same records by itself.
    fn folder(&self) -> Result<Option<Folder>> {
        // A table has no ids to be merged by.
        if self.args.output_format != RecordFormat::Jsonl {
            return Ok(None);
        }
        let place = self.out.and(SUFFIX);
        let facts = place.folder().ok().and_then(|dir| Facts::load(&dir).ok());
        let is_of_a_run = facts.is_some_and(|facts| !facts.is_merged());
        if is_of_a_run && !self.args.overwrite && self.out.look()?.is_some() {
            return Ok(None);
        }
        Ok(Some(Folder::lock(place).map_err(written)?))
    }

    /// The manifest of the merged records, from which they can be merged with others.
    fn facts(&self, counts: &[(Status, u64)], exit: Exit) -> Facts {
        let mut facts = self.together.facts.clone();
        facts.run = format!("{MERGED}-{}", run_id().0);
        facts.settings.remove(SHARD);
        if let Some(shard) = &mut facts.shard {
            let numbers = self.parts.iter().flat_map(|part| part.shard.numbers.iter().copied());
            shard.numbers = numbers.collect::<BTreeSet<_>>().into_iter().collect();
            let name = |path: &Option<PathBuf>| Some(Text::from(Path::new(path.as_ref()?.file_name()?)));
            (shard.failed, shard.summary) = (name(&self.args.failed), name(&self.args.summary_json));
        }
        let mut counts: Vec<_> = counts.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        if !self.together.has_all_records() {
            // Rows without records count as well.
            let of_parts = self.parts.iter().filter_map(|part| part.facts.ended.as_ref());
            counts = of_parts.flat_map(|ended| ended.counts.clone()).collect();
        }
        let mut sums = std::collections::BTreeMap::new();
        counts.into_iter().for_each(|(status, count)| *sums.entry(status).or_default() += count);
        // Every row of the shards that are in it has its record.
        facts.ended = Some(Ended { time: now(), exit_code: exit.into(), counts: sums, complete: true });
        facts
    }
}

/// Writes the merged summary.
pub fn summary(path: &Path, summary: &Value) -> Result<()> {
    let mut text = Vec::new();
    inert::push_pretty_json(summary, &mut text)?;
    text.push(b'\n');
    Ok(Target::of(path, true)?.write(&text)?)
}

/// Output that the system does not let be written is not a journal that cannot be read.
fn written(error: Error) -> anyhow::Error {
    match error {
        Error::Io { path, source } => CannotWrite { path: path.display().to_string(), source }.into(),
        other => other.into(),
    }
}

fn is_same(mut one: File, mut other: File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let count = one.read(&mut a)?;
        if count == 0 {
            return Ok(true);
        }
        other.read_exact(&mut b[..count])?;
        if a[..count] != b[..count] {
            return Ok(false);
        }
    }
}

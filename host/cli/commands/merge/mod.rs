//! `wpool merge`: the records of shards become the file that one run would have written.

mod failures;
mod found;
mod job;
mod manifest;
mod missing;
mod put;
mod sorted;
mod summaries;
mod weave;
mod whole;

use anyhow::Result;
use wpool::place::{Found, Place};

use crate::cli::args::Merge;
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::exit::Exit;
use crate::cli::runtime::raise_files;
use crate::cli::target;
use found::Part;
use job::{Job, place};

/// Merges records, and what else the shards have written.
pub fn merge(args: &Merge) -> Result<Exit> {
    raise_files();
    target::check(&args.output, true, args.overwrite)?;
    for path in [&args.failed, &args.summary_json].into_iter().flatten() {
        target::check(path, true, true)?;
    }
    let out = place(&args.output, "-o")?;
    let parts = found::parts(&args.files, &out)?;
    let together = manifest::check(&parts)?;
    let input = match &together.input {
        Some(input) if together.missing.is_empty() || args.partial => input.clone(),
        _ => {
            missing::tell("nothing was merged", &together);
            return Ok(Exit::Incomplete);
        }
    };
    let parts: Vec<_> = parts.into_iter().filter(Part::is_complete).collect();
    check_own(&parts, &out)?;
    let job = Job { args, parts, together, input, out };
    // Before the work is done: the shards may have written none.
    let summaries = args.summary_json.as_ref().map(|_| summaries::read(&job.parts)).transpose()?;
    let merged = job.merge()?;
    job.check(&merged.woven)?;
    let exit = job.exit(&merged.woven);
    job.put(merged, exit)?;
    if let Some((path, summaries)) = args.summary_json.as_ref().zip(summaries) {
        put::summary(path, &summaries::merged(&summaries, exit.into()))?;
    }
    if !job.together.missing.is_empty() {
        missing::tell("what there is was merged", &job.together);
    }
    Ok(exit)
}

/// Refuses to replace the file of a shard, whose journal would tell of other records.
fn check_own(parts: &[Part], out: &Place) -> Result<()> {
    let Some(found) = out.look().map_err(CannotWrite::at(&out.path()))? else { return Ok(()) };
    for part in parts.iter().filter(|part| !part.is_merged()) {
        if Found::of_file(&part.file)?.identity == found.identity {
            return usage(format!("-o {out} is the file of a shard that is to be merged; name another"));
        }
    }
    Ok(())
}

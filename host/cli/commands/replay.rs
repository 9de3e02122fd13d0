//! `wpool replay`: one task of a kept run, once more and with everything about it.

use std::future::poll_fn;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use anyhow::{Context, Result};
use futures_core::Stream;
use serde_json::Value;
use wpool::outcome::ErrorDetail;
use wpool::place::{PUBLIC, Place};
use wpool::{Input, Outcome, Pool, Program, Shutdown, Status, TaskId, TaskResult, inert};

use crate::cli::args;
use crate::cli::commands::profile::ProfileFiles;
use crate::cli::commands::runs::Again;
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::exit::Exit;
use crate::cli::journal::{Entries, Entry, Facts, Key, ProgramFacts, output};
use crate::cli::lines::Lines;
use crate::cli::plan::{Locator, Plan, Style};
use crate::cli::print::{print, print_record};
use crate::cli::program::Subject;
use crate::cli::records::record::Format;
use crate::cli::rows::{Occurrences, Rows, Steps};
use crate::cli::runtime::runtime;
use crate::cli::say;
use crate::cli::texts::short_hash;
use crate::cli::units::plural;

/// Longest line of the output file that is read to be compared.
const MAX_LINE: u64 = 64 << 20;

/// Runs one task again and tells about it.
pub fn replay(args: &args::Replay) -> Result<Exit> {
    let dump = args.coredump.as_deref().map(new_dump).transpose()?;
    let profiles = args.profile.as_deref().map(ProfileFiles::new).transpose()?;
    let again = Again::find(&args.run, Some(args.id))?;
    let (plan, Subject { program, .. }) = again.single(args)?;
    dump.iter().try_for_each(|path| check_dump(path, &plan))?;
    profiles.iter().try_for_each(|profiles| profiles.check(&plan))?;
    let format = Format {
        style: Style::Records { receipts: true },
        output_type: plan.output_type,
        expect: plan.expect.clone(),
        locator: Locator::new(&plan.source),
        extras: plan.extras.clone(),
        columns: None,
    };
    let recorded = recorded(&again, args.id)?;
    if let Some(ProgramFacts { name, hash, .. }) = again.facts.earlier.last() {
        let hash = short_hash(hash);
        say(format_args!("the record may be of an earlier program of the run, such as {name} ({hash})"));
    }
    let (row, mut result) = runtime()?.block_on(async {
        let row = row(&plan, args.id).await?;
        match &recorded {
            Some(recorded) => check(&row, recorded, args.id, &format.locator)?,
            None => say(format_args!("{}", why_unknown(&again.facts, args.id))),
        }
        let result = once(&plan, program, row.clone()).await?;
        anyhow::Ok((row, result))
    })?;
    result.id = TaskId(args.id);
    format.check(&mut result);
    let mut line = Vec::new();
    format.push(&result, None, &mut line);
    if let Some(path) = &dump {
        write_dump(path, &result)?;
    }
    if let Some(profiles) = &profiles {
        profiles.write(&result, &again.facts.program.name)?;
    }
    let compared = compare(recorded.as_ref(), &line, &result)?;
    let exit = if args.json {
        say(format_args!("{compared}"));
        print_record(&line)
    } else {
        print(&describe(&row, &result, &format.locator, &compared))
    };
    let own = if result.outcome.status() == Status::Ok { Exit::Ok } else { Exit::NotOk };
    Ok(exit.max(own))
}

/// The record of the task in the run.
struct Recorded {
    entry: Entry,
    /// Its line, when it was written.
    line: Vec<u8>,
}

fn recorded(again: &Again, id: u64) -> Result<Option<Recorded>> {
    let mut entries = Entries::open(&again.dir)?;
    let path = output(&again.folder);
    let file = Place::of(&path).and_then(|place| place.read());
    let file = file.with_context(|| format!("cannot read {}", path.display()))?;
    let ordered = again.facts.is_ordered();
    let begin = format!("{{\"id\":{id},");
    while let Some(entry) = entries.next()? {
        if ordered && entry.position != id {
            continue;
        }
        let length = entry.record.length.min(if ordered { MAX_LINE } else { begin.len() as u64 });
        let mut line = vec![0; length as usize];
        let read = file.read_exact_at(&mut line, entry.offset);
        read.with_context(|| format!("{} is shorter than its journal says", path.display()))?;
        if ordered {
            return Ok(Some(Recorded { entry, line }));
        }
        if line == begin.as_bytes() {
            line.resize(entry.record.length.min(MAX_LINE) as usize, 0);
            file.read_exact_at(&mut line, entry.offset)?;
            return Ok(Some(Recorded { entry, line }));
        }
    }
    Ok(None)
}

/// The row at a position.
async fn row(plan: &Plan, position: u64) -> Result<Input> {
    let occurrences = plan.config.task.deterministic.is_some().then(Occurrences::default);
    let mut rows =
        Rows::read(plan.source.clone(), Steps { expect: plan.expect.clone(), occurrences, ..Steps::default() })?;
    let mut count = 0;
    while let Some(supply) = poll_fn(|context| Pin::new(&mut rows).poll_next(context)).await {
        let next = count + supply.len() as u64;
        if let Some(row) = supply.into_inputs().nth((position - count) as usize) {
            return Ok(row);
        }
        count = next;
    }
    if let Some(failure) = rows.end().failure() {
        return Err(failure.into());
    }
    usage(format!("there is no row {position}: the input has {count} rows, counted from 0"))
}

/// Why there is no record. Lines without order are found by their ids alone, and not all have one.
fn why_unknown(facts: &Facts, id: u64) -> String {
    let is = |name, value| facts.settings.get(name).is_some_and(|setting| setting == value);
    if !facts.is_ordered() && (is("--values", "true") || !is("--only", "none")) {
        return format!(
            "the record of task {id} cannot be found: the run was --unordered, and lines without ids remain"
        );
    }
    format!("the run has no record of task {id}; it runs for the first time")
}

/// Refuses a row that is another than the run had there.
fn check(row: &Input, recorded: &Recorded, id: u64, locator: &Locator) -> Result<()> {
    // A row that could not be read has no content.
    if row.is_rejected() || Key::of(row) == recorded.entry.record.key {
        return Ok(());
    }
    let place = locator.locate(row).map(|place| format!(" ({place})")).unwrap_or_default();
    let what = format!(
        "row {id}{place} differs from the row of the run: the input has changed since; name a file of the same rows: \
         wpool replay RUN ID FILE"
    );
    usage(what)
}

/// Where the core dump goes.
fn new_dump(typed: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(typed)?;
    if path.symlink_metadata().is_ok() {
        return usage("the file for the core dump exists; it is not replaced, so name another".into());
    }
    Ok(path)
}

/// Refuses a core dump where the task could put something in its place.
fn check_dump(path: &Path, plan: &Plan) -> Result<()> {
    let Some(granted) = plan.config.task.grants.writable_at(path) else { return Ok(()) };
    let (path, granted) = (path.display(), granted.display());
    usage(format!("--coredump: {path} lies in {granted}, which the task may write to; let it lie elsewhere"))
}

async fn once(plan: &Plan, program: Program, row: Input) -> Result<TaskResult> {
    let pool = Pool::builder(program).config(plan.config.clone()).build().await?;
    let result = pool.map([row]).next().await?.context("the task has no result")?;
    pool.shutdown(Shutdown::Kill).await;
    Ok(result)
}

fn write_dump(path: &Path, result: &TaskResult) -> Result<()> {
    let dump = result.receipt.measured.as_ref().and_then(|measured| measured.core_dump.as_ref());
    match dump {
        None => say(format_args!("there is no core dump: the task neither trapped nor used up its fuel")),
        Some(dump) if dump.is_empty() => say(format_args!("there is no core dump: it would be too large")),
        Some(dump) => {
            let written = Place::of(path).and_then(|place| place.replace(dump, PUBLIC, false));
            written.map_err(CannotWrite::at(path))?;
        }
    }
    Ok(())
}

/// Whether the task came to what the run has recorded, in a sentence.
fn compare(recorded: Option<&Recorded>, line: &[u8], result: &TaskResult) -> Result<String> {
    let Some(Recorded { entry, line: before }) = recorded else {
        return Ok("there is no record to compare with".into());
    };
    let (was, is) = (entry.record.status, result.outcome.status());
    if was != is {
        return Ok(format!("differs: the run has recorded {was}"));
    }
    let now: Value = serde_json::from_slice(line)?;
    // A line of --values, or one that was left out, says no more than the status.
    let Ok(before) = serde_json::from_slice::<Value>(before) else { return Ok(format!("recorded {was}, too")) };
    if before.get("id").is_none() || before["output"].get("file").is_some() {
        return Ok(format!("recorded {was}, too"));
    }
    // The clock decides how much a task has printed until its deadline.
    let output = |record: &Value| if was == Status::Timeout { Value::Null } else { record["output"].clone() };
    let parts = |record: &Value| [output(record), record["error"]["code"].clone()];
    let same = parts(&before) == parts(&now);
    Ok(if same { "the same as recorded" } else { "differs: the run has recorded another output or error" }.into())
}

/// A task as people see it.
fn describe(row: &Input, result: &TaskResult, locator: &Locator, compared: &str) -> Lines {
    let mut text = Lines::default();
    let head = |name: &str| format!("{name:<9} ");
    text.add(head("task") + &format!("{}: {} ({compared})", result.id.0, result.outcome.status()));
    let place = locator.locate(row).map(|place| format!("{place}, ")).unwrap_or_default();
    text.add(head("row") + &format!("{place}{}", plural(row.bytes.len() as u64, "byte")));
    if let Some(output) = result.outcome.output() {
        let is_cut = matches!(&result.outcome, Outcome::NotOk(failure) if failure.truncated);
        text.add_block(&head(if is_cut { "output, cut" } else { "output" }), &String::from_utf8_lossy(output));
    }
    let receipt = &result.receipt;
    let measured = receipt.measured.as_deref();
    let mut stderr = measured.and_then(|measured| measured.stderr.as_deref());
    if let Outcome::NotOk(failure) = &result.outcome {
        let ErrorDetail { code, message, backtrace, traceback, .. } = &failure.error;
        text.add_block(&head("error"), &format!("{code}: {message}"));
        if let Some(traceback) = traceback {
            text.add_block(&head("traceback"), traceback);
        }
        if !backtrace.is_empty() {
            let frames = backtrace.iter().enumerate().map(|(at, name)| format!("{at:>4} {}", inert::text(name)));
            text.add_block(&head("backtrace"), &frames.collect::<Vec<_>>().join("\n"));
        }
        stderr = failure.error.stderr.as_deref();
    }
    if let Some(stderr) = stderr {
        text.add_block(&head("stderr"), stderr.trim_end());
    }
    let memory = measured.and_then(|measured| measured.peak_memory).map(|bytes| format!(", {bytes} bytes of memory"));
    let fuel = measured.and_then(|measured| measured.fuel).map(|fuel| format!(", {fuel} units of fuel"));
    let layer = format!("{:?}", receipt.layer).to_lowercase();
    let (memory, fuel) = (memory.unwrap_or_default(), fuel.unwrap_or_default());
    text.add(
        head("receipt") + &format!("ended by {layer}, {:?}, attempts {}{memory}{fuel}", receipt.wall, receipt.attempts),
    );
    text
}

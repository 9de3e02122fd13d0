//! Merged records have neither a program nor a journal beside them: their shards have, and are run again instead.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;

use crate::cli::errors::usage;
use crate::cli::journal::{Facts, ShardFacts};
use crate::cli::plan::filled;
use crate::cli::shard::Shard;
use crate::cli::shell;

/// Commands that are told.
const MOST_COMMANDS: usize = 3;

/// Refuses merged records, and says what to type. `id` is the row that was asked for.
pub fn refuse(file: &Path, facts: &Facts, id: Option<u64>) -> Result<()> {
    let Some(shard) = facts.shard.as_ref().filter(|_| facts.is_merged()) else { return Ok(()) };
    let all = match id.and_then(|id| shard_of(shard, id)) {
        Some(number) => vec![number],
        None => shard.numbers.clone(),
    };
    let of_shards: Vec<_> = all.iter().map(|number| record_file(facts, *number, shard.of)).collect();
    let shown = file.display();
    let told: Vec<_> = of_shards.iter().take(MOST_COMMANDS).map(|file| command(file, id)).collect();
    let more = if of_shards.len() > MOST_COMMANDS { ", and so on" } else { "" };
    let told = told.join(", ");
    match id {
        Some(_) => usage(format!(
            "{shown} was merged from shards, which have its program and journal: replay the task in the file of its shard: \
             {told}{more}"
        )),
        None => usage(format!(
            "{shown} was merged from shards, which have its program and journal: rerun each of them, and merge again with \
             --overwrite: {told}{more}"
        )),
    }
}

/// The shard of a row, where it depends on its place alone.
fn shard_of(shard: &ShardFacts, id: u64) -> Option<u32> {
    let rows = shard.input.as_ref()?.rows;
    let cut = |number: &u32| Shard { number: *number, of: shard.of, by: shard.by }.cut(rows);
    shard.numbers.iter().copied().find(|number| cut(number).len(rows).is_some() && cut(number).takes(id, b""))
}

/// The file of a shard's records, as its run was typed.
fn record_file(facts: &Facts, number: u32, of: u32) -> String {
    let typed = facts.arguments.iter().zip(facts.arguments.iter().skip(1));
    let typed = typed.take_while(|(option, _)| option.as_bytes() != b"--");
    let mut paths = typed.filter(|(option, _)| matches!(option.as_bytes(), b"-o" | b"--output")).map(|(_, path)| path);
    match paths.next().map(|path| (filled(path.as_ref(), number, of), path)) {
        Some((path, typed)) if path.as_os_str() != &**typed => shell::path(&path.to_string_lossy()),
        _ => format!("FILE-OF-SHARD-{number}"),
    }
}

fn command(file: &str, id: Option<u64>) -> String {
    match id {
        Some(id) => format!("wpool replay {file} {id}"),
        None => format!("wpool rerun {file} --failed"),
    }
}

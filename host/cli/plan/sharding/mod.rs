//! The meaning of the options about shards, here.

mod engines;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use anyhow::Result;

use crate::cli::args;
use crate::cli::errors::usage;
use crate::cli::say;
use crate::cli::shard::Shard;
use engines::{Named, named};

/// The variable that decides where no shard is typed, whatever engines say.
const SHARD: &str = "WPOOL_SHARD";
/// The parts of paths that stand for the number of the shard, and for the count.
const NUMBER: &str = "{shard}";
const COUNT: &str = "{shards}";

/// The shard that was typed, which then stands in the paths of outputs.
pub fn shard(typed: &mut args::Run) -> Result<Option<Shard>> {
    let args::Sharding { shard, shard_count, .. } = typed.sharding;
    let by = typed.sharding.shard_by.by;
    let Some(which) = shard else { return Ok(None) };
    let count = shard_count.map(u32::from);
    let (number, of) = match which {
        args::Which::Fixed(number, of) if count.is_none_or(|count| count == of) => (number, of),
        args::Which::Fixed(number, of) => {
            return usage(format!("--shard {number}/{of} and --shard-count {} differ", count.unwrap_or_default()));
        }
        args::Which::Auto => auto(count, typed.messages.quiet)?,
    };
    let messages = &mut typed.messages;
    let beside = [&mut messages.summary_json, &mut messages.events, &mut messages.metrics_file];
    let paths = [&mut typed.output.output, &mut typed.output.failed].into_iter().chain(beside);
    for path in paths.flatten() {
        *path = filled(path, number, of);
    }
    Ok(Some(Shard { number, of, by }))
}

/// A path with the number of a shard in its place.
pub fn filled(path: &std::path::Path, number: u32, of: u32) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let bytes = replaced(bytes, NUMBER, &number.to_string());
    OsString::from_vec(replaced(&bytes, COUNT, &of.to_string())).into()
}

fn replaced(bytes: &[u8], what: &str, with: &str) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, what.as_bytes()) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(with.as_bytes());
        rest = &rest[at + what.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// The shard that the environment names. People are told what was read: all shards of a run that silently took the same
/// rows would look as a success.
fn auto(count: Option<u32>, quiet: bool) -> Result<(u32, u32)> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    if let Some(text) = variable(SHARD).filter(|text| !text.is_empty()) {
        let Some((number, of)) = args::fixed(&text).filter(|(_, of)| count.is_none_or(|count| count == *of)) else {
            return usage(format!("{SHARD}={text} does not name a shard, such as 2/8, of the count that was given"));
        };
        if !quiet {
            say(format_args!("shard {number} of {of}: {SHARD}={text}"));
        }
        return Ok((number, of));
    }
    let named = match named(&variable, count) {
        Ok(named) => named,
        Err(why) => return usage(format!("--shard auto: {why}; --shard I/N or {SHARD}=I/N decides")),
    };
    let Some(Named { engine, number, of, read }) = named.first() else {
        return usage(format!(
            "--shard auto: no variable of an engine names a shard here; give --shard I/N or {SHARD}=I/N"
        ));
    };
    if let Some(other) = named.iter().find(|other| (other.number, other.of) != (*number, *of)) {
        return usage(format!(
            "--shard auto: {engine} says shard {number} of {of} ({read}), and {} says shard {} of {} ({}); give --shard \
             I/N or {SHARD}=I/N",
            other.engine, other.number, other.of, other.read
        ));
    }
    if !quiet {
        for Named { engine, number, of, read } in &named {
            say(format_args!("shard {number} of {of}, by {engine}: {read}"));
        }
    }
    Ok((*number, *of))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_number_stands_where_a_path_has_its_place() {
        assert_eq!(filled(Path::new("a/{shard}-of-{shards}/{shard}"), 2, 8), Path::new("a/2-of-8/2"));
        assert_eq!(filled(Path::new("{shar}{id}"), 2, 8), Path::new("{shar}{id}"));
    }
}

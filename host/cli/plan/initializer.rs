//! The meaning of the options about `init`.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, ensure};
use wpool::Init;
use wpool::limits::MAX_INPUT;

use crate::cli::args;
use crate::cli::plan::usage;

/// How `init` is run, if anything was said about it.
pub fn init(typed: &args::Initializer) -> Result<Option<Init>> {
    let args::Initializer { init_arg, init_timeout, init_each } = typed;
    if init_arg.is_none() && init_timeout.is_none() && !init_each {
        return Ok(None);
    }
    let argument = init_arg.as_deref().map(argument).transpose()?.unwrap_or_default();
    let mut init = Init { argument: argument.into(), each: *init_each, ..Init::default() };
    if let Some(timeout) = init_timeout {
        init.timeout = *timeout;
    }
    Ok(Some(init))
}

fn argument(text: &str) -> Result<Vec<u8>> {
    let Some(file) = text.strip_prefix('@') else {
        return match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(text.as_bytes().to_vec()),
            Err(error) => usage(format!("--init-arg {text}: not JSON ({error}); @FILE gives the bytes of a file")),
        };
    };
    let cannot = || format!("cannot read {file} (--init-arg)");
    // A pipe or a device has no length before it is read.
    let mut bytes = Vec::new();
    let most = MAX_INPUT as u64 + 1;
    File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)).with_context(cannot)?;
    ensure!(bytes.len() <= MAX_INPUT, "{file} is over {} MiB (--init-arg)", MAX_INPUT >> 20);
    Ok(bytes)
}

//! The first rows of a run, in memory.

use std::future::poll_fn;
use std::pin::Pin;

use anyhow::Result;
use futures_core::Stream;
use wpool::Input;
use wpool::bulk::Supply;

use crate::cli::plan::Plan;
use crate::cli::rows::{Occurrences, Rows, Steps};

/// Bytes of rows after which no further one is taken.
const MOST_BYTES: usize = 64 << 20;

/// The first rows of a run.
pub struct FirstRows {
    pub inputs: Vec<Input>,
    /// They are only bytes.
    pub plain: bool,
}

/// The first rows, at most `most`, as a run would give them to its pool.
pub async fn first_rows(plan: &Plan, most: usize) -> Result<FirstRows> {
    let occurrences = plan.config.task.deterministic.is_some().then(Occurrences::default);
    let mut rows = Rows::read(plan.source.clone(), Steps { occurrences, ..Steps::default() })?;
    let (end, mut inputs, mut bytes, mut plain) = (rows.end(), Vec::new(), 0, true);
    while inputs.len() < most && bytes < MOST_BYTES {
        let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await else { break };
        plain &= matches!(supply, Supply::Many(_));
        for input in supply.into_inputs().take(most - inputs.len()) {
            bytes += input.bytes.len();
            inputs.push(input);
        }
    }
    match end.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(FirstRows { inputs, plain }),
    }
}

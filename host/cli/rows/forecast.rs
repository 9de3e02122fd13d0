//! The expectations of rows, by a kept run: how long each takes, and which were not ok. Rows are known by their content,
//! wherever they stand.

use std::future::poll_fn;
use std::pin::Pin;

use anyhow::Result;
use bytes::Bytes;
use futures_core::Stream;
use wpool::{Input, Status};

use crate::cli::plan::Times;
use crate::cli::rows::Rows;
use crate::cli::shard::{Cut, content};

/// Bytes of rows that are held to be started before all others. Rows over it keep their places.
const HELD: usize = 64 << 20;

/// The expectation of each row of an input.
#[derive(Debug, Default)]
pub struct Forecast {
    /// Seconds, by the position of the row; 0 for a row that does not run.
    pub seconds: Vec<f32>,
    /// Rows that were not ok, in their order.
    pub failed: Vec<u64>,
    /// Rows that the run had, too.
    pub known: u64,
}

/// Looks at all rows. Those that are not of a shard do not run.
pub async fn forecast(rows: Rows, times: &Times, cut: Option<&Cut>) -> Result<Forecast> {
    let mut found = Forecast::default();
    each(rows, |row, position| {
        let runs = !row.is_rejected() && cut.is_none_or(|cut| cut.has(position, content(&row)));
        let ran = if runs { times.ran(&row) } else { None };
        found.known += u64::from(ran.is_some());
        if ran.is_some_and(|ran| ran.status() != Status::Ok) {
            found.failed.push(position);
        }
        found.seconds.push(if runs { ran.map_or(times.median(), |ran| ran.seconds()) } else { 0.0 });
    })
    .await?;
    Ok(found)
}

/// The rows at some positions, in the order of these, with their positions. Not all of them where they are many bytes.
pub async fn pick(rows: Rows, positions: &[u64]) -> Result<Vec<(u64, Input)>> {
    let mut wanted: Vec<_> = positions.iter().zip(0..).map(|(position, turn)| (*position, turn)).collect();
    wanted.sort_unstable();
    let mut wanted = wanted.into_iter().peekable();
    let (mut picked, mut held) = (Vec::new(), 0);
    each(rows, |mut row, position| {
        let Some((_, turn)) = wanted.next_if(|(next, _)| *next == position) else { return };
        if held + row.bytes.len() <= HELD {
            held += row.bytes.len();
            // It must not keep the block alive in which it was read.
            row.bytes = Bytes::copy_from_slice(&row.bytes);
            picked.push((turn, position, row));
        }
    })
    .await?;
    picked.sort_unstable_by_key(|(turn, ..)| *turn);
    Ok(picked.into_iter().map(|(_, position, row)| (position, row)).collect())
}

async fn each(mut rows: Rows, mut take: impl FnMut(Input, u64)) -> Result<()> {
    let (end, mut position) = (rows.end(), 0);
    while let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        for row in supply.into_inputs() {
            take(row, position);
            position += 1;
        }
    }
    match end.failure() {
        Some(why) => Err(anyhow::Error::msg(why)),
        None => Ok(()),
    }
}

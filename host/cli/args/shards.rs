//! Options of shards.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::cli::args::choices::choices;
use crate::cli::shard::By;
use crate::cli::units::at_least_one;

const GRAMMAR: &str = "expected I/N, such as 2/8 (shards are counted from 1), or auto";

/// The value of `--shard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// As the variables of an engine say.
    Auto,
    /// The number, from 1 to the count.
    Fixed(u32, u32),
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shards")]
pub struct Sharding {
    /// Run one part of the rows, the I-th of N; auto asks the variables of the engine that started wpool.
    /// {shard} in the paths of outputs is I
    #[arg(long, value_name = "I/N|auto", value_parser = which, conflicts_with_all = ["once", "state", "state_in", "state_out"])]
    pub shard: Option<Which>,
    /// Number of shards, where the engine does not know it, or runs some of them again
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>, requires = "shard",
        allow_negative_numbers = true)]
    pub shard_count: Option<NonZeroU32>,
    #[arg(long, value_name = "HOW", default_value = "slice", hide_default_value = true, value_parser = dealing,
        requires = "shard", help = choices::<By>("How rows are dealt to shards [default: slice]"))]
    pub shard_by: Dealing,
}

/// How rows are dealt, and the run that tells how long they take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealing {
    pub by: By,
    pub history: Option<PathBuf>,
}

/// The value of `--shard-by`.
fn dealing(text: &str) -> Result<Dealing, String> {
    let dealt = |by| Ok(Dealing { by, history: None });
    match text.split_once(':') {
        None if text == "slice" => dealt(By::Slice),
        None if text == "block" => dealt(By::Block),
        None if text == "hash" => dealt(By::Hash),
        Some(("time", run)) if !run.is_empty() => Ok(Dealing { by: By::Time, history: Some(run.into()) }),
        _ => Err("expected slice, block, hash or time:RUN with a kept run".to_owned()),
    }
}

/// `I/N` or `auto`.
pub fn which(text: &str) -> Result<Which, String> {
    if text == "auto" {
        return Ok(Which::Auto);
    }
    fixed(text).map(|(number, of)| Which::Fixed(number, of)).ok_or_else(|| GRAMMAR.to_owned())
}

/// The number and the count of `I/N`.
pub fn fixed(text: &str) -> Option<(u32, u32)> {
    let (number, of) = text.split_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, of) = (Some(number).filter(|it| digits(it))?, Some(of).filter(|it| digits(it))?);
    let (number, of): (u32, u32) = (number.parse().ok()?, of.parse().ok()?);
    (1..=of).contains(&number).then_some((number, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_dealt_by_one_of_four_ways() {
        assert_eq!(dealing("hash"), Ok(Dealing { by: By::Hash, history: None }));
        let by_time = Dealing { by: By::Time, history: Some("a:b".into()) };
        assert_eq!(dealing("time:a:b"), Ok(by_time));
        for text in ["", "time", "time:", "slices", "slice:x"] {
            assert!(dealing(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_shard_is_counted_from_one() {
        assert_eq!(which("2/8"), Ok(Which::Fixed(2, 8)));
        assert_eq!(which("auto"), Ok(Which::Auto));
        for text in ["", "0/8", "9/8", "1/0", "1", "/", "1/", "-1/8", "+1/8", "1/8/2", "Auto", "1/4294967296"] {
            assert_eq!(which(text), Err(GRAMMAR.to_owned()), "{text}");
        }
    }
}

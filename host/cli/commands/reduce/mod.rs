//! `wpool reduce`: one value of all outputs of a file of records.
//!
//! The value is that of a binary tree over the ids of the rows, whatever computes it: the node of two neighbours has the
//! value that the program makes of theirs, and where one of them is missing, the value of the other. So the same bits come
//! out with any number of workers, and of the merged file of any number of shards, also where the order of operations
//! matters, as it does for sums of floating-point numbers.

mod tree;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::value::RawValue;
use wpool::limits::{CompileLimits, MAX_WORKERS};
use wpool::{Limits, Pool, PoolConfig, Shutdown, Status, TaskSettings};

use crate::cli::args;
use crate::cli::commands::reduce::tree::{Node, Unreduced, fold};
use crate::cli::errors::usage;
use crate::cli::exit::Exit;
use crate::cli::plan::base_config;
use crate::cli::print::Printer;
use crate::cli::program;
use crate::cli::records::cursor::Cursor;
use crate::cli::runtime::runtime;
use crate::cli::say;
use crate::cli::scripts::RowsAs;
use crate::cli::units::plural;

/// Rows whose outputs are in memory together: a power of two, so that a block of neighbours is a node of the tree.
const BLOCK_BITS: u32 = 12;
/// Bytes of records that are read at a time.
const READ: usize = 256 << 10;

/// Makes one value of all outputs.
pub fn reduce(args: &args::Reduce) -> Result<Exit> {
    let mut config = config(args)?;
    let subject = program::load(&args.task, &[], &config.policy, args.quiet)?;
    subject.start_with(RowsAs::Json, &mut config);
    let mut records = Records::open(&args.file)?;
    let value = runtime()?.block_on(async {
        let pool = Pool::builder(subject.program).config(config).build().await?;
        let value = records.reduce(&pool).await;
        pool.shutdown(Shutdown::Kill).await;
        value
    });
    let value = match value {
        Ok(value) => value,
        Err(error) if error.is::<Unreduced>() => {
            say(format_args!("{error}"));
            return Ok(Exit::NotOk);
        }
        Err(error) => return Err(error),
    };
    records.end(args, value)
}

fn config(args: &args::Reduce) -> Result<PoolConfig> {
    let base = base_config()?;
    let workers = args.jobs.map_or(base.workers, |jobs| jobs.of(base.workers));
    if workers > MAX_WORKERS {
        return usage(format!("-j {workers} is more than the {MAX_WORKERS} workers that a pool may have"));
    }
    let limits = Limits { deadline: args.timeout, memory: args.memory, ..Limits::default() };
    let task = TaskSettings { limits, json_rows: true, ..TaskSettings::default() };
    let compile_limits = CompileLimits::default();
    Ok(PoolConfig { workers, task, call: args.call.clone(), compile_limits, ..base })
}

/// The records of a file, in the order of their ids.
struct Records {
    cursor: Cursor,
    path: PathBuf,
    /// The id and the output that were read last and are of the next block.
    next: Option<Node>,
    last: Option<u64>,
    /// Rows with an output.
    rows: u64,
    left_out: u64,
}

/// The part of a record that is reduced.
#[derive(serde::Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    output: &'a RawValue,
}

impl Records {
    fn open(path: &Path) -> Result<Records> {
        let cannot = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot)?;
        let metadata = file.metadata().with_context(cannot)?;
        if !metadata.is_file() {
            return usage(format!("{} is not a regular file", path.display()));
        }
        let cursor = Cursor::new(Arc::new(file), path.to_owned(), 0..metadata.len(), READ);
        Ok(Records { cursor, path: path.to_owned(), next: None, last: None, rows: 0, left_out: 0 })
    }

    async fn reduce(&mut self, pool: &Pool) -> Result<Option<Node>> {
        let mut blocks = Vec::new();
        self.next = self.read()?;
        while let Some(first) = self.next.take() {
            let block = first.index >> BLOCK_BITS;
            let mut nodes = vec![first];
            while let Some(node) = self.read()? {
                if node.index >> BLOCK_BITS != block {
                    self.next = Some(node);
                    break;
                }
                nodes.push(node);
            }
            blocks.extend(fold(pool, nodes, 0).await?.map(|node| Node { index: block, value: node.value }));
        }
        fold(pool, blocks, BLOCK_BITS).await
    }

    /// The next output.
    fn read(&mut self) -> Result<Option<Node>> {
        let mut line = Vec::new();
        while let Some(head) = self.cursor.head()? {
            if self.last.is_some_and(|last| last >= head.id) {
                return usage(format!(
                    "the records of {} are not in the order of their ids, as those of --unordered runs are not: `wpool merge` \
                     sorts those of shards, and `sort -t: -k2n` those of one run",
                    self.path.display()
                ));
            }
            if !self.cursor.take(&mut line)? {
                break;
            }
            self.last = Some(head.id);
            if head.status == Status::Ok {
                let Output { output } = serde_json::from_slice(&line)?;
                self.rows += 1;
                return Ok(Some(Node { index: head.id, value: output.get().to_owned() }));
            }
            self.left_out += 1;
        }
        Ok(None)
    }

    /// Prints the value, and tells of what it is.
    fn end(&self, args: &args::Reduce, value: Option<Node>) -> Result<Exit> {
        let path = args.file.display();
        if self.cursor.torn {
            say(format_args!("the last record of {path} is cut off, and was left out"));
        }
        let Some(Node { value, .. }) = value else {
            say(format_args!("there is no output in {path}"));
            return Ok(Exit::NoInputs);
        };
        let mut out = Printer::start();
        out.json(&serde_json::from_str::<&RawValue>(&value)?)?;
        let printed = out.end();
        if !args.quiet {
            let left_out = match self.left_out {
                0 => String::new(),
                rows => format!("; {} left out that are not ok", plural(rows, "row")),
            };
            say(format_args!("one value of {}{left_out}", plural(self.rows, "row")));
        }
        let is_whole = self.left_out == 0 && !self.cursor.torn;
        Ok(printed.max(if is_whole { Exit::Ok } else { Exit::NotOk }))
    }
}

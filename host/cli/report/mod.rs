//! What comes of results: lines, files, counts, and a summary in the end. Progress beside it.

mod advice;
mod bar;
mod ledger;
mod progress;
mod summary;
mod tally;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_core::Stream;
use wpool::{Failure, Input, Layer, Outcome, Results, Status, TaskResult};

use super::args::Only;
use super::exit::Exit;
use super::out_dir::OutDir;
use super::plan::Plan;
use super::record::Format;
use super::rows::Locator;
use super::say;
use super::stopping::Halting;
use super::writer::{Piece, WriteEnd, Writer};
pub use ledger::{Ledger, tell};
pub use progress::{Meter, Monitor, Showing, Shown};
pub use summary::Summary;
pub use tally::Tally;

/// Turns results into lines.
pub struct Reporter {
    format: Format,
    only: Option<Only>,
    out_dir: Option<Arc<OutDir>>,
    output: Writer,
    failed: Option<Writer>,
    halting: Arc<Halting>,
    pub tally: Tally,
    /// Time spent on making records, and on waiting for who reads them.
    pub spent: Duration,
    /// The output takes no more.
    pub unwanted: bool,
}

impl Reporter {
    pub fn new(plan: &Plan, locator: Locator, out_dir: Option<Arc<OutDir>>, halting: Arc<Halting>) -> Result<Reporter> {
        let output = match &plan.output {
            Some(file) => Writer::create(&file.path, file.overwrite)?,
            None => Writer::stdout()?,
        };
        let failed = plan.failed.as_ref().map(|path| Writer::create(path, true)).transpose()?;
        Ok(Reporter {
            format: Format { style: plan.style, output_type: plan.output_type, locator },
            only: plan.only,
            out_dir,
            output,
            failed,
            halting,
            tally: Tally::default(),
            spent: Duration::ZERO,
            unwanted: false,
        })
    }

    /// Reports every result, or as many as somebody wants to read.
    pub async fn report<S>(&mut self, mut results: Results<'_, S>) -> Result<()>
    where
        S: Stream<Item: Into<Input>>,
    {
        loop {
            let (mut piece, mut failed) = (Piece::default(), Piece::default());
            let mut any = false;
            let chunk = results.next_chunk().await?;
            let began = Instant::now();
            for result in chunk {
                any = true;
                self.take(result, &mut piece, &mut failed.lines);
            }
            if !any {
                return Ok(());
            }
            self.unwanted = !self.output.write(piece).await;
            if let Some(writer) = &self.failed {
                self.unwanted |= !writer.write(failed).await;
            }
            self.spent += began.elapsed();
            if self.unwanted {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut result: TaskResult, piece: &mut Piece, failed: &mut Vec<u8>) {
        if result.outcome.status() == Status::Ok {
            self.check_type(&mut result);
            self.halting.judged(result.outcome.status());
        }
        self.tally.add(&result);
        let file = self.write_file(&result, piece);
        let ok = result.outcome.status() == Status::Ok;
        if self.only.is_none_or(|only| (only == Only::Ok) == ok) {
            self.format.push(&result, file.as_deref(), &mut piece.lines);
        }
        let row = result.input.name.as_deref().map_or(&*result.input.bytes, str::as_bytes);
        if !ok && self.failed.is_some() && !row.is_empty() {
            failed.extend_from_slice(row);
            failed.push(b'\n');
        }
    }

    /// An output that is not what all should be is a failure.
    fn check_type(&self, result: &mut TaskResult) {
        if let Outcome::Ok(output) = &result.outcome
            && let Some(error) = self.format.output_type.flaw(output)
        {
            let output = Some(output.clone()).filter(|output| !output.is_empty());
            result.receipt.layer = Layer::Host;
            result.outcome = Outcome::NotOk(Box::new(Failure { status: Status::Failed, output, error }));
        }
    }

    /// Has an output written as a file, if outputs are, and gives the path for the record.
    fn write_file(&self, result: &TaskResult, piece: &mut Piece) -> Option<String> {
        let (Some(dir), Outcome::Ok(output)) = (&self.out_dir, &result.outcome) else { return None };
        // The row would have been rejected if it made no name.
        let name = dir.name(&result.input, result.id.0).ok()?;
        let shown = dir.show(&name);
        piece.push_file(dir, name, output);
        Some(shown)
    }

    /// Waits for the last line to be written.
    pub fn finish(self) -> Reported {
        let (mut exit, mut closed) = (None, false);
        for writer in [Some(self.output), self.failed].into_iter().flatten() {
            match writer.finish() {
                Ok(()) => {}
                Err(WriteEnd::Closed) => closed = true,
                Err(WriteEnd::Failed(error)) => {
                    say(format_args!("{:#}", anyhow::Error::from(error)));
                    exit = Some(Exit::Output);
                }
            }
        }
        Reported { tally: self.tally, exit, closed }
    }
}

/// What came of reporting.
pub struct Reported {
    pub tally: Tally,
    /// Set if something could not be written.
    pub exit: Option<Exit>,
    /// Who read the output has seen enough.
    pub closed: bool,
}

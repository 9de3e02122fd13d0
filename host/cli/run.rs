//! `wpool run`: rows in, records out.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_core::Stream;
use tokio::runtime::Runtime;
use wpool::{Failure, Input, Layer, Outcome, Pool, Program, Results, Status, Stopper, TaskResult};

use super::check;
use super::exit::Exit;
use super::out_dir::{OutDir, OutNames};
use super::plan::Plan;
use super::record::Format;
use super::rows::{Locator, Rows};
use super::say;
use super::signals::Interruption;
use super::state;
use super::summary::Summary;
use super::writer::{Piece, WriteEnd, Writer};

/// Carries a plan out.
pub fn run(plan: Plan) -> Result<Exit> {
    let program = Program::read(&plan.task)?;
    runtime()?.block_on(execute(plan, program))
}

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

async fn execute(mut plan: Plan, program: Program) -> Result<Exit> {
    let mut pool = Pool::start(&program, plan.config.clone()).await?;
    let locator = Locator::new(&plan.source);
    let out_dir = plan.out_dir.as_ref().map(OutDir::open).transpose()?;
    // They live as long as the run: the rows are read from them again.
    let _spools = if plan.strict { check::spool(&mut plan.source)? } else { Vec::new() };
    let names = || out_dir.clone().map(|dir| OutNames::new(dir, plan.own_files()));
    if plan.strict {
        let rows = Rows::read(plan.source.clone(), names())?;
        if !check::all_fit(rows, &locator, &pool.report().row_check(&plan.config.grants)).await? {
            return Ok(Exit::InputRefused);
        }
    }
    let stopper = pool.stopper();
    let interruption = Interruption::listen(stopper.clone())?;
    let mut reporter = Reporter::new(&plan, locator, out_dir.clone(), stopper)?;
    let rows = Rows::read(plan.source.clone(), names())?;
    let failure = rows.failure();
    let reported = reporter.report(pool.map(rows)).await;
    let unread = failure();
    let stopped = reporter.stopped || interruption.exit().is_some();
    if !plan.quiet && !reporter.unwanted {
        reporter.summary.print(pool.stats(), plan.config.workers, stopped);
    }
    pool.close().await;
    // Whatever ended the run, what it had to say is written first.
    let exit = reporter.finish().max(state::write(&plan));
    match reported {
        // Told to end before it could begin.
        Err(_) if interruption.exit().is_some() => {}
        other => other?,
    }
    if let Some(why) = &unread {
        say(format_args!("{why}"));
    }
    let exits = [interruption.exit(), unread.map(|_| Exit::SetUp), Some(exit)];
    Ok(exits.into_iter().flatten().max().unwrap_or(Exit::Ok))
}

/// Turns results into lines.
struct Reporter {
    format: Format,
    out_dir: Option<Arc<OutDir>>,
    output: Writer,
    failed: Option<Writer>,
    max_fail: Option<usize>,
    stopper: Stopper,
    summary: Summary,
    /// `--max-fail` has stopped the run.
    stopped: bool,
    /// The output takes no more.
    unwanted: bool,
}

impl Reporter {
    fn new(plan: &Plan, locator: Locator, out_dir: Option<Arc<OutDir>>, stopper: Stopper) -> Result<Reporter> {
        let output = match &plan.output {
            Some(file) => Writer::create(&file.path, file.overwrite)?,
            None => Writer::stdout()?,
        };
        let failed = plan.failed.as_ref().map(|path| Writer::create(path, true)).transpose()?;
        Ok(Reporter {
            format: Format { style: plan.style, output_type: plan.output_type, locator },
            out_dir,
            output,
            failed,
            max_fail: plan.max_fail,
            stopper,
            summary: Summary::new(),
            stopped: false,
            unwanted: false,
        })
    }

    /// Reports every result, or as many as somebody wants to read.
    async fn report<S>(&mut self, mut results: Results<'_, S>) -> Result<()>
    where
        S: Stream<Item: Into<Input>>,
    {
        loop {
            let (mut piece, mut failed) = (Piece::default(), Piece::default());
            let mut any = false;
            for result in results.next_chunk().await? {
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
            if self.unwanted {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut result: TaskResult, piece: &mut Piece, failed: &mut Vec<u8>) {
        self.check_type(&mut result);
        self.summary.count(result.outcome.status());
        let file = self.write_file(&result, piece);
        self.format.push(&result, file.as_deref(), &mut piece.lines);
        if let Outcome::NotOk(_) = result.outcome {
            let row = result.input.name.as_deref().map_or(&*result.input.bytes, str::as_bytes);
            if self.failed.is_some() && !row.is_empty() {
                failed.extend_from_slice(row);
                failed.push(b'\n');
            }
            if !self.stopped && self.max_fail.is_some_and(|most| self.summary.not_ok() >= most as u64) {
                self.stopped = true;
                self.stopper.drain();
            }
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

    /// Waits for the last line to be written, and says how the run ended.
    fn finish(self) -> Exit {
        let mut exit = match (self.summary.total(), self.summary.not_ok()) {
            (0, _) => Exit::NoInputs,
            (_, 0) => Exit::Ok,
            _ => Exit::NotOk,
        };
        if self.stopped {
            exit = exit.max(Exit::Stopped);
        }
        for writer in [Some(self.output), self.failed].into_iter().flatten() {
            match writer.finish() {
                Ok(()) | Err(WriteEnd::Closed) => {}
                Err(WriteEnd::Failed(error)) => {
                    say(format_args!("{:#}", anyhow::Error::from(error)));
                    exit = exit.max(Exit::Output);
                }
            }
        }
        exit
    }
}

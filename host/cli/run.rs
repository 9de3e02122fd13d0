//! `wpool run`: rows in, records out.

use anyhow::{Context, Result};
use futures_core::Stream;
use tokio::runtime::Runtime;
use wpool::{Input, Outcome, Pool, Program, Results, Stopper, TaskResult};

use super::check::{self, Spooled};
use super::exit::Exit;
use super::plan::{Plan, Source, Style};
use super::record;
use super::rows::{Locator, Rows};
use super::say;
use super::signals::Interruption;
use super::summary::Summary;
use super::writer::{WriteEnd, Writer};

/// Carries a plan out.
pub fn run(plan: Plan) -> Result<Exit> {
    let program = Program::read(&plan.task)?;
    runtime()?.block_on(execute(plan, program))
}

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

async fn execute(plan: Plan, program: Program) -> Result<Exit> {
    let mut pool = Pool::start(&program, plan.config.clone()).await?;
    let inputs = Inputs::of(&plan)?;
    if plan.strict && !inputs.fit(&pool).await? {
        return Ok(Exit::InputRefused);
    }
    let stopper = pool.stopper();
    let interruption = Interruption::listen(stopper.clone())?;
    let mut reporter = Reporter::new(&plan, inputs.locator.clone(), stopper)?;
    let (reported, unread) = match &inputs.files {
        None => (reporter.report(pool.map_iter([Input::new("")])).await, None),
        Some(spooled) => {
            let rows = Rows::read(spooled.files.clone())?;
            let failure = rows.failure();
            (reporter.report(pool.map(rows)).await, failure())
        }
    };
    let stopped = reporter.stopped || interruption.exit().is_some();
    if !plan.quiet && !reporter.unwanted {
        reporter.summary.print(pool.stats(), plan.config.workers, stopped);
    }
    pool.close().await;
    // Whatever ended the run, what it had to say is written first.
    let exit = reporter.finish();
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

/// Where the rows of a run are.
struct Inputs {
    /// `None` is one run without input.
    files: Option<Spooled>,
    locator: Locator,
}

impl Inputs {
    fn of(plan: &Plan) -> Result<Inputs> {
        let files = match &plan.source {
            Source::Once => return Ok(Inputs { files: None, locator: Locator::new(&[]) }),
            Source::Files(files) => files,
        };
        let spooled = if plan.strict { Spooled::new(files)? } else { Spooled::once(files) };
        Ok(Inputs { files: Some(spooled), locator: Locator::new(files) })
    }

    /// Whether every row is fit to run. Tells of those that are not.
    async fn fit(&self, pool: &Pool) -> Result<bool> {
        let Some(spooled) = &self.files else { return Ok(true) };
        let tell = |line| say(format_args!("{line}"));
        let checked = check::rows(&spooled.files, &self.locator, &pool.report().row_check(), tell).await?;
        if checked.bad > 0 {
            say(format_args!("nothing was run: {} of {} rows are bad (--strict-input)", checked.bad, checked.rows));
        }
        Ok(checked.bad == 0)
    }
}

/// Turns results into lines.
struct Reporter {
    style: Style,
    locator: Locator,
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
    fn new(plan: &Plan, locator: Locator, stopper: Stopper) -> Result<Reporter> {
        let output = match &plan.output {
            Some(file) => Writer::create(&file.path, file.overwrite)?,
            None => Writer::stdout()?,
        };
        let failed = plan.failed.as_ref().map(|path| Writer::create(path, true)).transpose()?;
        Ok(Reporter {
            style: plan.style,
            locator,
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
            let (mut lines, mut failed) = (Vec::new(), Vec::new());
            let mut any = false;
            for result in results.next_chunk().await? {
                any = true;
                self.take(&result, &mut lines, &mut failed);
            }
            if !any {
                return Ok(());
            }
            self.unwanted = !self.output.write(lines).await;
            if let Some(writer) = &self.failed {
                self.unwanted |= !writer.write(failed).await;
            }
            if self.unwanted {
                return Ok(());
            }
        }
    }

    fn take(&mut self, result: &TaskResult, lines: &mut Vec<u8>, failed: &mut Vec<u8>) {
        self.summary.count(result.outcome.status());
        record::push(result, self.style, &self.locator, lines);
        if let Outcome::NotOk(_) = result.outcome {
            if self.failed.is_some() && !result.input.bytes.is_empty() {
                failed.extend_from_slice(&result.input.bytes);
                failed.push(b'\n');
            }
            if !self.stopped && self.max_fail.is_some_and(|most| self.summary.not_ok() >= most as u64) {
                self.stopped = true;
                self.stopper.drain();
            }
        }
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

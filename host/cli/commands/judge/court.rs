//! Runs programs one after the other over their tests.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_core::Stream;
use wpool::outcome::ErrorDetail;
use wpool::{
    Error, Event, Failure, Input, Observer, Pool, PoolConfig, Program, Shutdown, Status, Stopper, TaskId, TaskResult,
};

use crate::cli::commands::judge::programs::Entry;
use crate::cli::commands::judge::table::{Judgement, Table, finish};
use crate::cli::exit::Exit;
use crate::cli::plan::{Locator, Plan, Shown};
use crate::cli::records::opening::writer;
use crate::cli::records::places::Places;
use crate::cli::report::{Compiling, Front, Marks, Pieces, Reported, Reporter};
use crate::cli::rows::spool::Spooled;
use crate::cli::rows::{Naming, Occurrences, Rows, RowsEnd, Steps};
use crate::cli::run::asked::Asked;
use crate::cli::run::signals::Interruption;
use crate::cli::runtime::beside;
use crate::cli::tell::tell;
use crate::cli::{options, say};

/// The shortest time that a pool can have.
const SHORTEST: Duration = Duration::from_millis(1);

/// The pool that runs at the moment, for what stops it.
#[derive(Clone, Debug, Default)]
struct Current(Arc<Mutex<Option<Stopper>>>);

impl Current {
    fn set(&self, stopper: Option<Stopper>) {
        *self.lock() = stopper;
    }

    fn stop(&self, how: Shutdown) {
        let stopper = self.lock().clone();
        stopper.iter().for_each(|stopper| stopper.stop(how));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stopper>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Judges all programs, and tells the verdicts.
pub async fn hold(plan: &Plan, programs: &[Entry], naming: Option<Naming>, asked: &Asked) -> Result<Exit> {
    let began = Instant::now();
    let current = Current::default();
    let stop = current.clone();
    let interruption = Interruption::listen(move |how| stop.stop(how), asked, plan.grace)?;
    let source = plan.source.clone();
    let Some(rows) = asked.before(beside(move || Spooled::twice(source))).await.transpose()? else {
        return Ok(interruption.exit().unwrap_or(Exit::Ok));
    };
    let reporter = Reporter::new(plan, Locator::new(&plan.source), None, Box::new(|_| {}), writer(plan, None)?);
    let table = Table::new(programs.iter().map(|entry| &*entry.name), plan.messages.quiet);
    let mut court = Court {
        plan,
        rows,
        naming,
        reporter,
        current,
        asked,
        interruption,
        table,
        all: Marks::default(),
        failed: None,
        ends: plan.deadline.map(|time| began + time),
    };
    let judged = court.judge(programs).await;
    let late = court.is_late();
    let Court { reporter, interruption, table, all, failed, .. } = court;
    let Reported { exit: written, closed, .. } = reporter.finish(&asked.forced()).await;
    let stopped = interruption.exit();
    if let (Err(error), None) = (judged, stopped) {
        return Err(error);
    }
    let of_tests = match () {
        () if all.tests() == 0 && stopped.is_none() && failed.is_none() => Exit::NoInputs,
        () if all.present().any(|(verdict, _)| !verdict.is_accepted()) => Exit::NotOk,
        () => Exit::Ok,
    };
    let exit = [written, stopped, failed, late.then_some(Exit::Deadline), Some(of_tests)]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or(Exit::Ok);
    let end = closed.then_some("closed output").or(late.then_some("the policy's deadline"));
    let stopped = stopped.map(|_| interruption.name()).or(end);
    finish(plan, table, all, (stopped, began.elapsed(), exit))
}

/// A judging that goes on.
struct Court<'a> {
    plan: &'a Plan,
    rows: Spooled,
    naming: Option<Naming>,
    reporter: Reporter,
    current: Current,
    asked: &'a Asked,
    interruption: Interruption,
    table: Table,
    /// What became of the tests of all programs.
    all: Marks,
    /// Why not all rows could be read.
    failed: Option<Exit>,
    /// When the time that a policy allows for all programs together is over.
    ends: Option<Instant>,
}

impl Court<'_> {
    async fn judge(&mut self, programs: &[Entry]) -> Result<()> {
        for entry in programs {
            if !self.goes_on() {
                return Ok(());
            }
            self.program(entry).await?;
        }
        match self.naming.clone() {
            Some(naming) if self.goes_on() => self.rest(&naming).await,
            _ => Ok(()),
        }
    }

    fn goes_on(&self) -> bool {
        self.interruption.exit().is_none() && self.failed.is_none() && !self.reporter.unwanted && !self.is_late()
    }

    fn is_late(&self) -> bool {
        self.ends.is_some_and(|ends| Instant::now() >= ends)
    }

    /// Judges a program.
    async fn program(&mut self, entry: &Entry) -> Result<()> {
        // The pool itself ends its tasks when the time is over.
        let left = self.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
        let Some(started) = self.asked.before(start(entry, self.plan, left)).await else { return Ok(()) };
        let rows = self.rows(Some(entry.name.clone()))?;
        let end = rows.end();
        let refused = match started? {
            Ok(pool) => {
                self.run(pool, rows).await?;
                None
            }
            Err(why) => {
                let failure = failure(Status::Failed, Marks::REFUSED, &why);
                self.settle(rows, |_| failure.clone()).await;
                Some(why)
            }
        };
        self.note(&end);
        let marks = self.reporter.maker.tally.marks.take().unwrap_or_default();
        self.all.join(&marks);
        self.table.add(Judgement { program: entry.name.clone(), marks, refused });
        Ok(())
    }

    /// Makes the records of rows that have no program.
    async fn rest(&mut self, naming: &Naming) -> Result<()> {
        let rows = self.rows(None)?;
        let end = rows.end();
        let why = |row: &Input| naming.program(row).err().unwrap_or_default();
        self.settle(rows, |row| failure(Status::InvalidInput, "no-program", &why(row))).await;
        self.note(&end);
        self.all.join(&self.reporter.maker.tally.marks.take().unwrap_or_default());
        Ok(())
    }

    /// The tests of a program, or those of none. Results are reported as theirs from now on.
    fn rows(&mut self, program: Option<Arc<str>>) -> Result<Rows> {
        let places = self.naming.as_ref().map(|_| Places::default());
        let name = program.clone().unwrap_or_else(|| "".into());
        self.reporter.turn_to(name, places.clone());
        let chosen = self.naming.clone().zip(places).map(|(naming, places)| naming.choose(program, places));
        let occurrences = self.plan.config.task.deterministic.is_some().then(Occurrences::default);
        let steps = Steps { expect: self.plan.expect.clone(), occurrences, chosen, ..Steps::default() };
        Ok(Rows::read(self.rows.source().clone(), steps)?)
    }

    async fn run(&mut self, pool: Pool, rows: Rows) -> Result<()> {
        self.current.set(Some(pool.stopper()));
        pool.warm_up();
        let results = pool.map_stream(rows);
        let stuck = self.reporter.stuck(self.asked.forced());
        let reported = tokio::select! {
            biased;
            reported = self.reporter.report(results, Front::start(&pool, Vec::new())) => reported,
            () = stuck => Ok(()),
        };
        self.current.set(None);
        pool.shutdown(Shutdown::Kill).await;
        // A pool that was told to end before its first task says so.
        if self.interruption.exit().is_some() { Ok(()) } else { reported }
    }

    /// Makes the records of rows that no pool is given.
    async fn settle(&mut self, mut rows: Rows, failure: impl Fn(&Input) -> Failure) {
        let reporter = &mut self.reporter;
        let stuck = reporter.stuck(self.asked.forced());
        let settled = async {
            let mut next = 0;
            while let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
                let ids = next..next + supply.len() as u64;
                next = ids.end;
                let result = |(row, id): (Input, u64)| {
                    let failure = failure(&row);
                    TaskResult::unstarted(TaskId(id), row, failure)
                };
                let mut pieces = Pieces::default();
                supply.into_inputs().zip(ids).map(result).for_each(|result| reporter.take(result, &mut pieces));
                reporter.write(pieces).await;
                if reporter.unwanted {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            () = settled => {}
            () = stuck => {}
        }
    }

    /// Notes why not all rows were read, if that is so.
    fn note(&mut self, end: &RowsEnd) {
        if let Some(failure) = end.failure() {
            say(format_args!("{failure}"));
            self.failed = Some(failure.exit());
        }
    }
}

/// Starts the pool of a program, or says why the program cannot be run. What is wrong with the machine is an error.
async fn start(entry: &Entry, plan: &Plan, left: Option<Duration>) -> Result<Result<Pool, String>> {
    let why = |error: Error| options::in_words(&error.into()).to_string();
    let program = match Program::read(&entry.path) {
        Ok(program) => program,
        Err(error) => return Ok(Err(why(error))),
    };
    let lifetime = left.map(|left| left.max(SHORTEST));
    let observer = observer(program.name().to_owned(), plan.messages.steps);
    let config = PoolConfig { lifetime, observer, ..plan.config.clone() };
    match Pool::builder(program).config(config).build().await {
        Ok(pool) => Ok(Ok(pool)),
        Err(error @ (Error::ProgramRefused { .. } | Error::Setting(_))) => Ok(Err(why(error))),
        Err(error) => Err(error.into()),
    }
}

/// Tells what a program is warned of, and that it is being compiled.
fn observer(program: String, shown: Shown) -> Observer {
    let compiling = Compiling::new(program, shown);
    let hear = move |event: &Event| {
        tell(event, false);
        compiling.hear(event);
    };
    Observer::new(hear).without_tasks()
}

fn failure(status: Status, code: &str, message: &str) -> Failure {
    let error = ErrorDetail { code: code.to_owned(), message: message.to_owned(), ..ErrorDetail::default() };
    Failure { status, output: None, truncated: false, error }
}

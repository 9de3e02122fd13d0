//! `wpool run`: rows in, records out.

pub mod reaper;
mod signals;
pub mod stopping;
mod stops;

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;
use wpool::output::OutputType;
use wpool::{Observer, Pool, Program, Shutdown, Stats, Stopper};

use crate::cli::exit::{DeadlinePassed, Exit};
use crate::cli::plan::{Locator, Shown};
use crate::cli::plan::{Plan, Source};
use crate::cli::records::kept::Positions;
use crate::cli::records::out_dir::{OutDir, OutNames};
use crate::cli::records::resume::{self, Prepared, Records};
use crate::cli::records::writer::Writer;
use crate::cli::report::state_file;
use crate::cli::report::summary_file::{clear_summary, write_summary};
use crate::cli::report::{Ledger, Meter, Monitor, Reported, Reporter, Showing, Summary, Tally};
use crate::cli::rows::{self, Occurrences, Rows, RowsEnd, Steps};
use crate::cli::rows::{check, spool};
use crate::cli::run::signals::Questions;
use crate::cli::run::stopping::Halting;
use crate::cli::run::stops::Stops;
use crate::cli::runtime::runtime;
use crate::cli::say;
use crate::cli::tell::tell;
use crate::cli::terminal::say_lines;

/// Carries a plan out, with its program or, where one is given, with that.
pub fn run(mut plan: Plan, program: Option<Program>) -> Result<Exit> {
    let program = match program {
        Some(program) => program,
        None => plan.program()?,
    };
    state_file::check(&plan)?;
    clear_summary(&plan)?;
    reaper::start()?;
    let prepared = plan.journal.as_ref().map(|journal| resume::prepare(journal, &program)).transpose()?;
    runtime()?.block_on(execute(plan, program, prepared))
}

async fn execute(mut plan: Plan, program: Program, prepared: Option<Prepared>) -> Result<Exit> {
    let began = Instant::now();
    // From here on SIGUSR1 ends nothing; what is asked before there is a pool is answered then.
    let questions = Questions::listen()?;
    let audience = Audience::new(&plan);
    plan.config.observer = audience.observer(plan.messages.verbose);
    let pool = start(program.clone(), &plan).await?;
    // While the rows are opened and read.
    pool.warm_up();
    let out_dir = plan.out_dir.as_ref().map(OutDir::open).transpose()?;
    let stopper = pool.stopper();
    questions.answer(stopper.clone(), audience.positions.clone());
    let stops = Stops::listen(&plan, &audience, &stopper, began)?;
    let locator = Locator::new(&plan.source);
    let ahead = stops.unless_asked(look_ahead(&mut plan, &audience, &pool, out_dir.as_ref(), prepared.as_ref())).await;
    let Some((spools, fit)) = ahead.transpose()? else { return Ok(stops.exit().unwrap_or(Exit::Ok)) };
    if !fit {
        return Ok(Exit::InputRefused);
    }
    // First, for the records of an earlier run are replaced next.
    let failed = plan.failed.as_ref().map(Writer::to).transpose()?;
    let Records { writer, journal, sorter, kept } = Records::open(&plan, &program, prepared)?;
    let mut reporter = audience.reporter(&plan, locator, out_dir.clone(), writer);
    reporter.failed = failed;
    reporter.kept = kept.clone();
    kept.iter().for_each(|kept| audience.positions.follow(kept));
    let occurrences = plan.config.deterministic.is_some().then(Occurrences::default);
    let rows = Rows::read(plan.source.clone(), Steps { names: names(&plan, out_dir.as_ref()), occurrences, sorter })?;
    let end = rows.end();
    let clock = Clock::start();
    let showing = audience.show(&plan, stopper);
    let results = pool.map_stream(rows);
    let results = if plan.unordered { results.unordered() } else { results };
    let reported = reporter.report(results).await;
    drop(showing);
    // They live as long as the run: the rows are read from them again.
    drop(spools);
    let measured = Measured { stats: pool.stats(), wall: clock.wall(), host_cpu: clock.cpu(), result: reporter.spent };
    pool.shutdown(Shutdown::Kill).await;
    // Whatever ended the run, what it had to say is written first.
    let unwanted = reporter.unwanted;
    let Reported { tally, exit: written, closed } = reporter.finish();
    let state_written = state_file::write(&plan);
    let exit = match reported {
        // Told to end before it could begin.
        Err(error) if stops.exit().is_none() => Err(error),
        _ => Ok([
            written,
            Some(state_written),
            stops.exit(),
            end.failure().map(|_| Exit::SetUp),
            kept.and_then(|kept| kept.failure()).map(resume::tell_failure),
            Some(stops.of_tasks(&tally)),
        ]),
    };
    let exit = exit.map(|exits| exits.into_iter().flatten().max().unwrap_or(Exit::Ok));
    if let Some(journal) = journal {
        let code = exit.as_ref().map_or_else(Exit::of_error, |exit| *exit);
        let read = end.is_reached() && end.failure().is_none();
        journal.end(code, tally.counted(), read && written.is_none());
    }
    let summary = measured.summary(&plan, tally, &audience.ledger, stops.why(closed), &end);
    if !plan.messages.quiet && !unwanted && !closed {
        say_lines(&summary.text(plan.messages.verbose));
    }
    if let Some(why) = end.failure() {
        say(format_args!("{why}"));
    }
    write_summary(&plan, &summary, exit)
}

/// What is done with all rows before the first of them is run. Gives the files that they are then read from again, which
/// have to live as long, and whether all rows fit where that matters.
async fn look_ahead(
    plan: &mut Plan,
    audience: &Audience,
    pool: &Pool,
    out_dir: Option<&Arc<OutDir>>,
    prepared: Option<&Prepared>,
) -> Result<(Vec<File>, bool)> {
    let wanted = plan.journal.as_ref().zip(prepared);
    let wanted = wanted.map(|(journal, prepared)| prepared.wanted(journal)).transpose()?.flatten();
    let locator = Locator::new(&plan.source);
    let mut spools = Vec::new();
    if plan.strict || audience.halting.needs_total() || wanted.is_some() {
        let source = plan.source.clone();
        (plan.source, spools) = beside(move || spool::spool(source)).await?;
    }
    if plan.strict {
        let rows = Rows::read(plan.source.clone(), Steps { names: names(plan, out_dir), ..Steps::default() })?;
        if !check::all_fit(rows, &locator, &pool.report().row_check(&plan.config.grants)).await? {
            return Ok((spools, false));
        }
    }
    if let Some(wanted) = wanted {
        let occurrences = plan.config.deterministic.is_some().then(Occurrences::default);
        check::all_there(Rows::read(plan.source.clone(), Steps { occurrences, ..Steps::default() })?, wanted).await?;
    }
    audience.count_rows(&plan.source).await?;
    Ok((spools, true))
}

/// Who looks at the names of output files, if there are any.
fn names(plan: &Plan, out_dir: Option<&Arc<OutDir>>) -> Option<OutNames> {
    let journal = plan.journal.as_ref().map(|journal| &journal.folder);
    out_dir.map(|dir| OutNames::new(dir.clone(), plan.own_files(), journal))
}

/// Does what may wait for ever on a thread of its own, which is not joined when nobody waits for it any more.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, done) = oneshot::channel();
    std::thread::Builder::new().name("wpool-rows".into()).spawn(move || sender.send(work()))?;
    done.await.context("the rows cannot be read")?
}

/// Starts the pool, which has to compile the program first, within the time of the run.
async fn start(program: Program, plan: &Plan) -> Result<Pool> {
    let starting = Pool::builder(program).config(plan.config.clone()).build();
    match plan.deadline {
        Some(time) => Ok(tokio::time::timeout(time, starting).await.map_err(|_| DeadlinePassed)??),
        None => Ok(starting.await?),
    }
}

/// Those who hear of what happens in the pool.
pub struct Audience {
    ledger: Arc<Ledger>,
    meter: Arc<Meter>,
    pub halting: Arc<Halting>,
    positions: Positions,
    shown: Shown,
}

impl Audience {
    fn new(plan: &Plan) -> Audience {
        Audience {
            ledger: Arc::default(),
            meter: Arc::default(),
            positions: Positions::default(),
            halting: Arc::new(Halting::new(plan.halts.clone(), plan.output_type != OutputType::Auto)),
            shown: plan.messages.progress,
        }
    }

    fn reporter(&self, plan: &Plan, locator: Locator, out_dir: Option<Arc<OutDir>>, writer: Writer) -> Reporter {
        let halting = self.halting.clone();
        let judged = Box::new(move |status| halting.judged(status));
        let mut reporter = Reporter::new(plan, locator, out_dir, judged, writer);
        reporter.meter = self.meter.clone();
        reporter
    }

    fn observer(&self, verbose: bool) -> Observer {
        let (ledger, meter, halting) = (self.ledger.clone(), self.meter.clone(), self.halting.clone());
        let positions = self.positions.clone();
        let observer = Observer::new(move |event| {
            tell(positions.show(event).as_ref().unwrap_or(event), verbose);
            ledger.hear(event);
            meter.hear(event);
            halting.hear(event);
        });
        // A million tasks a second are told of only to those who count them.
        let counted = verbose || self.shown != Shown::Nothing || !self.halting.is_idle();
        if counted { observer } else { observer.without_tasks() }
    }

    /// Finds out how many rows there are: before the run where a percentage needs it, else beside it.
    async fn count_rows(&self, source: &Source) -> Result<()> {
        if self.halting.needs_total() {
            let source = source.clone();
            let counted = beside(move || rows::count(&source).context("cannot count the rows")).await?;
            let total = counted.unwrap_or_default();
            self.halting.set_total(total);
            self.meter.set_total(total);
        } else if self.shown != Shown::Nothing {
            let (source, meter) = (source.clone(), self.meter.clone());
            // Not joined: nobody needs the number once the run has ended.
            std::thread::Builder::new().name("wpool-count".into()).spawn(move || {
                // What cannot be read is told of when it is read for the run.
                if let Ok(Some(total)) = rows::count(&source) {
                    meter.set_total(total);
                }
            })?;
        }
        Ok(())
    }

    fn show(&self, plan: &Plan, stopper: Stopper) -> Showing {
        let slow = (!plan.messages.quiet).then_some(plan.messages.slow);
        let (meter, positions) = (self.meter.clone(), self.positions.clone());
        Monitor { shown: self.shown, meter, stopper, positions, workers: plan.config.workers, slow }.start()
    }
}

/// Measures a run.
struct Clock {
    start: Instant,
    cpu: Duration,
}

impl Clock {
    fn start() -> Clock {
        Clock { start: Instant::now(), cpu: cpu_time() }
    }

    fn wall(&self) -> Duration {
        self.start.elapsed()
    }

    /// CPU time of this process since then.
    fn cpu(&self) -> Duration {
        cpu_time().saturating_sub(self.cpu)
    }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// What was measured of a run.
struct Measured {
    stats: Stats,
    wall: Duration,
    host_cpu: Duration,
    result: Duration,
}

impl Measured {
    fn summary(self, plan: &Plan, tally: Tally, ledger: &Ledger, why: Option<String>, end: &RowsEnd) -> Summary {
        let Measured { stats, wall, host_cpu, result } = self;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = ledger.workers();
        let unread = why.is_some() && !end.is_reached();
        Summary {
            tally,
            workers,
            stats,
            wall,
            host_cpu,
            result,
            jobs: plan.config.workers,
            cores,
            stopped: why,
            unread,
        }
    }
}

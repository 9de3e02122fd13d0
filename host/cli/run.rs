//! `wpool run`: rows in, records out.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use wpool::output::OutputType;
use wpool::{Observer, Pool, Program, Shutdown, Stats, Stopper};

use super::check;
use super::exit::{CannotWrite, DeadlinePassed, Exit};
use super::out_dir::{OutDir, OutNames};
use super::plan::{Plan, Source};
use super::reaper;
use super::report::{Ledger, Meter, Monitor, Reported, Reporter, Showing, Shown, Summary, Tally, tell};
use super::rows::{self, Locator, Rows, RowsEnd};
use super::say;
use super::signals::{Interruption, Pauses, Questions};
use super::state;
use super::stopping::{Asked, Halting, RunDeadline, exit_of_tasks};

/// Carries a plan out.
pub fn run(plan: Plan) -> Result<Exit> {
    state::check(&plan)?;
    clear_summary(&plan)?;
    let program = Program::read(&plan.task)?;
    reaper::start()?;
    runtime()?.block_on(execute(plan, program))
}

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

async fn execute(mut plan: Plan, program: Program) -> Result<Exit> {
    let began = Instant::now();
    // From here on SIGUSR1 ends nothing; what is asked before there is a pool is answered then.
    let questions = Questions::listen()?;
    let audience = Audience::new(&plan);
    plan.config.observer = audience.observer(plan.messages.verbose);
    let pool = start(program, &plan).await?;
    let out_dir = plan.out_dir.as_ref().map(OutDir::open).transpose()?;
    let stopper = pool.stopper();
    questions.answer(stopper.clone());
    let stops = Stops::listen(&plan, &audience, &stopper, began)?;
    let locator = Locator::new(&plan.source);
    let ahead = stops.unless_asked(look_ahead(&mut plan, &audience, &pool, out_dir.as_ref())).await;
    let Some((spools, fit)) = ahead.transpose()? else { return Ok(stops.exit().unwrap_or(Exit::Ok)) };
    if !fit {
        return Ok(Exit::InputRefused);
    }
    let mut reporter = Reporter::new(&plan, locator, out_dir.clone(), audience.halting.clone())?;
    let rows = Rows::read(plan.source.clone(), names(&plan, out_dir.as_ref()))?;
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
    let state_written = state::write(&plan);
    let exit = match reported {
        // Told to end before it could begin.
        Err(error) if stops.exit().is_none() => Err(error),
        _ => Ok([
            written,
            Some(state_written),
            stops.exit(),
            end.failure().map(|_| Exit::SetUp),
            Some(stops.of_tasks(&tally)),
        ]),
    };
    let exit = exit.map(|exits| exits.into_iter().flatten().max().unwrap_or(Exit::Ok));
    let summary = measured.summary(&plan, tally, &audience.ledger, stops.why(closed), &end);
    if !plan.messages.quiet && !unwanted && !closed {
        say(format_args!("{}", summary.text(plan.messages.verbose)));
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
) -> Result<(Vec<File>, bool)> {
    let locator = Locator::new(&plan.source);
    let mut spools = Vec::new();
    if plan.strict || audience.halting.needs_total() {
        let source = plan.source.clone();
        (plan.source, spools) = beside(move || check::spool(source)).await?;
    }
    if plan.strict {
        let rows = Rows::read(plan.source.clone(), names(plan, out_dir))?;
        if !check::all_fit(rows, &locator, &pool.report().row_check(&plan.config.grants)).await? {
            return Ok((spools, false));
        }
    }
    audience.count_rows(&plan.source).await?;
    Ok((spools, true))
}

/// Who looks at the names of output files, if there are any.
fn names(plan: &Plan, out_dir: Option<&Arc<OutDir>>) -> Option<OutNames> {
    out_dir.map(|dir| OutNames::new(dir.clone(), plan.own_files()))
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

/// Finds out whether `--summary-json` can be written, and removes that of an earlier run: this one may end without any.
fn clear_summary(plan: &Plan) -> Result<(), CannotWrite> {
    let Some(path) = &plan.messages.summary_json else { return Ok(()) };
    // A pipe or a device is written once, in the end.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(());
    }
    let cannot = CannotWrite::at(path);
    File::create(path).map_err(cannot)?;
    // A link stays. In a folder that lets nothing be removed an empty file is left, which is no summary either.
    let _ = std::fs::canonicalize(path).and_then(std::fs::remove_file);
    Ok(())
}

/// Writes `--summary-json`, and gives the exit in which it stands.
fn write_summary(plan: &Plan, summary: &Summary, exit: Result<Exit>) -> Result<Exit> {
    let Some(path) = &plan.messages.summary_json else { return exit };
    let code = exit.as_ref().map_or_else(Exit::of_error, |exit| *exit);
    let mut text = serde_json::to_string_pretty(&summary.document(code.into()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(CannotWrite::at(path))?;
    exit
}

/// Those who hear of what happens in the pool.
struct Audience {
    ledger: Arc<Ledger>,
    meter: Arc<Meter>,
    halting: Arc<Halting>,
    shown: Shown,
}

impl Audience {
    fn new(plan: &Plan) -> Audience {
        Audience {
            ledger: Arc::default(),
            meter: Arc::default(),
            halting: Arc::new(Halting::new(plan.halts.clone(), plan.output_type != OutputType::Auto)),
            shown: plan.messages.progress,
        }
    }

    fn observer(&self, verbose: bool) -> Observer {
        let (ledger, meter, halting) = (self.ledger.clone(), self.meter.clone(), self.halting.clone());
        let observer = Observer::new(move |event| {
            tell(event, verbose);
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
        Monitor { shown: self.shown, meter: self.meter.clone(), stopper, workers: plan.config.workers, slow }.start()
    }
}

/// What may end the run early.
struct Stops {
    interruption: Interruption,
    deadline: Option<RunDeadline>,
    asked: Asked,
    halting: Arc<Halting>,
}

impl Stops {
    /// Listens for the rest of the run, which began some time ago.
    fn listen(plan: &Plan, audience: &Audience, stopper: &Stopper, began: Instant) -> Result<Stops> {
        audience.halting.arm(stopper.clone());
        let asked = Asked::default();
        let pauses = Pauses::listen(stopper.clone())?;
        let deadline = plan.deadline.map(|time| {
            let left = time.saturating_sub(began.elapsed());
            RunDeadline::start(left, plan.config.grace, stopper.clone(), pauses, asked.clone())
        });
        let interruption = Interruption::listen(stopper, &asked)?;
        Ok(Stops { interruption, deadline, asked, halting: audience.halting.clone() })
    }

    /// Waits for what is done before the first task; `None` when the run is asked to end before it is done.
    async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.asked.notified() => None,
        }
    }

    /// The exit of what stopped the run from outside.
    fn exit(&self) -> Option<Exit> {
        self.interruption.exit().max(self.deadline.as_ref().and_then(RunDeadline::exit))
    }

    /// What stopped the run, in words. `closed` says that nobody reads its output any more.
    fn why(&self, closed: bool) -> Option<String> {
        match (self.exit(), self.halting.met()) {
            (Some(Exit::Deadline), _) => Some("--deadline".to_owned()),
            (Some(_), _) => Some(self.interruption.name().to_owned()),
            (None, Some(halt)) => Some(halt.option()),
            (None, None) => closed.then(|| "closed output".to_owned()),
        }
    }

    fn of_tasks(&self, tally: &Tally) -> Exit {
        exit_of_tasks(tally.counts.total(), tally.counts.not_ok(), self.halting.met())
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

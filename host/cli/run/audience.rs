//! The listeners to the events of the pool.

use std::sync::Arc;

use anyhow::{Context, Result};
use wpool::{Observer, Stopper};

use crate::cli::plan::{Locator, Plan, Shown, Source};
use crate::cli::records::kept::Positions;
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::writer::Writer;
use crate::cli::report::{
    Compiling, Expected, Ledger, Live, Meter, Monitor, Reporter, SettledLog, Showing, Telemetry, Telling,
};
use crate::cli::rows;
use crate::cli::run::gauge::Gauge;
use crate::cli::run::halting::Halting;
use crate::cli::runtime::beside;
use crate::cli::shard::{Cut, Shard};
use crate::cli::tell::tell;

/// The listeners to the events of the pool.
pub struct Audience {
    pub ledger: Arc<Ledger>,
    meter: Arc<Meter>,
    pub halting: Arc<Halting>,
    pub positions: Positions,
    shown: Shown,
    compiling: Arc<Compiling>,
    pub telemetry: Arc<Telemetry>,
    live: Live,
}

impl Audience {
    pub fn new(plan: &Plan, program: &str, telemetry: Arc<Telemetry>) -> Audience {
        Audience {
            ledger: Arc::default(),
            meter: Arc::default(),
            positions: Positions::default(),
            halting: Arc::new(Halting::new(plan.halts.clone(), plan.judges_outputs())),
            shown: plan.messages.progress,
            compiling: Arc::new(Compiling::new(program.to_owned(), plan.messages.steps)),
            telemetry,
            live: Live::default(),
        }
    }

    pub fn reporter(&self, plan: &Plan, locator: Locator, out_dir: Option<Arc<OutDir>>, writer: Writer) -> Reporter {
        let halting = self.halting.clone();
        let judged = Box::new(move |status| halting.judged(status));
        let mut reporter = Reporter::new(plan, locator, out_dir, judged, writer);
        let settled = SettledLog::of(self.telemetry.events.as_ref());
        reporter.maker.telling = Telling { meter: self.meter.clone(), live: self.live.clone(), settled };
        reporter
    }

    pub fn observer(&self, verbose: bool) -> Observer {
        let (ledger, meter, halting) = (self.ledger.clone(), self.meter.clone(), self.halting.clone());
        let (positions, compiling) = (self.positions.clone(), self.compiling.clone());
        let events = self.telemetry.events.clone();
        let observer = Observer::new(move |event| {
            events.iter().for_each(|events| events.hear(event, &positions));
            tell(positions.show(event).as_ref().unwrap_or(event), verbose);
            compiling.hear(event);
            ledger.hear(event);
            meter.hear(event);
            halting.hear(event);
        });
        // A million tasks a second are events only for those who count them.
        let counted = verbose || self.is_followed() || !self.halting.is_idle();
        if counted { observer } else { observer.without_tasks() }
    }

    /// Whether somebody looks at tasks as they settle, before their records are made.
    fn is_followed(&self) -> bool {
        self.shown != Shown::Nothing || self.telemetry.events.as_ref().is_some_and(|events| events.of_tasks)
    }

    /// The meter that measures the run from now on. Must be called within the runtime.
    pub fn gauge(&self, stopper: Stopper) -> Gauge {
        let (telemetry, live) = (self.telemetry.clone(), self.live.clone());
        Gauge { telemetry, live, meter: self.meter.clone(), ledger: self.ledger.clone(), stopper }.start()
    }

    /// Says how long rows are expected to take, where somebody sees it.
    pub fn expect(&self, expected: Expected) {
        if self.is_followed() {
            self.meter.expect(expected);
        }
    }

    /// The rows of a shard. They are counted first where they depend on their number.
    pub async fn cut(&self, shard: Shard, source: &Source) -> Result<Cut> {
        if !shard.needs_total() {
            return Ok(shard.cut(0));
        }
        let source = source.clone();
        let counted = beside(move || Ok(rows::count(&source, None)?)).await?;
        Ok(shard.cut(counted.context("cannot count the rows: they can be read only once")?))
    }

    /// Finds out how many rows there are: before the run where a percentage needs it, else beside it.
    pub async fn count_rows(&self, source: &Source, cut: Option<&Cut>) -> Result<()> {
        let (source, cut) = (source.clone(), cut.cloned());
        if self.halting.needs_total() {
            let counted = beside(move || Ok(rows::count(&source, cut.as_ref())?)).await?;
            let total = counted.unwrap_or_default();
            self.halting.set_total(total);
            self.meter.set_total(total);
        } else if self.shown != Shown::Nothing || self.telemetry.is_on() {
            let meter = self.meter.clone();
            // Not joined: nobody needs the number once the run has ended.
            std::thread::Builder::new().name("wpool-count".into()).spawn(move || {
                // A file that cannot be read is reported when it is read for the run.
                if let Ok(Some(total)) = rows::count(&source, cut.as_ref()) {
                    meter.set_total(total);
                }
            })?;
        }
        Ok(())
    }

    pub fn show(&self, plan: &Plan, stopper: Stopper) -> Showing {
        let slow = (!plan.messages.quiet).then_some(plan.messages.slow);
        let (meter, positions) = (self.meter.clone(), self.positions.clone());
        let (workers, events) = (plan.config.workers, self.telemetry.events.clone());
        Monitor { shown: self.shown, meter, stopper, positions, workers, slow, events }.start()
    }
}

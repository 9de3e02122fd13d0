//! Starts workers.

use std::sync::Arc;

use super::shared::Shared;
use super::worker::{Spare, Worker};
use crate::model::error::Error;
use crate::model::event::Event;
use crate::model::fence::{Fence, SandboxMode};
use crate::model::limits::MAX_CORE_DUMP;
use crate::model::lock::lock;
use crate::protocol::page::SharedPage;
use crate::protocol::roles::{Role, label};
use crate::protocol::setup::{START_DEADLINE, WorkerSetup};
use crate::protocol::wire::{Decoder, FRAME_TARGET, Kind, MAX_TEXT};
use crate::spawn::handshake::{Failed, set_up};
use crate::spawn::process::reserve;
use crate::spawn::within::within;

impl Shared {
    /// Starts a worker beside the one that a slot has.
    pub fn start_spare(self: &Arc<Self>, slot: usize) -> Spare {
        let shared = self.clone();
        Spare(tokio::spawn(async move { shared.start(slot).await }))
    }

    /// The worker that was started before there was a task. It has the name of the first slot's.
    pub fn take_first(&self) -> Option<Spare> {
        lock(&self.first).take()
    }

    /// Starts a worker and sets it up, unless there is a spare one, and puts it into its slot. If this is dropped before it
    /// has one, the caller still has the spare one to end.
    pub async fn start_worker(
        &self,
        slot: usize,
        generation: u32,
        spare: &mut Option<Spare>,
    ) -> Result<Worker, Failed> {
        if spare.is_none() && slot == 0 {
            *spare = self.take_first();
        }
        let ready = match spare {
            Some(spare) => spare.ready().await,
            None => None,
        };
        *spare = None;
        let result = match ready {
            Some(worker) => Ok(worker),
            None => self.start(slot).await,
        };
        let mut state = self.lock();
        state.starting -= 1;
        if let Ok(worker) = &result {
            let place = &mut state.places[slot];
            place.page = Some(worker.page.clone());
            place.pid = Some(worker.pid);
            place.seen = None;
            state.stats.started += 1;
            let event = Event::WorkerStarted { slot: slot as u32, generation, pid: worker.pid };
            state.queue.outbox.event(event);
        }
        result
    }

    async fn start(&self, slot: usize) -> Result<Worker, Failed> {
        let started = within(START_DEADLINE, self.try_start(slot)).await;
        started.unwrap_or_else(|| Err(Failed::Died(format!("not ready within {START_DEADLINE:?}"))))
    }

    async fn try_start(&self, slot: usize) -> Result<Worker, Failed> {
        let os = |error: std::io::Error| Failed::Died(format!("could not be started: {error}"));
        if slot > 0 {
            // One worker is worth more than a file that may be opened.
            let starting = self.lock().starting;
            reserve(starting).map_err(os)?;
        }
        let (page, page_file) = SharedPage::create().map_err(os)?;
        let [image, state] = self.image.descriptors().map_err(os)?;
        let fds = vec![image, page_file, state];
        let command = self.config.worker_command().map_err(Failed::Fatal)?;
        let label = label(Role::Worker, Some(slot), &self.program_name);
        let mut process = self.spawner.spawn(command, Role::Worker, label, fds).await.map_err(os)?;
        let mut decoder = Decoder::new(self.frame_limit());
        let argument = self.image.init_each().map(|argument| (Kind::Argument, argument.clone()));
        let rest = argument.into_iter().collect();
        let frames = set_up(&mut process, self.setup(), rest, &mut decoder, Kind::Ready).await?;
        let [ready] = frames.as_slice() else {
            return Err(Failed::Died("it sent frames before it was ready".into()));
        };
        let fence = Fence::parse(&ready.payload);
        self.fenced(fence.map_err(|why| Failed::Died(format!("its report on its fence does not parse: {why}")))?)?;
        let pid = process.child.id().unwrap_or_default();
        Ok(Worker { process, page: Arc::new(page), decoder, pid })
    }

    /// A worker has said what stands of the fence around it. What is missing is told once.
    ///
    /// # Errors
    /// When all was asked for, and it goes on with less.
    fn fenced(&self, fence: Fence) -> Result<(), Failed> {
        if self.config.sandbox == SandboxMode::Strict && !fence.is_whole() {
            let why = "it runs without the whole fence, which the pool requires".into();
            return Err(Failed::Fatal(Error::ChildFailed { role: Role::Worker.as_str(), why }));
        }
        let mut state = self.lock();
        let missing = fence.missing();
        // The last workers need not have got all that the first have: the system gives some of it to a limited number.
        if state.fence.as_ref().is_some_and(|before| !before.missing().is_empty()) {
            return Ok(());
        }
        if !missing.is_empty() {
            let advice = fence.advice();
            let what = format!(
                "a part of the fence around workers is missing here: {missing}; what remains holds a program that \
                 breaks out of its sandbox less tightly (a strict pool refuses to run; to have it, {advice})"
            );
            state.queue.outbox.event(Event::Warning(what));
        }
        state.fence = Some(fence);
        Ok(())
    }

    /// An honest frame of answers is full before its last answer, which may be as large as the limits allow.
    fn frame_limit(&self) -> usize {
        let core_dump = if self.config.task.post_mortem { MAX_CORE_DUMP } else { 0 };
        2 * FRAME_TARGET + MAX_TEXT + (self.config.task.limits.output as usize).max(core_dump)
    }

    fn setup(&self) -> WorkerSetup {
        WorkerSetup {
            program_name: self.program_name.clone(),
            report: self.image.report().clone(),
            task: self.config.worker_settings(self.image.report()),
            flush_each: self.config.task.grants.has_writable_dir() || self.config.state.is_some(),
            state: self.config.state.is_some(),
            init: self.image.init_each().is_some(),
            image: self.image.setup(),
            sandbox: self.config.sandbox,
        }
    }
}

//! One task from its store to its end: what is the same for every kind of program.

use std::time::Instant;

use wasmtime::{Store, WasmCoreDump};
use wasmtime_wasi::I32Exit;

use super::call::{Call, Returned};
use super::context::TaskContext;
use super::guard::Guard;
use super::isolation::{Keep, Keeper};
use super::kind::{GuestStore, Program};
use super::pristine::Pristine;
use super::stdio::Stdio;
use super::verdict::{self, Judged, Remains};
use crate::model::limits::MAX_CORE_DUMP;

/// A program with the instance that is kept from one task to the next, if any.
pub(super) struct Runner<P: Program> {
    pub program: P,
    kept: Option<Home<P>>,
}

/// A store, and the instance that lives in it.
struct Home<P: Program> {
    /// What the instance is put back to after each task, if it is. It goes before the store.
    pristine: Option<Pristine>,
    store: Store<P::Store>,
    /// `None` until it was made.
    instance: Option<P::Instance>,
    /// There when the program imports WASI. A guest's handles to its streams stay good as long as it lives.
    stdio: Option<Stdio>,
    /// Tasks that were begun here.
    tasks: u32,
    /// Memory that it takes to begin with.
    taken: u64,
    /// Fuel that making the instance took, where it serves tasks that count it as theirs.
    spent: u64,
}

impl<P: Program> Runner<P> {
    pub fn new(program: P) -> Self {
        Runner { program, kept: None }
    }

    /// Runs a task in the instance that was kept, or else in a new one. An instance is kept only when its guest returned:
    /// one that was stopped or trapped may be in any state.
    pub fn run<R>(
        &mut self,
        context: &TaskContext,
        call: &mut Call<'_>,
        keeper: &mut Keeper,
        sink: impl FnOnce(Judged<'_>) -> R,
    ) -> R {
        let keep = keeper.keep();
        let home = self.kept.get_or_insert_with(|| Home::new(&self.program, context));
        let result = home.run(&self.program, context, call, keep);
        let can_be_called_again = !matches!(result, Ok(Returned::Command | Returned::CommandFailed) | Err(_));
        let has_returned = result.as_ref().map_or_else(|error| error.is::<I32Exit>(), |_| true);
        let taken = sink(home.judge(result, context, context.settings.receipts));
        let kept = match keep {
            Keep::Nothing => false,
            Keep::AsItIs { most } => home.tasks < most && can_be_called_again,
            Keep::PutBack => has_returned && home.put_back(),
        };
        keeper.kept(kept);
        if !kept {
            self.kept = None;
        }
        taken
    }

    /// Compares the instance that is kept with a fresh one. Where they differ, it goes.
    pub fn verify(&mut self, context: &TaskContext) -> Option<String> {
        let mut kept = self.kept.take()?;
        let mut fresh = Home::new(&self.program, context);
        let call = context.call_of_no_task();
        let made = fresh.begin(context, &call).and_then(|()| {
            context.drive(call.deadline, async { fresh.instantiate(&self.program, context, &call).await })
        });
        let difference = match (kept.instance, made) {
            (Some(instance), Ok(other)) => {
                self.program.difference((&mut kept.store, instance), (&mut fresh.store, other))
            }
            _ => Some("no fresh instance can be made".to_owned()),
        };
        if difference.is_none() {
            self.kept = Some(kept);
        }
        difference
    }

    /// Runs a task in an instance of its own, beside the one that is kept.
    pub fn run_alone(&self, context: &TaskContext, call: &mut Call<'_>) -> Judged<'static> {
        let mut home = Home::new(&self.program, context);
        let result = home.run(&self.program, context, call, Keep::Nothing);
        home.judge(result, context, context.settings.receipts).into_owned()
    }

    /// Runs `init` alone. The output is the state that it leaves.
    pub fn freeze(&self, context: &TaskContext, call: Call<'_>) -> Judged<'static> {
        let mut home = Home::new(&self.program, context);
        let state = async |home: &mut Home<P>| {
            let instance = home.instantiate(&self.program, context, &call).await?;
            self.program.state(&mut home.store, instance).await.map(Returned::Output)
        };
        let begun = home.begin(context, &call);
        let result = begun.and_then(|()| context.drive(call.deadline, state(&mut home)));
        // What it printed is told.
        home.judge(result, context, true).into_owned()
    }

    /// Keeps nothing any more.
    pub fn forget(&mut self) {
        self.kept = None;
    }
}

impl<P: Program> Home<P> {
    fn new(program: &P, context: &TaskContext) -> Self {
        let mut store = Store::new(program.engine(), P::Store::new(Guard::new(context.settings.limits.memory)));
        store.limiter(|state| state.guard());
        if context.epochs {
            let time = context.time.clone();
            store.epoch_deadline_callback(move |mut store| store.data_mut().guard().epoch(&time));
        }
        Home { pristine: None, store, instance: None, stdio: None, tasks: 0, taken: 0, spent: 0 }
    }

    fn run(
        &mut self,
        program: &P,
        context: &TaskContext,
        call: &mut Call<'_>,
        keep: Keep,
    ) -> wasmtime::Result<Returned> {
        self.begin(context, call)?;
        context.drive(call.deadline, self.call(program, context, call, keep))
    }

    /// Puts the instance back to what it was before its first task.
    fn put_back(&mut self) -> bool {
        if !self.store.data().can_be_put_back() {
            return false;
        }
        // Nothing of the task is left to be stopped.
        self.store.data_mut().guard().begin(None);
        let restored = self.pristine.as_mut().is_some_and(|pristine| pristine.restore(&mut self.store));
        self.store.data_mut().guard().shrink(self.taken);
        restored
    }

    /// What became of the task that ended so. What it wrote to stderr is kept of one that is ok if that `is_told`.
    fn judge(&mut self, result: wasmtime::Result<Returned>, context: &TaskContext, is_told: bool) -> Judged<'_> {
        // Of nearly every small task there is nothing else to be told, and to look for it takes as long as some of them do.
        if let (Ok(Returned::Lent { memory, place }), None, None) = (&result, &self.stdio, context.settings.limits.fuel)
        {
            return Judged::ok(memory.data(&self.store)[place.clone()].into(), self.store.data().seen_guard());
        }
        let core_dump = self.core_dump(&result, context);
        // It fails only in an engine that does not count it.
        let fuel = context.settings.limits.fuel.map(|limit| limit.saturating_sub(self.store.get_fuel().unwrap_or(0)));
        let remains = Remains { store: &self.store, stdio: self.stdio.as_ref(), fuel, core_dump };
        verdict::judge(result, remains, context, is_told)
    }

    /// The core dump that goes with an error, empty when it is too large.
    fn core_dump(&mut self, result: &wasmtime::Result<Returned>, context: &TaskContext) -> Option<Vec<u8>> {
        let error = result.as_ref().err()?;
        // A program that exits has not trapped.
        let dump = error.downcast_ref::<WasmCoreDump>().filter(|_| !error.is::<I32Exit>())?;
        // Most of it is the guest's memory, which is copied.
        if self.store.data_mut().guard().peak > MAX_CORE_DUMP as u64 {
            return Some(Vec::new());
        }
        let bytes = dump.serialize(&mut self.store, &context.program_name);
        Some(if bytes.len() > MAX_CORE_DUMP { Vec::new() } else { bytes })
    }

    /// Gives the next task what is its own: limits, streams, arguments.
    fn begin(&mut self, context: &TaskContext, call: &Call<'_>) -> wasmtime::Result<()> {
        self.tasks = self.tasks.saturating_add(1);
        self.store.data_mut().guard().begin(call.deadline);
        self.store.set_hostcall_fuel(context.hostcall_memory(call));
        if context.epochs {
            self.store.set_epoch_deadline(1);
        }
        if let Some(fuel) = context.settings.limits.fuel {
            self.store.set_fuel(fuel - self.spent)?;
        }
        match &self.stdio {
            Some(stdio) if self.pristine.is_none() || self.store.data_mut().renew_world() => {
                stdio.clear(&context.settings.limits);
            }
            _ => {
                self.stdio = context.stdio(call);
                if let Some(stdio) = &self.stdio {
                    let world = match &context.init {
                        Some(argument) => context.init_world(stdio, argument),
                        None => context.wasi(stdio, call)?,
                    };
                    self.store.data_mut().give(world);
                }
            }
        }
        Ok(())
    }

    async fn call(
        &mut self,
        program: &P,
        context: &TaskContext,
        call: &mut Call<'_>,
        keep: Keep,
    ) -> wasmtime::Result<Returned> {
        let instance = match self.instance {
            Some(instance) => instance,
            None => {
                let instance = self.instantiate(program, context, call).await?;
                if keep == Keep::PutBack {
                    self.pristine = program.pristine(&mut self.store, instance);
                    self.taken = self.store.data_mut().guard().used();
                    // What a fresh instance spends before its task is no task's here.
                    self.spent =
                        context.settings.limits.fuel.map_or(0, |limit| limit - self.store.get_fuel().unwrap_or(limit));
                }
                instance
            }
        };
        program.call(&mut self.store, instance, call, context.settings.limits.output).await
    }

    /// Makes the instance. Where each of them is to prepare itself, it does so in a world of its own, before it is given
    /// that of its first task.
    async fn instantiate(
        &mut self,
        program: &P,
        context: &TaskContext,
        call: &Call<'_>,
    ) -> wasmtime::Result<P::Instance> {
        let instance = program.instantiate(&mut self.store).await?;
        if let Some(argument) = &context.init {
            program.prepare(&mut self.store, instance, argument).await?;
            if let Some(stdio) = &self.stdio {
                self.store.data_mut().give(context.wasi(stdio, call)?);
            }
        }
        self.store.data_mut().guard().ready = Some(Instant::now());
        Ok(*self.instance.insert(instance))
    }
}

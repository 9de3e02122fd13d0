//! One task from its store to its end: the part that is the same for every kind of program.

use wasmtime::{Store, WasmCoreDump};
use wasmtime_wasi::I32Exit;

use super::call::{Call, Returned};
use super::context::TaskContext;
use super::guard::{CpuLimit, Guard, Times};
use super::isolation::{Keep, Keeper};
use super::kind::{GuestStore, Program};
use super::log::Log;
use super::pristine::Pristine;
use super::stdio::Stdio;
use super::verdict::{self, Judged, Remains};
use crate::model::limits::MAX_CORE_DUMP;

/// A program with the instance that is kept from one task to the next, if any.
pub(super) struct Runner<P: Program> {
    pub program: P,
    kept: Option<Home<P>>,
}

/// A store with its instance.
struct Home<P: Program> {
    /// The state to which the instance is restored after each task, if it is. Declared before the store, so dropped
    /// first.
    pristine: Option<Pristine>,
    store: Store<P::Store>,
    /// `None` until the instance is made.
    instance: Option<P::Instance>,
    /// Set when the program imports WASI. The streams live as long as the guest, so that its handles to them stay
    /// valid.
    stdio: Option<Stdio>,
    /// Tasks that began in this instance.
    tasks: u32,
    /// Memory of the instance before its first task.
    taken: u64,
    /// Fuel for making the instance, which counts as every task's. `None` until it is made.
    spent: Option<u64>,
}

impl<P: Program> Runner<P> {
    pub fn new(program: P) -> Self {
        Runner { program, kept: None }
    }

    /// Runs a task in the kept instance, or else in a new one. Keeps an instance only when its guest returned: a guest
    /// that was stopped or trapped may be in any state.
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
        let can_be_called_again = !matches!(result, Ok(Returned::Exited(_)) | Err(_));
        let has_returned = result.as_ref().map_or_else(|error| error.is::<I32Exit>(), |_| true);
        let taken = sink(home.judge(result, context, context.settings.receipts));
        let kept = match keep {
            Keep::Nothing => false,
            Keep::AsItIs { most } => home.tasks < most && can_be_called_again,
            Keep::PutBack => has_returned && home.put_back(context),
        };
        keeper.kept(kept);
        if !kept {
            self.kept = None;
        }
        // The instance that had its files open is gone.
        context.scratch.iter().for_each(|scratch| scratch.clear());
        taken
    }

    /// Compares the kept instance with a fresh one. Drops it if they differ.
    pub fn verify(&mut self, context: &TaskContext) -> Option<String> {
        let mut kept = self.kept.take()?;
        let mut fresh = Home::new(&self.program, context);
        // A deadline is for tasks: that this instance takes longer on a busy machine is not a difference.
        let call = Call { deadline: None, ..context.call_of_no_task() };
        let made = fresh.begin(context, &call).and_then(|()| {
            context.drive(call.deadline, async { fresh.instantiate(&self.program, context, &call).await })
        });
        let difference = match (kept.instance, made) {
            (Some(instance), Ok(other)) => {
                fresh.lift_fuel(context);
                self.program.difference((&mut kept.store, instance), (&mut fresh.store, other))
            }
            _ => Some("no fresh instance can be made".to_owned()),
        };
        if difference.is_none() {
            self.kept = Some(kept);
        }
        difference
    }

    /// Runs a task in an instance of its own, beside the kept one.
    pub fn run_alone(&self, context: &TaskContext, call: &mut Call<'_>) -> Judged<'static> {
        let mut home = Home::new(&self.program, context);
        let result = home.run(&self.program, context, call, Keep::Nothing);
        home.judge(result, context, context.settings.receipts).into_owned()
    }

    /// Runs `init` alone. The output is the resulting state.
    pub fn freeze(&self, context: &TaskContext, call: Call<'_>) -> Judged<'static> {
        let mut home = Home::new(&self.program, context);
        let state = async |home: &mut Home<P>| {
            let instance = home.instantiate(&self.program, context, &call).await?;
            self.program.state(&mut home.store, instance).await.map(Returned::Output)
        };
        let begun = home.begin(context, &call);
        home.stdio.iter().for_each(|stdio| context.printed.follow(stdio));
        let result = begun.and_then(|()| context.drive(call.deadline, state(&mut home)));
        // Its printed text is reported.
        home.judge(result, context, true).into_owned()
    }

    /// Drops the kept instance.
    pub fn forget(&mut self) {
        self.kept = None;
    }
}

impl<P: Program> Home<P> {
    fn new(program: &P, context: &TaskContext) -> Self {
        let mut store = Store::new(program.engine(), P::Store::new(Guard::new(context.settings.limits.memory)));
        store.limiter(|state| state.guard());
        if context.epochs {
            let (time, profiler) = (context.time.clone(), context.profiler.clone());
            store.epoch_deadline_callback(move |mut store| {
                profiler.iter().for_each(|profiler| profiler.look(&store));
                store.data_mut().guard().epoch(&time)
            });
        }
        Home { pristine: None, store, instance: None, stdio: None, tasks: 0, taken: 0, spent: None }
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

    /// Restores the instance to its state before the first task.
    fn put_back(&mut self, context: &TaskContext) -> bool {
        if !self.store.data().can_be_put_back() {
            return false;
        }
        // Nothing of the task is left to stop.
        self.store.data_mut().guard().begin(Times::default());
        self.lift_fuel(context);
        let restored = self.pristine.as_mut().is_some_and(|pristine| pristine.restore(&mut self.store));
        self.store.data_mut().guard().shrink(self.taken);
        restored
    }

    /// Fuel that the task has spent so far, with that of making its instance. The fuel for copying data, which is spent
    /// first, does not count.
    fn fuel_of(&self, context: &TaskContext, limit: u64) -> u64 {
        let copying = if self.spent.is_none() { context.copying_fuel } else { 0 };
        // Fails only in an engine that does not count fuel.
        let left = self.store.get_fuel().unwrap_or(0);
        limit.saturating_add(copying).saturating_sub(left).saturating_sub(copying).min(limit)
    }

    /// Leaves to the first task what its limit has beyond the fuel of making its instance. That fuel counts as later
    /// tasks' only if they find the instance as if it had just been made.
    fn leave_fuel(&mut self, context: &TaskContext, keep: Keep, spent: Option<u64>) -> wasmtime::Result<()> {
        let Some((limit, spent)) = context.settings.limits.fuel.zip(spent) else { return Ok(()) };
        self.spent = Some(if matches!(keep, Keep::AsItIs { .. }) { 0 } else { spent });
        self.store.set_fuel(limit - spent)
    }

    /// Removes the limit on fuel, for wpool's own work.
    fn lift_fuel(&mut self, context: &TaskContext) {
        if context.settings.limits.fuel.is_some() {
            // Fails only in an engine that does not count fuel.
            let _ = self.store.set_fuel(u64::MAX);
        }
    }

    /// Judges a finished task. The stderr of a task that is ok is kept if `is_told`.
    fn judge(&mut self, result: wasmtime::Result<Returned>, context: &TaskContext, is_told: bool) -> Judged<'_> {
        // Nearly every small task has nothing else to report, and looking for more takes as long as some of these
        // tasks.
        if let (Ok(Returned::Lent { memory, place }), None, None) = (&result, &self.stdio, context.settings.limits.fuel)
        {
            return Judged::ok(memory.data(&self.store)[place.clone()].into(), self.store.data().seen_guard());
        }
        let core_dump = self.core_dump(&result, context);
        let footprint = self.store.data_mut().log().and_then(Log::take);
        let fuel = context.settings.limits.fuel.map(|limit| self.fuel_of(context, limit));
        let remains = Remains { store: &self.store, stdio: self.stdio.as_ref(), fuel, core_dump, footprint };
        verdict::judge(result, remains, context, is_told)
    }

    /// The core dump of an error; empty when it is too large.
    fn core_dump(&mut self, result: &wasmtime::Result<Returned>, context: &TaskContext) -> Option<Vec<u8>> {
        let error = result.as_ref().err()?;
        // An exit is not a trap.
        let dump = error.downcast_ref::<WasmCoreDump>().filter(|_| !error.is::<I32Exit>())?;
        // A core dump is mostly a copy of the guest's memory.
        if self.store.data_mut().guard().peak > MAX_CORE_DUMP as u64 {
            return Some(Vec::new());
        }
        let bytes = dump.serialize(&mut self.store, &context.program_name);
        Some(if bytes.len() > MAX_CORE_DUMP { Vec::new() } else { bytes })
    }

    /// Gives the next task its own limits, streams and arguments.
    fn begin(&mut self, context: &TaskContext, call: &Call<'_>) -> wasmtime::Result<()> {
        self.tasks = self.tasks.saturating_add(1);
        let cpu = context.settings.limits.cpu.map(CpuLimit::new);
        self.store.data_mut().guard().begin(Times { deadline: call.deadline, cpu });
        if let Some(log) = self.store.data_mut().log() {
            log.begin();
        }
        self.store.set_hostcall_fuel(context.hostcall_memory(call));
        if context.epochs {
            self.store.set_epoch_deadline(1);
        }
        if let Some(limit) = context.settings.limits.fuel {
            self.store
                .set_fuel(self.spent.map_or(limit.saturating_add(context.copying_fuel), |spent| limit - spent))?;
        } else if context.counts_fuel {
            // There is no limit for `init`.
            self.store.set_fuel(u64::MAX)?;
        }
        // Random numbers and clocks that are made from a row are in a world of its own.
        let is_seeded = context.settings.deterministic.is_some();
        match &self.stdio {
            Some(stdio) if self.pristine.is_none() || (!is_seeded && self.store.data_mut().renew_world()) => {
                stdio.clear(&context.settings.limits);
            }
            _ => {
                self.stdio = context.stdio(call);
                if let Some(stdio) = &self.stdio {
                    self.store.data_mut().print_to(&stdio.diagnostics);
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
                let spent = context.settings.limits.fuel.map(|limit| self.fuel_of(context, limit));
                if keep == Keep::PutBack {
                    self.lift_fuel(context);
                    self.pristine = program.pristine(&mut self.store, instance);
                    self.taken = self.store.data_mut().guard().used();
                }
                self.leave_fuel(context, keep, spent)?;
                instance
            }
        };
        program.call(&mut self.store, instance, call, context.settings.limits.output).await
    }

    /// Makes the instance. If each instance runs `init`, it does so in a world of its own, before it gets the world of
    /// its first task.
    async fn instantiate(
        &mut self,
        program: &P,
        context: &TaskContext,
        call: &Call<'_>,
    ) -> wasmtime::Result<P::Instance> {
        let instance = program.instantiate(&mut self.store).await?;
        if let Some(fuel) = context.settings.limits.fuel.filter(|_| program.is_prepared()) {
            // Work for an instance over which a state is laid is work of `init`.
            self.store.set_fuel(fuel)?;
        }
        if let Some(argument) = &context.init {
            program.prepare(&mut self.store, instance, argument).await?;
            if let Some(stdio) = &self.stdio {
                self.store.data_mut().give(context.wasi(stdio, call)?);
            }
        }
        self.store.data_mut().guard().made();
        Ok(*self.instance.insert(instance))
    }
}

//! One task from its store to its end: what is the same for every kind of program.

use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiCtxBuilder;

use super::guard::Guard;
use super::{Call, Finished, Returned, TaskContext};

/// What a store of one kind of program holds.
pub(super) trait State: Sized + Send + 'static {
    fn new(guard: Guard) -> Self;
    fn guard(&mut self) -> &mut Guard;
    fn into_guard(self) -> Guard;
    /// Gives the program its world. Called before it is instantiated, and only if it imports WASI.
    fn give(&mut self, world: WasiCtxBuilder);
    fn has_world(&self) -> bool;
}

/// Makes a store with the task's limits, gives it the task's world, and runs `body` in it to its end.
pub(super) fn run<S: State>(
    engine: &Engine,
    context: &TaskContext,
    mut call: Call,
    body: impl AsyncFnOnce(&mut Store<S>, Call) -> wasmtime::Result<Returned>,
) -> Finished {
    let stdio = context.stdio(&call.input);
    let guard = context.guard();
    let deadline = guard.deadline;
    let mut store = Store::new(engine, S::new(guard));
    store.limiter(|state| state.guard());
    store.set_hostcall_fuel(context.hostcall_memory());
    if deadline.is_some() {
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().guard().epoch());
    }
    let result = match stdio.as_ref().map(|stdio| context.wasi(stdio, &call.args)).transpose() {
        Ok(world) => {
            match (world, stdio.as_ref().zip(context.init.as_ref())) {
                (Some(world), Some((stdio, argument))) => {
                    call.world = Some(world);
                    store.data_mut().give(context.init_world(stdio, argument));
                }
                (Some(world), None) => store.data_mut().give(world),
                (None, _) => {}
            }
            context.drive(deadline, body(&mut store, call))
        }
        Err(error) => Err(error),
    };
    Finished { result, guard: store.into_data().into_guard(), stdio }
}

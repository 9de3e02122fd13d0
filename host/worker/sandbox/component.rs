//! Components: the conventions task, function and command (WASI preview 2).

use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Component, ComponentExportIndex, Func, InstancePre, ResourceTable, TypedFunc, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::super::line::HostLine;
use super::guard::{Guard, Stopped};
use super::keyvalue::Keyvalue;
use super::link;
use super::task::{self, State as _};
use super::{Call, Finished, Returned, TaskContext, values};
use crate::error::Refusal;
use crate::report::Convention;
use crate::setup::{ChildError, WorkerSetup};
use crate::typed::{Signature, Value};

/// A component that is ready to be instantiated.
pub(super) struct ComponentProgram {
    pre: InstancePre<State>,
    entry: ComponentExportIndex,
    calls: Calls,
    /// There when tasks share state.
    pub line: Option<Arc<HostLine>>,
}

/// How the entry is called.
enum Calls {
    Task,
    Command,
    Function { signature: Signature, bare: bool },
}

pub(super) struct State {
    guard: Guard,
    table: ResourceTable,
    /// There when the program imports WASI.
    wasi: Option<WasiCtx>,
    keyvalue: Option<Keyvalue>,
}

impl State {
    pub fn keyvalue(&mut self) -> &mut Keyvalue {
        self.keyvalue.as_mut().expect("what was linked with shared state is given it before it is instantiated")
    }
}

impl task::State for State {
    fn new(guard: Guard) -> Self {
        State { guard, table: ResourceTable::new(), wasi: None, keyvalue: None }
    }

    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn into_guard(self) -> Guard {
        self.guard
    }

    fn give(&mut self, mut world: WasiCtxBuilder) {
        self.wasi = Some(world.build());
    }

    fn has_world(&self) -> bool {
        self.wasi.is_some()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.as_mut().expect("a program that imports WASI is given it before it is instantiated");
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// The type of a task's `run`.
type Run<'row> = TypedFunc<(&'row [u8],), (Result<Vec<u8>, String>,)>;
/// The type of a command's `run`.
type CommandRun = TypedFunc<(), (Result<(), ()>,)>;

impl ComponentProgram {
    #[allow(unsafe_code, reason = "running machine code that the compiler process made is what a worker is for")]
    pub fn load(engine: &Engine, image: &Path, setup: &WorkerSetup) -> Result<ComponentProgram, ChildError> {
        let report = &setup.report;
        // SAFETY: as for core modules: the image was made by the compiler process of this build and kept by the host.
        let component = unsafe { Component::deserialize_file(engine, image) };
        let component = component.map_err(|error| ChildError::Image(format!("{error:#}")))?;
        let mut entry = None;
        for name in &report.entry {
            let found = component.get_export_index(entry.as_ref(), name);
            entry = Some(found.ok_or_else(|| ChildError::Image(format!("the image has no export `{name}`")))?);
        }
        let entry = entry.ok_or_else(|| ChildError::Image("the report names no entry".into()))?;
        let pre = link::component(engine, &component, setup.state).map_err(|error| cannot_link(&error, setup.state))?;
        let calls = match report.signature() {
            Some(signature) => Calls::Function { signature: signature.clone(), bare: setup.bare_outputs },
            None if report.convention == Convention::Command => Calls::Command,
            None => Calls::Task,
        };
        Ok(ComponentProgram { pre, entry, calls, line: None })
    }

    pub fn run(&self, context: &TaskContext, call: Call) -> Finished {
        task::run(self.pre.engine(), context, call, async |store: &mut Store<State>, call| {
            store.data_mut().keyvalue = self.line.clone().map(Keyvalue::new);
            match self.call(store, call).await? {
                Returned::Output(output) if output.len() as u64 > context.limits.output => Err(Stopped::Output.into()),
                returned => Ok(returned),
            }
        })
    }

    async fn call(&self, store: &mut Store<State>, call: Call) -> wasmtime::Result<Returned> {
        let waits = store.data().has_world();
        let instance =
            if waits { self.pre.instantiate_async(&mut *store).await? } else { self.pre.instantiate(&mut *store)? };
        let func =
            instance.get_func(&mut *store, self.entry).ok_or_else(|| wasmtime::Error::msg("no entry function"))?;
        match &self.calls {
            Calls::Command => {
                let run: CommandRun = func.typed(&*store)?;
                let (result,) = if waits { run.call_async(store, ()).await? } else { run.call(store, ())? };
                Ok(result.map_or(Returned::CommandFailed, |()| Returned::Command))
            }
            Calls::Task => {
                let run: Run<'_> = func.typed(&*store)?;
                let row = (&*call.input,);
                let (result,) = if waits { run.call_async(store, row).await? } else { run.call(store, row)? };
                Ok(result.map_or_else(Returned::Refused, Returned::Output))
            }
            Calls::Function { signature, bare } => {
                let result = call_function(func, store, signature, call.values).await?;
                match &signature.result {
                    Some(ty) => values::returned(ty, result, *bare),
                    None => Ok(Returned::Output(b"null".to_vec())),
                }
            }
        }
    }
}

/// The compiler has linked it, but without shared state.
fn cannot_link(error: &wasmtime::Error, state: bool) -> ChildError {
    if state {
        let what = format!("it imports wasi:keyvalue in another form than that of its version: {error:#}");
        ChildError::Program(Refusal::new("unknown-import", what))
    } else {
        ChildError::Other(format!("{error:#}"))
    }
}

/// Gives any value when the function gives none.
async fn call_function(
    func: Func,
    store: &mut Store<State>,
    signature: &Signature,
    values: Vec<Value>,
) -> wasmtime::Result<Val> {
    let arguments = values::arguments(signature, values);
    // Any value: the engine replaces it.
    let mut results = [Val::Bool(false)];
    let place = &mut results[..usize::from(signature.result.is_some())];
    if store.data().has_world() {
        func.call_async(store, &arguments, place).await?;
    } else {
        func.call(store, &arguments, place)?;
    }
    let [result] = results;
    Ok(result)
}

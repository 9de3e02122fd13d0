//! Components: the conventions task, function and command (WASI preview 2).

use std::path::Path;
use std::time::Instant;

use wasmtime::component::{
    Component, ComponentExportIndex, Func, Instance, InstancePre, ResourceTable, TypedFunc, Val,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::guard::{Guard, Stopped};
use super::init::{self, Accessors};
use super::link;
use super::task::{self, State as _};
use super::{Call, Finished, Returned, TaskContext, values};
use crate::report::{Convention, Report};
use crate::setup::ChildError;
use crate::typed::{Signature, Value};

/// A component that is ready to be instantiated.
pub(super) struct ComponentProgram {
    pre: InstancePre<State>,
    entry: ComponentExportIndex,
    init: Option<ComponentExportIndex>,
    accessors: Accessors,
    calls: Calls,
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
}

impl task::State for State {
    fn new(guard: Guard) -> Self {
        State { guard, table: ResourceTable::new(), wasi: None }
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

impl State {
    /// Whether the guest has handles of the host's resources.
    pub fn has_open_resources(&self) -> bool {
        !self.table.is_empty()
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
    pub fn load(engine: &Engine, image: &Path, report: &Report, bare: bool) -> Result<ComponentProgram, ChildError> {
        // SAFETY: as for core modules: the image was made by the compiler process of this build and kept by the host.
        let component = unsafe { Component::deserialize_file(engine, image) };
        let component = component.map_err(|error| ChildError::Image(format!("{error:#}")))?;
        let entry = find(&component, &report.entry)?;
        let init = report.init.as_ref().map(|path| find(&component, path)).transpose()?;
        let pre = link::component(engine, &component).map_err(|error| ChildError::Other(format!("{error:#}")))?;
        let calls = match report.signature() {
            Some(signature) => Calls::Function { signature: signature.clone(), bare },
            None if report.convention == Convention::Command => Calls::Command,
            None => Calls::Task,
        };
        Ok(ComponentProgram { pre, entry, init, accessors: Accessors::find(&component), calls })
    }

    pub fn run(&self, context: &TaskContext, call: Call) -> Finished {
        task::run(self.pre.engine(), context, call, async |store, call| match self.call(store, call, context).await? {
            Returned::Output(output) if output.len() as u64 > context.limits.output => Err(Stopped::Output.into()),
            returned => Ok(returned),
        })
    }

    /// Runs `init` alone. What is returned is the state that it leaves.
    pub fn freeze(&self, context: &TaskContext) -> Finished {
        task::run(self.pre.engine(), context, Call::default(), async |store, _| {
            let instance = self.begin(store, context).await?;
            self.accessors.state(store, instance).await.map(Returned::Output)
        })
    }

    /// An initialized instance.
    async fn begin(&self, store: &mut Store<State>, context: &TaskContext) -> wasmtime::Result<Instance> {
        let waits = store.data().has_world();
        let instance =
            if waits { self.pre.instantiate_async(&mut *store).await? } else { self.pre.instantiate(&mut *store)? };
        if let Some((init, argument)) = self.init.as_ref().zip(context.init.as_ref()) {
            init::component(store, instance, init, argument).await?;
        }
        store.data_mut().guard.ready = Some(Instant::now());
        Ok(instance)
    }

    async fn call(
        &self,
        store: &mut Store<State>,
        mut call: Call,
        context: &TaskContext,
    ) -> wasmtime::Result<Returned> {
        let waits = store.data().has_world();
        let instance = self.begin(store, context).await?;
        if let Some(world) = call.world.take() {
            store.data_mut().give(world);
        }
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

/// The export at a path.
fn find(component: &Component, path: &[String]) -> Result<ComponentExportIndex, ChildError> {
    let mut found = None;
    for name in path {
        let inner = component.get_export_index(found.as_ref(), name);
        found = Some(inner.ok_or_else(|| ChildError::Image(format!("the image has no export `{name}`")))?);
    }
    found.ok_or_else(|| ChildError::Image("the report names no function".into()))
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

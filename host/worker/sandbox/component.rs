//! Components: the conventions task and command (WASI preview 2).

use std::path::Path;

use bytes::Bytes;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, ResourceTable, TypedFunc};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::guard::{Guard, Stopped};
use super::link;
use super::task::{self, State as _};
use super::{Finished, Returned, TaskContext};
use crate::report::{Convention, Report};
use crate::setup::ChildError;

/// A component that is ready to be instantiated.
pub(super) struct ComponentProgram {
    pre: InstancePre<State>,
    entry: ComponentExportIndex,
    command: bool,
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
    pub fn load(engine: &Engine, image: &Path, report: &Report) -> Result<ComponentProgram, ChildError> {
        // SAFETY: as for core modules: the image was made by the compiler process of this build and kept by the host.
        let component = unsafe { Component::deserialize_file(engine, image) };
        let component = component.map_err(|error| ChildError::Image(format!("{error:#}")))?;
        let mut entry = None;
        for name in &report.entry {
            let found = component.get_export_index(entry.as_ref(), name);
            entry = Some(found.ok_or_else(|| ChildError::Image(format!("the image has no export `{name}`")))?);
        }
        let entry = entry.ok_or_else(|| ChildError::Image("the report names no entry".into()))?;
        let pre = link::component(engine, &component).map_err(|error| ChildError::Other(format!("{error:#}")))?;
        Ok(ComponentProgram { pre, entry, command: report.convention == Convention::Command })
    }

    pub fn run(&self, context: &TaskContext, row: &Bytes, args: &[String]) -> Finished {
        let engine = self.pre.engine();
        task::run(engine, context, row, args, async |store| self.call(store, row, context.limits.output).await)
    }

    async fn call(&self, store: &mut Store<State>, row: &[u8], limit: u64) -> wasmtime::Result<Returned> {
        let waits = store.data().has_world();
        let instance =
            if waits { self.pre.instantiate_async(&mut *store).await? } else { self.pre.instantiate(&mut *store)? };
        let func =
            instance.get_func(&mut *store, self.entry).ok_or_else(|| wasmtime::Error::msg("no entry function"))?;
        if self.command {
            let run: CommandRun = func.typed(&*store)?;
            let (result,) = if waits { run.call_async(store, ()).await? } else { run.call(store, ())? };
            return Ok(result.map_or(Returned::CommandFailed, |()| Returned::Command));
        }
        let run: Run<'_> = func.typed(&*store)?;
        let (result,) = if waits { run.call_async(store, (row,)).await? } else { run.call(store, (row,))? };
        match result {
            Ok(output) if output.len() as u64 > limit => Err(Stopped::Output.into()),
            Ok(output) => Ok(Returned::Output(output)),
            Err(message) => Ok(Returned::Refused(message)),
        }
    }
}

//! `init`, which prepares a program for its tasks. It runs either once for all tasks, in a process of its own that
//! sends the resulting state, or in each instance.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Instance, TypedFunc, WasmList};
use wasmtime::{Extern, Instance as CoreInstance, Module, Store};
use wasmtime_wasi::I32Exit;

use super::component_store::{ComponentStore, call_typed};
use super::core_store::{CoreStore, Guest};
use super::function::{Function, Gives};
use super::guard::{Stopped, no_snapshot};
use super::kind::GuestStore as _;
use super::values::bits;
use crate::child::names::{ACCESS, CONSTRUCTORS};
use crate::model::error::RefusalCode;
use crate::model::report::Report;
use crate::protocol::snapshot::Writer;

/// The compiler's prefix of the names of a core module's state.
const STATE_PREFIX: &str = "__wizer_";

/// The functions that prepare a new instance of a core module.
pub(super) struct CoreInit {
    constructors: Option<Function>,
    init: Option<Function>,
}

impl CoreInit {
    pub fn find(module: &Module, report: &Report) -> CoreInit {
        let find = |name| Function::find(module, name, 0, Gives::Nothing);
        let init = report.init.as_ref().and_then(|path| path.first());
        CoreInit { constructors: find(CONSTRUCTORS), init: init.and_then(|name| find(name)) }
    }

    /// Calls the functions in an instance.
    pub async fn run(&self, guest: &mut Guest<'_>) -> wasmtime::Result<()> {
        for function in [&self.constructors, &self.init].into_iter().flatten() {
            guest.call_once(function).await.map_err(exited)?;
        }
        Ok(())
    }
}

/// The state of a core module's instance.
pub(super) fn core_state(store: &mut Store<CoreStore>, instance: CoreInstance) -> wasmtime::Result<Vec<u8>> {
    let names: Vec<_> = instance.exports(&mut *store).map(|export| export.name().to_owned()).collect();
    let mut state = Writer::default();
    for name in names.iter().filter(|name| name.starts_with(STATE_PREFIX)) {
        let added = match instance.get_export(&mut *store, name) {
            Some(Extern::Global(global)) => state.global(name, bits(&global.get(&mut *store))),
            Some(Extern::Memory(memory)) => state.memory(name, memory.data(&*store)),
            _ => Ok(()),
        };
        added.map_err(no_snapshot)?;
    }
    state.finish().map_err(no_snapshot)
}

/// The type of a component's `init`.
type Init<'argument> = TypedFunc<(&'argument [u8],), (Result<(), String>,)>;

/// Calls a component's `init`.
pub(super) async fn component(
    store: &mut Store<ComponentStore>,
    instance: Instance,
    init: &ComponentExportIndex,
    argument: &[u8],
) -> wasmtime::Result<()> {
    let func = instance.get_func(&mut *store, init).ok_or_else(|| wasmtime::Error::msg("`init` is not a function"))?;
    let init: Init<'_> = func.typed(&*store)?;
    let (result,) = call_typed(store, &init, (argument,)).await.map_err(exited)?;
    result.map_err(|message| Stopped::Init { code: RefusalCode::Init, message }.into())
}

/// The functions that read the state of a component's instance, one for each part.
pub(super) struct Accessors(Vec<(String, ComponentExportIndex)>);

impl Accessors {
    /// The accessors of a component that the compiler has instrumented; empty for any other.
    pub fn find(component: &Component) -> Accessors {
        let engine = component.engine();
        let Some((ComponentItem::ComponentInstance(interface), index)) = component.get_export(None, ACCESS) else {
            return Accessors(Vec::new());
        };
        let names = interface.exports(engine).map(|(name, _)| name.to_owned());
        let found = names.filter_map(|name| Some((name.clone(), component.get_export_index(Some(&index), &name)?)));
        Accessors(found.collect())
    }

    /// The state of an instance.
    pub async fn state(&self, store: &mut Store<ComponentStore>, instance: Instance) -> wasmtime::Result<Vec<u8>> {
        // Reading a memory takes one more page of it. This page is not a part of the state and does not count against
        // the guest.
        store.data_mut().guard().lift();
        store.set_hostcall_fuel(usize::MAX);
        let mut state = Writer::default();
        for (name, index) in &self.0 {
            let func = instance.get_func(&mut *store, index);
            let func = func.ok_or_else(|| wasmtime::Error::msg("a part of the state is not a function"))?;
            if let Ok(memory) = func.typed::<(), (WasmList<u8>,)>(&*store) {
                let full = |_| no_snapshot("its memory is full, and reading it takes one more page".to_owned());
                let (list,) = call_typed(store, &memory, ()).await.map_err(full)?;
                state.memory(name, list.as_le_slice(&*store)).map_err(no_snapshot)?;
            } else {
                let bits = scalar(store, func).await?;
                state.global(name, bits).map_err(no_snapshot)?;
            }
        }
        state.finish().map_err(no_snapshot)
    }
}

async fn scalar(store: &mut Store<ComponentStore>, func: wasmtime::component::Func) -> wasmtime::Result<u128> {
    if let Ok(func) = func.typed::<(), (i32,)>(&*store) {
        return Ok(call_typed(store, &func, ()).await?.0.cast_unsigned().into());
    }
    if let Ok(func) = func.typed::<(), (i64,)>(&*store) {
        return Ok(call_typed(store, &func, ()).await?.0.cast_unsigned().into());
    }
    if let Ok(func) = func.typed::<(), (f32,)>(&*store) {
        return Ok(call_typed(store, &func, ()).await?.0.to_bits().into());
    }
    let func = func.typed::<(), (f64,)>(&*store)?;
    Ok(call_typed(store, &func, ()).await?.0.to_bits().into())
}

/// Turns the exit of a program in `init` into an error: it has prepared nothing.
fn exited(error: wasmtime::Error) -> wasmtime::Error {
    match error.downcast_ref::<I32Exit>() {
        Some(exit) => {
            let message = format!("it ended the program with exit code {}", exit.0);
            Stopped::Init { code: RefusalCode::Init, message }.into()
        }
        None => error,
    }
}

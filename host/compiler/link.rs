//! Whether everything a program imports can be provided, found out before any worker starts.

use wasmtime::component::{self, Component, ResourceTable};
use wasmtime::{Engine, Linker, Module};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::error::Refusal;

/// Refuses a module with an import that WASI preview 1 does not have.
pub(super) fn check_module(engine: &Engine, module: &Module) -> Result<(), Refusal> {
    let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |wasi| wasi).map_err(|error| refusal(&error))?;
    linker.instantiate_pre(module).map(drop).map_err(|error| refusal(&error))
}

/// Refuses a component with an import that WASI preview 2 does not have.
pub(super) fn check_component(engine: &Engine, component: &Component) -> Result<(), Refusal> {
    let mut linker: component::Linker<NoWorld> = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(|error| refusal(&error))?;
    linker.instantiate_pre(component).map(drop).map_err(|error| refusal(&error))
}

fn refusal(error: &wasmtime::Error) -> Refusal {
    Refusal::new("unknown-import", format!("it imports what wpool does not provide: {error:#}"))
}

/// A store's data that is only ever named: nothing is instantiated here.
struct NoWorld {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for NoWorld {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

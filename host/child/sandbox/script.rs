//! Runtimes of scripts: the world of `wit/script.wit`.

use wasmtime::component::{ComponentExportIndex, ComponentType, Func, Instance, Lift, Linker, TypedFunc, WasmList};
use wasmtime::{Store, StoreContextMut};

use super::call::Returned;
use super::component_store::{ComponentStore, call_typed};
use super::guard::Stopped;
use super::texts;
use crate::model::outcome::ErrorDetail;

/// Longest `code` that is kept. The codes of wpool's own runtimes are words.
const MOST_OF_A_CODE: usize = 64;

/// The record `failure`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Failure {
    code: String,
    message: String,
    traceback: String,
    #[component(name = "exit-code")]
    exit_code: Option<i32>,
}

type Run<'row> = TypedFunc<(&'row [u8],), (Result<Vec<u8>, Failure>,)>;
type Init<'bundle> = TypedFunc<(&'bundle [u8],), (Result<(), Failure>,)>;

/// Defines the import `print`.
pub(super) fn add_to_linker(linker: &mut Linker<ComponentStore>) -> wasmtime::Result<()> {
    type Store<'a> = StoreContextMut<'a, ComponentStore>;
    linker.root().func_wrap("print", |store: Store<'_>, (text,): (WasmList<u8>,)| {
        store.data().print(text.as_le_slice(&store));
        Ok(())
    })
}

/// Calls `run` with a row.
pub(super) async fn run(store: &mut Store<ComponentStore>, func: Func, row: &[u8]) -> wasmtime::Result<Returned> {
    let run: Run<'_> = func.typed(&*store)?;
    let (result,) = call_typed(store, &run, (row,)).await?;
    Ok(result.map_or_else(|failure| Returned::Failed(Box::new(failure.detail())), Returned::Output))
}

/// Calls `init` with a bundle.
pub(super) async fn init(
    store: &mut Store<ComponentStore>,
    instance: Instance,
    init: &ComponentExportIndex,
    bundle: &[u8],
) -> wasmtime::Result<()> {
    let func = instance.get_func(&mut *store, init).ok_or_else(|| wasmtime::Error::msg("`init` is not a function"))?;
    let init: Init<'_> = func.typed(&*store)?;
    let (result,) = call_typed(store, &init, (bundle,)).await?;
    result.map_err(|failure| Stopped::Script(Box::new(failure.detail())).into())
}

impl Failure {
    fn detail(self) -> ErrorDetail {
        let Failure { code, message, traceback, exit_code } = self;
        let traceback = Some(traceback).filter(|text| !text.is_empty());
        ErrorDetail { exit_code, traceback, ..ErrorDetail::new(&texts::ends(code, MOST_OF_A_CODE), message) }
    }
}

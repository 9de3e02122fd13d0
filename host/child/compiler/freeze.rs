//! Programs after their `init`: a form of the program whose state can be read, and the program that starts from a
//! state.

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmparser::{CanonicalFunction, ExternalKind, Payload, ValType};
use wasmtime_wizer::{ComponentInstanceState, InstanceState, SnapshotVal, Wizer};

use super::inspect::{INIT, TASK_INTERFACE};
use super::outer::{is_component, outer_sections};
use crate::model::error::Refusal;
use crate::model::report::unversioned;
use crate::protocol::snapshot::Snapshot;

/// Whether a program exports anything with the name of an `init`. Quick, and wrong only for exports of other types.
pub(super) fn may_have_init(wasm: &[u8]) -> bool {
    // A later step rejects unreadable programs, with a better message.
    outer_sections(wasm).any(|section| match section {
        Payload::ExportSection(exports) => {
            let is_init = |export: &wasmparser::Export<'_>| export.name == INIT && export.kind == ExternalKind::Func;
            exports.into_iter().flatten().any(|export| is_init(&export))
        }
        Payload::ComponentExportSection(exports) => exports
            .into_iter()
            .flatten()
            .any(|export| export.name.name == "init" || unversioned(export.name.name) == TASK_INTERFACE),
        _ => false,
    })
}

/// The program with its state exported.
pub(super) fn instrumented(wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
    let instrumented = if is_component(wasm) {
        if makes_resources(wasm) {
            return Err(Refusal::no_snapshot("it has resources of its own, which may be open after it"));
        }
        wizer().instrument_component(wasm).map(|(_, instrumented)| instrumented)
    } else {
        wizer().instrument(wasm).map(|(_, instrumented)| instrumented)
    };
    instrumented.map_err(|error| Refusal::no_snapshot(&error.root_cause().to_string()))
}

/// The program that starts from a state. A state of another program is rejected here, or when the result is compiled.
pub(super) fn frozen(wasm: &[u8], state: Snapshot) -> Result<Vec<u8>, Refusal> {
    let no = |error: wasmtime::Error| Refusal::no_snapshot(&error.root_cause().to_string());
    let mut read = Read { state, missing: Cell::new(false) };
    let frozen = if is_component(wasm) {
        let (context, _) = wizer().instrument_component(wasm).map_err(no)?;
        now(wizer().snapshot_component(&context, &mut read))
    } else {
        let (context, _) = wizer().instrument(wasm).map_err(no)?;
        now(wizer().snapshot(&context, &mut read))
    };
    let frozen = frozen.map_err(no)?;
    if read.missing.get() { Err(Refusal::no_snapshot("the state that came back lacks a part")) } else { Ok(frozen) }
}

/// A snapshot maker. `init` stays an export, so that the report on the result is the report on the program.
fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    wizer.init_func(INIT).keep_init_func(true);
    wizer
}

/// Whether a component makes resources of its own. Only the engine knows their handles, so no snapshot can hold them.
fn makes_resources(component: &[u8]) -> bool {
    outer_sections(component).any(|section| match section {
        Payload::ComponentCanonicalSection(functions) => {
            functions.into_iter().flatten().any(|function| matches!(function, CanonicalFunction::ResourceNew { .. }))
        }
        _ => false,
    })
}

/// The result of a future that never waits.
fn now<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::Error::msg("it waited for something")),
    }
}

/// A state that another process has read.
struct Read {
    state: Snapshot,
    /// Whether a part was requested that the state does not have.
    missing: Cell<bool>,
}

impl Read {
    fn global(&self, name: &str) -> u128 {
        let found = self.state.globals.get(name).copied();
        self.missing.set(self.missing.get() || found.is_none());
        found.unwrap_or_default()
    }

    fn memory(&self, name: &str) -> &[u8] {
        let found = self.state.memories.get(name);
        self.missing.set(self.missing.get() || found.is_none());
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

impl InstanceState for Read {
    async fn global_get(&mut self, name: &str, ty: ValType) -> SnapshotVal {
        let bits = self.global(name);
        match ty {
            ValType::I64 => SnapshotVal::I64(bits as i64),
            ValType::F32 => SnapshotVal::F32(bits as u32),
            ValType::F64 => SnapshotVal::F64(bits as u64),
            ValType::V128 => SnapshotVal::V128(bits),
            // Snapshots do not hold references, so no others are requested.
            ValType::I32 | ValType::Ref(_) => SnapshotVal::I32(bits as i32),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        contents(self.memory(name));
    }
}

/// All functions that read a component's state are in one interface.
impl ComponentInstanceState for Read {
    async fn call_func_ret_list_u8(&mut self, _: &str, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        contents(self.memory(name));
    }

    async fn call_func_ret_s32(&mut self, _: &str, name: &str) -> i32 {
        self.global(name) as i32
    }

    async fn call_func_ret_s64(&mut self, _: &str, name: &str) -> i64 {
        self.global(name) as i64
    }

    async fn call_func_ret_f32(&mut self, _: &str, name: &str) -> u32 {
        self.global(name) as u32
    }

    async fn call_func_ret_f64(&mut self, _: &str, name: &str) -> u64 {
        self.global(name) as u64
    }
}

//! Core modules: the conventions raw and command (WASI preview 1, unchanged).

use std::path::Path;
use std::sync::Arc;

use wasmtime::{Engine, Instance, InstancePre, Memory, Module, ModuleExport, Store};

use super::call::{Call, Returned};
use super::core_store::{CoreStore, Guest};
use super::function::{Bound, Function, Gives};
use super::init::{self, CoreInit};
use super::kind::{GuestStore as _, Program};
use super::link;
use super::pristine::{Parts, Pristine};
use crate::child::engine::layer::Layer;
use crate::child::engine::memories::Memories;
use crate::model::report::{Convention, Report};
use crate::protocol::setup::ChildError;

/// The entry of a command that needs no `_initialize`.
const START: &str = "_start";

/// A core module that is ready to be instantiated.
pub(super) struct CoreProgram {
    pre: InstancePre<CoreStore>,
    init: CoreInit,
    /// The function that an instance calls first, unless the state of `init` is laid over it.
    initialize: Option<Function>,
    entry: Entry,
    parts: Parts,
    /// The state of `init`, which is laid over each instance.
    prepared: Option<Layer>,
}

enum Entry {
    Command { start: Function },
    Raw { memory: ModuleExport, allocator: Function, run: Function },
}

/// An instance, and what is called in it.
#[derive(Clone, Copy)]
pub(super) struct Live {
    instance: Instance,
    entry: LiveEntry,
}

#[derive(Clone, Copy)]
enum LiveEntry {
    Command { start: Bound },
    Raw { memory: Memory, allocator: Bound, run: Bound },
}

impl CoreProgram {
    #[allow(unsafe_code, reason = "running machine code that the compiler process made is what a worker is for")]
    pub fn load(
        engine: &Engine,
        image: &Path,
        report: &Report,
        (memories, prepared): (Arc<Memories>, Option<Layer>),
        means: link::Means,
    ) -> Result<CoreProgram, ChildError> {
        // SAFETY: the image comes from the compiler process of this build, by way of the host, which has hashed it if
        // it was ever on disk. It never comes from a user or from a process that has run a guest.
        let module = unsafe { Module::deserialize_file(engine, image) };
        let module = module.map_err(|error| ChildError::Image(format!("{error:#}")))?;
        // Otherwise the first instance would do this, when the fence may already forbid opening a file.
        module.initialize_copy_on_write_image().map_err(|error| ChildError::Other(format!("{error:#}")))?;
        let entry = Entry::find(&module, report)
            .ok_or_else(|| ChildError::Image("the image lacks what its report names".into()))?;
        let pre = link::module(engine, &module, means).map_err(|error| ChildError::Other(format!("{error:#}")))?;
        let (init, parts) = (CoreInit::find(&module, report), Parts::find(&module, memories));
        // A program that starts by itself begins with `_start`.
        let begins = report.initialize && report.entry != [START];
        let initialize = begins.then(|| Function::find(&module, "_initialize", 0, Gives::Nothing)).flatten();
        Ok(CoreProgram { pre, init, initialize, entry, parts, prepared })
    }
}

impl Program for CoreProgram {
    type Store = CoreStore;
    type Instance = Live;

    fn engine(&self) -> &Engine {
        self.pre.module().engine()
    }

    fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    async fn instantiate(&self, store: &mut Store<CoreStore>) -> wasmtime::Result<Live> {
        self.parts.begin_instance();
        let waits = store.data().has_world();
        let instance =
            if waits { self.pre.instantiate_async(&mut *store).await? } else { self.pre.instantiate(&mut *store)? };
        let live = self.entry.of(store, instance)?;
        if let Some(state) = &self.prepared {
            self.parts.lay(&mut *store, instance, state)?;
            store.data_mut().guard().own(state.contents().size());
        } else if let Some(initialize) = &self.initialize {
            Guest { store, instance, waits }.call_once(initialize).await?;
        }
        Ok(live)
    }

    async fn prepare(&self, store: &mut Store<CoreStore>, live: Live, _: &[u8]) -> wasmtime::Result<()> {
        // The argument is on its standard input.
        let waits = store.data().has_world();
        self.init.run(&mut Guest { store, instance: live.instance, waits }).await
    }

    async fn state(&self, store: &mut Store<CoreStore>, live: Live) -> wasmtime::Result<Vec<u8>> {
        if self.parts.are_own() {
            self.parts.contents(store, live.instance)
        } else {
            init::core_state(store, live.instance)
        }
    }

    fn pristine(&self, store: &mut Store<CoreStore>, live: Live) -> Option<Pristine> {
        // A host call during the start may have returned a value that a fresh instance would not get.
        let asked = store.data().asked;
        if asked { None } else { Pristine::of(store, live.instance, &self.parts) }
    }

    fn difference(&self, kept: (&mut Store<CoreStore>, Live), fresh: (&mut Store<CoreStore>, Live)) -> Option<String> {
        self.parts.difference((kept.0, kept.1.instance), (fresh.0, fresh.1.instance))
    }

    async fn call(
        &self,
        store: &mut Store<CoreStore>,
        live: Live,
        call: &mut Call<'_>,
        limit: u64,
    ) -> wasmtime::Result<Returned> {
        let (row, waits) = (call.task.bytes, store.data().has_world());
        let mut guest = Guest { store, instance: live.instance, waits };
        match live.entry {
            LiveEntry::Command { start } => {
                // The exit code of a function that returns one, else 0.
                let code = guest.call(&start, &[]).await? as u32;
                Ok(Returned::Exited(code.cast_signed()))
            }
            LiveEntry::Raw { memory, allocator, run } => {
                let length = row.len() as u32;
                // An allocator of four parameters is `cabi_realloc`: no old allocation, and an alignment of 1.
                let args = [0, 0, 1, length];
                let at = guest.call(&allocator, &args[args.len() - allocator.params()..]).await? as u32;
                guest.write(memory, at, row)?;
                let packed = guest.call(&run, &[at, length]).await?;
                guest.lent(memory, packed, limit)
            }
        }
    }
}

impl Entry {
    fn find(module: &Module, report: &Report) -> Option<Entry> {
        let name = report.entry.first()?;
        if report.convention == Convention::Command {
            let find = |gives| Function::find(module, name, 0, gives);
            return Some(Entry::Command { start: find(Gives::Nothing).or_else(|| find(Gives::I32))? });
        }
        let allocator = report.allocator.as_deref()?;
        // `alloc(len) -> ptr`, whatever its name, or `cabi_realloc(0, 0, 1, len) -> ptr`.
        let allocator = [1, 4].into_iter().find_map(|params| Function::find(module, allocator, params, Gives::I32))?;
        Some(Entry::Raw {
            memory: module.get_export_index("memory")?,
            allocator,
            run: Function::find(module, name, 2, Gives::I64)?,
        })
    }

    /// Finds the exports of an instance that a task calls.
    fn of(&self, store: &mut Store<CoreStore>, instance: Instance) -> wasmtime::Result<Live> {
        let entry = match self {
            Entry::Command { start } => LiveEntry::Command { start: start.of(&mut *store, instance)? },
            Entry::Raw { memory, allocator, run, .. } => {
                let memory = instance.get_module_export(&mut *store, memory).and_then(|export| export.into_memory());
                LiveEntry::Raw {
                    memory: memory.ok_or_else(|| wasmtime::Error::msg("`memory` is not a memory"))?,
                    allocator: allocator.of(&mut *store, instance)?,
                    run: run.of(&mut *store, instance)?,
                }
            }
        };
        Ok(Live { instance, entry })
    }
}

//! Components: the conventions task, script, function and command (WASI preview 2).

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Component, ComponentExportIndex, Func, Instance, InstancePre, TypedFunc, Val};
use wasmtime::{Engine, Store};

use super::call::{Call, NoFunction, Returned};
use super::component_store::{ComponentStore, call_typed};
use super::guard::{Stopped, no_snapshot};
use super::init::{self, Accessors};
use super::keyvalue::Keyvalue;
use super::keyvalue::state_link::StateLink;
use super::kind::{GuestStore as _, Program};
use super::parts::ComponentParts;
use super::pristine::Pristine;
use super::{link, script, values};
use crate::child::engine::layer::Layer;
use crate::child::engine::memories::Memories;
use crate::model::error::{Refusal, RefusalCode};
use crate::model::report::{Convention, Function};
use crate::model::typed::{Parameters, Signature, Value};
use crate::protocol::setup::{ChildError, WorkerSetup};

/// A component that is ready to be instantiated.
pub(super) struct ComponentProgram {
    pre: InstancePre<ComponentStore>,
    entry: Entry,
    init: Option<Init>,
    accessors: Accessors,
    /// Set when its instances can be restored.
    parts: Option<ComponentParts>,
    /// The state of `init`, which is laid over each instance.
    prepared: Option<Layer>,
    /// The functions that the report names. Each is made ready when a task first calls it.
    functions: Vec<(Function, OnceCell<Option<Entry>>)>,
    /// Results of type string or `list<u8>` are outputs without JSON.
    bare: bool,
    /// Set when tasks share state.
    pub line: Option<Arc<dyn StateLink>>,
}

/// An exported function, and how it is called.
struct Entry {
    export: ComponentExportIndex,
    calls: Calls,
}

/// The exported function that prepares a program.
struct Init {
    export: ComponentExportIndex,
    /// It is that of a runtime, whose errors have more than a message.
    is_of_script: bool,
}

enum Calls {
    Task,
    Script,
    Command,
    Function { signature: Signature, parameters: Parameters },
}

/// The type of a task's `run`.
type Run<'row> = TypedFunc<(&'row [u8],), (Result<Vec<u8>, String>,)>;
/// The type of a command's `run`.
type CommandRun = TypedFunc<(), (Result<(), ()>,)>;

impl ComponentProgram {
    #[allow(unsafe_code, reason = "running machine code that the compiler process made is what a worker is for")]
    pub fn load(
        engine: &Engine,
        image: &Path,
        setup: &WorkerSetup,
        (memories, prepared): (Arc<Memories>, Option<Layer>),
    ) -> Result<ComponentProgram, ChildError> {
        let report = &setup.report;
        // SAFETY: as for core modules: the image was made by the compiler process of this build and kept by the host.
        let component = unsafe { Component::deserialize_file(engine, image) };
        let component = component.map_err(|error| ChildError::Image(format!("{error:#}")))?;
        // As for core modules: otherwise the first instance would do this.
        component.initialize_copy_on_write_image().map_err(|error| ChildError::Other(format!("{error:#}")))?;
        let named = |path: &[String]| {
            let none = || ChildError::Image(format!("the image has no export `{}`", path.join(".")));
            export(&component, path).ok_or_else(none)
        };
        let export = named(&report.entry)?;
        let init = report.init.as_deref().map(named).transpose()?;
        let init = init.map(|export| Init { export, is_of_script: report.convention == Convention::Script });
        let pre = link::component(engine, &component, setup.state, setup.task.receipts);
        let pre = pre.map_err(|error| cannot_link(&error, setup.state))?;
        let calls = match report.signature() {
            Some(signature) => Calls::function(signature),
            None if report.convention == Convention::Command => Calls::Command,
            None if report.convention == Convention::Script => Calls::Script,
            None => Calls::Task,
        };
        let functions = report.functions.iter().map(|function| (function.clone(), OnceCell::new())).collect();
        let accessors = Accessors::find(&component);
        Ok(ComponentProgram {
            pre,
            entry: Entry { export, calls },
            init,
            accessors,
            parts: ComponentParts::find(&component, memories),
            prepared,
            functions,
            bare: setup.task.bare_outputs,
            line: None,
        })
    }

    /// The convention's entry, or a function of the report. `None` when there is no such function, or a row cannot be
    /// made into a call of it.
    fn entry(&self, function: Option<u32>) -> Option<&Entry> {
        let Some(index) = function else { return Some(&self.entry) };
        let (function, entry) = self.functions.get(index as usize)?;
        let entry = entry.get_or_init(|| {
            let calls = Calls::function(function.signature.as_ref().ok()?);
            Some(Entry { export: export(self.pre.component(), &function.path)?, calls })
        });
        entry.as_ref()
    }

    /// The reader of rows for an entry; `None` if it does not take a row as arguments.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn parameters(&self, function: Option<u32>) -> Result<Option<&Parameters>, NoFunction> {
        match &self.entry(function).ok_or(NoFunction)?.calls {
            Calls::Function { parameters, .. } => Ok(Some(parameters)),
            Calls::Task | Calls::Script | Calls::Command => Ok(None),
        }
    }
}

impl Calls {
    fn function(signature: &Signature) -> Calls {
        Calls::Function { signature: signature.clone(), parameters: Parameters::new(signature) }
    }
}

/// Calls functions that the compiler has added. A deadline meanwhile would look like a trap of the guest.
fn without_deadline<R>(store: &mut Store<ComponentStore>, call: impl FnOnce(&mut Store<ComponentStore>) -> R) -> R {
    let times = std::mem::take(&mut store.data_mut().guard().times);
    let result = call(store);
    store.data_mut().guard().times = times;
    result
}

/// The export at a path of names, outermost first.
fn export(component: &Component, path: &[String]) -> Option<ComponentExportIndex> {
    path.iter().try_fold(None, |outer, name| component.get_export_index(outer.as_ref(), name).map(Some))?
}

impl Program for ComponentProgram {
    type Store = ComponentStore;
    type Instance = Instance;

    fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    async fn instantiate(&self, store: &mut Store<ComponentStore>) -> wasmtime::Result<Instance> {
        store.data_mut().keyvalue = self.line.clone().map(Keyvalue::new);
        self.parts.iter().for_each(ComponentParts::begin_instance);
        let waits = store.data().has_world();
        let instance =
            if waits { self.pre.instantiate_async(&mut *store).await? } else { self.pre.instantiate(&mut *store)? };
        if let Some((parts, state)) = self.parts.as_ref().zip(self.prepared.as_ref()) {
            without_deadline(store, |store| parts.lay(store, instance, waits, state))?;
            store.data_mut().guard().own(state.contents().size());
        }
        Ok(instance)
    }

    async fn prepare(
        &self,
        store: &mut Store<ComponentStore>,
        instance: Instance,
        argument: &[u8],
    ) -> wasmtime::Result<()> {
        match &self.init {
            Some(init) if init.is_of_script => script::init(store, instance, &init.export, argument).await,
            Some(init) => init::component(store, instance, &init.export, argument).await,
            None => Ok(()),
        }
    }

    async fn state(&self, store: &mut Store<ComponentStore>, instance: Instance) -> wasmtime::Result<Vec<u8>> {
        if store.data().has_open_resources() {
            let what = "it leaves handles open, such as that of the stream it has printed to";
            return Err(no_snapshot(what.to_owned()));
        }
        match &self.parts {
            Some(parts) => {
                let waits = store.data().has_world();
                without_deadline(store, |store| parts.contents(store, instance, waits))
            }
            None => self.accessors.state(store, instance).await,
        }
    }

    fn pristine(&self, store: &mut Store<ComponentStore>, instance: Instance) -> Option<Pristine> {
        // A host call during the start may have returned a value that a fresh instance would not get.
        let parts = self.parts.as_ref().filter(|_| store.data().is_unseen())?;
        let waits = store.data().has_world();
        without_deadline(store, |store| parts.pristine(store, instance, waits))
    }

    fn difference(
        &self,
        kept: (&mut Store<ComponentStore>, Instance),
        fresh: (&mut Store<ComponentStore>, Instance),
    ) -> Option<String> {
        fresh.0.data_mut().guard().lift();
        let waits = kept.0.data().has_world();
        self.parts.as_ref()?.difference(kept, fresh, waits)
    }

    async fn call(
        &self,
        store: &mut Store<ComponentStore>,
        instance: Instance,
        call: &mut Call<'_>,
        limit: u64,
    ) -> wasmtime::Result<Returned> {
        match self.call_entry(store, instance, call).await? {
            Returned::Output(output) if output.len() as u64 > limit => Err(Stopped::Output.into()),
            returned => Ok(returned),
        }
    }
}

impl ComponentProgram {
    async fn call_entry(
        &self,
        store: &mut Store<ComponentStore>,
        instance: Instance,
        call: &mut Call<'_>,
    ) -> wasmtime::Result<Returned> {
        let none = || wasmtime::Error::msg("no entry function");
        let entry = self.entry(call.task.function).ok_or_else(none)?;
        let func = instance.get_func(&mut *store, entry.export).ok_or_else(none)?;
        match &entry.calls {
            Calls::Command => {
                let run: CommandRun = func.typed(&*store)?;
                let (result,) = call_typed(store, &run, ()).await?;
                // A failure has no code of its own here.
                Ok(Returned::Exited(i32::from(result.is_err())))
            }
            Calls::Task => {
                let run: Run<'_> = func.typed(&*store)?;
                let (result,) = call_typed(store, &run, (call.task.bytes,)).await?;
                Ok(result.map_or_else(Returned::Refused, Returned::Output))
            }
            Calls::Script => script::run(store, func, call.task.bytes).await,
            Calls::Function { signature, .. } => {
                let result = call_function(func, store, signature, std::mem::take(&mut call.values)).await?;
                match &signature.result {
                    Some(ty) => values::returned(ty, result, self.bare),
                    None => Ok(Returned::Output(b"null".to_vec())),
                }
            }
        }
    }
}

/// The error of a component that the compiler has linked, but without shared state.
fn cannot_link(error: &wasmtime::Error, state: bool) -> ChildError {
    if state {
        let what = format!("it imports wasi:keyvalue in another form than that of its version: {error:#}");
        ChildError::Program(Refusal::new(RefusalCode::UnknownImport, what))
    } else {
        ChildError::Other(format!("{error:#}"))
    }
}

/// Calls a function. Returns an arbitrary value when the function returns none.
async fn call_function(
    func: Func,
    store: &mut Store<ComponentStore>,
    signature: &Signature,
    values: Vec<Value>,
) -> wasmtime::Result<Val> {
    let arguments = values::arguments(signature, values);
    // Any value will do: the engine replaces it.
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

//! The report on a program: its calling convention, and the needs of an instance.

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, ExternType, FuncType, Module, ResourcesRequired};

use super::types;
use crate::child::names;
use crate::child::names::{ACCESS, STATE};
use crate::child::sandbox::link;
use crate::model::convention::{Convention, Fit};
use crate::model::entries::{CoreEntries, CoreFunction, Shape};
use crate::model::error::{Refusal, RefusalCode};
use crate::model::limits::MAX_TABLE_ELEMENTS;
use crate::model::report::{Draft, Function, Kind, Resources, listed, not_callable, unversioned};
use crate::model::settings::Setting;
use crate::model::typed::{Field, Signature, Type};

/// The interface that may hold a task's `run`, in any version.
pub(super) const TASK_INTERFACE: &str = "wpool:task/task";
/// The interface that a runtime of scripts imports, in the version that wpool knows.
const SCRIPT_INTERFACE: &str = "wpool:script/types@0.1.0";
/// The function that prepares a core module.
pub(super) const INIT: &str = "wpool_init";
/// The interface of commands.
pub(super) const COMMAND_INTERFACE: &str = "wasi:cli/run";
const TASK_LOOKED_FOR: &str = "`run: func(input: list<u8>) -> result<list<u8>, string>` (task)";
const RAW_LOOKED_FOR: &str = "`run: func(i32, i32) -> (i64)` with `memory` and `alloc: func(i32) -> (i32)` (raw)";

/// The report on a component.
pub(super) fn component(
    engine: &Engine,
    component: &Component,
    resettable: Result<Option<u64>, String>,
) -> Result<Draft, Refusal> {
    let ty = component.component_type();
    let exports = ty.exports(engine).filter(|(name, _)| is_its_own(name));
    let exports: Vec<_> = exports.map(|(name, item)| format!("{name}: {}", types::item(&item.ty))).collect();
    let denied = |name| if link::is_denied(name) { ", denied" } else { "" };
    let imports: Vec<_> =
        ty.imports(engine).map(|(name, item)| format!("{name}: {}{}", types::item(&item.ty), denied(name))).collect();
    let functions = functions(engine, component);
    let is_runtime = ty.imports(engine).any(|(name, _)| name == SCRIPT_INTERFACE);
    let is_init: fn(&Function) -> bool = if is_runtime { is_script_init } else { is_init };
    let init = functions.iter().find(|function| is_init(function)).map(|init| init.path.clone());
    let script = functions.iter().find(|run| is_runtime && init.is_some() && is_script(run));
    let fit = match script {
        Some(run) => Ok(Fit::of(run, Convention::Script, format!("imports the interface `{SCRIPT_INTERFACE}`"))),
        None => component_fit(&functions, init.as_deref(), &exports),
    };
    if functions.is_empty()
        && let Err(refusal) = fit
    {
        return Err(refusal);
    }
    let required = component.resources_required();
    let required = required.ok_or_else(|| {
        Refusal::new(RefusalCode::UnknownImport, "it imports a core module, which nothing could provide")
    })?;
    Ok(Draft {
        kind: Kind::Component,
        fit,
        initialize: false,
        init,
        wasi: !imports.is_empty(),
        resources: resources(&required)?,
        exports,
        imports,
        functions,
        core: CoreEntries::default(),
        copying_fuel: resettable.as_ref().ok().copied().flatten(),
        resettable: resettable.map(drop),
    })
}

/// Whether an export is the program's own and not the compiler's.
fn is_its_own(export: &str) -> bool {
    export != ACCESS && export != names::INTERFACE
}

/// The exported functions of a component: its own, and those of its interfaces.
fn functions(engine: &Engine, component: &Component) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut types = types::Reader::new();
    let mut add = |path: &[&str], item: &ComponentItem| {
        if let ComponentItem::ComponentFunc(func) = item {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            functions.push(Function { path, signature: types.signature(func) });
        }
    };
    let ty = component.component_type();
    for (name, export) in ty.exports(engine).filter(|(name, _)| is_its_own(name)) {
        add(&[name], &export.ty);
        if let ComponentItem::ComponentInstance(interface) = &export.ty {
            interface.exports(engine).for_each(|(function, export)| add(&[name, function], &export.ty));
        }
    }
    functions
}

fn component_fit(functions: &[Function], init: Option<&[String]>, exports: &[String]) -> Result<Fit, Refusal> {
    let in_interface = |function: &&Function, interface: &str| match function.path.as_slice() {
        [name, run] => unversioned(name) == interface && run == "run",
        _ => false,
    };
    if let Some(run) = functions.iter().find(|function| function.path == ["run"] && is_task(function)) {
        return Ok(Fit::of(run, Convention::Task, "exports `run` with the type of a task".into()));
    }
    if let Some(run) = functions.iter().find(|run| in_interface(run, TASK_INTERFACE) && is_task(run)) {
        return Ok(Fit::of(run, Convention::Task, format!("exports the interface `{}`", run.path[0])));
    }
    if let Some(run) = functions.iter().find(|run| in_interface(run, COMMAND_INTERFACE)) {
        return Ok(Fit::of(run, Convention::Command, format!("exports the interface `{}`", run.path[0])));
    }
    let mut callable: Vec<_> = functions.iter().filter(|function| function.signature.is_ok()).collect();
    if callable.len() > 1 {
        callable.retain(|function| Some(&*function.path) != init);
    }
    match callable.as_slice() {
        [function] => {
            Ok(Fit::of(function, Convention::Function, format!("exports one function, `{}`", function.name())))
        }
        [] if !functions.is_empty() => Err(Refusal::new(RefusalCode::NoConvention, not_callable(functions))),
        [] => {
            let looked_for =
                [TASK_LOOKED_FOR, "the interface `wasi:cli/run` (command)", "a function of values (function)"];
            Err(no_convention(&looked_for, exports))
        }
        _ => {
            let what = format!("exports several functions, of which one has to be chosen; {}", listed(functions));
            Err(Refusal::new(RefusalCode::NoConvention, what).about(&[Setting::Call]))
        }
    }
}

/// Whether a function is `init`, at world level or beside a task's `run`.
fn is_init(function: &Function) -> bool {
    let named = match function.path.as_slice() {
        [name] => name == "init",
        [interface, name] => unversioned(interface) == TASK_INTERFACE && name == "init",
        _ => false,
    };
    named && takes_bytes(function, &Type::Result { ok: None, err: Some(Type::String.into()) })
}

/// Whether a function has the type of a task. The name of its parameter does not matter.
fn is_task(function: &Function) -> bool {
    takes_bytes(
        function,
        &Type::Result { ok: Some(Type::List(Type::U8.into()).into()), err: Some(Type::String.into()) },
    )
}

/// Whether a function is the `run` of a runtime of scripts.
fn is_script(function: &Function) -> bool {
    function.path == ["run"] && takes_bytes(function, &or_failure(Some(Type::List(Type::U8.into()))))
}

/// Whether a function is the `init` of a runtime of scripts.
fn is_script_init(function: &Function) -> bool {
    function.path == ["init"] && takes_bytes(function, &or_failure(None))
}

/// A result of the world `script`: a value, or the record `failure`.
fn or_failure(ok: Option<Type>) -> Type {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let failure = vec![
        field("code", Type::String),
        field("message", Type::String),
        field("traceback", Type::String),
        field("exit-code", Type::Option(Type::S32.into())),
    ];
    Type::Result { ok: ok.map(Box::new), err: Some(Type::Record(failure).into()) }
}

fn takes_bytes(function: &Function, result: &Type) -> bool {
    let Ok(Signature { params, result: found }) = &function.signature else { return false };
    matches!(params.as_slice(), [Field { ty, .. }] if ty.is_bytes()) && found.as_ref() == Some(result)
}

/// The report on a core module.
pub(super) fn module(module: &Module, resettable: Result<Option<u64>, String>) -> Result<Draft, Refusal> {
    let exports = module.exports().filter(|export| !export.name().starts_with(STATE));
    let exports: Vec<_> = exports.map(|export| format!("{}: {}", export.name(), types::core(&export.ty()))).collect();
    let import = |import: wasmtime::ImportType<'_>| {
        format!("{}.{}: {}", import.module(), import.name(), types::core(&import.ty()))
    };
    let imports: Vec<_> = module.imports().map(import).collect();
    let core = core_entries(module);
    let fit = match (core.fit(), core.to_be_named()) {
        (Some(fit), _) => Ok(fit),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => return Err(no_convention(&["`_start: func() -> ()` (command)", RAW_LOOKED_FOR], &exports)),
    };
    Ok(Draft {
        kind: Kind::CoreModule,
        fit,
        initialize: has_func(module, "_initialize", "func() -> ()"),
        init: has_func(module, INIT, "func() -> ()").then(|| vec![INIT.to_owned()]),
        wasi: !imports.is_empty(),
        resources: resources(&module.resources_required())?,
        exports,
        imports,
        functions: Vec::new(),
        core,
        copying_fuel: resettable.as_ref().ok().copied().flatten(),
        resettable: resettable.map(drop),
    })
}

/// The functions of a module that can be called, by their types.
fn core_entries(module: &Module) -> CoreEntries {
    let memory = matches!(module.get_export("memory"), Some(ExternType::Memory(memory)) if !memory.is_64());
    let own =
        module.exports().filter(|export| !export.name().starts_with(STATE) && export.name() != names::CONSTRUCTORS);
    let function = |export: wasmtime::ExportType<'_>| {
        let shape = match types::core(&export.ty()).as_str() {
            "func() -> ()" | "func() -> (i32)" => Shape::Command,
            "func(i32, i32) -> (i64)" => Shape::Raw,
            "func(i32) -> (i32)" | "func(i32, i32, i32, i32) -> (i32)" => Shape::Allocator,
            _ => return None,
        };
        Some(CoreFunction { name: export.name().to_owned(), shape })
    };
    CoreEntries { functions: own.filter_map(function).collect(), memory }
}

fn has_func(module: &Module, name: &str, ty: &str) -> bool {
    let func: Option<FuncType> = module.get_export(name).and_then(|export| export.func().cloned());
    func.is_some_and(|func| types::core(&ExternType::Func(func)) == ty)
}

fn resources(required: &ResourcesRequired) -> Result<Resources, Refusal> {
    let initial_table = required.max_initial_table_size.unwrap_or(0);
    if initial_table > MAX_TABLE_ELEMENTS {
        let message = format!("a table of {initial_table} elements is over the limit of {MAX_TABLE_ELEMENTS}");
        return Err(Refusal::new(RefusalCode::TableLimit, message));
    }
    // Memory sizes are reported in pages of 64 KiB; custom page sizes are not enabled.
    let pages = required.max_initial_memory_size.unwrap_or(0);
    Ok(Resources {
        memories: required.num_memories,
        initial_memory: pages.saturating_mul(64 << 10),
        tables: required.num_tables,
        initial_table,
    })
}

fn no_convention(looked_for: &[&str], exports: &[String]) -> Refusal {
    let found = if exports.is_empty() { "no exports".to_owned() } else { format!("exports: {}", exports.join(", ")) };
    Refusal::new(
        RefusalCode::NoConvention,
        format!("no calling convention fits; looked for {}; found {found}", looked_for.join(" or ")),
    )
}
